"""Whether isolation can be proven from both sides."""

from __future__ import annotations

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.finding import Finding


def check_vantages(facts: Facts) -> list[Finding]:
    """Isolation is proven from two places: one that must not reach the endpoint, and one that must."""
    if facts.config.endpoints.public_network_access == "enabled" or len(facts.vantages) > 1:
        return []
    return [
        Finding(
            check="vantages",
            severity="warns",
            resource=resource(facts.scope.target),
            evidence=f"endpoints can be probed from {', '.join(facts.vantages) or 'here'} alone",
            remedy="Set VNETFERRY_VANTAGES to proxies in the internet and in the callers' VNet (name=http://host:port,…).",
            source="https://learn.microsoft.com/azure/machine-learning/how-to-secure-online-endpoint",
        )
    ]
