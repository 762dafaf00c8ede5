"""Whether the caller has the rights that the migration needs."""

from __future__ import annotations

from vnetferry.checks.facts import Facts
from vnetferry.models.finding import Finding

_SOURCE = "https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles"
GIVES_ROLES = "Microsoft.Authorization/roleAssignments/write"


def check_permissions(facts: Facts) -> list[Finding]:
    """Every scope on which the caller lacks an action, with the actions; giving roles is told apart."""
    found = []
    for scope, actions in sorted(facts.missing_actions.items()):
        others = [action for action in actions if action != GIVES_ROLES]
        found += [_lacking(scope, others)] if others else []
        found += [_without_roles(scope)] if len(others) < len(actions) else []
    return found


def _lacking(scope: str, actions: list[str]) -> Finding:
    return Finding(
        check="permissions",
        severity="blocks",
        resource=scope,
        evidence=f"the caller lacks {', '.join(actions)}",
        remedy=(
            "Have somebody give you a role with these actions (Contributor, or deployments/azure-role.json): "
            f'az role assignment create --assignee <you> --role "<role>" --scope {scope}; it may take up to an hour '
            "until it holds."
        ),
        source=_SOURCE,
    )


def _without_roles(scope: str) -> Finding:
    """Many who may do all else may not do this, so it stops only what waits for a role."""
    return Finding(
        check="permissions",
        severity="warns",
        resource=scope,
        evidence=f"the caller lacks {GIVES_ROLES}, so nobody gives the target's identities their roles",
        remedy=(
            "Have somebody give you the role (az role assignment create --assignee <you> --role "
            f'"Role Based Access Control Administrator" --scope {scope}). Or apply: a step that gives a role says what '
            "someone who may is to type, and running it again goes on."
        ),
        source=_SOURCE,
    )
