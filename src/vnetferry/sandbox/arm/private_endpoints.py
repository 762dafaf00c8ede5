"""Microsoft.Network/privateEndpoints: an address in a subnet for one resource, with its connection on the
target.

Source: the endpoint's state follows the target's: what its owner approves, rejects or deletes shows here.
"""

from __future__ import annotations

from copy import deepcopy
from ipaddress import ip_network
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm import dns_zone_groups, tracked
from vnetferry.sandbox.arm.bodies import require_known, require_member, require_object
from vnetferry.sandbox.arm.host_names import host_names
from vnetferry.sandbox.arm.linked_access import JOIN_SUBNET, require_linked
from vnetferry.sandbox.arm.policy.judge import require_connection_allowed
from vnetferry.sandbox.arm.private_links import (
    connect,
    connection_status,
    find_connection,
    may_approve,
    require_group_ids,
)
from vnetferry.sandbox.arm.virtual_networks import VERSIONS, endpoints_in
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.Network/privateEndpoints"
_KINDS = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
_CONNECTION = frozenset(
    {
        "privateLinkServiceId",
        "groupIds",
        "requestMessage",
        "privateLinkServiceConnectionState",
        "provisioningState",
    }
)


_CONNECTION_SHAPE = {
    "name": str,
    "properties": {
        "privateLinkServiceId": str,
        "groupIds": [str],
        "requestMessage": str,
        "privateLinkServiceConnectionState": {"status": str, "description": str},
    },
}
_SHAPE = {
    "subnet": {"id": str},
    "customNetworkInterfaceName": str,
    "customDnsConfigs": [dict],
    **{kind: [_CONNECTION_SHAPE] for kind in _KINDS},
}


def operations() -> list[Operation]:
    """Private endpoints and their DNS zone groups."""
    return [*tracked.operations(ENDPOINT), *dns_zone_groups.operations(f"{ENDPOINT.path}/{{endpoint}}", TYPE)]


def adopt(world: World, document: Json) -> None:
    """Register an endpoint of the scenario, its connection on the target and its records unless they are there."""
    world.documents.put(document)
    dns_zone_groups.complete(world, document)
    for connection in _connections(document):
        properties = connection["properties"]
        target_id = properties["privateLinkServiceId"]
        if find_connection(world, target_id, document["id"]) is None:
            state = properties.get("privateLinkServiceConnectionState") or {}
            approved = state.get("status", "Approved") == "Approved"
            connect(world, target_id, document["id"], properties.get("groupIds", []), approved=approved)


def group_ids(endpoint: Json) -> list[str]:
    """The subresources that an endpoint asks for."""
    return [
        group
        for connection in _connections(endpoint)
        for group in connection["properties"].get("groupIds") or []
    ]


def target_of(endpoint: Json) -> str:
    """The id of the resource that an endpoint leads to."""
    return str(next(iter(_connections(endpoint)))["properties"]["privateLinkServiceId"])


def network_id_of(endpoint: Json) -> str:
    """The id of the virtual network that an endpoint lies in; empty when its document does not say."""
    subnet = (endpoint.get("properties") or {}).get("subnet") or {}
    return str(subnet.get("id", "")).rpartition("/subnets/")[0]


def addresses_of(world: World, endpoint: Json) -> set[str]:
    """The addresses that an endpoint has in its subnet, as far as its document and those around it say.

    Azure shows no `customDnsConfigs` once a zone group is there, which has the addresses then (as Terraform's
    documentation of azurerm_private_endpoint notes).
    """
    properties = endpoint["properties"]
    entries = properties.get("customDnsConfigs") or []
    interfaces = [world.documents.get(i.get("id", "")) for i in properties.get("networkInterfaces") or []]
    holders = [properties, *((i.get("properties") or {}) for i in interfaces if i)]
    configurations = [c for holder in holders for c in holder.get("ipConfigurations") or []]
    return {
        *(address for entry in entries for address in entry.get("ipAddresses") or []),
        *filter(None, ((c.get("properties") or {}).get("privateIPAddress") for c in configurations)),
        *dns_zone_groups.addresses_of(world, endpoint),
    }


