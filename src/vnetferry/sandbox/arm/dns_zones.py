"""Microsoft.Network/privateDnsZones: zones, and their links to virtual networks."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from vnetferry.sandbox.arm import dns_records, tracked
from vnetferry.sandbox.arm.bodies import require_choice, require_known, require_object
from vnetferry.sandbox.arm.linked_access import require_linked
from vnetferry.sandbox.arm.shapes import reader
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.Network/privateDnsZones"
_VERSIONS = frozenset({"2018-09-01", "2020-01-01", "2020-06-01", "2024-06-01"})
_POLICY_VERSION = "2024-06-01"
_POLICIES = ("Default", "NxDomainRedirect")
_COUNTERS = (
    "maxNumberOfRecordSets",
    "numberOfRecordSets",
    "maxNumberOfVirtualNetworkLinks",
    "numberOfVirtualNetworkLinks",
)


_LINK_SHAPE = {
    "location": str,
    "tags": {"*": str},
    "properties": {"virtualNetwork": {"id": str}, "registrationEnabled": bool, "resolutionPolicy": str},
}


def operations() -> list[Operation]:
    """Zones, records and links."""
    links = f"{ZONE.path}/{{zone}}/virtualNetworkLinks"
    link_right = f"{TYPE}/virtualNetworkLinks"
    return [
        *tracked.operations(ZONE),
        *dns_records.operations(f"{ZONE.path}/{{zone}}", TYPE, _VERSIONS),
        Operation(
            "VirtualNetworkLinks_CreateOrUpdate",
            "PUT",
            f"{links}/{{name}}",
            _put_link,
            f"{link_right}/write",
            _VERSIONS,
            read_body=reader(_LINK_SHAPE),
        ),
        Operation(
            "VirtualNetworkLinks_Get", "GET", f"{links}/{{name}}", _get, f"{link_right}/read", _VERSIONS
        ),
        Operation(
            "VirtualNetworkLinks_Delete",
            "DELETE",
            f"{links}/{{name}}",
            _delete,
            f"{link_right}/delete",
            _VERSIONS,
        ),
        Operation("VirtualNetworkLinks_List", "GET", links, _list, f"{link_right}/read", _VERSIONS),
    ]


def _prepare(_call: Call, draft: Json, before: Json | None) -> None:
    draft["properties"] = {"provisioningState": "Succeeded"}
    tracked.carry(draft, before, "internalId")


def _show(world: World, zone: Json) -> Json:
    """With its numbers as they are now; each zone has the record set of its SOA from the start."""
    links = world.documents.collection(f"{zone['id']}/virtualNetworkLinks")
    values = (25000, dns_records.count(world, zone["id"]), 1000, len(links))
    zone["properties"] = {**(zone.get("properties") or {}), **dict(zip(_COUNTERS, values, strict=True))}
    return zone


def _require_unlinked(call: Call, zone: Json) -> None:
    if call.world.documents.collection(f"{zone['id']}/virtualNetworkLinks"):
        message = (
            f"Can not delete resource before nested resources are deleted. Zone '{zone['name']}' has "
            "virtual network links."
        )
        raise AzureError(409, "CannotDeleteResource", message)


async def _put_link(call: Call) -> Response:
    zone = call.world.documents.require(call.path.rpartition("/virtualNetworkLinks/")[0])
    tracked.require_lasting(call, call.path)
    body = call.json()
    require_known(
        body, {"id", "name", "type", "etag", "location", "tags", "properties"}, "VirtualNetworkLink"
    )
    properties = require_object(body.get("properties"), "properties")
    known = {
        "virtualNetwork",
        "registrationEnabled",
        "resolutionPolicy",
        "virtualNetworkLinkState",
        "provisioningState",
    }
    require_known(properties, known, "VirtualNetworkLinkProperties", "properties")
    network = require_object(properties.get("virtualNetwork"), "properties.virtualNetwork").get("id", "")
    if network not in call.world.documents:
        raise AzureError(400, "BadRequest", f"The virtual network '{network}' was not found.")
    require_linked(call, "Microsoft.Network/virtualNetworks/join/action", network)
    _require_no_other(call, zone, network)
    written = {
        "virtualNetwork": {"id": network},
        "registrationEnabled": bool(properties.get("registrationEnabled", False)),
        **_resolution_policy(call, zone, properties.get("resolutionPolicy")),
        "virtualNetworkLinkState": "Completed",
        "provisioningState": "Succeeded",
    }
    return _store(
        call,
        f"{TYPE}/virtualNetworkLinks",
        {"location": "global", "tags": body.get("tags") or {}, "properties": written},
    )


def _require_no_other(call: Call, zone: Json, network: str) -> None:
    """Refuse a second zone of the same name in a network, which Azure could not tell from the first."""
    for other in call.world.resources_of(TYPE):
        if other["name"].lower() != zone["name"].lower():
            continue
        for link in call.world.documents.collection(f"{other['id']}/virtualNetworkLinks"):
            target = (link["properties"].get("virtualNetwork") or {}).get("id", "")
            if target.lower() == network.lower() and link["id"].lower() != call.path.lower():
                raise _overlap(zone, other)


def _overlap(zone: Json, other: Json) -> AzureError:
    message = (
        "A virtual network cannot be linked to multiple zones with overlapping namespaces. You tried to link "
        f"virtual network with '{zone['name']}' and '{other['name']}' zones."
    )
    return AzureError(400, "BadRequest", message)


def _resolution_policy(call: Call, zone: Json, given: Any) -> Json:
    """Whether names that the zone lacks are asked of public DNS: for private link zones alone."""
    if call.api_version < _POLICY_VERSION:
        return {}
    policy = require_choice(given or "Default", _POLICIES, "properties.resolutionPolicy", "BadRequest")
    if policy != "Default" and not zone["name"].lower().startswith("privatelink."):
        message = f"The resolution policy '{policy}' is not supported for zone '{zone['name']}'."
        raise AzureError(400, "BadRequest", message)
    return {"resolutionPolicy": policy}


def _store(call: Call, kind: str, fields: Json) -> Response:
    existed = call.path in call.world.documents
    document = call.world.documents.put(
        {"id": call.path, "name": call.params["name"], "type": kind, **fields}
    )
    return Response(200 if existed else 201, deepcopy(document))


async def _get(call: Call) -> Response:
    return Response(200, deepcopy(call.world.documents.require(call.path)))


async def _delete(call: Call) -> Response:
    existed = call.path in call.world.documents
    call.world.documents.remove(call.path)
    return Response(200 if existed else 204)


async def _list(call: Call) -> Response:
    call.world.documents.require(call.path.rpartition("/")[0])
    return tracked.paged(call, deepcopy(call.world.documents.collection(call.path)))


ZONE = tracked.TrackedType(
    TYPE,
    "PrivateZones",
    _VERSIONS,
    properties=frozenset(_COUNTERS) | {"internalId", "maxNumberOfVirtualNetworkLinksWithRegistration"},
    name=r"^([A-Za-z0-9_-]{1,63}\.)+[A-Za-z0-9-]{2,63}$",
    prepare=_prepare,
    show=_show,
    removing=_require_unlinked,
    global_location=True,
    note="Azure answers 202 and takes some seconds; here it is done at once.",
    evidence="assumed",
)
