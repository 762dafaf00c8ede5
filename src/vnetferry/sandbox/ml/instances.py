"""The virtual machine sizes that online deployments run on, and how many cores of each family are taken.

Azure keeps a fifth of a deployment's instances in reserve for upgrades: what counts against the quota is
`ceil(1.2 x instances) x cores`, except for the largest GPU machines. Source: virtual machine quota
allocation for deployment; the sizes are those of the managed online endpoints' SKU list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from vnetferry.sandbox.scoring.names import normal_region
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

ENDPOINT_TYPE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
DEPLOYMENT_TYPE = f"{ENDPOINT_TYPE}/deployments"
# Azure's limits per subscription and region, unless the scenario's `quotas` say otherwise; a family's own
# name ("standardDSv2Family") limits that family. Source: manage and increase quotas for Azure Machine
# Learning. What a family gets by default depends on the subscription: 100 cores are assumed.
LIMITS = {
    "onlineEndpoints": 100,
    "onlineDeployments": 500,
    "deploymentsPerEndpoint": 20,
    "instancesPerDeployment": 50,
    "totalCores": 500,
    "roleAssignments": 4000,
    "workspacesPerGroup": 800,
    "storageAccounts": 250,
}
DEFAULT_FAMILY_CORES = 100


@dataclass(frozen=True)
class Size:
    """One size.

    Its cores, the quota family that they count against, and whether upgrades are reserved for.
    """

    name: str
    cores: int
    family: str
    reserved: bool = True


def _series(pattern: str, cores: dict[str, int], family: str, *, reserved: bool = True) -> dict[str, Size]:
    names = {pattern.format(mark): count for mark, count in cores.items()}
    return {name.lower(): Size(name, count, family, reserved) for name, count in names.items()}


_EVEN = {str(n): n for n in (2, 4, 8, 16, 32, 48, 64)}
SIZES = {
    **_series("Standard_DS{}_v2", {"1": 1, "2": 2, "3": 4, "4": 8, "5": 16}, "standardDSv2Family"),
    **_series("Standard_D{}s_v3", {str(n): n for n in (2, 4, 8, 16, 32)}, "standardDSv3Family"),
    **_series("Standard_D{}as_v4", _EVEN, "standardDASv4Family"),
    **_series("Standard_D{}s_v4", _EVEN, "standardDSv4Family"),
    **_series("Standard_D{}s_v5", _EVEN, "standardDSv5Family"),
    **_series("Standard_D{}as_v5", _EVEN, "standardDASv5Family"),
    **_series("Standard_E{}s_v3", {str(n): n for n in (2, 4, 8, 16, 32, 48, 64)}, "standardESv3Family"),
    **_series("Standard_E{}s_v5", _EVEN, "standardESv5Family"),
    **_series("Standard_F{}s_v2", {str(n): n for n in (2, 4, 8, 16, 32, 48, 64, 72)}, "standardFSv2Family"),
    **_series("Standard_FX{}mds", {str(n): n for n in (4, 12, 24, 36, 48)}, "standardFXMDVSFamily"),
    **_series("Standard_L{}s_v3", {str(n): n for n in (8, 16, 32, 48, 64, 80)}, "standardLSv3Family"),
    **_series("Standard_NC{}as_T4_v3", {str(n): n for n in (4, 8, 16, 64)}, "standardNCASv3_T4Family"),
    **_series("Standard_NC{}s_v3", {"6": 6, "12": 12, "24": 24}, "standardNCSv3Family"),
    **_series("Standard_NV{}ads_A10_v5", {str(n): n for n in (6, 12, 18, 36)}, "standardNVADSA10v5Family"),
    **_series(
        "Standard_NC{}ads_A100_v4",
        {str(n): n for n in (24, 48, 96)},
        "standardNCADSA100v4Family",
        reserved=False,
    ),
    **_series("Standard_NC{}ads_H100_v5", {"40": 40, "80": 80}, "standardNCADSH100v5Family", reserved=False),
    **_series("Standard_ND{}", {"40rs_v2": 40}, "standardNDSv2Family", reserved=False),
    **_series(
        "Standard_ND{}", {"96asr_v4": 96, "96amsr_A100_v4": 96}, "standardNDASv4Family", reserved=False
    ),
    **_series("Standard_ND{}", {"96isr_H100_v5": 96}, "standardNDSH100v5Family", reserved=False),
}


def find_size(name: str) -> Size | None:
    """The size of that name, in any case."""
    return SIZES.get(name.lower())


def cores_needed(size: Size, instances: int) -> int:
    """The cores that a deployment counts for, the upgrade reserve included."""
    counted = ceil(instances * 12 / 10) if size.reserved else instances
    return counted * size.cores


def deployments_in(world: World, subscription_id: str, location: str) -> Iterator[Json]:
    """The online deployments of a subscription in a region; what it costs depends on deployments alone."""
    region = normal_region(location)
    for deployment in world.documents.below(f"/subscriptions/{subscription_id}", DEPLOYMENT_TYPE):
        if normal_region(deployment["location"]) == region:
            yield deployment


def cores_in_use(world: World, subscription_id: str, location: str) -> Counter[str]:
    """Cores that the managed online deployments of a subscription take in a region, by quota family."""
    used: Counter[str] = Counter()
    for document in deployments_in(world, subscription_id, location):
        if size := find_size(document["properties"].get("instanceType") or ""):
            used[size.family] += cores_needed(size, instances_of(document))
    return used


def instances_of(deployment: Json) -> int:
    """How many instances a deployment has."""
    return int((deployment.get("sku") or {}).get("capacity") or 1)
