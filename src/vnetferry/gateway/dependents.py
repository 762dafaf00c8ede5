"""What still depends on a workspace, its computes or its group: read before anything of it is deleted."""

from __future__ import annotations

from collections.abc import Iterable

from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.network import read_connections
from vnetferry.models.base import Json
from vnetferry.models.ids import ML, ResourceId
from vnetferry.models.inventory import Document, is_legacy_connection

_AT_WORK = ("runningNodeCount", "preparingNodeCount")


def work_on(azure: Azure, compute: ResourceId) -> str:
    """What a compute is busy with, such as "2 nodes at work"; "" when it is idle or gone."""
    document = azure.arm.find(compute, api_versions.ML)
    inner = ((document or {}).get("properties") or {}).get("properties") or {}
    counts = inner.get("nodeStateCounts") or {}
    nodes = sum(int(counts.get(name) or 0) for name in _AT_WORK)
    if nodes:
        return f"{nodes} node(s) at work"
    return "running" if str(inner.get("state") or "").lower() in ("running", "starting") else ""


def endpoints_on(azure: Azure, workspace: ResourceId, compute: ResourceId) -> list[str]:
    """The endpoints of a workspace that run on an attached compute."""
    found = azure.arm.list(f"{workspace}/onlineEndpoints", api_versions.ML)
    return [e["name"] for e in found if str(e["properties"].get("compute") or "").lower() == compute.key]


def projects_of(azure: Azure, hub: ResourceId) -> list[str]:
    """The workspaces of the subscription that are projects of a hub."""
    path = f"/subscriptions/{hub.subscription_id}/providers/{ML}/workspaces"
    found = azure.arm.list(path, api_versions.ML)
    return [w["name"] for w in found if str(w["properties"].get("hubResourceId") or "").lower() == hub.key]


def private_endpoints_to(azure: Azure, resource: ResourceId) -> list[str]:
    """The private endpoints of people's own networks that lead to a resource, as ids."""
    found = (_owner(d.body) for d in _connections(azure, resource) if not is_legacy_connection(d))
    return sorted(owner for owner in found if owner)


def legacy_connections(azure: Azure, resource: ResourceId) -> list[str]:
    """The connections on a resource that legacy deployments made, by name; none when the resource is gone."""
    if azure.arm.find(resource, api_versions.api_version(resource.type)) is None:
        return []
    return [d.name for d in _connections(azure, resource) if is_legacy_connection(d)]


def _connections(azure: Azure, resource: ResourceId) -> list[Document]:
    found = read_connections(azure, resource)
    return [Document(id=resource.child("privateEndpointConnections", c["name"]), body=c) for c in found]


def others_in_group(azure: Azure, group: ResourceId, besides: Iterable[ResourceId] = ()) -> list[str]:
    """The resources in a group, as "type name", without those named and what lies below them; none when it is gone."""
    spared = tuple(besides)
    if azure.arm.find(group, api_versions.RESOURCES) is None:
        return []
    listed = azure.arm.list(f"{group}/resources", api_versions.RESOURCES)
    found = [ResourceId(str(item["id"])) for item in listed]
    return [f"{r.type} {r.name}" for r in found if not any(r == s or r.is_under(s) for s in spared)]


def _owner(connection: Json) -> str:
    return str(((connection.get("properties") or {}).get("privateEndpoint") or {}).get("id") or "")
