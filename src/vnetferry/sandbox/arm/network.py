"""Microsoft.Network: who reaches which resource privately, and the services that make it so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vnetferry.sandbox.arm import dns_zones, network_operations, private_endpoints, virtual_networks
from vnetferry.sandbox.arm.private_links import connection_status
from vnetferry.sandbox.routes import Operation
from vnetferry.sandbox.scoring import egress
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World


def reaches_privately(world: World, vantage: str, target_id: str, group_id: str) -> bool:
    """Whether an approved private endpoint for the target's `group_id` lies in the VNet named `vantage`.

    The networks that Azure keeps around deployments are vantages too: they have endpoints of their own.
    """
    return egress.reaches_privately(world, vantage, target_id, group_id) or any(
        _in_network(world, connection, vantage)
        for connection in world.documents.collection(f"{target_id}/privateEndpointConnections")
        if connection_status(connection) == "Approved" and _serves(world, connection, group_id)
    )


def is_linked(world: World, target_id: str, group_id: str) -> bool:
    """Whether any private endpoint for the target's `group_id` is approved, in whatever network it lies."""
    return any(
        connection_status(connection) == "Approved" and _serves(world, connection, group_id)
        for connection in world.documents.collection(f"{target_id}/privateEndpointConnections")
    )


def operations() -> list[Operation]:
    """Everything of Microsoft.Network."""
    return [
        *virtual_networks.operations(),
        *private_endpoints.operations(),
        *dns_zones.operations(),
        *network_operations.operations(),
    ]


def _serves(world: World, connection: Json, group_id: str) -> bool:
    """Some services leave groupIds out of their connections; the endpoint's own document has them then."""
    properties = connection["properties"]
    groups = properties.get("groupIds")
    if not groups:
        endpoint = world.documents.get(properties.get("privateEndpoint", {}).get("id", ""))
        groups = private_endpoints.group_ids(endpoint) if endpoint else []
    return group_id.lower() in [group.lower() for group in groups]


def _in_network(world: World, connection: Json, vantage: str) -> bool:
    properties = connection["properties"]
    endpoint = world.documents.get(properties.get("privateEndpoint", {}).get("id", ""))
    subnet = ((endpoint or {}).get("properties") or {}).get("subnet") or {}
    parts = str(subnet.get("id", "")).lower().split("/")
    return "virtualnetworks" in parts and parts[parts.index("virtualnetworks") + 1] == vantage.lower()
