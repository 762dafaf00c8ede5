"""The cores that computes take: shared with online deployments, by family and in total.

A cluster takes those of the nodes that it has now; one whose most nodes exceed the quota can be made, and does
not grow beyond it. An instance takes its cores as long as it exists, unless it was told to release them when it
is stopped. Low priority nodes have a quota of their own, which is not counted. Source: manage quotas (total
compute is shared by clusters, instances and deployments); of refusals, azure/mlops-v2#81 quotes the first text
below, the other is assumed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vnetferry.sandbox.errors import AzureError, service_error
from vnetferry.sandbox.ml.instances import DEFAULT_FAMILY_CORES, LIMITS, Size, cores_in_use, find_size
from vnetferry.sandbox.ml.scope import WORKSPACE_TYPE
from vnetferry.sandbox.scoring.names import normal_region
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_TOTAL = "totalCores"


def cores_taken(world: World, subscription_id: str, location: str) -> Counter[str]:
    """Cores that deployments and computes of a subscription take in a region, by quota family."""
    used = cores_in_use(world, subscription_id, location)
    for compute in computes_in(world, subscription_id, location):
        if size := _size_of(compute):
            used[size.family] += size.cores * _machines(compute)
    return used


def computes_in(world: World, subscription_id: str, location: str) -> Iterator[Json]:
    """The computes of a subscription in a region."""
    owner = f"/subscriptions/{subscription_id}/".lower()
    for workspace in world.resources_of(WORKSPACE_TYPE):
        if workspace["id"].lower().startswith(owner):
            for compute in world.documents.collection(f"{workspace['id']}/computes"):
                if normal_region(region_of(compute)) == normal_region(location):
                    yield compute


def region_of(compute: Json) -> str:
    """Where a compute runs."""
    properties = compute.get("properties") or {}
    return str(properties.get("computeLocation") or compute.get("location") or "")


def require_quota(world: World, compute: Json) -> None:
    """AzureError 400 unless the quota has room for an instance, or could ever have it for a cluster's least."""
    size = _size_of(compute)
    if size is None or _is_low_priority(compute):
        return
    if compute["properties"]["computeType"] == "AmlCompute":
        scale = compute["properties"]["properties"].get("scaleSettings") or {}
        _require_limits(world, size, max(1, int(scale.get("minNodeCount") or 0)))
    else:
        _require_limits(world, size, 1)
        _require_room(world, compute, size)


def nodes_that_fit(world: World, compute: Json, wanted: int) -> int:
    """How many of the wanted nodes a cluster can have beside all else."""
    size = _size_of(compute)
    if size is None or _is_low_priority(compute):
        return wanted
    free = min(cap - used for used, cap in _usage(world, compute, size))
    return max(0, min(wanted, free // size.cores))


def _require_limits(world: World, size: Size, nodes: int) -> None:
    """Both limits, whatever is used of them, must hold that many nodes."""
    words = {_TOTAL: "total", size.family: f"{_spoken(size.family)} family"}
    for name, word in words.items():
        limit, needed = _limit(world, name), nodes * size.cores
        if limit < needed:
            message = (
                f"The specified subscription has a {word} vCPU quota of {limit} and cannot accomodate for at least "
                f"{nodes} requested managed compute node which maps to {needed} vCPUs."
            )
            raise service_error(400, "BadRequest", message)


def _require_room(world: World, compute: Json, size: Size) -> None:
    for used, cap in _usage(world, compute, size):
        if used + size.cores > cap:
            message = (
                f"The specified subscription has a vCPU quota of {cap}, of which {used} are in use, and cannot "
                f"accomodate for a compute instance which maps to {size.cores} vCPUs."
            )
            raise service_error(400, "BadRequest", message)


def _usage(world: World, compute: Json, size: Size) -> list[tuple[int, int]]:
    """(used by all others, limit) of the family and of the total."""
    used = cores_taken(world, compute["id"].split("/")[2], region_of(compute))
    held = world.documents.get(compute["id"])
    own = size.cores * _machines(held) if held is not None and _size_of(held) == size else 0
    return [
        (used[size.family] - own, _limit(world, size.family)),
        (used.total() - own, _limit(world, _TOTAL)),
    ]


def _limit(world: World, name: str) -> int:
    return world.scenario.quotas.get(name, LIMITS.get(name, DEFAULT_FAMILY_CORES))


def _size_of(compute: Json) -> Size | None:
    inner = (compute.get("properties") or {}).get("properties") or {}
    return find_size(inner.get("vmSize") or "")


def _machines(compute: Json) -> int:
    """How many machines of its size a compute has now."""
    properties = compute["properties"]
    inner = properties.get("properties") or {}
    if properties.get("computeType") == "AmlCompute":
        return 0 if _is_low_priority(compute) else int(inner.get("currentNodeCount") or 0)
    released = inner.get("state") == "Stopped" and bool(inner.get("releaseQuotaOnStop"))
    return int(properties.get("computeType") == "ComputeInstance" and not released)


def _is_low_priority(compute: Json) -> bool:
    inner = (compute.get("properties") or {}).get("properties") or {}
    return str(inner.get("vmPriority")).lower() == "lowpriority"


def _spoken(family: str) -> str:
    """`standardDSv2Family` as the service says it: Standard DSv2."""
    return family.removesuffix("Family").replace("standard", "Standard ", 1)


def refused_action(message: str) -> AzureError:
    """400 for what a compute of its kind or state cannot do."""
    return service_error(400, "BadRequest", message)