def _connections(endpoint: Json) -> list[Json]:
    return [connection for _, connection in _by_kind(endpoint)]


def _prepare(call: Call, draft: Json, before: Json | None) -> None:
    properties = draft["properties"]
    subnet = _require_subnet(call, properties)
    require_linked(call, JOIN_SUBNET, subnet["id"])
    connections = _connections(draft)
    if len(connections) != 1:
        message = f"Private endpoint {draft['id']} must have exactly one private link service connection."
        raise AzureError(400, "PrivateEndpointMustHaveOneConnection", message)
    _require_connection(call, connections[0])
    if before:
        _require_same_connection(before, draft)
    tracked.carry(draft, before, "networkInterfaces", "customDnsConfigs")
    for kind in _KINDS:
        properties[kind] = properties.get(kind) or []
    if "networkInterfaces" not in properties:
        _give_address(call, draft, subnet, connections[0])
    _connect(call, draft, connections[0])


def _require_same_connection(before: Json, draft: Json) -> None:
    """What an endpoint leads to is as it was made, the connection's name included.

    Quoted in Azure/bicep-registry-modules#7285; that a new name counts, in #1513. The status is assumed.
    """
    if _leads_to(before) == _leads_to(draft):
        return
    held = [f"{before['id']}/{kind}/{each['name']}" for kind, each in _by_kind(before)]
    message = (
        f"Cannot change the private link connection on private endpoint {before['id']}. Please ensure you are not "
        f"updating the details of existing private link connection: '{', '.join(held)}'. That is not allowed."
    )
    raise AzureError(400, "CannotChangePrivateLinkConnectionOnPrivateEndpoint", message)


def _leads_to(endpoint: Json) -> list[tuple[str, ...]]:
    """Kind, name, target and subresources of its connections, comparable without case."""
    return [
        tuple(str(part).lower() for part in (kind, each["name"], *_destination(each["properties"])))
        for kind, each in _by_kind(endpoint)
    ]


def _destination(properties: Json) -> tuple[str, ...]:
    return properties["privateLinkServiceId"], *sorted(properties.get("groupIds") or [])


def _by_kind(endpoint: Json) -> list[tuple[str, Json]]:
    return [(kind, each) for kind in _KINDS for each in endpoint["properties"].get(kind) or []]


def _require_subnet(call: Call, properties: Json) -> Json:
    identifier = require_object(properties.get("subnet"), "properties.subnet").get("id", "")
    subnet = call.world.documents.get(identifier)
    if subnet is None:
        message = (
            f"Resource {identifier} referenced by resource {call.path} was not found. Please make sure "
            "that the referenced "
            "resource exists, and that both resources are in the same region."
        )
        raise AzureError(400, "InvalidResourceReference", message)
    tracked.require_lasting(call, subnet["id"])
    if network := call.world.documents.get(identifier.rpartition("/subnets/")[0]):
        _require_same_region(call, network)
    return subnet


def _require_same_region(call: Call, network: Json) -> None:
    location = str(call.json().get("location", network["location"])).replace(" ", "").lower()
    if network["location"].replace(" ", "").lower() != location:
        message = (
            f"Resource {network['id']} referenced by resource {call.path} was not found in the same region "
            f"'{location}'."
        )
        raise AzureError(400, "InvalidResourceReference", message)


def _require_connection(call: Call, connection: Json) -> None:
    require_known(
        connection, {"id", "name", "type", "etag", "properties"}, "PrivateLinkServiceConnection", "connection"
    )
    require_member(connection, "name", "MissingParameter", "connection")
    properties = require_object(connection.get("properties"), "connection.properties")
    require_known(properties, _CONNECTION, "PrivateLinkServiceConnectionProperties", "connection.properties")
    target_id = require_member(
        properties, "privateLinkServiceId", "MissingParameter", "connection.properties"
    )
    target = call.world.documents.get(target_id)
    if target is None:
        message = (
            f"Call to {target_id} failed. The resource referenced by privateLinkServiceId was not found."
        )
        raise AzureError(400, "LinkedResourceNotFound", message)
    properties["groupIds"] = require_group_ids(
        target["id"], properties.get("groupIds"), connection.get("name", "")
    )


