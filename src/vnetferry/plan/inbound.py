"""The way in for callers: a private endpoint to the target in each network that has one to the source.

A caller finds a workspace through the private endpoint of its own network, or of one peered with it, and through the
DNS records that this endpoint keeps. So the new one stands in the same subnet and registers in the same zones, by zone
groups of the same names. Source: Use your workspace with a custom DNS server; configure a private endpoint for a
workspace.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vnetferry.errors import ConfigError
from vnetferry.models.base import Json, digest
from vnetferry.models.config import InboundConfig
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import (
    DNS_ZONE_GROUP,
    PRIVATE_ENDPOINT,
    PRIVATE_ENDPOINT_CONNECTION,
    STORAGE_ACCOUNT,
    Document,
    Inventory,
    is_legacy_connection,
)
from vnetferry.models.plan import PlanWarning, Step
from vnetferry.plan.associated import made_anew
from vnetferry.plan.carry_over import carry_over
from vnetferry.plan.durations import expected_s
from vnetferry.plan.fields import writable
from vnetferry.plan.parts import Part, attention, join
from vnetferry.plan.scope import Scope

_SUBNET = "Microsoft.Network/virtualNetworks/subnets"
_CONNECTIONS = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
_NAME_MAX = 80  # of a private endpoint, in Azure


class WayIn(NamedTuple):
    """A private endpoint to be made in `subnet`; `today` is the source's in the same network, if there is one.

    target: what it leads to, and `parts` which of its services. maker: the step that makes the target.
    """

    subnet: ResourceId
    resource: ResourceId
    today: Document | None
    target: ResourceId
    parts: tuple[str, ...]
    maker: str


def ways_in(inventory: Inventory, inbound: InboundConfig | None, target: ResourceId) -> tuple[WayIn, ...]:
    """The private endpoints that callers need: in the configured subnet first, then by network.

    Raises: ConfigError when what is configured is no subnet.
    """
    if inbound is None:
        return ()
    today = _by_network(inventory)
    first, found = inbound.subnet_id, list[WayIn]()
    if first:
        _require_subnet(first)
        own = today.pop(first.parent, None)
        found.append(_to_workspace(target, first, _free_name(inventory, target, first), own))
    others = today if inbound.each_network else {}
    for network, document in sorted(others.items()):
        alone = len(others) + len(found) == 1
        name = f"pe-{target.name}" if alone else _name(target.name, network)
        resource = _resource(document.id.group_id, name)
        found.append(_to_workspace(target, _subnet_of(document), resource, document))
    return tuple(found)


def _to_workspace(
    target: ResourceId, subnet: ResourceId, resource: ResourceId, today: Document | None
) -> WayIn:
    return WayIn(subnet, resource, today, target, ("amlworkspace",), f"create_workspace:{target.name}")


def ways_to_new(scope: Scope) -> tuple[WayIn, ...]:
    """A private endpoint to what is made anew for each that people have to the source's, in the same subnet."""
    return tuple(
        WayIn(
            subnet=_subnet_of(document),
            resource=_resource(
                document.id.group_id, f"pe-{anew.resource.name}-{digest(document.id.key)[:6]}"
            ),
            today=document,
            target=anew.resource,
            parts=_parts_of(document, anew.like.id),
            maker=anew.step_id,
        )
        for anew in made_anew(scope)
        if anew.like
        for document in sorted(scope.inventory.of_type(PRIVATE_ENDPOINT), key=lambda d: d.id)
        if leads_to(document, anew.like.id) and (document.get("subnet") or {}).get("id")
    )


def _parts_of(private_endpoint: Document, target: ResourceId) -> tuple[str, ...]:
    connections = (c.get("properties", {}) for kind in _CONNECTIONS for c in private_endpoint.get(kind, []))
    found = [c for c in connections if str(c.get("privateLinkServiceId", "")).lower() == target.key]
    return tuple(part for connection in found for part in connection.get("groupIds") or ())


def storage_ways(scope: Scope) -> tuple[str, ...]:
    """The steps without which nobody may reach a storage account that is made anew."""
    return tuple(_step_id(way) for way in ways_to_new(scope) if way.target.type == STORAGE_ACCOUNT)


def inbound_step_ids(scope: Scope) -> tuple[str, ...]:
    """The steps that make the callers' private endpoints."""
    return tuple(_step_id(way) for way in all_ways_in(scope))


def all_ways_in(scope: Scope) -> tuple[WayIn, ...]:
    """The private endpoints of people's networks to the target, and to what is made anew for it."""
    return (*scope_ways_in(scope), *ways_to_new(scope))


def scope_ways_in(scope: Scope) -> tuple[WayIn, ...]:
    """`ways_in` of a migration; in place, where every way in stays, those in networks without one."""
    found = ways_in(scope.inventory, scope.config.target.inbound, scope.target)
    return tuple(way for way in found if not (scope.config.in_place and way.today))


