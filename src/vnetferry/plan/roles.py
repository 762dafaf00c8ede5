"""Which role assignments a migration loses.

Azure assigns three roles by itself when it makes an endpoint with a system-assigned identity. The new endpoints get
theirs in the same way, so the old ones' are nobody's loss.
"""

from __future__ import annotations

from vnetferry.models.inventory import ROLE_ASSIGNMENT, Document
from vnetferry.plan.scope import Scope

# Role -> what it is assigned on. Source: Authentication and authorization for online endpoints.
_MADE_BY_AZURE = {
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "containerRegistry",  # AcrPull
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "storageAccount",  # Storage Blob Data Reader
    "635dd51f-9968-44d3-b7fb-6d9a6bd613ae": "",  # AzureML Metrics Writer, on the workspace itself
}


def lost_assignments(scope: Scope) -> tuple[Document, ...]:
    """The role assignments that somebody made, and must make again for the target."""
    endpoints = {principal_of(endpoint) for endpoint in scope.inventory.endpoints} - {""}
    found = scope.inventory.of_type(ROLE_ASSIGNMENT)
    return tuple(
        d
        for d in found
        if not (_principal(d) in endpoints and _is_made_by_azure(scope.inventory.workspace, d))
    )


def holds_lost_roles(scope: Scope, endpoint: Document) -> bool:
    """Whether somebody gave an endpoint's own identity roles; also when nobody can say, for want of a right."""
    unread = any("roleassignments" in what.lower() for what in scope.inventory.unread)
    return unread or principal_of(endpoint) in {_principal(d) for d in lost_assignments(scope)}


def principal_of(endpoint: Document) -> str:
    """The principal of an endpoint's system-assigned identity, in lower case; "" when it has none."""
    return str((endpoint.body.get("identity") or {}).get("principalId") or "").lower()


def _principal(assignment: Document) -> str:
    return str(assignment.get("principalId", "")).lower()


def _is_made_by_azure(workspace: Document, assignment: Document) -> bool:
    role = str(assignment.get("roleDefinitionId", "")).rpartition("/")[2].lower()
    if role not in _MADE_BY_AZURE:
        return False
    wire = _MADE_BY_AZURE[role]
    on = str(workspace.get(wire, "")) if wire else str(workspace.id)
    return str(assignment.get("scope", "")).lower() == on.lower()
