"""Legacy network isolation: the private endpoints of a deployment whose egress is disabled.

Azure makes three for each such deployment, to the workspace, its storage account and its registry, in a
network that belongs to nobody in the subscription. They show on the targets, by a description that tools
look for. Source: network isolation with managed online endpoints; troubleshoot online endpoints (`az acr
private-endpoint-connection list`).
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.private_links import connect
from vnetferry.sandbox.scoring.egress import legacy_targets
from vnetferry.sandbox.scoring.specification import name_of, workspace_id_of
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

DESCRIPTION = "Egress for Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
# A private endpoint of Microsoft's own: its subscription is not the user's.
_MANAGED = "/subscriptions/{owner}/resourceGroups/{group}/providers/Microsoft.Network/privateEndpoints/{name}"


def connect_deployment(world: World, deployment: Json) -> None:
    """Make the deployment's private endpoint connections on what it reaches.

    They are approved by the service itself.
    """
    for target_id, group_id in _targets(world, deployment):
        connection = connect(world, target_id, _endpoint_id(deployment, group_id), [group_id], approved=True)
        connection["properties"]["privateLinkServiceConnectionState"]["description"] = DESCRIPTION


def disconnect_deployment(world: World, deployment: Json) -> None:
    """Remove the connections that the deployment made; absent is fine."""
    for target_id, group_id in _targets(world, deployment):
        ours = _endpoint_id(deployment, group_id).lower()
        for connection in world.documents.collection(f"{target_id}/privateEndpointConnections"):
            if connection["properties"].get("privateEndpoint", {}).get("id", "").lower() == ours:
                world.documents.remove(connection["id"])


def _targets(world: World, deployment: Json) -> list[tuple[str, str]]:
    found = legacy_targets(world, workspace_id_of(deployment["id"]))
    return [(world.documents.require(target)["id"], group) for target, group in found]


def _endpoint_id(deployment: Json, group_id: str) -> str:
    """The same for the same deployment and target, so that they can be found again."""
    own = uuid.uuid5(uuid.NAMESPACE_URL, f"{deployment['id'].lower()}/{group_id}")
    endpoint, name = deployment["id"].split("/")[-3::2]
    group = f"online-{name_of(workspace_id_of(deployment['id'])).lower()}"
    return _MANAGED.format(
        owner=uuid.UUID(int=own.int ^ 1), group=group, name=f"{endpoint}-{name}-{group_id}-{own.hex[:8]}"
    )
