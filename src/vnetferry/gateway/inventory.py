"""Reading a source workspace: its document, its children and what hangs on it, as GET returns them.

Nothing is dropped, whatever the api-version's models say, because documents pass as raw JSON. Nothing is
written. What the caller may not read beside the workspace itself is noted, not fatal.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from vnetferry.errors import ConfigError, NotFound
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.costs import read_costs
from vnetferry.gateway.metrics import count_requests
from vnetferry.gateway.reached import read_reached
from vnetferry.gateway.readings import Readings
from vnetferry.gateway.registries import read_kept
from vnetferry.gateway.satellites import read_satellites, read_used
from vnetferry.gateway.work import read_batch, read_jobs, read_nodes
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import COMPUTE, DEPLOYMENT, ENDPOINT, Document, Inventory

_THREADS = 12  # readers at once: the ARM budget, not they, decides how fast it goes
_CHILDREN = ("datastores", "connections", "computes", "outboundRules", "privateEndpointConnections")
_ASSETS = ("models", "environments", "data", "components")
_ALL = {"listViewType": "All"}  # archived ones too
_DAYS = 30


_GONE = ("ResourceNotFound", "ResourceGroupNotFound")


def find_inventory(azure: Azure, source: ResourceId) -> Inventory | None:
    """What steps need to know of a workspace; None when it is gone. Raises: as `read_inventory`."""
    try:
        return read_inventory(azure, source, figures=False)
    except ConfigError as err:
        if err.code not in _GONE:
            raise
        return None


def read_inventory(azure: Azure, source: ResourceId, *, figures: bool = True) -> Inventory:
    """Everything about one workspace.

    In:     figures: False leaves out what people read and no step relies on: jobs, nodes, requests, quotas and costs.
    Raises: ConfigError when there is no such workspace; PermissionDenied when it, its endpoints or their deployments
            may not be read: whoever planned without them would leave them behind.
    """
    workspace = Document(id=source, body=_read_workspace(azure, source))
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="inventory") as pool:
        readings = Readings(azure, pool)
        jobs = readings.begin(lambda: read_jobs(readings, source)) if figures else None
        children = [*_read_children(readings, source), *read_batch(readings, source)]
        used = read_used(readings, workspace, children)
        counted = (
            readings.begin(lambda: _read_figures(readings, workspace, children, used)) if figures else None
        )
        satellites = read_satellites(readings, workspace, children, used)
        deployments = _of(children, DEPLOYMENT)
        reached = read_reached(readings, source, deployments, [*children, *used, *satellites])
        kept = read_kept(readings, reached, deployments)
        running = jobs.result().running if jobs else ()
        found = {d.id: d for d in (*kept, *reached, *children, *used, *satellites, *running)}
        found.pop(source, None)
        known = Inventory(source=source, documents=(workspace, *sorted(found.values(), key=lambda d: d.id)))
        more = {**counted.result(), "jobs_ended": jobs.result().ended} if counted and jobs else {}
        return known.model_copy(update={**more, "unread": tuple(sorted(readings.unread))})


def _read_figures(
    readings: Readings, workspace: Document, children: list[Document], used: list[Document]
) -> dict[str, Any]:
    """Fields of an inventory that no document holds."""
    azure, endpoints = readings.azure, _of(children, ENDPOINT)
    names = [endpoint.name for endpoint in endpoints]
    return {
        "costs": tuple(read_costs(readings, workspace.id, (d.id for d in used), names)),
        "usages": tuple(readings.items(f"{_location(workspace)}/usages", api_versions.ML)),
        "quotas": tuple(readings.items(f"{_location(workspace)}/quotas", api_versions.ML)),
        "nodes": read_nodes(readings, _of(children, COMPUTE)),
        "requests": dict(readings.each(lambda e: _requests(azure, e), endpoints, "request metrics")),
    }


def _of(documents: Iterable[Document], kind: str) -> list[Document]:
    return [document for document in documents if document.type.lower() == kind.lower()]


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
    endpoints = readings.children([(source, "onlineEndpoints")])
    deployments = readings.children((e.id, "deployments") for e in endpoints)
    others = readings.collections((source, kind) for kind in _CHILDREN)
    containers = readings.collections(((source, kind) for kind in _ASSETS), _ALL)
    versions = readings.collections(((c.id, "versions") for c in containers), _ALL)
    codes = readings.documents(_codes_of(deployments, source))
    return [*endpoints, *deployments, *others, *containers, *versions, *codes]


def _codes_of(deployments: Iterable[Document], source: ResourceId) -> list[ResourceId]:
    """The code versions that deployments run. All others stay unread: every job that a workspace ever ran left one."""
    named = {
        str(d.get("codeConfiguration", {}).get("codeId") or "").removeprefix("azureml:") for d in deployments
    }
    codes = (ResourceId(text) for text in named if text.lower().startswith("/subscriptions/"))
    return sorted(code for code in codes if code.is_under(source))


def _requests(azure: Azure, endpoint: Document) -> tuple[str, float]:
    return endpoint.id.key, count_requests(azure, endpoint.id, _DAYS * 24)