def _give_address(call: Call, draft: Json, subnet: Json, connection: Json) -> None:
    properties, target_id = draft["properties"], connection["properties"]["privateLinkServiceId"]
    address = _next_address(call.world, subnet)
    interface = properties.get("customNetworkInterfaceName") or f"{draft['name']}.nic.{tracked.new_guid()}"
    group = draft["id"].rpartition("/providers/")[0]
    properties["networkInterfaces"] = [
        {"id": f"{group}/providers/Microsoft.Network/networkInterfaces/{interface}"}
    ]
    names = host_names(call.world.documents.require(target_id), connection["properties"]["groupIds"][0])
    properties["customDnsConfigs"] = [{"fqdn": name, "ipAddresses": [address]} for name in names]


def _next_address(world: World, subnet: Json) -> str:
    """Azure keeps the first four addresses of a subnet; endpoints get the next free ones."""
    properties = subnet["properties"]
    prefix = ip_network((properties.get("addressPrefixes") or [properties["addressPrefix"]])[0])
    used = {
        address
        for endpoint_id in endpoints_in(world, subnet["id"])
        for config in world.documents.require(endpoint_id)["properties"].get("customDnsConfigs", [])
        for address in config["ipAddresses"]
    }
    for offset in range(4, prefix.num_addresses - 1):
        if str(prefix[offset]) not in used:
            return str(prefix[offset])
    message = (
        f"Subnet {subnet['name']} with address prefix {prefix} does not have enough capacity for 1 IP "
        "addresses."
    )
    raise AzureError(400, "SubnetIsFull", message)


def _connect(call: Call, draft: Json, connection: Json) -> None:
    target_id = connection["properties"]["privateLinkServiceId"]
    found = find_connection(call.world, target_id, draft["id"])
    if found is None or connection_status(found) == "Disconnected":
        manual = connection in draft["properties"]["manualPrivateLinkServiceConnections"]
        approved = not manual and may_approve(call.world, call.request.principal, target_id)
        require_connection_allowed(call.world, target_id, draft["id"], approved=approved)
        note = connection["properties"].get("requestMessage", "")
        found = connect(
            call.world,
            target_id,
            draft["id"],
            connection["properties"]["groupIds"],
            approved=approved,
            note=note,
        )
    connection["properties"]["provisioningState"] = "Succeeded"
    kind = _KINDS[connection in draft["properties"][_KINDS[1]]]
    connection["id"] = f"{draft['id']}/{kind}/{connection['name']}"


def _show(world: World, endpoint: Json) -> Json:
    for connection in _connections(endpoint):
        found = find_connection(world, connection["properties"]["privateLinkServiceId"], endpoint["id"])
        gone = {"status": "Disconnected", "description": "Deleted state", "actionsRequired": ""}
        state = found["properties"]["privateLinkServiceConnectionState"] if found else gone
        connection["properties"]["privateLinkServiceConnectionState"] = deepcopy(state)
    if dns_zone_groups.has_group(world, endpoint):
        endpoint["properties"]["customDnsConfigs"] = []
    return endpoint


def _removed(world: World, endpoint: Json) -> None:
    for connection in _connections(endpoint):
        if found := find_connection(world, connection["properties"]["privateLinkServiceId"], endpoint["id"]):
            world.documents.remove(found["id"])


ENDPOINT = tracked.TrackedType(
    TYPE,
    "PrivateEndpoints",
    VERSIONS,
    fields=frozenset({"extendedLocation"}),
    properties=frozenset(
        {
            *("subnet", *_KINDS, "networkInterfaces", "customDnsConfigs", "customNetworkInterfaceName"),
            *("applicationSecurityGroups", "ipConfigurations", "ipVersionType"),
        }
    ),
    name=r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?$",
    shape=_SHAPE,
    prepare=_prepare,
    show=_show,
    removing=dns_zone_groups.remove_all_records,
    removed=_removed,
    create_s=40,
    delete_s=30,
)
