"""Private endpoint connections, as the target of a private endpoint holds them.

A connection is a child document of its target, `{target}/privateEndpointConnections/{name}`, and shows in
the target's own document. It is approved at once when whoever makes the endpoint may approve on the target;
else it is Pending until somebody approves it. A manual connection is always Pending.
"""

from __future__ import annotations

import re
import uuid
from copy import deepcopy
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm import authorization, tracked
from vnetferry.sandbox.arm.bodies import require_choice, require_known, require_member, require_object
from vnetferry.sandbox.arm.shapes import reader
from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Principal, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

# The subresources of each type that a private endpoint may ask for (FACTS 2.3: what Azure lists per service).
GROUP_IDS = {
    "microsoft.storage/storageaccounts": ("blob", "file", "queue", "table", "web", "dfs"),
    "microsoft.keyvault/vaults": ("vault",),
    "microsoft.containerregistry/registries": ("registry",),
    "microsoft.machinelearningservices/workspaces": ("amlworkspace",),
    "microsoft.machinelearningservices/registries": ("amlregistry",),
    "microsoft.cognitiveservices/accounts": ("account",),
    "microsoft.search/searchservices": ("searchService",),
    "microsoft.sql/servers": ("sqlServer",),
    "microsoft.documentdb/databaseaccounts": ("Sql", "MongoDB", "Cassandra", "Gremlin", "Table"),
    "microsoft.eventhub/namespaces": ("namespace",),
    "microsoft.cache/redis": ("redisCache",),
    "microsoft.dbforpostgresql/flexibleservers": ("postgresqlServer",),
    "microsoft.dbformysql/flexibleservers": ("mysqlServer",),
}
_STATES = ("Pending", "Approved", "Rejected", "Disconnected")


def connections_of(world: World, target_id: str) -> list[Json]:
    """The target's connections, as its document and their list show them (copies)."""
    return [_shown(each) for each in world.documents.collection(f"{target_id}/privateEndpointConnections")]


def _shown(connection: Json) -> Json:
    """None of the served targets tells which of its sub-resources a connection is for."""
    shown = deepcopy(connection)
    shown["properties"].pop("groupIds", None)
    return shown


def may_approve(world: World, principal: Principal | None, target_id: str) -> bool:
    """Whether `principal` may approve private endpoint connections of the target."""
    action = f"{resource_type(target_id)}/privateEndpointConnectionsApproval/action"
    return principal is not None and authorization.allowed(world, principal.object_id, action, target_id)


def connect(
    world: World, target_id: str, endpoint_id: str, group_ids: list[str], *, approved: bool, note: str = ""
) -> Json:
    """Make the target's side of a private endpoint's connection and return it; an endpoint has one only."""
    state = {"status": "Approved" if approved else "Pending", "description": note, "actionsRequired": "None"}
    if approved:
        state["description"] = "Auto-Approved"
    found = find_connection(world, target_id, endpoint_id)
    name = f"{endpoint_id.rpartition('/')[2]}.{uuid.uuid4()}"
    identifier = found["id"] if found else f"{target_id}/privateEndpointConnections/{name}"
    document = {
        "id": identifier,
        "name": identifier.rpartition("/")[2],
        "type": f"{resource_type(target_id)}/privateEndpointConnections",
        "properties": {
            "privateEndpoint": {"id": endpoint_id},
            "groupIds": group_ids,
            "privateLinkServiceConnectionState": state,
            "provisioningState": "Succeeded",
        },
    }
    world.links.add(endpoint_id.lower())
    if location := (world.documents.get(target_id) or {}).get("location"):
        document["location"] = location
    return world.documents.put(document)


def find_connection(world: World, target_id: str, endpoint_id: str) -> Json | None:
    """The target's live connection from that private endpoint, or None."""
    for connection in world.documents.collection(f"{target_id}/privateEndpointConnections"):
        if connection["properties"].get("privateEndpoint", {}).get("id", "").lower() == endpoint_id.lower():
            return connection
    return None


def stands(world: World, target_id: str, endpoint_id: str) -> bool:
    """Whether a private endpoint leads on to its target: while the connection is Approved.

    One whose connection nobody ever saw, as a scenario may leave it out, is taken to have it.
    """
    connection = find_connection(world, target_id, endpoint_id)
    if connection is None:
        return endpoint_id.lower() not in world.links
    return connection_status(connection) == "Approved"


def connection_status(connection: Json) -> str:
    """Pending, Approved, Rejected or Disconnected."""
    return str(connection["properties"]["privateLinkServiceConnectionState"]["status"])


def adopt_connections(world: World, target: Json) -> None:
    """Make child documents of the connections that a target's document (as GET returned it) carries."""
    for connection in (target.get("properties") or {}).pop("privateEndpointConnections", None) or []:
        name = connection.get("name") or str(connection.get("id", "")).rpartition("/")[2] or str(uuid.uuid4())
        kind = f"{resource_type(target['id'])}/privateEndpointConnections"
        identifier = f"{target['id']}/privateEndpointConnections/{name}"
        endpoint = connection.get("properties", {}).get("privateEndpoint") or {}
        world.links.add(str(endpoint.get("id")).lower())
        world.documents.put({**connection, "id": identifier, "name": name, "type": kind})


