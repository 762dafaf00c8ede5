"""Whether the target's region has what a migration makes there."""

from __future__ import annotations

from vnetferry.checks.facts import Facts
from vnetferry.models.finding import Finding
from vnetferry.models.ids import ML

NEEDED = (f"{ML}/workspaces", f"{ML}/workspaces/onlineEndpoints")


def check_regions(facts: Facts) -> list[Finding]:
    """Azure lists the regions of each type of resource; one that it does not list is not judged."""
    here = plain(facts.scope.location)
    lacking = [
        kind
        for kind in NEEDED
        if (known := facts.locations.get(kind.lower())) and here not in map(plain, known)
    ]
    if not lacking:
        return []
    regions = ", ".join(sorted(map(plain, facts.locations[lacking[0].lower()])))
    return [
        Finding(
            check="regions",
            severity="blocks",
            resource=str(facts.scope.target),
            evidence=f"{facts.scope.location} does not have {', '.join(lacking)}",
            remedy=f"Set target.location to one of: {regions}.",
            source="https://learn.microsoft.com/azure/machine-learning/reference-managed-online-endpoints-vm-sku-list",
        )
    ]


def plain(location: str) -> str:
    """`West Europe` and `westeurope` are one region; the second is its name."""
    return location.replace(" ", "").lower()
