"""Private endpoints, and the connections to them on what they reach."""

from __future__ import annotations

from collections.abc import Mapping

from vnetferry.errors import NotFound, PersonNeeded
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.documents import Written, deciding_anew, ensure, merged
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

_WORKSPACE_ZONES = ("privatelink.api.azureml.ms", "privatelink.notebooks.azure.net")


def create_private_endpoint(
    azure: Azure, private_endpoint: ResourceId, body: Json, tags: Mapping[str, str] | None = None
) -> Written:
    """Make the private endpoint what `body` says; its connection may still wait for approval.

    A body without a location gets that of the subnet's VNet, which Azure requires it to share.
    """
    located = body if body.get("location") else {**body, "location": _location_of(azure, body)}
    return ensure(azure, private_endpoint, located, kind="private_endpoint", tags=tags)


def _location_of(azure: Azure, body: Json) -> str:
    vnet = ResourceId(body["properties"]["subnet"]["id"]).parent
    return str(azure.arm.get(vnet, api_versions.NETWORK)["location"])


def read_connections(azure: Azure, target: ResourceId) -> list[Json]:
    """The private endpoint connections of a resource."""
    return list(azure.arm.list(f"{target}/privateEndpointConnections", api_versions.api_version(target.type)))


def connection_state(connection: Json) -> str:
    """Approved, Pending, Rejected or Disconnected."""
    state = (connection.get("properties") or {}).get("privateLinkServiceConnectionState") or {}
    return str(state.get("status") or "Pending")


def approve_connection(azure: Azure, target: ResourceId, private_endpoint: ResourceId) -> Written:
    """Approve what a private endpoint asks of a resource, unless it is approved already.

    Raises:  NotFound when the resource knows of no such connection; PersonNeeded when somebody rejected it;
             PermissionDenied when the caller may not approve.
    Effects: at most one PUT on the resource's connection. Connections of one resource are made one at a time: that of
             another is waited for.
    """
    return deciding_anew(azure, lambda: _approve_once(azure, target, private_endpoint))


def _approve_once(azure: Azure, target: ResourceId, private_endpoint: ResourceId) -> Written:
    connection = _connection_from(azure, target, private_endpoint)
    status = connection_state(connection)
    if status == "Approved":
        return Written(False, connection, connection)
    if status in ("Rejected", "Disconnected"):
        raise PersonNeeded(
            f"the connection of private endpoint '{private_endpoint.name}' was {status.lower()}",
            resource=str(target),
            remedy="Ask who did it; then delete the private endpoint and run again.",
        )
    approval = {
        "privateLinkServiceConnectionState": {"status": "Approved", "description": "Approved by vnetferry"}
    }
    body = {"properties": merged(connection["properties"], approval)}
    answer = azure.arm.put(
        f"{target}/privateEndpointConnections/{connection['name']}", _version(target), body
    )
    after = azure.arm.wait(answer, "private_endpoint")
    return Written(True, connection, after, answer.request_id)


def _version(target: ResourceId) -> str:
    return api_versions.api_version(target.type)


def _connection_from(azure: Azure, target: ResourceId, private_endpoint: ResourceId) -> Json:
    for connection in read_connections(azure, target):
        owner = (connection.get("properties") or {}).get("privateEndpoint") or {}
        if str(owner.get("id", "")).lower() == private_endpoint.key:
            return connection
    raise NotFound(
        f"no connection from private endpoint '{private_endpoint.name}'",
        resource=str(target),
        remedy="Check that the private endpoint names this resource.",
        retryable=True,  # it shows a little after the private endpoint
    )


def find_linked_zones(azure: Azure, vnet: ResourceId) -> list[str]:
    """The private DNS zones for workspaces that are linked to a VNet, among those of its own subscription.

    Without a record there, callers in the VNet resolve the workspace's public address and never reach its private
    endpoint. Source: Use your workspace with a custom DNS server.
    """
    path = f"/subscriptions/{vnet.subscription_id}/providers/Microsoft.Network/privateDnsZones"
    zones = [str(zone["id"]) for zone in azure.arm.list(path, api_versions.PRIVATE_DNS)]
    wanted = [zone for zone in zones if ResourceId(zone).name.lower() in _WORKSPACE_ZONES]
    return sorted(zone for zone in wanted if vnet.key in _linked_networks(azure, zone))


def _linked_networks(azure: Azure, zone: str) -> set[str]:
    links = azure.arm.list(f"{zone}/virtualNetworkLinks", api_versions.PRIVATE_DNS)
    return {str((link["properties"].get("virtualNetwork") or {}).get("id", "")).lower() for link in links}


def register_dns(azure: Azure, private_endpoint: ResourceId, group: Json) -> Written:
    """Have the private endpoint keep its records in private DNS zones, by a zone group.

    In: group: {name, zones [{name, id}…]}, as the plan's step has it.
    """
    configs = [{"name": z["name"], "properties": {"privateDnsZoneId": z["id"]}} for z in group["zones"]]
    body = {"properties": {"privateDnsZoneConfigs": configs}}
    resource = private_endpoint.child("privateDnsZoneGroups", group["name"])
    return ensure(azure, resource, body, kind="private_endpoint")
