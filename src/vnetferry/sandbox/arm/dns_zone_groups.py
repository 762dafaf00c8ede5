"""privateDnsZoneGroups: what keeps the A records of a private endpoint's names in private DNS zones.

A group writes into each of its zones the records that belong there, writes them anew when it is put again,
and takes them away when it is deleted, be it with its endpoint. Source: Azure Private Endpoint DNS (the zone
group manages the records' life).
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

from vnetferry.sandbox.arm import tracked
from vnetferry.sandbox.arm.bodies import require_known, require_object
from vnetferry.sandbox.arm.host_names import private_name, public_name
from vnetferry.sandbox.arm.linked_access import require_linked
from vnetferry.sandbox.arm.shapes import reader
from vnetferry.sandbox.arm.virtual_networks import VERSIONS
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_COLLECTION = "privateDnsZoneGroups"
_RECORD = "Microsoft.Network/privateDnsZones/A"
_TTL_S = 10
_MAX_ZONES = 5
_SHAPE = {"properties": {"privateDnsZoneConfigs": [{"name": str, "properties": {"privateDnsZoneId": str}}]}}


def operations(endpoint_path: str, endpoint_type: str) -> list[Operation]:
    """The rows of the route table, below private endpoints."""
    many, right = f"{endpoint_path}/{_COLLECTION}", f"{endpoint_type}/{_COLLECTION}"
    one = f"{many}/{{name}}"
    put = partial(_put, kind=right)
    return [
        Operation(
            "PrivateDnsZoneGroups_CreateOrUpdate",
            "PUT",
            one,
            put,
            f"{right}/write",
            VERSIONS,
            read_body=reader(_SHAPE),
        ),
        Operation("PrivateDnsZoneGroups_Get", "GET", one, _get, f"{right}/read", VERSIONS),
        Operation("PrivateDnsZoneGroups_Delete", "DELETE", one, _delete, f"{right}/delete", VERSIONS),
        Operation("PrivateDnsZoneGroups_List", "GET", many, _list, f"{right}/read", VERSIONS),
    ]


def remove_all_records(call: Call, endpoint: Json) -> None:
    """Take away what an endpoint's groups have written: its deletion takes the groups with it."""
    for group in call.world.documents.collection(f"{endpoint['id']}/{_COLLECTION}"):
        _remove_records(call.world, group)


def complete(world: World, endpoint: Json) -> None:
    """Give a scenario's groups the records that they keep, and their zones those that the scenario leaves out."""
    for group in world.documents.collection(f"{endpoint['id']}/{_COLLECTION}"):
        for config in (group.get("properties") or {}).get("privateDnsZoneConfigs") or []:
            properties = config["properties"]
            if zone := world.documents.get(properties["privateDnsZoneId"]):
                held = properties.get("recordSets") or _records_in(world, endpoint, zone)
                properties["recordSets"] = [_keep(world, zone, record) for record in held]
                _restore_names(endpoint, zone, held)


def _restore_names(endpoint: Json, zone: Json, records: list[Json]) -> None:
    """The names that an endpoint has, which it does not show while its group has them."""
    entries = endpoint["properties"].setdefault("customDnsConfigs", [])
    known = {entry["fqdn"].lower() for entry in entries}
    for record in records:
        name = public_name(f"{record['recordSetName']}.{zone['name']}".lower())
        if name and name not in known:
            entries.append({"fqdn": name, "ipAddresses": list(record.get("ipAddresses") or [])})


def _records_in(world: World, endpoint: Json, zone: Json) -> list[Json]:
    """What a group of this endpoint keeps in a zone: where the zone has the record already, with its addresses."""
    return [
        _shown(zone, name, _addresses(world.documents.get(f"{zone['id']}/A/{name}")) or addresses)
        for name, addresses in _named(endpoint, zone)
    ]


def _keep(world: World, zone: Json, record: Json) -> Json:
    if f"{zone['id']}/A/{record['recordSetName']}" not in world.documents:
        _write_record(world, zone, record["recordSetName"], record.get("ipAddresses") or [])
    return record


def has_group(world: World, endpoint: Json) -> bool:
    """Whether an endpoint keeps its records by a group."""
    return bool(world.documents.collection(f"{endpoint['id']}/{_COLLECTION}"))


def addresses_of(world: World, endpoint: Json) -> Iterator[str]:
    """The addresses in the records of an endpoint's groups."""
    for group in world.documents.collection(f"{endpoint['id']}/{_COLLECTION}"):
        for config in (group.get("properties") or {}).get("privateDnsZoneConfigs") or []:
            for record in (config.get("properties") or {}).get("recordSets") or []:
                yield from record.get("ipAddresses") or []


def _remove_records(world: World, group: Json) -> None:
    """Take a group's addresses out of its zones; what another endpoint has written over them since stays."""
    for config in group["properties"].get("privateDnsZoneConfigs") or []:
        properties = config.get("properties") or {}
        for record in properties.get("recordSets") or []:
            identifier = f"{properties['privateDnsZoneId']}/A/{record['recordSetName']}"
            held = _addresses(world.documents.get(identifier))
            if set(held) <= set(record.get("ipAddresses") or held):
                world.documents.remove(identifier)


