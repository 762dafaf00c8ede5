"""Microsoft.Network/privateDnsZones: zones, their A records, and their links to virtual networks."""

from __future__ import annotations

from copy import deepcopy
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from vnetferry.sandbox.arm import tracked
from vnetferry.sandbox.arm.bodies import require_choice, require_known, require_object
from vnetferry.sandbox.arm.shapes import reader
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

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


_RECORD_SHAPE = {"properties": {"ttl": int, "aRecords": [{"ipv4Address": str}], "metadata": {"*": str}}}
_LINK_SHAPE = {
    "location": str,
    "tags": {"*": str},
    "properties": {"virtualNetwork": {"id": str}, "registrationEnabled": bool, "resolutionPolicy": str},
}


def operations() -> list[Operation]:
    """Zones, records and links."""
    records, links = f"{ZONE.path}/{{zone}}/A", f"{ZONE.path}/{{zone}}/virtualNetworkLinks"
    link_right = f"{TYPE}/virtualNetworkLinks"
    return [
        *tracked.operations(ZONE),
        Operation(
            "RecordSets_CreateOrUpdate",
            "PUT",
            f"{records}/{{name}}",
            _put_record,
            f"{TYPE}/A/write",
            _VERSIONS,
            read_body=reader(_RECORD_SHAPE),
        ),
        Operation("RecordSets_Get", "GET", f"{records}/{{name}}", _get, f"{TYPE}/A/read", _VERSIONS),
        Operation(
            "RecordSets_Delete", "DELETE", f"{records}/{{name}}", _delete, f"{TYPE}/A/delete", _VERSIONS
        ),
        Operation("RecordSets_ListByType", "GET", records, _list, f"{TYPE}/A/read", _VERSIONS),
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


def _prepare(call: Call, draft: Json, _before: Json | None) -> None:
    count = call.world.documents.collection
    values = (25000, len(count(f"{draft['id']}/A")), 1000, len(count(f"{draft['id']}/virtualNetworkLinks")))
    draft["properties"] = {**dict(zip(_COUNTERS, values, strict=True)), "provisioningState": "Succeeded"}


def _require_unlinked(call: Call, zone: Json) -> None:
    if call.world.documents.collection(f"{zone['id']}/virtualNetworkLinks"):
        message = (
            f"Can not delete resource before nested resources are deleted. Zone '{zone['name']}' has "
            "virtual network links."
        )
        raise AzureError(409, "CannotDeleteResource", message)


async def _put_record(call: Call) -> Response:
    zone = call.world.documents.require(call.path.rpartition("/A/")[0])
    body = call.json()
    require_known(body, {"id", "name", "type", "etag", "properties"}, "RecordSet")
    properties = require_object(body.get("properties"), "properties")
    require_known(
        properties,
        {"ttl", "aRecords", "metadata", "fqdn", "isAutoRegistered"},
        "RecordSetProperties",
        "properties",
    )
    addresses = [_address(record) for record in properties.get("aRecords") or []]
    written = {
        "metadata": properties.get("metadata") or {},
        "fqdn": f"{call.params['name']}.{zone['name']}.",
        "ttl": _ttl(properties.get("ttl")),
        "aRecords": [{"ipv4Address": address} for address in addresses],
        "isAutoRegistered": False,
    }
    return _store(call, f"{TYPE}/A", {"properties": written})


def _address(record: Any) -> str:
    try:
        return str(IPv4Address(require_object(record, "aRecords").get("ipv4Address")))
    except (AddressValueError, ValueError) as err:
        raise AzureError(400, "BadRequest", f"The value '{record}' is not a valid A record.") from err


def _ttl(value: Any) -> int:
    if not isinstance(value, int) or not 1 <= value <= 2147483647:
        raise AzureError(
            400, "BadRequest", f"The TTL '{value}' is not valid: it must be between 1 and 2147483647."
        )
    return value


async def _put_link(call: Call) -> Response:
    zone = call.world.documents.require(call.path.rpartition("/virtualNetworkLinks/")[0])
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
    removing=_require_unlinked,
    global_location=True,
    note="Azure answers 202 and takes some seconds; here it is done at once.",
    evidence="assumed",
)
