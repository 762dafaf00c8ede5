"""The roles that Azure gives a new endpoint's own identity, so that its deployments can fetch their parts.

Images from the workspace's registry, models and code from its storage account: whatever rights the caller has. Secrets
of its connections, when the endpoint is to have access to the default secret stores and its creator may read them;
every other right, to a vault's secrets too, is for the user to give, and user-assigned identities get none. What is
given counts against the subscription's role assignments. Source: authenticate clients for online endpoints; secret
injection in online endpoints.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.authorization import allowed
from vnetferry.sandbox.ml.furnishing import role_assignment
from vnetferry.sandbox.ml.online_errors import refused
from vnetferry.sandbox.ml.online_quotas import limit_of, out_of_quota
from vnetferry.sandbox.scoring.specification import workspace_id_of
from vnetferry.sandbox.wire import Json, Principal

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
_BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
_SECRETS_READER = "ea01e6af-a1c1-4350-9563-ad00f8c72ec5"
_LIST_SECRETS = "Microsoft.MachineLearningServices/workspaces/connections/listsecrets/action"
_ENFORCED = "enforce_access_to_default_secret_stores"
_ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"


def assign_roles(world: World, workspace: Json, endpoint: Json, caller: Principal | None) -> None:
    """Give the endpoint's system-assigned identity, if it has one, its roles; repeatable.

    Raises: AzureError 400 `OutOfQuota` when the subscription takes no more role assignments.
    """
    principal = (endpoint.get("identity") or {}).get("principalId")
    properties = workspace["properties"]
    granted = (
        (properties.get("containerRegistry"), _ACR_PULL),
        (properties.get("storageAccount"), _BLOB_READER),
        (
            workspace["id"] if _may_share_secrets(world, workspace, endpoint, caller) else None,
            _SECRETS_READER,
        ),
    )
    new = [role_assignment(world, scope, role, principal) for scope, role in granted if principal and scope]
    _check_quota(world, workspace, len(new))
    for document in new:
        world.documents.put(document)


def adopt_identity(world: World, endpoint: Json) -> None:
    """What a scenario leaves unsaid of an endpoint's identity: that it has one, and the roles Azure gave it.

    Of an identity that the scenario gives any role, and of user-assigned ones, all that it says is taken as it is.
    """
    workspace = world.documents.get(workspace_id_of(endpoint["id"]))
    if workspace is None:
        return
    if endpoint.get("identity") is None:
        own = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{endpoint['id'].lower()}#identity"))
        tenant = workspace["properties"].get("tenantId") or ""
        endpoint["identity"] = {"type": "SystemAssigned", "principalId": own, "tenantId": tenant}
    if endpoint["identity"].get("principalId") not in world.scenario.assigned_principals:
        assign_roles(world, workspace, endpoint, world.identity.client)


def check_secret_stores(identity: Json | None, properties: Json) -> None:
    """Only a system-assigned identity can be given the secrets of connections (documented; the text is assumed)."""
    if _has_default_stores(properties) and "userassigned" in str((identity or {}).get("type")).lower():
        raise refused(
            f"{_ENFORCED} needs a system-assigned identity: give user-assigned ones their roles yourself.",
            field="Identity",
        )


def _has_default_stores(properties: Json) -> bool:
    return str((properties.get("properties") or {}).get(_ENFORCED)).lower() == "enabled"


def _may_share_secrets(world: World, workspace: Json, endpoint: Json, caller: Principal | None) -> bool:
    if caller is None or not _has_default_stores(endpoint["properties"]):
        return False
    return allowed(world, caller.object_id, _LIST_SECRETS, workspace["id"])


def _check_quota(world: World, workspace: Json, more: int) -> None:
    limit = limit_of(world, "roleAssignments")
    if len(world.documents) + more <= limit:
        return  # there cannot be as many: looking at every document would take its time
    subscription = workspace["id"].split("/")[2]
    found = sum(1 for _ in world.documents.below(f"/subscriptions/{subscription}", _ASSIGNMENTS))
    if more and found + more > limit:
        raise out_of_quota(
            f"Not enough quota available for role assignments in SubscriptionId {subscription}. Current "
            f"usage/limit: {found}/{limit}. Additional needed: {more} Please see troubleshooting guide, "
            "available here: https://aka.ms/oe-tsg#error-outofquota"
        )
