"""The right to approve what the managed network connects to, given to the identity of the workspace.

Azure itself approves what leads to the workspace and to what it stands on. On any other target of a private endpoint
rule the workspace's identity approves, and must have the right to before the network is provisioned. Source: Workspace
managed virtual network isolation (approval of private endpoints), since 2025-04-30. FACTS 2.4.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

from vnetferry.checks.rights import approval_actions
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import ROLE_ASSIGNMENT
from vnetferry.models.plan import Step
from vnetferry.plan.associated import associated_resources
from vnetferry.plan.durations import expected_s
from vnetferry.plan.identities import acting_identity
from vnetferry.plan.moved import Moved
from vnetferry.plan.parts import Part
from vnetferry.plan.roles import twins
from vnetferry.plan.scope import Scope
from vnetferry.plan.workspace import outbound_rules, workspace_step_id

APPROVER = ("b556d68e-0be0-4f35-a333-ad7ee1ce17ea", "Azure AI Enterprise Network Connection Approver")
# It, Owner and Contributor.
_APPROVING = {APPROVER[0], "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "b24988ac-6180-42a0-ab88-20f7382dd24c"}
# What that role leaves out: a custom one, which nobody can name here, is for people to give.
_LEFT_OUT = ("microsoft.datafactory/factories", "microsoft.databricks/workspaces", "microsoft.web/sites")


def plan_approvals(scope: Scope, moved: Moved) -> Part:
    """A step for each target on which nothing else in the plan gives the identity a role that approves.

    Whether it has the right already, by a role above the target perhaps, is looked up when the step is carried out.
    """
    given = [
        twin.scope for twin in twins(scope, moved) if twin.holder == scope.target and twin.role in _APPROVING
    ]
    principal = next((found for _, found in acting_identity(scope.inventory)), "")
    wanted = (target for target in approved_targets(scope) if takes_approver(target))
    return Part(
        tuple(
            approval_step(scope.target, target, workspace_step_id(scope), principal)
            for target in wanted
            if not _is_below(target, given)
        )
    )


def approved_targets(scope: Scope) -> list[ResourceId]:
    """What private endpoint rules lead to, but for what Azure itself approves on, sorted."""
    associated = associated_resources(scope)
    rules, _ = outbound_rules(scope, associated)
    return connected(rules, (*associated.values(), str(scope.target)))


def connected(rules: Mapping[str, Json], own: Iterable[str]) -> list[ResourceId]:
    """What private endpoint rules (wire properties by name) lead to, but for the ids of `own`, sorted."""
    known = {text.lower() for text in own}
    targets = {
        ResourceId(rule["destination"]["serviceResourceId"])
        for rule in rules.values()
        if rule["type"] == "PrivateEndpoint"
    }
    return sorted(target for target in targets if target.key not in known)


def takes_approver(target: ResourceId) -> bool:
    """Whether the built-in role approves on a target of this type."""
    return target.type.lower() not in _LEFT_OUT


def _is_below(target: ResourceId, scopes: list[str]) -> bool:
    return any(f"{target.key}/".startswith(f"{scope.lower()}/") for scope in scopes)


def approval_step(workspace: ResourceId, target: ResourceId, after: str, principal: str = "") -> Step:
    """The step that lets a workspace's identity approve on `target`.

    In: after: id of the step that makes the workspace. principal: the identity's, "" for the workspace's own.
    """
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{workspace.key}#{APPROVER[0]}#{target.key}")
    definitions = f"/subscriptions/{target.subscription_id}/providers/Microsoft.Authorization/roleDefinitions"
    body: Json = {
        "properties": {
            "roleDefinitionId": f"{definitions}/{APPROVER[0]}",
            "principalType": "ServicePrincipal",
        }
    }
    return Step(
        id=f"assign_role:{name}",
        kind="assign_role",
        title=f"give {workspace.name} {APPROVER[1]} on {target.name}",
        resource=ResourceId(f"{target}/providers/{ROLE_ASSIGNMENT}/{name}"),
        body=body,
        spec={
            "holder": str(workspace),
            "principal": principal,
            "needless_with": list(approval_actions(target.type)),
        },
        depends_on=(after,),
        undo="delete",
        duration_s=expected_s("assign_role"),
    )
