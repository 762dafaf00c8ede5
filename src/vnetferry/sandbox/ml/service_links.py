"""The private endpoints of the networks that Azure ML keeps around deployments: their ids, and whether they lead on.

They lie in subscriptions of Microsoft's own, so nobody sees the endpoints themselves; their connections show on the
targets, and traffic passes while a connection is Approved. Source: troubleshoot online endpoints (an image cannot be
pulled while the registry's connection is pending).

A snapshot of Azure names these endpoints otherwise than the sandbox does, and whose each one is cannot be told. So a
network of the scenario is taken to have its connections as long as none that is the sandbox's own was ever there, and
a legacy deployment of the scenario to have them as long as the target shows no legacy ones that are all not Approved.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.private_links import connection_status, find_connection, stands
from vnetferry.sandbox.scoring.specification import name_of, workspace_id_of
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

# By this tools know the connections of legacy deployments.
LEGACY = "Egress for Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
_ENDPOINTS = "providers/Microsoft.Network/privateEndpoints"


def rule_endpoint_id(workspace: Json, rule: str) -> str:
    """The id of the private endpoint that an outbound rule of a managed network has."""
    network = (workspace["properties"].get("managedNetwork") or {}).get("networkId", "")
    group = f"/subscriptions/{network}/resourceGroups/vienna-{workspace['location']}-managed-networks"
    return f"{group}/{_ENDPOINTS}/{workspace['name']}.{rule}"


def legacy_endpoint_id(deployment_id: str, target_id: str, group_id: str) -> str:
    """The id of a legacy deployment's private endpoint: the same for the same deployment and target."""
    own = uuid.uuid5(uuid.NAMESPACE_URL, f"{deployment_id}{target_id}/{group_id}".lower())
    endpoint, name = deployment_id.split("/")[-3::2]
    group = f"online-{name_of(workspace_id_of(deployment_id)).lower()}"
    owner = f"/subscriptions/{uuid.UUID(int=own.int ^ 1)}/resourceGroups/{group}"
    return f"{owner}/{_ENDPOINTS}/{endpoint}-{name}-{group_id}-{own.hex[:8]}"


def rule_stands(world: World, workspace: Json, name: str, rule: Json) -> bool:
    """Whether the private endpoint of a managed network's rule leads on to its target."""
    target = str((rule.get("destination") or {}).get("serviceResourceId"))
    return stands(world, target, rule_endpoint_id(workspace, name))


def legacy_stands(world: World, deployment_id: str, target_id: str, group_id: str) -> bool:
    """Whether a legacy deployment's private endpoint leads on to its target."""
    endpoint_id = legacy_endpoint_id(deployment_id, target_id, group_id)
    if find_connection(world, target_id, endpoint_id) or not stands(world, target_id, endpoint_id):
        return stands(world, target_id, endpoint_id)
    shown = world.documents.collection(f"{target_id}/privateEndpointConnections")
    legacy = [connection_status(each) for each in shown if _description(each) == LEGACY]
    return not legacy or "Approved" in legacy


def is_callers(connection: Json) -> bool:
    """Whether a workspace's connection is an approved one of somebody's own, and not of its legacy deployments."""
    return _description(connection) != LEGACY and connection_status(connection) == "Approved"


def _description(connection: Json) -> str:
    state = connection["properties"].get("privateLinkServiceConnectionState") or {}
    return str(state.get("description"))
