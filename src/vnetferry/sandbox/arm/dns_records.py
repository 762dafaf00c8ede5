"""Record sets of private DNS zones: addresses and aliases, and the SOA that every zone has.

Assumed: the words of refusals. Not served: MX, PTR, SRV and TXT, which no address comes of.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from vnetferry.sandbox.arm import tracked
from vnetferry.sandbox.arm.bodies import require_known, require_object
from vnetferry.sandbox.arm.shapes import Shape, reader
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

APEX = "@"
_HOST = re.compile(r"^(?=.{1,253}$)([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?$")
_SOA = {
    "host": "azureprivatedns.net",
    "email": "azureprivatedns-host.microsoft.com",
    "serialNumber": 1,
    "refreshTime": 3600,
    "retryTime": 300,
    "expireTime": 2419200,
    "minimumTtl": 10,
}


class RecordType(NamedTuple):
    """A type of record: the member that holds its records, the shape of that member, and how it is read."""

    name: str
    member: str
    shape: Any
    read: Callable[[Any], Any]


def _read_a(given: Any) -> list[Json]:
    return [{"ipv4Address": str(_address(IPv4Address, record, "ipv4Address"))} for record in given or []]


def _read_aaaa(given: Any) -> list[Json]:
    return [{"ipv6Address": str(_address(IPv6Address, record, "ipv6Address"))} for record in given or []]


def _address(kind: type[IPv4Address] | type[IPv6Address], record: Any, field: str) -> Any:
    try:
        return kind(require_object(record, "records").get(field))
    except (AddressValueError, ValueError) as err:
        raise AzureError(400, "BadRequest", f"The value '{record}' is not a valid record.") from err


def _read_cname(given: Any) -> Json:
    target = require_object(given, "cnameRecord").get("cname")
    if not isinstance(target, str) or not _HOST.match(target):
        raise AzureError(400, "BadRequest", f"The value '{target}' is not a valid CNAME.")
    return {"cname": target}


RECORD_TYPES = (
    RecordType("A", "aRecords", [{"ipv4Address": str}], _read_a),
    RecordType("AAAA", "aaaaRecords", [{"ipv6Address": str}], _read_aaaa),
    RecordType("CNAME", "cnameRecord", {"cname": str}, _read_cname),
)


def operations(zone_path: str, zone_type: str, versions: frozenset[str]) -> list[Operation]:
    """The rows of the route table, below zones."""
    soa, everything = f"{zone_path}/SOA", f"{zone_path}/ALL"
    return [
        *(row for kind in RECORD_TYPES for row in _operations(kind, zone_path, zone_type, versions)),
        Operation("RecordSets_Get", "GET", f"{soa}/{{name}}", _get_soa, f"{zone_type}/SOA/read", versions),
        Operation("RecordSets_List", "GET", everything, _list_all, f"{zone_type}/ALL/read", versions),
    ]


def count(world: World, zone_id: str) -> int:
    """How many record sets a zone has, with its SOA's."""
    collection = world.documents.collection
    return 1 + sum(len(collection(f"{zone_id}/{kind.name}")) for kind in RECORD_TYPES)


def _operations(
    kind: RecordType, zone_path: str, zone_type: str, versions: frozenset[str]
) -> list[Operation]:
    many, right = f"{zone_path}/{kind.name}", f"{zone_type}/{kind.name}"
    one = f"{many}/{{name}}"
    shape: Shape = {"properties": {"ttl": int, kind.member: kind.shape, "metadata": {"*": str}}}
    put = partial(_put, kind=kind, resource_type=right)
    return [
        Operation(
            "RecordSets_CreateOrUpdate", "PUT", one, put, f"{right}/write", versions, read_body=reader(shape)
        ),
        Operation("RecordSets_Get", "GET", one, _get, f"{right}/read", versions),
        Operation("RecordSets_Delete", "DELETE", one, _delete, f"{right}/delete", versions),
        Operation("RecordSets_ListByType", "GET", many, _list, f"{right}/read", versions),
    ]


