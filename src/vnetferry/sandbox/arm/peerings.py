"""virtualNetworkPeerings: one network's half of a connection with another.

A half alone is Initiated; once the other network has its half, both are Connected, and traffic passes. When one
half goes, the other is Disconnected until somebody writes it again, and until then no new half can be made
against it. Peering is not transitive. Source: Virtual network peering; Troubleshoot virtual network peering
issues; the refusals are quoted in hashicorp/terraform-provider-azurerm#14051, Azure/ResourceModules#731 and
alan-turing-institute/data-safe-haven#2152.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from vnetferry.sandbox.arm import tracked
from vnetferry.sandbox.arm.bodies import require_known, require_member, require_object
from vnetferry.sandbox.arm.linked_access import require_linked
from vnetferry.sandbox.arm.shapes import reader
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings"
_COLLECTION = "virtualNetworkPeerings"
# What a caller may set, with Azure's defaults.
_FLAGS = {
    "allowVirtualNetworkAccess": True,
    "allowForwardedTraffic": False,
    "allowGatewayTransit": False,
    "useRemoteGateways": False,
    "doNotVerifyRemoteGateways": False,
    "peerCompleteVnets": True,
}
# What only Azure writes, or what says nothing here: taken, and not kept.
_IGNORED = frozenset(
    {
        *("remoteAddressSpace", "remoteVirtualNetworkAddressSpace", "remoteBgpCommunities", "peeringState"),
        *("peeringSyncLevel", "provisioningState", "resourceGuid", "remoteVirtualNetworkEncryption"),
        *("enableOnlyIPv6Peering", "localAddressSpace", "localVirtualNetworkAddressSpace"),
        *("localSubnetNames", "remoteSubnetNames"),
    }
)
_SHAPE = {
    "name": str,
    "properties": {"remoteVirtualNetwork": {"id": str}, **dict.fromkeys(_FLAGS, bool)},
}
_NOTE = "Azure takes some seconds; here it is done at once."


def operations(network_path: str, versions: frozenset[str]) -> list[Operation]:
    """The rows of the route table, below virtual networks."""
    many = f"{network_path}/{_COLLECTION}"
    one = f"{many}/{{name}}"
    return [
        Operation(
            "VirtualNetworkPeerings_CreateOrUpdate",
            "PUT",
            one,
            _put,
            f"{TYPE}/write",
            versions,
            note=_NOTE,
            read_body=reader(_SHAPE),
        ),
        Operation("VirtualNetworkPeerings_Get", "GET", one, _get, f"{TYPE}/read", versions),
        Operation(
            "VirtualNetworkPeerings_Delete", "DELETE", one, _delete, f"{TYPE}/delete", versions, note=_NOTE
        ),
        Operation("VirtualNetworkPeerings_List", "GET", many, _list, f"{TYPE}/read", versions),
    ]


def adopt(world: World, network: Json) -> None:
    """Make children of the peerings that a network of the scenario carries."""
    for peering in (network.get("properties") or {}).pop(_COLLECTION, None) or []:
        identifier = f"{network['id']}/{_COLLECTION}/{peering['name']}"
        world.documents.put({**peering, "id": identifier, "type": TYPE})


def are_connected(world: World, one: Json, other: Json) -> bool:
    """Whether traffic passes between two networks: by the first one's half, and the second's where it is known."""
    half, opposite = _half(world, one["id"], other["id"]), _half(world, other["id"], one["id"])
    return half is not None and _passes(half) and (opposite is None or _passes(opposite))


def shown_in(world: World, network_id: str) -> list[Json]:
    """A network's peerings, as its own document and their list show them."""
    return [_shown(world, peering) for peering in world.documents.collection(f"{network_id}/{_COLLECTION}")]


def plan_all(call: Call, network: Json, given: list[Json]) -> list[Json]:
    """The peerings that a network's own document names, as they are to be; AzureError when one cannot be."""
    named = {str(require_member(peering, "name", path=_COLLECTION)): peering for peering in given}
    return [_draft(call, network, name, peering) for name, peering in named.items()]


def write_all(world: World, network: Json, planned: list[Json]) -> None:
    """Make a network's peerings those of `plan_all`."""
    kept = {draft["name"].lower() for draft in planned}
    for old in world.documents.collection(f"{network['id']}/{_COLLECTION}"):
        if old["name"].lower() not in kept:
            _remove(world, old)
    for draft in planned:
        _join(world, draft)


