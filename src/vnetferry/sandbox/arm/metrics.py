"""Microsoft.Insights/metrics of online endpoints and deployments.

RequestsPerMinute counts what was really scored in the sandbox, minute by minute of Azure's time, on top of
the steady load that the scenario gives (`metrics`); the other metrics answer the scenario's value, or no
data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.extension import SCOPES, scope_of
from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_VERSIONS = frozenset({"2018-01-01", "2019-07-01", "2021-05-01", "2023-10-01", "2024-02-01"})
_ENDPOINT = "microsoft.machinelearningservices/workspaces/onlineendpoints"
_LATENCIES = ("RequestLatency", *(f"RequestLatency_P{part}" for part in (50, 90, 95, 99)))
# Metric -> (unit, primary aggregation). Source: Monitoring data reference of Azure Machine Learning.
METRICS: dict[str, dict[str, tuple[str, str]]] = {
    _ENDPOINT: {
        "RequestsPerMinute": ("Count", "Average"),
        **dict.fromkeys(_LATENCIES, ("Milliseconds", "Average")),
        "ConnectionsActive": ("Count", "Average"),
        "NewConnectionsPerSecond": ("CountPerSecond", "Average"),
        "NetworkBytes": ("BytesPerSecond", "Average"),
        "DataCollectionEventsPerMinute": ("Count", "Average"),
        "DataCollectionErrorsPerMinute": ("Count", "Average"),
    },
    f"{_ENDPOINT}/deployments": {
        "RequestsPerMinute": ("Count", "Average"),
        "RequestLatency_P50": ("Milliseconds", "Average"),
        "RequestLatency_P99": ("Milliseconds", "Average"),
        "CpuUtilizationPercentage": ("Percent", "Average"),
        "CpuMemoryUtilizationPercentage": ("Percent", "Average"),
        "DiskUtilization": ("Percent", "Maximum"),
        "GpuUtilizationPercentage": ("Percent", "Average"),
        "DeploymentCapacity": ("Count", "Average"),
    },
}
_AGGREGATIONS = ("Average", "Minimum", "Maximum", "Total", "Count")
_INTERVALS_MIN = {
    "PT1M": 1,
    "PT5M": 5,
    "PT15M": 15,
    "PT30M": 30,
    "PT1H": 60,
    "PT6H": 360,
    "PT12H": 720,
    "P1D": 1440,
}
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class _Query:
    names: tuple[str, ...]
    start: datetime
    end: datetime
    interval: str
    aggregations: tuple[str, ...]

    @property
    def step(self) -> timedelta:
        whole = self.end - self.start
        return whole if self.interval == "FULL" else timedelta(minutes=_INTERVALS_MIN[self.interval])


def operations() -> list[Operation]:
    """Metrics of a resource and of its child and grandchild resources."""
    return [
        Operation(
            "Metrics_List",
            "GET",
            f"/{scope}/providers/Microsoft.Insights/metrics",
            _list,
            "Microsoft.Insights/metrics/read",
            _VERSIONS,
            note="No dimensions ($filter).",
        )
        for scope in SCOPES[2:]
    ]


async def _list(call: Call) -> Response:
    resource = call.world.documents.require(scope_of(call.path))
    kind = resource_type(resource["id"]).lower()
    query = _parse(call, kind)
    value = [_metric(call.world, resource["id"], METRICS[kind][name], name, query) for name in query.names]
    return Response(
        200,
        {
            "cost": max(0, int((query.end - query.start) / _MINUTE) - 1),
            "timespan": f"{_stamp(query.start)}/{_stamp(query.end)}",
            "interval": query.interval,
            "value": value,
            "namespace": resource_type(resource["id"]),
            "resourceregion": resource.get("location", ""),
        },
    )


def _parse(call: Call, kind: str) -> _Query:
    asked, known = call.request.query, METRICS.get(kind, {})
    if asked.get("$filter"):
        raise _bad("Metric dimensions ($filter) are not supported for this resource.")
    start, end = _timespan(asked.get("timespan", ""), call.world.clock.now())
    names = [name for name in asked.get("metricnames", "").split(",") if name] or list(known)[:1]
    interval = asked.get("interval", "PT1M")
    if interval not in _INTERVALS_MIN and interval != "FULL":
        raise _bad(
            f"Detected invalid time grain input: '{interval}'. Valid values are "
            f"{','.join(_INTERVALS_MIN)},FULL."
        )
    found = tuple(_require_name(name, known, kind) for name in names)
    return _Query(found, start, end, interval, _aggregations(asked.get("aggregation", ""), known, found))


def _require_name(name: str, known: dict[str, tuple[str, str]], kind: str) -> str:
    for metric in known:
        if metric.lower() == name.strip().lower():
            return metric
    provider, _, rest = kind.partition("/")
    raise _bad(
        f"Failed to find metric configuration for provider: {provider}, resource Type: {rest}, metric: "
        f"{name}, "
        f"Valid metrics: {','.join(known)}"
    )


def _aggregations(text: str, known: dict[str, tuple[str, str]], names: tuple[str, ...]) -> tuple[str, ...]:
    if not text:
        return (known[names[0]][1],) if names else ()
    found = []
    for part in text.split(","):
        match = [name for name in _AGGREGATIONS if name.lower() == part.strip().lower()]
        if not match:
            raise _bad(
                f"Invalid aggregation type specified: '{part}'. Valid values are {','.join(_AGGREGATIONS)}."
            )
        found += match
    return tuple(found)


def _timespan(text: str, now: datetime) -> tuple[datetime, datetime]:
    """`start/end` in ISO 8601, or a single duration that ends now; an hour by default."""
    if not text:
        return now - timedelta(hours=1), now
    if match := re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?", text):
        days, hours, minutes = (int(part or 0) for part in match.groups())
        return now - timedelta(days=days, hours=hours, minutes=minutes), now
    parts = text.replace(" ", "+").split("/")
    try:
        start, end = (_instant(part) for part in parts)
    except ValueError as err:
        raise _bad(f"Invalid time interval input: '{text}'. It must be 'start/end' in ISO 8601.") from err
    if end <= start:
        raise _bad(f"Start time and end time are not valid: '{text}'. The end must come after the start.")
    return start, end


def _instant(text: str) -> datetime:
    plain = re.sub(r"(\.\d{6})\d+", r"\1", text.replace("Z", "+00:00"))
    found = datetime.fromisoformat(plain)
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _bad(message: str) -> AzureError:
    return AzureError(400, "BadRequest", message)


def _stamp(instant: datetime) -> str:
    return instant.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _metric(world: World, resource_id: str, meaning: tuple[str, str], name: str, query: _Query) -> Json:
    data = [
        _point(start, values, query.aggregations)
        for start, values in _buckets(world, resource_id, name, query)
    ]
    return {
        "id": f"{resource_id}/providers/Microsoft.Insights/metrics/{name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": name, "localizedValue": name},
        "displayDescription": "",
        "unit": meaning[0],
        "timeseries": [{"metadatavalues": [], "data": data}],
        "errorCode": "Success",
    }


def _point(start: datetime, values: list[float], aggregations: tuple[str, ...]) -> Json:
    computed = {
        "Average": sum(values) / len(values) if values else 0.0,
        "Minimum": min(values, default=0.0),
        "Maximum": max(values, default=0.0),
        "Total": sum(values),
        "Count": float(len(values)),
    }
    return {"timeStamp": _stamp(start), **({a.lower(): computed[a] for a in aggregations} if values else {})}


def _buckets(
    world: World, resource_id: str, name: str, query: _Query
) -> Iterable[tuple[datetime, list[float]]]:
    start = query.start.replace(second=0, microsecond=0)
    minutes = -(-(query.end - start) // _MINUTE)
    values = _values(world, resource_id, name, start, minutes)
    per_bucket = -(-query.step // _MINUTE)
    for first in range(0, minutes, per_bucket):
        yield start + first * _MINUTE, values[first : first + per_bucket]


def _values(world: World, resource_id: str, name: str, start: datetime, minutes: int) -> list[float]:
    """One value a minute from `start` on; none at all for a metric of which nothing is known."""
    steady = _baseline(world, resource_id, name)
    if name != "RequestsPerMinute":
        return [] if steady is None else [steady] * minutes
    values = [steady or 0.0] * minutes
    if resource_type(resource_id).lower() == _ENDPOINT:
        for at, requests in world.fleet.requests_per_minute(resource_id, start, start + minutes * _MINUTE):
            values[(at - start) // _MINUTE] += requests
    return values


def _baseline(world: World, resource_id: str, name: str) -> float | None:
    for identifier, values in world.scenario.metrics.items():
        if identifier.strip("/").lower() == resource_id.strip("/").lower():
            return values.get(name)
    return None
