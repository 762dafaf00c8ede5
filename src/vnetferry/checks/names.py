"""Whether the new endpoint names are names, and free in the region."""

from __future__ import annotations

from vnetferry.checks.facts import Facts
from vnetferry.checks.target import is_ours
from vnetferry.models.finding import Finding
from vnetferry.plan.names import endpoint_name_problem, rename
from vnetferry.plan.scope import moves

_SOURCE = "https://learn.microsoft.com/azure/machine-learning/concept-endpoints-online"
_LIMITS = "https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas"


def check_renames(facts: Facts) -> list[Finding]:
    """Every new name that Azure would not take, before anything is planned by it (FACTS 3.2)."""
    config = facts.config.endpoints
    new = {e.name: rename(e.name, config.rename) for e in facts.inventory.endpoints if moves(e.name, config)}
    return [
        Finding(
            check="names",
            severity="blocks",
            resource=str(facts.inventory.source.child("onlineEndpoints", source)),
            evidence=f"its new name '{name}' {problem}",
            remedy="Choose another endpoints.rename, such as 'v2-{name}' or '{name}2', or exclude the endpoint.",
            source=_LIMITS,
        )
        for source, name in sorted(new.items())
        if (problem := endpoint_name_problem(name))
    ]


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
            source=_SOURCE,
        )
        for source, new in sorted(facts.scope.remap.endpoints.items())
        if new.lower() in taken
    ]
