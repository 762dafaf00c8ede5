"""Reading a source workspace: its document, its children and what hangs on it, as GET returns them.

Nothing is dropped, whatever the api-version's models say, because documents pass as raw JSON. Nothing is
written. What the caller may not read beside the workspace itself is noted, not fatal.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from vnetferry.errors import ConfigError, NotFound
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.metrics import count_requests
from vnetferry.gateway.satellites import Readings, read_satellites
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document, Inventory

_THREADS = 12  # readers at once: the ARM budget, not they, decides how fast it goes
_CHILDREN = (
    "onlineEndpoints",
    "datastores",
    "connections",
    "computes",
    "outboundRules",
    "privateEndpointConnections",
)
_CONTAINERS = ("models", "environments")
_DAYS = 30


def read_inventory(azure: Azure, source: ResourceId) -> Inventory:
    """Everything about one workspace.

    Raises: ConfigError when there is no such workspace; PermissionDenied when it may not be read.
    """
    workspace = Document(id=source, body=_read_workspace(azure, source))
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="inventory") as pool:
        readings = Readings(azure, pool)
        children = _read_children(readings, source)
        endpoints = [d for d in children if d.type.lower().endswith("/onlineendpoints")]
        deployments = readings.children((e.id, "deployments") for e in endpoints)
        codes = readings.documents(_codes_of(deployments, source))
        satellites = read_satellites(readings, workspace, (*endpoints, *deployments))
        usages = readings.items(f"{_location(workspace)}/usages", api_versions.ML)
        requests = readings.each(lambda e: _requests(azure, e), endpoints, "request metrics")
    others = {d.id: d for d in (*children, *codes, *deployments, *satellites)}
    others.pop(source, None)
    return Inventory(
        source=source,
        documents=(workspace, *sorted(others.values(), key=lambda d: d.id)),
        usages=tuple(usages),
        requests=dict(requests),
        unread=tuple(sorted(readings.unread)),
    )


def _read_workspace(azure: Azure, source: ResourceId) -> Json:
    try:
        return azure.arm.get(source, api_versions.ML)
    except NotFound as err:
        raise ConfigError(
            f"the source workspace '{source.name}' does not exist, or its subscription is not visible",
            resource=str(source),
            code=err.code,
            request_id=err.request_id,
            remedy="Check source.subscription_id, source.resource_group and source.workspace in the "
            "configuration, and who is signed in.",
        ) from err


def _location(workspace: Document) -> str:
    subscription = f"/subscriptions/{workspace.id.subscription_id}"
    return (
        f"{subscription}/providers/Microsoft.MachineLearningServices/locations/{workspace.body['location']}"
    )


def _read_children(readings: Readings, source: ResourceId) -> list[Document]:
    direct = readings.children((source, kind) for kind in _CHILDREN)
    containers = readings.children((source, kind) for kind in _CONTAINERS)
    versions = readings.children(((c.id, "versions") for c in containers), {"listViewType": "All"})
    return [*direct, *containers, *versions]


def _codes_of(deployments: Iterable[Document], source: ResourceId) -> list[ResourceId]:
    """The code versions that deployments run. All others stay unread: every job that a workspace ever ran left one."""
    named = {
        str(d.get("codeConfiguration", {}).get("codeId") or "").removeprefix("azureml:") for d in deployments
    }
    codes = (ResourceId(text) for text in named if text.lower().startswith("/subscriptions/"))
    return sorted(code for code in codes if code.is_under(source))


def _requests(azure: Azure, endpoint: Document) -> tuple[str, float]:
    return endpoint.id.key, count_requests(azure, endpoint.id, _DAYS * 24)
