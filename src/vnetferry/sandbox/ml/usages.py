"""Usages, quotas and virtual machine sizes of a region, from the same limits that deployments are held to."""

from __future__ import annotations

from collections import Counter

from vnetferry.sandbox.arm.regions import require_region
from vnetferry.sandbox.ml.compute_cores import cores_taken
from vnetferry.sandbox.ml.instances import DEPLOYMENT_TYPE, ENDPOINT_TYPE, SIZES
from vnetferry.sandbox.ml.online_quotas import limit_of
from vnetferry.sandbox.ml.scope import LOCATION, PROVIDER, row
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.scoring.names import normal_region
from vnetferry.sandbox.wire import Json, Response

_TOTAL = ("totalCores", "Total Cluster Dedicated Regional vCPUs")
_COUNTED = (
    ("onlineEndpoints", "Online endpoints", ENDPOINT_TYPE),
    ("onlineDeployments", "Online deployments", DEPLOYMENT_TYPE),
)


def operations() -> list[Operation]:
    """Reads only: what raises a quota (Microsoft.Quota, a support request) is not served."""
    right, note = "locations/usages/read", "deployments, clusters' nodes and instances share them"
    sizes = "cores and family are Azure's; memory and disks are not answered"
    return [
        row("Usages_List", "GET", f"{LOCATION}/usages", _usages, right, note=note),
        row("Quotas_List", "GET", f"{LOCATION}/quotas", _quotas, "locations/quotas/read", note=note),
        row(
            "VirtualMachineSizes_List",
            "GET",
            f"{LOCATION}/vmSizes",
            _sizes,
            "locations/vmsizes/read",
            note=sizes,
        ),
    ]


async def _usages(call: Call) -> Response:
    region = _region(call)
    used = cores_taken(call.world, call.params["subscriptionId"], region)
    cores = [
        _usage(call, name, text, used.total() if name == _TOTAL[0] else used[name])
        for name, text in _core_names()
    ]
    counts = _count(call, region)
    return Response(
        200, {"value": [*cores, *(_usage(call, name, text, counts[kind]) for name, text, kind in _COUNTED)]}
    )


async def _quotas(call: Call) -> Response:
    region = _region(call)
    value = [
        {
            "id": _identifier(call, name, "quotas"),
            "amlWorkspaceLocation": region,
            "type": f"{PROVIDER}/vmFamily/quotas",
            "limit": limit_of(call.world, name),
            "unit": "Count",
            "name": {"value": name, "localizedValue": text},
        }
        for name, text in _core_names()
    ]
    return Response(200, {"value": value})


async def _sizes(call: Call) -> Response:
    _region(call)
    value = [
        {
            "name": size.name,
            "family": size.family,
            "vCPUs": size.cores,
            "supportedComputeTypes": ["AmlCompute", "ComputeInstance"],
        }
        for size in SIZES.values()
    ]
    return Response(200, {"value": value})


def _region(call: Call) -> str:
    return str(require_region(call.params["location"], f"{PROVIDER}/locations"))


def _core_names() -> list[tuple[str, str]]:
    families = dict.fromkeys(size.family for size in SIZES.values())
    return [
        _TOTAL,
        *((name, f"{name.removesuffix('Family')} Family Cluster Dedicated vCPUs") for name in families),
    ]


def _usage(call: Call, name: str, text: str, current: int) -> Json:
    return {
        "id": _identifier(call, name, "usages"),
        "amlWorkspaceLocation": _region(call),
        "type": f"{PROVIDER}/{'vmFamily/' if name.endswith('Family') else ''}usages",
        "unit": "Count",
        "currentValue": current,
        "limit": limit_of(call.world, name),
        "name": {"value": name, "localizedValue": text},
    }


def _identifier(call: Call, name: str, collection: str) -> str:
    scope = f"/subscriptions/{call.params['subscriptionId']}/providers/{PROVIDER}/locations/{_region(call)}"
    return f"{scope}/{'vmFamilies/' + name + '/' if name.endswith('Family') else ''}{collection}"


def _count(call: Call, region: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for _name, _text, kind in _COUNTED:
        for document in call.world.documents.below(f"/subscriptions/{call.params['subscriptionId']}", kind):
            found[kind] += normal_region(document.get("location", "")) == region
    return found
