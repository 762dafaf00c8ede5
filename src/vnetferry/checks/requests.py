"""Whether each endpoint has a request that proves its answers."""

from __future__ import annotations

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.finding import Finding


def check_requests(facts: Facts) -> list[Finding]:
    """Without a request an endpoint is moved but its answers are not compared with the source's.

    One finding for all: a row for each of forty endpoints would hide what else is found.
    """
    wanting = [e for e in facts.scope.endpoints if e.name not in facts.config.validation.requests]
    if not wanting:
        return []
    alone, one = len(wanting) == 1, f"'{wanting[0].name}: <file>.json'"
    return [
        Finding(
            check="requests",
            severity="warns",
            resource=resource(wanting[0] if alone else facts.inventory.source),
            evidence=f"validation.requests names no request for {', '.join(e.name for e in wanting)}",
            remedy=f"Add {one if alone else f'a line such as {one} for each'}, with a body that a caller sends.",
            source="https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints",
        )
    ]
