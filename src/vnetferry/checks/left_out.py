"""What of the source does not move, and stays as it is."""

from __future__ import annotations

from vnetferry.checks.facts import Facts
from vnetferry.models.finding import Finding


def check_left_out(facts: Facts) -> list[Finding]:
    """What a managed network does not hold, and deployments that are not up."""
    return [
        Finding(
            check="left_out",
            severity="informs",
            resource=str(warning.resource),
            evidence=warning.text,
            remedy="None needed for the migration: it stays in the source, which then cannot be retired as a whole.",
            source="https://learn.microsoft.com/azure/machine-learning/how-to-managed-network",
        )
        for warning in facts.scope.warnings
    ]
