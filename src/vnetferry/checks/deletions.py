"""Whether a name that the migration gives is still held by what was deleted lately.

Azure has no list of soft-deleted workspaces, so its activity log is asked who deleted what. Source: Workspace soft
deletion (14 days; a workspace without an identity of its own is not kept); activity logs. FACTS 3.1, 3.2.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from vnetferry.checks.facts import Deletion, Facts
from vnetferry.models.finding import Finding

RETENTION_DAYS = 14
_API = "api-version=2025-12-01&forceToPurge=true"


def check_deletions(facts: Facts) -> list[Finding]:
    """The target's name, and those of the new endpoints."""
    names = {name.lower() for name in facts.scope.remap.endpoints.values()}
    found = []
    for deletion in facts.deletions:
        if deletion.resource == facts.scope.target:
            found += [_workspace(deletion)] if facts.target is None and deletion.count == 1 else []
        elif (
            deletion.resource.name.lower() in names and deletion.resource.name not in facts.regional_endpoints
        ):
            found.append(_endpoint(deletion))
    return found


def _workspace(deletion: Deletion) -> Finding:
    until = datetime.fromisoformat(deletion.time) + timedelta(days=RETENTION_DAYS)
    return Finding(
        check="deletions",
        severity="warns",
        resource=str(deletion.resource),
        evidence=(
            f"it was deleted on {deletion.time:.16} (UTC) and, unless for good, holds its name until {until:%Y-%m-%d}"
        ),
        remedy=(
            "Choose another target.workspace, or delete it for good: az rest --method delete --url "
            f"'https://management.azure.com{deletion.resource}?{_API}'"
        ),
        source="https://learn.microsoft.com/azure/machine-learning/concept-soft-delete",
    )


def _endpoint(deletion: Deletion) -> Finding:
    return Finding(
        check="deletions",
        severity="warns",
        resource=str(deletion.resource),
        evidence=f"an endpoint of that name was deleted on {deletion.time:.16} (UTC); Azure holds names for a while",
        remedy="Wait some minutes (apply tries again by itself), or choose another endpoints.rename.",
        source="https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints",
    )