async def _put(call: Call, kind: RecordType, resource_type: str) -> Response:
    zone = call.world.documents.require(call.path.rsplit("/", 2)[0])
    tracked.require_lasting(call, call.path)
    body = call.json()
    require_known(body, {"id", "name", "type", "etag", "properties"}, "RecordSet")
    properties = require_object(body.get("properties"), "properties")
    known = {"ttl", kind.member, "metadata", "fqdn", "isAutoRegistered"}
    require_known(properties, known, "RecordSetProperties", "properties")
    before = call.world.documents.get(call.path)
    _require_condition(call, before)
    _require_alone(call, zone, kind)
    name = call.params["name"]
    written = {
        "metadata": properties.get("metadata") or {},
        "fqdn": f"{zone['name']}." if name == APEX else f"{name}.{zone['name']}.",
        "ttl": _ttl(properties.get("ttl")),
        kind.member: kind.read(properties.get(kind.member)),
        "isAutoRegistered": False,
    }
    document = {"id": call.path, "name": name, "type": resource_type, "etag": str(uuid4())}
    call.world.documents.put({**document, "properties": written})
    return Response(200 if before else 201, deepcopy({**document, "properties": written}))


def _require_condition(call: Call, before: Json | None) -> None:
    """412 where a client that means to make a record set finds one, or finds another than it has read."""
    if call.request.headers.get("if-none-match") == "*" and before:
        raise AzureError(
            412, "PreconditionFailed", "The condition '*' in the If-None-Match header was not satisfied."
        )
    wanted = call.request.headers.get("if-match")
    if wanted and wanted != "*" and wanted != (before or {}).get("etag"):
        message = f"The condition '{wanted}' in the If-Match header was not satisfied."
        raise AzureError(412, "PreconditionFailed", message)


def _require_alone(call: Call, zone: Json, kind: RecordType) -> None:
    """An alias is its name's only record set, and the zone's own name cannot be one (RFC 1034, 3.6.2)."""
    name = call.params["name"]
    others = [other.name for other in RECORD_TYPES if other.name != kind.name]
    held = [other for other in others if f"{zone['id']}/{other}/{name}" in call.world.documents]
    if kind.name == "CNAME" and name == APEX:
        raise AzureError(400, "BadRequest", "A CNAME record set cannot be at the zone's apex ('@').")
    if held and "CNAME" in (kind.name, *held):
        message = (
            f"The record set '{name}' of type '{kind.name}' cannot be created: a record set of type '{held[0]}' with "
            "the same name exists, and a CNAME record set must be the only one of its name."
        )
        raise AzureError(400, "BadRequest", message)


def _ttl(value: Any) -> int:
    if not isinstance(value, int) or not 1 <= value <= 2147483647:
        raise AzureError(
            400, "BadRequest", f"The TTL '{value}' is not valid: it must be between 1 and 2147483647."
        )
    return value


async def _get(call: Call) -> Response:
    return Response(200, deepcopy(call.world.documents.require(call.path)))


async def _get_soa(call: Call) -> Response:
    zone = call.world.documents.require(call.path.rsplit("/", 2)[0])
    if call.params["name"] != APEX:
        call.world.documents.require(call.path)
    return Response(200, _soa_of(zone))


async def _delete(call: Call) -> Response:
    existed = call.path in call.world.documents
    call.world.documents.remove(call.path)
    return Response(200 if existed else 204)


async def _list(call: Call) -> Response:
    call.world.documents.require(call.path.rpartition("/")[0])
    return tracked.paged(call, deepcopy(call.world.documents.collection(call.path)))


async def _list_all(call: Call) -> Response:
    zone = call.world.documents.require(call.path.rpartition("/")[0])
    collection = call.world.documents.collection
    held = [each for kind in RECORD_TYPES for each in collection(f"{zone['id']}/{kind.name}")]
    suffix = call.request.query.get("$recordsetnamesuffix", "").lower()
    fitting = [each for each in (_soa_of(zone), *held) if str(each["name"]).lower().endswith(suffix)]
    return tracked.paged(call, deepcopy(fitting))


def _soa_of(zone: Json) -> Json:
    properties = {
        "fqdn": f"{zone['name']}.",
        "ttl": 3600,
        "isAutoRegistered": False,
        "soaRecord": dict(_SOA),
    }
    kind = "Microsoft.Network/privateDnsZones/SOA"
    return {"id": f"{zone['id']}/SOA/{APEX}", "name": APEX, "type": kind, "properties": properties}
