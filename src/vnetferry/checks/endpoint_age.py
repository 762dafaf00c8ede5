"""Whether the source's private endpoints are of the kind that managed online endpoints need.

Source: Network isolation with managed online endpoints (limitations): those made before 2022-05-24 must be made anew.
"""

from __future__ import annotations

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.finding import Finding
from vnetferry.models.inventory import Document
from vnetferry.plan.inbound import private_endpoints

_SINCE = "2022-05-24"


def check_endpoint_age(facts: Facts) -> list[Finding]:
    """The target gets new ones; it is the source that may not serve, or be compared with, by old ones."""
    ours = private_endpoints(facts.inventory)
    return [_finding(each, _made(facts, each)) for each in ours if "" < _made(facts, each) < _SINCE]


def _made(facts: Facts, endpoint: Document) -> str:
    """When it was made; if Azure does not say, no earlier than the workspace."""
    system = facts.inventory.workspace.body.get("systemData") or {}
    workspace = facts.inventory.workspace.get("creationTime") or system.get("createdAt") or ""
    return facts.created.get(endpoint.id.key) or str(workspace)


def _finding(endpoint: Document, made: str) -> Finding:
    return Finding(
        check="endpoint_age",
        severity="warns",
        resource=resource(endpoint),
        evidence=f"it dates from {made:.10}; those made before {_SINCE} do not lead to managed online endpoints",
        remedy=(
            f"az network private-endpoint delete --ids {endpoint.id}, then az network private-endpoint create with the "
            "same subnet and connection, and its DNS zone group: callers are cut off meanwhile"
        ),
        source="https://learn.microsoft.com/azure/machine-learning/concept-secure-online-endpoint",
    )
