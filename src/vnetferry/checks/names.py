"""Whether the new endpoint names are free in the region."""

from __future__ import annotations

from vnetferry.checks.facts import Facts
from vnetferry.checks.target import is_ours
from vnetferry.models.finding import Finding


def check_names(facts: Facts) -> list[Finding]:
    """Endpoint names are unique in a region; those of this subscription can be seen, those of others cannot.

    An endpoint in the target workspace is the migration's own when its tags say so.
    """
    ours = {n.lower() for n, d in facts.target_endpoints.items() if is_ours(d, facts.inventory.source)}
    taken = {name.lower() for name in facts.regional_endpoints} - ours
    return [
        Finding(
            check="names",
            severity="blocks",
            resource=str(facts.scope.remap.endpoint(source)),
            evidence=f"an endpoint named {new} exists in {facts.scope.location} already",
            remedy="Choose another endpoints.rename, or delete that endpoint.",
            source="https://learn.microsoft.com/azure/machine-learning/concept-endpoints-online",
        )
        for source, new in sorted(facts.scope.remap.endpoints.items())
        if new.lower() in taken
    ]
