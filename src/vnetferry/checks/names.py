"""Whether the new endpoint names are free in the region."""

from __future__ import annotations

from vnetferry.checks.facts import Facts
from vnetferry.models.finding import Finding


def check_names(facts: Facts) -> list[Finding]:
    """Endpoint names are unique in a region; those of this subscription can be seen, those of others cannot.

    A name in the target workspace itself is the migration's own when it is carried on.
    """
    taken = {name.lower() for name in facts.regional_endpoints} if facts.target is None else set()
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
