"""Private DNS zones as Azure's resolver applies them to whoever asks from a linked virtual network.

The most specific linked zone has the last word on every name in it: a record that it lacks does not exist,
unless the link has the policy `NxDomainRedirect` and the zone is a private link's. Source: What is a private
Azure DNS zone; Fallback to internet for Azure Private DNS zones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vnetferry.sandbox.dns.answers import Found, Kind, Record, longest_suffix
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_KINDS: tuple[tuple[Kind, str, str], ...] = (
    ("A", "aRecords", "ipv4Address"),
    ("AAAA", "aaaaRecords", "ipv6Address"),
)
_TTL_S = 3600


def find(world: World, network: Json | None, name: str) -> Found | None:
    """What a zone linked to the network (None: to any) says of a name; None where none has a word in it."""
    linked = dict(_linked(world, network))
    zones = {zone["name"].lower(): zone for zone in map(world.documents.require, linked)}
    best = longest_suffix(list(zones), name)
    if best is None:
        return None
    found = _look_up(world, zones[best], name)
    if found.status == "no_name" and _falls_back(best, linked[zones[best]["id"]]):
        return None
    return found


def _linked(world: World, network: Json | None) -> Iterator[tuple[str, Json]]:
    """The ids of the zones that are linked to a network, and their links' properties."""
    for zone in world.resources_of("Microsoft.Network/privateDnsZones"):
        for link in world.documents.collection(f"{zone['id']}/virtualNetworkLinks"):
            properties = link.get("properties") or {}
            target = (properties.get("virtualNetwork") or {}).get("id", "")
            is_wanted = network is None or target.lower() == network["id"].lower()
            if is_wanted and _is_complete(properties):
                yield zone["id"], properties


def _is_complete(link: Json) -> bool:
    return bool(link.get("virtualNetworkLinkState", "Completed") == "Completed")


def _falls_back(zone: str, link: Json) -> bool:
    return zone.startswith("privatelink.") and link.get("resolutionPolicy") == "NxDomainRedirect"


def _look_up(world: World, zone: Json, name: str) -> Found:
    origin = zone["name"].lower()
    held: dict[str, list[Record]] = {}
    for record in _records(world, zone["id"], origin):
        held.setdefault(record.name, []).append(record)
    match = _match(set(held), name, origin)
    if match is None:
        is_inner = name == origin or _exists(set(held), name)
        return Found("no_data" if is_inner else "no_name", zone=origin, is_private=True)
    records = tuple(Record(name, record.kind, record.value, record.ttl_s) for record in held[match])
    return Found("found", records, origin, is_private=True)


def _match(names: set[str], name: str, origin: str) -> str | None:
    """The owner name that answers for `name`: itself, or the wildcard right below its nearest ancestor.

    Source: RFC 4592, 3.3.1: a wildcard does not reach past a name that exists.
    """
    if name in names:
        return name
    if _exists(names, name):
        return None
    ancestor = name.partition(".")[2]
    while ancestor != origin and not _exists(names, ancestor):
        ancestor = ancestor.partition(".")[2]
    wildcard = f"*.{ancestor}"
    return wildcard if wildcard in names and name != origin else None


def _exists(names: set[str], name: str) -> bool:
    """Whether there is such a name, or a name below it."""
    return name in names or any(other.endswith(f".{name}") for other in names)


def _records(world: World, zone_id: str, origin: str) -> Iterator[Record]:
    for kind, member, field in _KINDS:
        for document in world.documents.collection(f"{zone_id}/{kind}"):
            properties = document.get("properties") or {}
            for entry in properties.get(member) or []:
                yield Record(_owner(document, origin), kind, str(entry[field]), _ttl_s(properties))
    for document in world.documents.collection(f"{zone_id}/CNAME"):
        properties = document.get("properties") or {}
        if target := (properties.get("cnameRecord") or {}).get("cname"):
            yield Record(_owner(document, origin), "CNAME", target.lower().rstrip("."), _ttl_s(properties))


def _owner(document: Json, origin: str) -> str:
    name = str(document["name"]).lower()
    return origin if name == "@" else f"{name}.{origin}"


def _ttl_s(properties: Json) -> int:
    return int(properties.get("ttl") or _TTL_S)
