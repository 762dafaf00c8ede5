"""Whether the caller has the rights that the migration needs."""

from __future__ import annotations

from vnetferry.checks.facts import Facts
from vnetferry.models.finding import Finding


def check_permissions(facts: Facts) -> list[Finding]:
    """Every scope on which the caller lacks an action, with the actions."""
    return [
        Finding(
            check="permissions",
            severity="blocks",
            resource=scope,
            evidence=f"the caller lacks {', '.join(actions)}",
            remedy="Ask for a role with these actions on that scope; it may take up to an hour until it holds.",
            source="https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles",
        )
        for scope, actions in sorted(facts.missing_actions.items())
        if actions
    ]
