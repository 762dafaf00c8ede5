"""Microsoft.Network: the services that make resources reachable privately."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vnetferry.sandbox.arm import dns_zones, network_operations, private_endpoints, virtual_networks
from vnetferry.sandbox.arm.private_links import connection_status
from vnetferry.sandbox.routes import Operation
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World


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
