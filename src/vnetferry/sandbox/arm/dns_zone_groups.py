"""privateDnsZoneGroups: what keeps the A records of a private endpoint's names in private DNS zones.

A group writes into each of its zones the records that belong there, writes them anew when it is put again,
and takes them away when it is deleted, be it with its endpoint. Source: Azure Private Endpoint DNS (the zone
group manages the records' life).
"""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

from vnetferry.sandbox.arm import tracked
from vnetferry.sandbox.arm.bodies import require_known, require_object
from vnetferry.sandbox.arm.host_names import private_name
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


def _remove_records(world: World, group: Json) -> None:
    for config in group["properties"].get("privateDnsZoneConfigs") or []:
        properties = config.get("properties") or {}
        for record in properties.get("recordSets") or []:
            world.documents.remove(f"{properties['privateDnsZoneId']}/A/{record['recordSetName']}")


async def _put(call: Call, kind: str) -> Response:
    endpoint = call.world.documents.require(call.path.rpartition(f"/{_COLLECTION}/")[0])
    body = call.json()
    require_known(body, {"id", "name", "etag", "type", "properties"}, "PrivateDnsZoneGroup")
    properties = require_object(body.get("properties"), "properties")
    known = {"privateDnsZoneConfigs", "provisioningState"}
    require_known(properties, known, "PrivateDnsZoneGroupProperties", "properties")
    given = properties.get("privateDnsZoneConfigs") or []
    zones = [_require_zone(call, config) for config in given]
    before = call.world.documents.get(call.path)
    if before:
        _remove_records(call.world, before)
    configs = [_write(call.world, endpoint, config, zone) for config, zone in zip(given, zones, strict=True)]
    written = {"provisioningState": "Succeeded", "privateDnsZoneConfigs": configs}
    document = {"id": call.path, "name": call.params["name"], "type": kind, "properties": written}
    call.world.documents.put(document)
    return Response(200 if before else 201, deepcopy(document))


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
    return zone


def _write(world: World, endpoint: Json, config: Json, zone: Json) -> Json:
    """The configuration with the records that were written; names that belong to other zones are left out."""
    entries = endpoint["properties"].get("customDnsConfigs") or []
    named = [(private_name(entry["fqdn"].lower()), entry["ipAddresses"]) for entry in entries]
    records = [
        _write_record(world, zone, place[0], addresses)
        for place, addresses in named
        if place and place[1] == zone["name"].lower()
    ]
    return {**config, "properties": {"privateDnsZoneId": zone["id"], "recordSets": records}}


def _write_record(world: World, zone: Json, name: str, addresses: list[str]) -> Json:
    fqdn = f"{name}.{zone['name']}"
    properties = {
        "ttl": _TTL_S,
        "fqdn": f"{fqdn}.",
        "isAutoRegistered": False,
        "aRecords": [{"ipv4Address": address} for address in addresses],
    }
    world.documents.put(
        {"id": f"{zone['id']}/A/{name}", "name": name, "type": _RECORD, "properties": properties}
    )
    shown = {"recordType": "A", "recordSetName": name, "fqdn": fqdn, "ttl": _TTL_S}
    return {**shown, "ipAddresses": addresses}


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
