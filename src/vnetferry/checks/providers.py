"""Whether the resource providers that a migration needs are registered in the subscription."""

from __future__ import annotations

from vnetferry.checks.facts import Facts
from vnetferry.models.finding import Finding

NEEDED = ("Microsoft.MachineLearningServices", "Microsoft.Network")


def check_providers(facts: Facts) -> list[Finding]:
    """A managed network needs Microsoft.Network in the subscription, even when nobody uses it otherwise."""
    return [
        Finding(
            check="providers",
            severity="blocks",
            resource=f"/subscriptions/{facts.inventory.source.subscription_id}",
            evidence=f"{name} is {facts.registrations[name.lower()]}",
            remedy=f"az provider register --namespace {name} --wait",
            source="https://learn.microsoft.com/azure/machine-learning/how-to-managed-network",
        )
        for name in NEEDED
        if facts.registrations.get(name.lower(), "Registered").lower() != "registered"
    ]