def plan_inbound(scope: Scope) -> Part:
    """Create the private endpoints that people come through, and say who is left without."""
    ways = scope_ways_in(scope)
    lost = (*_without_way_in(scope, ways), *_left_alone(scope, ways), *_out_of_sight(scope))
    warnings = () if scope.config.in_place else lost
    return join([*(_plan_way_in(scope, way) for way in all_ways_in(scope)), Part(warnings=warnings)])


def inbound_documents(scope: Scope) -> list[Document]:
    """The source's private endpoints, and their zone groups, that new ones are made after."""
    ways = [way.today for way in all_ways_in(scope) if way.today]
    return [each for today in ways for each in (today, *_zone_groups(scope.inventory, today.id))]


def dns_zones(inventory: Inventory) -> list[str]:
    """The ids of the private DNS zones that the private endpoints of the source workspace itself register in."""
    return sorted(
        {
            zone["id"]
            for today in private_endpoints(inventory)
            for group in _zone_groups(inventory, today.id)
            for zone in _zones_of(group)
        }
    )


def private_endpoints(inventory: Inventory) -> list[Document]:
    """The private endpoints to the workspace, and not to the storage, vault or registry that it uses."""
    return [d for d in inventory.of_type(PRIVATE_ENDPOINT) if leads_to(d, inventory.source)]


def leads_to(private_endpoint: Document, target: ResourceId) -> bool:
    """Whether a private endpoint connects to a resource."""
    connections = [connection for kind in _CONNECTIONS for connection in private_endpoint.get(kind, [])]
    targets = {str(c.get("properties", {}).get("privateLinkServiceId", "")).lower() for c in connections}
    return target.key in targets


def zone_group(name: str, zones: list[str]) -> Json:
    """A zone group as a step's spec holds it, whose configurations are called as the portal calls them."""
    return {
        "name": name,
        "zones": [{"name": ResourceId(z).name.replace(".", "-"), "id": z} for z in zones],
    }


def _plan_way_in(scope: Scope, way: WayIn) -> Part:
    groups = new_zone_groups(scope, way)
    body = _body(scope, way)
    step = Step(
        id=_step_id(way),
        kind="create_private_endpoint",
        title=f"create private endpoint {way.resource.name}",
        resource=way.resource,
        source=way.today.id if way.today else None,
        body=body,
        spec={"vnet": way.subnet.parent.name, "dns_zone_groups": groups},
        depends_on=(way.maker,),
        undo="delete",
        duration_s=expected_s("create_private_endpoint"),
    )
    carried = _carried(scope, way.today, way.resource, body) if way.today else Part()
    return Part((step,), carried.carry_over, (*carried.warnings, *_way_in_warnings(scope, way, groups)))


def _carried(scope: Scope, today: Document, resource: ResourceId, body: Json) -> Part:
    groups = [
        carry_over(group, resource.child("privateDnsZoneGroups", group.name), {})
        for group in _zone_groups(scope.inventory, today.id)
    ]
    return join([carry_over(today, resource, body), *groups])


def _body(scope: Scope, way: WayIn) -> Json:
    connection = {
        "name": way.resource.name,
        "properties": {"privateLinkServiceId": str(way.target), "groupIds": list(way.parts)},
    }
    kept: Json = writable(way.today.type, way.today.body) if way.today else {}
    kept.pop("location", None)
    properties = {**kept.pop("properties", {}), "subnet": {"id": str(way.subnet)}}
    return {
        **kept,
        "location": _vnet_location(scope, way.subnet),
        "properties": {**properties, "privateLinkServiceConnections": [connection]},
    }


def new_zone_groups(scope: Scope, way: WayIn) -> list[Json]:
    """The zone groups of the source's endpoint in that network; where it has none there, the zones of all others.

    In place it is the same workspace, of the same names: its records in those zones would be overwritten.
    """
    if way.today:
        found = _zone_groups(scope.inventory, way.today.id)
        return [{"name": group.name, "zones": _zones_of(group)} for group in found if _zones_of(group)]
    zones = [] if scope.config.in_place else dns_zones(scope.inventory)
    return [zone_group("default", zones)] if zones else []


def _zone_groups(inventory: Inventory, private_endpoint: ResourceId) -> list[Document]:
    return [d for d in inventory.of_type(DNS_ZONE_GROUP) if d.id.parent == private_endpoint]


def _zones_of(group: Document) -> list[Json]:
    configs = [c for c in group.get("privateDnsZoneConfigs", []) if c.get("properties")]
    return [{"name": str(c.get("name")), "id": str(c["properties"]["privateDnsZoneId"])} for c in configs]


def _by_network(inventory: Inventory) -> dict[ResourceId, Document]:
    """VNet -> the source's private endpoint in it, the first by id where there are several."""
    found: dict[ResourceId, Document] = {}
    for document in private_endpoints(inventory):
        if (document.get("subnet") or {}).get("id"):
            found.setdefault(_subnet_of(document).parent, document)
    return found


def _subnet_of(private_endpoint: Document) -> ResourceId:
    return ResourceId(str(private_endpoint.get("subnet")["id"]))


def _require_subnet(subnet: ResourceId) -> None:
    if subnet.type.lower() != _SUBNET.lower():
        raise ConfigError(
            f"target.inbound.subnet_id is a {subnet.type}, not a subnet",
            resource="target.inbound.subnet_id",
            remedy="It ends with /virtualNetworks/<name>/subnets/<name>.",
        )


