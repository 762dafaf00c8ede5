"""Reading what lies around a workspace: its callers' networks, the names they see, and Azure's own diagnosis."""

from __future__ import annotations

from vnetferry.checks.dns import answers_for_endpoints
from vnetferry.errors import ConfigError
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.readings import Readings
from vnetferry.models.base import Json
from vnetferry.models.config import MigrationConfig
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import PRIVATE_ENDPOINT, Document, Inventory
from vnetferry.plan.inbound import dns_zones, private_endpoints, ways_in
from vnetferry.plan.scope import target_workspace


def caller_networks(inventory: Inventory, config: MigrationConfig) -> list[ResourceId]:
    """The virtual networks that private endpoints of the source lie in, and those that the new ones will."""
    today = [str((e.get("subnet") or {}).get("id", "")) for e in private_endpoints(inventory)]
    target = target_workspace(inventory.source, config)
    try:
        new = [str(way.subnet) for way in ways_in(inventory, config.target.inbound, target)]
    except ConfigError:
        new = []  # the checks say what is wrong with the configuration
    return sorted({ResourceId(subnet).parent for subnet in (*today, *new) if subnet})


def read_networks(readings: Readings, networks: list[ResourceId]) -> list[Document]:
    """Those that exist."""

    def read(network: ResourceId) -> list[Document]:
        body = readings.azure.arm.find(network, api_versions.NETWORK)
        return [] if body is None else [Document(id=network, body=body)]

    return [document for found in readings.each(read, networks) for document in found]


def read_zones(readings: Readings, inventory: Inventory, networks: list[ResourceId]) -> list[Document]:
    """The private DNS zones that have a say about endpoints' names, with their A records and their links."""
    known = [inventory.source, *networks, *map(ResourceId, dns_zones(inventory))]
    zones: list[Document] = []
    for subscription in sorted({each.subscription_id.lower() for each in known}):
        path = f"/subscriptions/{subscription}/providers/Microsoft.Network/privateDnsZones"
        items = readings.items(path, api_versions.PRIVATE_DNS)
        zones += [
            Document(id=ResourceId(i["id"]), body=i) for i in items if answers_for_endpoints(str(i["name"]))
        ]
    parts = readings.collections((zone.id, part) for zone in zones for part in ("virtualNetworkLinks", "A"))
    return [*zones, *parts]


def read_creation_times(readings: Readings, subscription_id: str) -> dict[str, str]:
    """Private endpoint id (lower case) -> when it was made: the one thing that its own document does not say."""
    query = {"$filter": f"resourceType eq '{PRIVATE_ENDPOINT}'", "$expand": "createdTime"}
    items = readings.items(f"/subscriptions/{subscription_id}/resources", api_versions.RESOURCES, query)
    return {str(item["id"]).lower(): str(item["createdTime"]) for item in items if item.get("createdTime")}


def read_diagnosis(azure: Azure, workspace: ResourceId) -> Json:
    """What Azure's own diagnosis of a workspace finds, by group. It changes nothing, and takes up to a minute."""
    answer = azure.arm.post(f"{workspace}/diagnose", api_versions.ML, {"value": {}})
    result = azure.arm.wait(answer, "diagnosis") or answer.body
    found: Json = result.get("value") or {}
    return found