def require_group_ids(target_id: str, group_ids: object, path: str) -> list[str]:
    """What a private endpoint asks of its target, in Azure's spelling; 400 for what the target lacks."""
    offered = GROUP_IDS.get(resource_type(target_id).lower())
    if not isinstance(group_ids, list) or not group_ids:
        raise AzureError(400, "MissingParameterGroupIds", f"groupIds is required for '{path}'.")
    if offered is None:
        message = (
            f"Call to {resource_type(target_id)} failed. Error message: Private Link is not supported here."
        )
        raise AzureError(400, "PrivateLinkNotSupported", message)
    return [require_choice(group, offered, f"{path}.groupIds", "InvalidGroupId") for group in group_ids]


_SHAPE = {"properties": {"privateLinkServiceConnectionState": {"status": str, "description": str}}}


def operations(kind: str, group: str, versions: frozenset[str]) -> list[Operation]:
    """The rows of the route table for the connections of one type of target."""
    target = f"{tracked.GROUP_PATH}/{kind}/{{target}}"
    path, right = f"{target}/privateEndpointConnections", f"{kind}/privateEndpointConnections"
    one = f"{path}/{{connection}}"
    resources = f"{kind}/privateLinkResources/read"
    return [
        Operation(f"{group}_List", "GET", path, _list, f"{right}/read", versions),
        Operation(f"{group}_Get", "GET", one, _get, f"{right}/read", versions),
        Operation(
            f"{group}_CreateOrUpdate",
            "PUT",
            one,
            _put,
            f"{right}/write",
            versions,
            read_body=reader(_SHAPE),
        ),
        Operation(f"{group}_Delete", "DELETE", one, _delete, f"{right}/delete", versions),
        Operation(
            "PrivateLinkResources_List",
            "GET",
            f"{target}/privateLinkResources",
            _resources,
            resources,
            versions,
        ),
    ]


async def _list(call: Call) -> Response:
    target_id = call.path.rpartition("/")[0]
    call.world.documents.require(target_id)
    return Response(200, {"value": connections_of(call.world, target_id)})


async def _get(call: Call) -> Response:
    return Response(200, _shown(call.world.documents.require(call.path)))


async def _put(call: Call) -> Response:
    """Approve or reject: the state is all that a caller may change."""
    connection = call.world.documents.require(call.path)
    body = call.json()
    require_known(
        body,
        {"id", "name", "type", "location", "tags", "identity", "sku", "etag", "properties"},
        "PrivateEndpointConnection",
    )
    properties = require_object(body.get("properties"), "properties")
    require_known(
        properties,
        {"privateEndpoint", "groupIds", "privateLinkServiceConnectionState", "provisioningState"},
        "PrivateEndpointConnectionProperties",
        "properties",
    )
    state = require_object(require_member(properties, "privateLinkServiceConnectionState"), "properties")
    require_known(
        state,
        {"status", "description", "actionsRequired", "actionRequired"},
        "PrivateLinkServiceConnectionState",
    )
    status = require_choice(state.get("status"), _STATES, "privateLinkServiceConnectionState.status")
    approve(call, connection, status, state.get("description", ""))
    return Response(200, _shown(connection))


def approve(call: Call, connection: Json, status: str, description: str) -> None:
    """Set a connection's status, if the caller may; a Disconnected one cannot come back."""
    target_id = connection["id"].rpartition("/privateEndpointConnections/")[0]
    if not may_approve(call.world, call.request.principal, target_id):
        action = f"{resource_type(target_id)}/privateEndpointConnectionsApproval/action"
        raise authorization.denied(call.request.principal, action, target_id)
    if connection_status(connection) == "Disconnected":
        message = (
            "The private endpoint connection is in Disconnected state and cannot be approved or rejected."
        )
        raise AzureError(400, "InvalidPrivateEndpointConnectionState", message)
    state = connection["properties"]["privateLinkServiceConnectionState"]
    state.update(status=status, description=description)


async def _delete(call: Call) -> Response:
    if call.path not in call.world.documents:
        return Response(204)
    call.world.documents.remove(call.path)
    return Response(200)


async def _resources(call: Call) -> Response:
    target_id = call.path.rpartition("/")[0]
    kind = resource_type(call.world.documents.require(target_id)["id"])
    value = [
        {
            "id": f"{target_id}/privateLinkResources/{group}",
            "name": group,
            "type": f"{kind}/privateLinkResources",
            "properties": {
                "groupId": group,
                "requiredMembers": [group],
                "requiredZoneNames": [zone_name(kind, group)],
            },
        }
        for group in GROUP_IDS.get(kind.lower(), ())
    ]
    return Response(200, {"value": value})


def zone_name(kind: str, group_id: str) -> str:
    """The private DNS zone of a target's subresource (Azure Private Endpoint private DNS zone values)."""
    zones = {
        "microsoft.keyvault/vaults": "privatelink.vaultcore.azure.net",
        "microsoft.containerregistry/registries": "privatelink.azurecr.io",
        "microsoft.machinelearningservices/workspaces": "privatelink.api.azureml.ms",
        "microsoft.machinelearningservices/registries": "privatelink.api.azureml.ms",
        "microsoft.storage/storageaccounts": f"privatelink.{group_id.lower()}.core.windows.net",
    }
    fallback = f"privatelink.{re.sub('[^a-z]', '', group_id.lower())}.azure.net"
    return zones.get(kind.lower(), fallback)
