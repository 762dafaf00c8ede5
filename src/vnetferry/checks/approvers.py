"""Whether the target's identity may approve what its managed network connects to.

Source: Workspace managed virtual network isolation (approval of private endpoints): since 2025-04-30 both the
        workspace's identity and the caller need it, but for what the workspace itself stands on. FACTS 2.4.
"""

from __future__ import annotations

from vnetferry.checks.facts import Facts
from vnetferry.checks.permissions import GIVES_ROLES
from vnetferry.checks.rights import approval_actions
from vnetferry.checks.roles import Need, Role, missing_roles
from vnetferry.models.finding import Finding
from vnetferry.models.ids import ResourceId
from vnetferry.plan.approvals import APPROVER, approved_targets, plan_approvals, takes_approver
from vnetferry.plan.identities import acting_identity
from vnetferry.plan.moved import Moved

_SOURCE = "https://learn.microsoft.com/azure/machine-learning/how-to-managed-network"


def check_approvers(facts: Facts) -> list[Finding]:
    """What the identity lacks and no step gives it; where it is made with the target, what it will need."""
    ungiven = _ungiven(facts)
    if _identities(facts):
        needs = [need for need in approver_needs(facts) if need.scope in ungiven]
        return missing_roles(facts, needs, "approvers")
    return [_unborn(facts, target) for target in ungiven]


def approver_needs(facts: Facts) -> list[Need]:
    """The approval that the target's identity needs, if it is there already."""
    return [
        Need(
            identity=identity,
            principal=principal,
            scope=target,
            role=_approver(target),
            whose=f"workspace {facts.scope.target.name}",
            severity="blocks",
            source=_SOURCE,
        )
        for identity, principal in _identities(facts)
        for target in approved_targets(facts.scope)
    ]


def _identities(facts: Facts) -> list[tuple[ResourceId, str]]:
    """The user-assigned identity that the workspace acts as; else the target's own, once it is made."""
    own = str(((facts.target or {}).get("identity") or {}).get("principalId") or "")
    return acting_identity(facts.inventory) or ([(facts.scope.target, own)] if own else [])


def _ungiven(facts: Facts) -> list[ResourceId]:
    """The targets on which the plan gives no role that approves, or the caller may give none."""
    planned = {
        step.resource.key.rpartition("/providers/")[0]
        for step in plan_approvals(facts.scope, Moved(facts.scope)).steps
    }
    return [
        target
        for target in approved_targets(facts.scope)
        if not takes_approver(target)
        or (target.key in planned and GIVES_ROLES in facts.missing_actions.get(str(target), ()))
    ]


def _approver(target: ResourceId) -> Role:
    identifier, name = APPROVER if takes_approver(target) else ("", "a role that approves private endpoints")
    return Role(id=identifier, name=name, action=approval_actions(target.type)[1])


def _unborn(facts: Facts, target: ResourceId) -> Finding:
    workspace = facts.scope.target
    shown = "az ml workspace show --query identity.principal_id -o tsv"
    return Finding(
        check="approvers",
        severity="warns",
        resource=str(target),
        evidence=f"the managed network of {workspace.name} connects to it, which its identity must approve",
        remedy=(
            "When apply stops there, run this, and apply again: "
            f'az role assignment create --role "{_approver(target).name}" --scope {target} --assignee '
            f"$({shown} --name {workspace.name} --resource-group {workspace.resource_group})"
        ),
        source=_SOURCE,
    )
