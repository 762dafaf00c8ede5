"""What runs in a workspace beside its endpoints: jobs, schedules, batch endpoints, and the nodes of its computes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.readings import Readings
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document

_ENDED = {"completed", "failed", "canceled"}
_ALL = {"listViewType": "All"}


class Jobs(NamedTuple):
    """The jobs that have not ended, and how many have."""

    running: list[Document]
    ended: int


def read_jobs(readings: Readings, workspace: ResourceId) -> Jobs:
    """Every page is read: nothing says how far back a job that still runs began. Those that ended are only counted."""
    ended, running = 0, []
    for job in readings.collection(workspace, "jobs", _ALL):
        if str(job.get("status")).lower() in _ENDED:
            ended += 1
        else:
            running.append(job)
    return Jobs(running, ended)


def read_batch(readings: Readings, workspace: ResourceId) -> list[Document]:
    """Schedules, disabled ones too, and batch endpoints with their deployments."""
    schedules = readings.collection(workspace, "schedules", _ALL)
    endpoints = readings.collection(workspace, "batchEndpoints")
    return [*schedules, *endpoints, *readings.collections((e.id, "deployments") for e in endpoints)]


def read_nodes(readings: Readings, computes: Iterable[Document]) -> dict[str, tuple[Json, ...]]:
    """Compute cluster (id in lower case) -> its nodes. Other computes have none to list."""
    clusters = [c for c in computes if str(c.get("computeType")).lower() == "amlcompute"]

    def read(cluster: Document) -> tuple[str, tuple[Json, ...]]:
        return cluster.id.key, tuple(_nodes(readings.azure, cluster.id))

    return dict(readings.each(read, clusters, "nodes of"))


def _nodes(azure: Azure, cluster: ResourceId) -> list[Json]:
    page = azure.arm.post(f"{cluster}/listNodes", api_versions.ML).body
    found: list[Json] = list(page.get("nodes") or ())
    while next_link := page.get("nextLink"):
        page = azure.arm.get(next_link, "")
        found += page.get("nodes") or ()
    return found