def cut_all(world: World, network: Json) -> None:
    """A network is gone: the halves that others have are Disconnected."""
    for half in _halves_towards(world, network["id"]):
        half["properties"]["peeringState"] = "Disconnected"


async def _put(call: Call) -> Response:
    network = call.world.documents.require(call.path.rpartition(f"/{_COLLECTION}/")[0])
    tracked.require_lasting(call, call.path)
    existed = call.path in call.world.documents
    draft = _join(call.world, _draft(call, network, call.params["name"], call.json()))
    return Response(200 if existed else 201, _shown(call.world, draft))


async def _get(call: Call) -> Response:
    return Response(200, _shown(call.world, call.world.documents.require(call.path)))


async def _delete(call: Call) -> Response:
    peering = call.world.documents.get(call.path)
    if peering is None:
        return Response(204)
    _remove(call.world, peering)
    return Response(200)


async def _list(call: Call) -> Response:
    network_id = call.path.rpartition("/")[0]
    call.world.documents.require(network_id)
    return tracked.paged(call, shown_in(call.world, network_id))


def _draft(call: Call, network: Json, name: str, body: Json) -> Json:
    """The peering as it is to be kept, without its state; AzureError when it cannot be."""
    world = call.world
    require_known(body, {"id", "name", "type", "etag", "properties"}, "VirtualNetworkPeering", "peering")
    properties = require_object(body.get("properties"), "peering.properties")
    known = {*_FLAGS, *_IGNORED, "remoteVirtualNetwork"}
    require_known(properties, known, "VirtualNetworkPeeringPropertiesFormat", "peering.properties")
    identifier = f"{network['id']}/{_COLLECTION}/{name}"
    remote = _require_remote(world, network, identifier, properties)
    require_linked(call, "Microsoft.Network/virtualNetworks/peer/action", remote["id"])
    _require_single(world, network, identifier, remote)
    _require_apart(world, network, identifier, remote)
    _require_opposite_joinable(world, network, identifier, remote)
    before = (world.documents.get(identifier) or {"properties": {}})["properties"]
    kept = {
        "resourceGuid": before.get("resourceGuid") or tracked.new_guid(),
        "provisioningState": "Succeeded",
        "remoteVirtualNetwork": {"id": remote["id"]},
        **{flag: properties.get(flag, default) for flag, default in _FLAGS.items()},
    }
    return {"id": identifier, "name": name, "type": TYPE, "properties": kept}


def _require_remote(world: World, network: Json, identifier: str, properties: Json) -> Json:
    given = require_object(properties.get("remoteVirtualNetwork"), "peering.properties.remoteVirtualNetwork")
    remote_id = str(given.get("id", ""))
    remote = world.documents.get(remote_id)
    if remote is None or "/virtualnetworks/" not in remote_id.lower():
        message = f"Resource {remote_id} referenced by resource {identifier} was not found."
        raise AzureError(400, "InvalidResourceReference", message)
    if remote["id"].lower() == network["id"].lower():
        message = f"Virtual network {remote_id} cannot be peered with itself."
        raise AzureError(400, "InvalidRequestFormat", message)
    before = world.documents.get(identifier)
    if before and _remote_of(before) != remote["id"].lower():
        message = f"Changing the remote virtual network of peering {identifier} is not allowed."
        raise AzureError(400, "ChangingRemoteVirtualNetworkNotAllowed", message)
    return remote


def _require_single(world: World, network: Json, identifier: str, remote: Json) -> None:
    other = _half(world, network["id"], remote["id"])
    if other and other["id"].lower() != identifier.lower():
        message = (
            f"Peering {other['id']} already references remote virtual network {remote['id']}. Cannot add another "
            "peering referencing the same remote virtual network."
        )
        raise AzureError(400, "AnotherPeeringAlreadyReferencesRemoteVnet", message)


