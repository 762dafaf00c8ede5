"""What the service fills into a deployment's document once it runs.

Recorded from the service, 2022 and 2025.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.scoring.assets import find_assets
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_PROBE = {
    "failureThreshold": 30,
    "successThreshold": 1,
    "timeout": "PT2S",
    "period": "PT10S",
    "initialDelay": "PT10S",
}
_REQUESTS = {"maxQueueWait": "PT0S", "requestTimeout": "PT5S", "maxConcurrentRequestsPerInstance": 1}
_NOTHING_YET = ("dataCollector", "description", "livenessProbe", "model", "modelMountPath", "readinessProbe")


def begun(deployment: Json) -> Json:
    """The document as it reads until it runs; `deployment` itself is left alone.

    Recorded: no timeout yet, and no probes but those that were sent. What clients cannot read a deployment without
    is there from the start: its scale, and whether it has Application Insights.
    """
    document = deepcopy(deployment)
    properties = document["properties"]
    asked = _present(properties.get("requestSettings"))
    properties["requestSettings"] = {**_REQUESTS, "requestTimeout": "PT0S", **asked}
    properties["scaleSettings"] = properties.get("scaleSettings") or {"scaleType": "Default"}
    properties["appInsightsEnabled"] = bool(properties.get("appInsightsEnabled"))
    for name in _NOTHING_YET:
        properties.setdefault(name, None)
    return document


def complete(world: World, deployment: Json) -> Json:
    """The document as it reads after success; `deployment` itself is left alone.

    An egress setting that was never sent reads `Enabled`, and three environment variables appear unless the
    caller set them: sent back in a later update, they still name the old model.
    """
    document = deepcopy(deployment)
    properties = document["properties"]
    given = {**(properties.get("environmentVariables") or {})}
    properties["environmentVariables"] = {
        **given,
        **{k: v for k, v in _injected(world, document).items() if k not in given},
    }
    properties["requestSettings"] = {**_REQUESTS, **_present(properties.get("requestSettings"))}
    for probe in ("livenessProbe", "readinessProbe"):
        properties[probe] = {**_PROBE, **_present(properties.get(probe))}
    properties["scaleSettings"] = properties.get("scaleSettings") or {"scaleType": "Default"}
    properties["egressPublicNetworkAccess"] = properties.get("egressPublicNetworkAccess") or "Enabled"
    properties["appInsightsEnabled"] = bool(properties.get("appInsightsEnabled"))
    for name in ("dataCollector", "description", "model", "modelMountPath", "startupProbe"):
        properties.setdefault(name, None)
    return document


def _injected(world: World, document: Json) -> dict[str, str]:
    """Nothing for a deployment whose assets cannot be found: it fails when it is started."""
    try:
        return find_assets(world, document).variables
    except AzureError:
        return {}


def _present(settings: Json | None) -> Json:
    return {name: value for name, value in (settings or {}).items() if value is not None}