async def _put(call: Call, kind: str) -> Response:
    endpoint = call.world.documents.require(call.path.rpartition(f"/{_COLLECTION}/")[0])
    tracked.require_lasting(call, call.path)
    body = call.json()
    require_known(body, {"id", "name", "etag", "type", "properties"}, "PrivateDnsZoneGroup")
    properties = require_object(body.get("properties"), "properties")
    known = {"privateDnsZoneConfigs", "provisioningState"}
    require_known(properties, known, "PrivateDnsZoneGroupProperties", "properties")
    given = properties.get("privateDnsZoneConfigs") or []
    zones = [_require_zone(call, config) for config in given]
    before = call.world.documents.get(call.path)
    _require_only(call, endpoint)
    _require_distinct(call, given)
    if before:
        _remove_records(call.world, before)
    configs = [_write(call.world, endpoint, config, zone) for config, zone in zip(given, zones, strict=True)]
    written = {"provisioningState": "Succeeded", "privateDnsZoneConfigs": configs}
    document = {"id": call.path, "name": call.params["name"], "type": kind, "properties": written}
    call.world.documents.put(document)
    return Response(200 if before else 201, deepcopy(document))


def _require_only(call: Call, endpoint: Json) -> None:
    """An endpoint has one group. The words are quoted in pulumi/pulumi-azure-native#2179, the code is assumed."""
    for group in call.world.documents.collection(f"{endpoint['id']}/{_COLLECTION}"):
        if group["id"].lower() != call.path.lower():
            message = "Cannot create more than one private dns zone groups in the private endpoint"
            raise AzureError(400, "MoreThanOnePrivateDnsZoneGroupNotAllowed", f"{message} {endpoint['id']}.")


def _require_distinct(call: Call, configs: list[Json]) -> None:
    """Quoted in hashicorp/terraform-provider-azurerm#28966. A group holds up to five zones (its code is assumed)."""
    names = [str(config.get("name", "")).lower() for config in configs]
    for name in names:
        if names.count(name) > 1:
            message = f"Resource {call.path} has two child resources with the same name ({name})."
            details = [{"code": "DuplicateResourceName", "message": message}]
            raise AzureError(400, "InvalidRequestFormat", "Cannot parse the request.", details=details)
    if len(names) > _MAX_ZONES:
        message = (
            f"Private DNS zone group {call.path} has {len(names)} zones; at most {_MAX_ZONES} are supported."
        )
        raise AzureError(400, "PrivateDnsZoneGroupTooManyZones", message)


def _require_zone(call: Call, config: Any) -> Json:
    properties = require_object(
        require_object(config, "privateDnsZoneConfigs").get("properties"), "properties"
    )
    zone = call.world.documents.get(properties.get("privateDnsZoneId", ""))
    if zone is None:
        message = (
            f"Private Dns Zone {properties.get('privateDnsZoneId')} referenced by {call.path} was not found."
        )
        raise AzureError(400, "InvalidResourceReference", message)
    require_linked(call, "Microsoft.Network/privateDnsZones/join/action", zone["id"])
    tracked.require_lasting(call, zone["id"])
    return zone


def _write(world: World, endpoint: Json, config: Json, zone: Json) -> Json:
    """The configuration with the records that were written; names that belong to other zones are left out."""
    records = [_write_record(world, zone, name, addresses) for name, addresses in _named(endpoint, zone)]
    return {**config, "properties": {"privateDnsZoneId": zone["id"], "recordSets": records}}


def _named(endpoint: Json, zone: Json) -> Iterator[tuple[str, list[str]]]:
    """The endpoint's record names in a zone, and the addresses of each."""
    for entry in endpoint["properties"].get("customDnsConfigs") or []:
        place = private_name(entry["fqdn"].lower())
        if place and place[1] == zone["name"].lower():
            yield place[0], entry["ipAddresses"]


def _write_record(world: World, zone: Json, name: str, addresses: list[str]) -> Json:
    properties = {
        "ttl": _TTL_S,
        "fqdn": f"{name}.{zone['name']}.",
        "isAutoRegistered": False,
        "aRecords": [{"ipv4Address": address} for address in addresses],
    }
    world.documents.put(
        {"id": f"{zone['id']}/A/{name}", "name": name, "type": _RECORD, "properties": properties}
    )
    return _shown(zone, name, addresses)


def _shown(zone: Json, name: str, addresses: list[str]) -> Json:
    """A record as its group shows it."""
    shown = {"recordType": "A", "recordSetName": name, "fqdn": f"{name}.{zone['name']}", "ttl": _TTL_S}
    return {**shown, "provisioningState": "Succeeded", "ipAddresses": addresses}


def _addresses(record: Json | None) -> list[str]:
    held = ((record or {}).get("properties") or {}).get("aRecords") or []
    return [str(entry["ipv4Address"]) for entry in held]


async def _get(call: Call) -> Response:
    return Response(200, deepcopy(call.world.documents.require(call.path)))


async def _delete(call: Call) -> Response:
    group = call.world.documents.get(call.path)
    if group is None:
        return Response(204)
    _remove_records(call.world, group)
    call.world.documents.remove(call.path)
    return Response(200)


async def _list(call: Call) -> Response:
    call.world.documents.require(call.path.rpartition("/")[0])
    return tracked.paged(call, deepcopy(call.world.documents.collection(call.path)))
