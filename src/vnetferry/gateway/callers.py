"""How callers reach a workspace and what it uses: private endpoints, the networks that they stand in, and their names.

The private endpoints that deployments have by legacy isolation lie in Azure's own subscriptions and cannot be read; the
connections that they make on the workspace, its storage and its registry can, and say what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from vnetferry.gateway import api_versions
from vnetferry.gateway.readings import Readings, identified
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import PRIVATE_DNS_ZONE, PRIVATE_ENDPOINT, Document, is_legacy_connection

# What the names of workspaces are in. Source: how to use a workspace with a custom DNS server.
_WORKSPACE_ZONES = ("privatelink.api.azureml.ms", "privatelink.notebooks.azure.net")
_CONNECTED = (
    "microsoft.storage/storageaccounts",
    "microsoft.keyvault/vaults",
    "microsoft.containerregistry/registries",
)


def read_connections(readings: Readings, used: Iterable[Document]) -> list[Document]:
    """The private endpoint connections of the storage, vault and registry that a workspace uses."""
    wanted = [d.id for d in used if d.type.lower() in _CONNECTED]
    return readings.collections((resource, "privateEndpointConnections") for resource in wanted)


def read_callers(
    readings: Readings, workspace: Document, used: Iterable[Document], connections: Iterable[Document]
) -> list[Document]:
    """Private endpoints to the workspace or what it uses, zone groups, zones with links and records, and networks.

    In: connections: private endpoint connections of the workspace and of what it uses, which name private endpoints in
        other subscriptions too.
    """
    connections = list(connections)
    _note_hidden(readings, workspace, connections)
    endpoints = _private_endpoints(readings, workspace.id, used, connections)
    groups = readings.collections((d.id, "privateDnsZoneGroups") for d in endpoints)
    networks = {ResourceId(subnet).parent for d in endpoints if (subnet := (d.get("subnet") or {}).get("id"))}
    zones, links = _zones(readings, workspace.id, groups, networks)
    networks |= {ResourceId(network) for link in links if (network := _network_of(link))}
    return [
        *endpoints,
        *groups,
        *zones,
        *links,
        *_records(readings, zones, set(_addresses([*endpoints, *groups]))),
        *readings.documents(sorted(networks)),
    ]


def _private_endpoints(
    readings: Readings, workspace: ResourceId, used: Iterable[Document], connections: Iterable[Document]
) -> list[Document]:
    targets = {workspace.key, *(document.id.key for document in used)}
    items = readings.everywhere(workspace.subscription_id, PRIVATE_ENDPOINT, workspace.group_id)
    found = {d.id: d for d in identified(item for item in items if _reaches(item) & targets)}
    named = {endpoint for c in connections if (endpoint := _endpoint_of(c)) and endpoint not in found}
    visible = [endpoint for endpoint in sorted(named) if _is_visible(readings, endpoint)]
    return [*found.values(), *readings.documents(visible)]


def _note_hidden(readings: Readings, workspace: Document, connections: Iterable[Document]) -> None:
    """Callers may come from a subscription that whoever reads does not see.

    Without a managed network, which has private endpoints of Azure's own, all but the legacy ones are people's.
    """
    if (workspace.get("managedNetwork") or {}).get("isolationMode", "Disabled") != "Disabled":
        return
    for connection in connections:
        endpoint = _endpoint_of(connection)
        if endpoint and connection.id.is_under(workspace.id) and not _is_visible(readings, endpoint):
            readings.unread.add(f"{endpoint}: it is in a subscription that the caller does not see")


def _is_visible(readings: Readings, resource: ResourceId) -> bool:
    return resource.subscription_id.lower() in {s.lower() for s in readings.subscriptions}


def _endpoint_of(connection: Document) -> ResourceId | None:
    """The private endpoint of a connection that people made."""
    named = str((connection.get("privateEndpoint") or {}).get("id") or "")
    if is_legacy_connection(connection) or f"/providers/{PRIVATE_ENDPOINT}/".lower() not in named.lower():
        return None
    return ResourceId(named)


def _reaches(private_endpoint: Json) -> set[str]:
    """What a private endpoint connects to, in lower case."""
    properties = private_endpoint.get("properties") or {}
    kinds = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
    connections = chain.from_iterable(properties.get(kind) or () for kind in kinds)
    return {str((c.get("properties") or {}).get("privateLinkServiceId") or "").lower() for c in connections}


def _zones(
    readings: Readings, workspace: ResourceId, groups: list[Document], networks: set[ResourceId]
) -> tuple[list[Document], list[Document]]:
    """The zones of the zone groups, and those of workspaces that are linked to the networks; with their links."""
    grouped = {ResourceId(zone) for group in groups for zone in _zones_of(group)}
    listed = readings.everywhere(workspace.subscription_id, PRIVATE_DNS_ZONE, workspace.group_id)
    others = [
        document
        for document in identified(listed)
        if document.name.lower() in _WORKSPACE_ZONES and document.id not in grouped
    ]
    zones = [*readings.documents(sorted(grouped)), *others]
    links = readings.collections((zone.id, "virtualNetworkLinks") for zone in zones)
    reached = {network.key for network in networks}
    linked = {link.id.parent for link in links if _network_of(link).lower() in reached}
    kept = [zone for zone in zones if zone.id in grouped or zone.id in linked]
    return kept, [link for link in links if any(link.id.is_under(zone.id) for zone in kept)]


def _zones_of(group: Document) -> Iterator[str]:
    for config in group.get("privateDnsZoneConfigs") or ():
        if zone := (config.get("properties") or {}).get("privateDnsZoneId"):
            yield str(zone)


def _network_of(link: Document) -> str:
    return str((link.get("virtualNetwork") or {}).get("id") or "")


def _addresses(documents: Iterable[Document]) -> Iterator[str]:
    """The addresses of private endpoints; of one that has a zone group, the group alone tells them."""
    for document in documents:
        zones = [config.get("properties") or {} for config in document.get("privateDnsZoneConfigs") or ()]
        named = [
            *(document.get("customDnsConfigs") or ()),
            *(r for z in zones for r in z.get("recordSets") or ()),
        ]
        for each in named:
            yield from map(str, each.get("ipAddresses") or ())


def _records(readings: Readings, zones: list[Document], addresses: set[str]) -> list[Document]:
    """The A records that lead to the private endpoints: a zone of a hub holds those of every other workspace too."""

    def read(zone: Document) -> list[Json]:
        items = readings.azure.arm.list(f"{zone.id}/A", api_versions.PRIVATE_DNS)
        return [item for item in items if addresses & set(_leads_to(item))]

    return identified(chain.from_iterable(readings.each(read, zones, "A records of")))


def _leads_to(record: Json) -> Iterator[str]:
    for address in (record.get("properties") or {}).get("aRecords") or ():
        yield str(address.get("ipv4Address"))