def _require_apart(world: World, network: Json, identifier: str, remote: Json) -> None:
    """Neither may the two overlap, nor this network one that the other is peered with already."""
    lead = (
        f"Cannot create or update peering {identifier}. Virtual networks {network['id']} and {remote['id']}"
    )
    if overlap := _overlap(network, remote):
        message = (
            f"{lead} cannot be peered because their address spaces overlap. Overlapping address prefixes: "
            f"{', '.join(overlap)}"
        )
        raise AzureError(400, "VnetAddressSpacesOverlap", message)
    for third in _peers(world, remote["id"]):
        overlap = _overlap(network, third) if third["id"].lower() != network["id"].lower() else []
        if overlap:
            message = (
                f"{lead} cannot be peered because address space of the first virtual network overlaps with address "
                f"space of virtual network {third['id']} already peered with the second virtual network. "
                f"Overlapping address prefixes: {', '.join(overlap)}."
            )
            raise AzureError(400, "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet", message)


def _require_opposite_joinable(world: World, network: Json, identifier: str, remote: Json) -> None:
    opposite = _half(world, remote["id"], network["id"])
    if opposite and opposite["properties"].get("peeringState") == "Disconnected":
        message = (
            f"Cannot create or update peering {identifier} because remote peering {opposite['id']} referencing parent "
            f"virtual network {network['id']} is in Disconnected state. Update or re-create the remote peering to get "
            "it back to Initiated state. Peering gets Disconnected when remote vnet or remote peering is deleted and "
            "re-created."
        )
        raise AzureError(400, "RemotePeeringIsDisconnected", message)


def _join(world: World, draft: Json) -> Json:
    """Keep a half; with the other half there, both are Connected."""
    opposite = _half(world, _remote_of(draft), _network_of(draft))
    draft["properties"]["peeringState"] = "Connected" if opposite else "Initiated"
    if opposite:
        opposite["properties"]["peeringState"] = "Connected"
    return world.documents.put(draft)


def _remove(world: World, peering: Json) -> None:
    if opposite := _half(world, _remote_of(peering), _network_of(peering)):
        opposite["properties"]["peeringState"] = "Disconnected"
    world.documents.remove(peering["id"])


def _shown(world: World, peering: Json) -> Json:
    shown = deepcopy(peering)
    properties = shown["properties"]
    if remote := world.documents.get(_remote_of(peering)):
        space = deepcopy((remote.get("properties") or {}).get("addressSpace") or {})
        properties |= {"remoteAddressSpace": space, "remoteVirtualNetworkAddressSpace": deepcopy(space)}
    is_connected = properties.get("peeringState") == "Connected"
    properties.setdefault("peeringSyncLevel", "FullyInSync" if is_connected else "RemoteNotInSync")
    return shown


def _half(world: World, network_id: str, remote_id: str) -> Json | None:
    """The first network's half of its peering with the second."""
    halves = world.documents.collection(f"{network_id}/{_COLLECTION}")
    return next((half for half in halves if _remote_of(half) == remote_id.lower()), None)


def _halves_towards(world: World, network_id: str) -> Iterator[Json]:
    for network in world.resources_of("Microsoft.Network/virtualNetworks"):
        if half := _half(world, network["id"], network_id):
            yield half


def _peers(world: World, network_id: str) -> Iterator[Json]:
    for half in world.documents.collection(f"{network_id}/{_COLLECTION}"):
        if peer := world.documents.get(_remote_of(half)):
            yield peer


def _remote_of(peering: Json) -> str:
    properties = peering.get("properties") or {}
    return str((properties.get("remoteVirtualNetwork") or {}).get("id", "")).lower()


def _network_of(peering: Json) -> str:
    return str(peering["id"]).rpartition(f"/{_COLLECTION}/")[0]


def _passes(half: Json) -> bool:
    properties = half.get("properties") or {}
    is_allowed = bool(properties.get("allowVirtualNetworkAccess", True))
    return is_allowed and bool(properties.get("peeringState", "Connected") == "Connected")


def _overlap(one: Json, other: Json) -> list[str]:
    return [a for a in _prefixes(one) for b in _prefixes(other) if _overlaps(a, b)]


def _overlaps(one: Any, other: Any) -> bool:
    try:
        return ip_network(one).overlaps(ip_network(other))
    except (TypeError, ValueError):  # one IPv4 and one IPv6, or what a scenario has no prefix for
        return False


def _prefixes(network: Json) -> list[Any]:
    return list(((network.get("properties") or {}).get("addressSpace") or {}).get("addressPrefixes") or [])