def _resource(group: ResourceId, name: str) -> ResourceId:
    return ResourceId(f"{group}/providers/{PRIVATE_ENDPOINT}/{name}")


def _free_name(inventory: Inventory, target: ResourceId, subnet: ResourceId) -> ResourceId:
    """`pe-<target>`; a name of the network's own when a private endpoint that stays is called so already."""
    usual = _resource(subnet.group_id, f"pe-{target.name}")
    return usual if usual not in inventory else _resource(subnet.group_id, _name(target.name, subnet.parent))


def _name(workspace: str, network: ResourceId) -> str:
    """A name of its own for each network: networks of different groups may be called the same."""
    end = f"-{digest(network.key)[:6]}"
    return f"pe-{workspace}-{network.name}"[: _NAME_MAX - len(end)] + end


def _step_id(way: WayIn) -> str:
    return f"create_private_endpoint:{way.resource.name}"


def _vnet_location(scope: Scope, subnet: ResourceId) -> str:
    """The VNet's region, which a private endpoint must share; the target's when nothing read tells it."""
    for document in scope.inventory.documents:
        where = document.get("subnet")
        in_vnet = isinstance(where, dict) and str(where.get("id", "")).lower().startswith(
            f"{subnet.parent.key}/"
        )
        if document.id == subnet.parent or in_vnet:
            return str(document.body.get("location") or scope.location)
    return scope.location


def _way_in_warnings(scope: Scope, way: WayIn, groups: list[Json]) -> Iterator[PlanWarning]:
    network, zones = way.subnet.parent.name, dns_zones(scope.inventory)
    if not groups and way.target != scope.target:
        text = f"No private DNS zone group was found for it; the DNS of {network} needs a record of {way.target.name}."
        yield attention(way.resource, text)
    elif zones and not groups and not way.today:
        names = ", ".join(sorted({ResourceId(zone).name for zone in zones}))
        yield attention(
            way.resource,
            f"{names} of today hold the workspace's addresses in other networks, which {way.resource.name} would "
            f"overwrite, so it registers nowhere. Link other zones of that name to {network}, and add them to it "
            f"(az network private-endpoint dns-zone-group create --endpoint-name {way.resource.name}).",
        )
    elif not groups:
        where = f"on {way.today.name}" if way.today else "on the source's private endpoints"
        yield attention(
            way.resource,
            f"No private DNS zone group was found {where}. Callers in {network} need records for {scope.target.name} "
            "in privatelink.api.azureml.ms; add a zone group to the new private endpoint, or records to your own DNS. "
            "A wildcard that sends all endpoints of the region to the old workspace must go.",
        )
    if way.today and (fixed := way.today.get("ipConfigurations")):
        text = (
            f"{way.today.name} in {network} has {len(fixed)} fixed addresses, which stay its own; Azure gives "
            f"{way.resource.name} others of the subnet. Firewalls that name the old ones need the new ones too."
        )
        yield attention(way.resource, text)


def _without_way_in(scope: Scope, ways: tuple[WayIn, ...]) -> Iterator[PlanWarning]:
    if not ways and scope.config.endpoints.public_network_access == "disabled":
        text = (
            "The new endpoints refuse public callers and the plan makes no private endpoint. Set "
            "target.inbound.subnet_id, or make a private endpoint to the new workspace in each VNet that callers "
            "are in."
        )
        yield attention(scope.target, text)


def _left_alone(scope: Scope, ways: tuple[WayIn, ...]) -> Iterator[PlanWarning]:
    """The source's private endpoints that no new one is made after."""
    covered = {way.subnet.parent for way in ways}
    used = {way.today.id for way in ways if way.today}
    for document in private_endpoints(scope.inventory):
        subnet = (document.get("subnet") or {}).get("id")
        if not subnet or document.id in used:
            continue
        network = ResourceId(str(subnet)).parent
        if network not in covered:
            text = (
                f"Callers in {network.name} reach the source through {document.name}, and the plan makes no private "
                "endpoint there, as target.inbound says. Make one before the handoff, or leave target.inbound out."
            )
        else:
            text = f"{document.name} is a further private endpoint in {network.name}; the new workspace gets one there."
        yield attention(document.id, text)


def _out_of_sight(scope: Scope) -> Iterator[PlanWarning]:
    """Callers' private endpoints that the workspace knows of and that could not be read."""
    for connection in scope.inventory.of_type(PRIVATE_ENDPOINT_CONNECTION):
        owner = str((connection.get("privateEndpoint") or {}).get("id") or "")
        state = connection.get("privateLinkServiceConnectionState", {})
        if not owner or is_legacy_connection(connection) or state.get("status") != "Approved":
            continue
        if ResourceId(owner) not in scope.inventory:
            text = (
                f"Private endpoint {owner} leads to the source and could not be read, so none is planned in its "
                "network. Ask its owner to make one to the new workspace before the handoff."
            )
            yield attention(connection.id, text)
