"""Whether each endpoint has a request that proves its answers."""

from __future__ import annotations

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.finding import Finding


def check_requests(facts: Facts) -> list[Finding]:
    """Without a request an endpoint is moved but its answers are not compared with the source's."""
    return [
        Finding(
            check="requests",
            severity="warns",
            resource=resource(endpoint),
            evidence=f"validation.requests names no request for {endpoint.name}",
            remedy=f"Add '{endpoint.name}: <file>.json' with a body that a caller sends.",
            source="https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints",
        )
        for endpoint in facts.scope.endpoints
        if endpoint.name not in facts.config.validation.requests
    ]
