"""Legacy network isolation: the private endpoints of a deployment whose egress is disabled.

Azure makes three for each such deployment, to the workspace, its storage account and its registry, and two
more to a registry's storage and container registry where its model and environment are from one. They show on the
targets, by a description that tools look for. Source: network isolation with managed online endpoints; troubleshoot
online endpoints (`az acr private-endpoint-connection list`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.private_links import connect, find_connection, may_approve
from vnetferry.sandbox.ml.identity import acting_principal
from vnetferry.sandbox.ml.service_links import LEGACY, legacy_endpoint_id
from vnetferry.sandbox.scoring.egress import is_private, legacy_targets
from vnetferry.sandbox.scoring.specification import workspace_id_of
from vnetferry.sandbox.wire import Json, Principal

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_DEPLOYMENTS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"


def connect_deployment(world: World, deployment: Json, caller: Principal | None) -> None:
    """Make the deployment's private endpoint connections on what it reaches; those that it has stay as they are.

    They are Approved where whoever deploys, or the workspace's identity, may approve them, and Pending elsewhere
    until somebody approves them (that they can be pending is documented, for whom is assumed). The workspace's own is
    always approved.
    """
    workspace = world.documents.require(workspace_id_of(deployment["id"]))
    askers = (caller, acting_principal(workspace))
    for target_id, group_id in _targets(world, deployment):
        endpoint_id = legacy_endpoint_id(deployment["id"], target_id, group_id)
        if find_connection(world, target_id, endpoint_id):
            continue
        approved = target_id == workspace["id"] or any(
            may_approve(world, asker, target_id) for asker in askers
        )
        connection = connect(world, target_id, endpoint_id, [group_id], approved=approved)
        connection["properties"]["privateLinkServiceConnectionState"]["description"] = LEGACY


def disconnect_deployment(world: World, deployment: Json, kept: Json | None = None) -> None:
    """Remove the connections that the deployment made, but those that it has as `kept` too; absent is fine."""
    spared = set(_targets(world, kept)) if kept else set()
    for target_id, group_id in _targets(world, deployment):
        connection = _connection_of(world, deployment, target_id, group_id)
        if connection and (target_id, group_id) not in spared:
            world.documents.remove(connection["id"])


def _connection_of(world: World, deployment: Json, target_id: str, group_id: str) -> Json | None:
    """A deployment's connection on a target. Of those that a scenario holds under names of Azure's own, the one that is
    called after the deployment, else the first: whose each one is cannot be told, and each deployment has one.
    """
    own = legacy_endpoint_id(deployment["id"], target_id, group_id)
    found = find_connection(world, target_id, own)
    if found or not is_private(deployment):
        return found
    called = own.rpartition("/")[2].rpartition("-")[0].lower()
    nameless = [
        each
        for each in world.documents.collection(f"{target_id}/privateEndpointConnections")
        if _is_legacy(each, group_id) and _owner(each) not in _known(world, target_id, group_id)
    ]
    return next(
        (each for each in nameless if _owner(each).rpartition("/")[2].startswith(f"{called}-")),
        nameless[0] if nameless else None,
    )


def _is_legacy(connection: Json, group_id: str) -> bool:
    properties = connection["properties"]
    state = properties.get("privateLinkServiceConnectionState") or {}
    groups = properties.get("groupIds") or [group_id]
    return state.get("description") == LEGACY and group_id in groups


def _owner(connection: Json) -> str:
    return str((connection["properties"].get("privateEndpoint") or {}).get("id") or "").lower()


def _known(world: World, target_id: str, group_id: str) -> set[str]:
    """The private endpoints, by the sandbox's own names, of the deployments that there are."""
    found = world.documents.below("/", _DEPLOYMENTS)
    return {legacy_endpoint_id(each["id"], target_id, group_id).lower() for each in found}


def _targets(world: World, deployment: Json) -> list[tuple[str, str]]:
    found = legacy_targets(world, deployment)
    return [(world.documents.require(target)["id"], group) for target, group in found]
