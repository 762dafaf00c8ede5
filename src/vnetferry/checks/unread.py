"""What could not be read, so that no check can speak about it."""

from __future__ import annotations

from vnetferry.checks.facts import Facts, resource
from vnetferry.models.finding import Finding


def check_unread(facts: Facts) -> list[Finding]:
    """A warning for each reading that Azure refused."""
    return [
        Finding(
            check="unread",
            severity="warns",
            resource=resource(facts.inventory.source),
            evidence=f"could not be read: {what}",
            remedy="Ask for a role that may read it (Reader), or make sure by hand that nothing of it is needed.",
            source="https://learn.microsoft.com/azure/role-based-access-control/troubleshooting",
        )
        for what in sorted({*facts.inventory.unread, *facts.unread})
    ]
