"""How many scoring requests an endpoint gets: what soaking waits for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

_METRIC = "RequestsPerMinute"
_FINE_H = (
    24  # up to here minute by minute; beyond it hour by hour, which is all that Azure answers in one request
)


def requests_since(
    azure: Azure, endpoint: ResourceId, hours: float, told: datetime | None = None
) -> list[tuple[datetime, float]]:
    """(end of interval in UTC, requests in it) over the last `hours`, Azure's time; no empty intervals.

    In: told: what began before is left out, as are the requests of the minute (or hour) that it lies in.
    """
    end, length = azure.clock.now(), timedelta(minutes=1 if hours <= _FINE_H else 60)
    begin = end - timedelta(hours=hours)
    query = {
        "metricnames": _METRIC,
        # An interval that began before the time asked about may hold requests within it.
        "timespan": f"{_stamp(begin - length)}/{_stamp(end)}",
        "interval": "PT1M" if hours <= _FINE_H else "PT1H",
        "aggregation": "Average",
    }
    body = azure.arm.get(f"{endpoint}/providers/Microsoft.Insights/metrics", api_versions.METRICS, query)
    minutes = length.total_seconds() / 60
    ends = [(start + length, per_minute * minutes) for start, per_minute in _points(body) if per_minute]
    first = max(begin, told + length) if told else begin
    return [(at, count) for at, count in ends if at > begin and at >= first]


def count_requests(azure: Azure, endpoint: ResourceId, hours: float) -> float:
    """How many scoring requests the endpoint got over the last `hours` of Azure's time."""
    return sum(count for _, count in requests_since(azure, endpoint, hours))


def _points(body: Json) -> Iterator[tuple[datetime, float]]:
    for metric in body.get("value") or ():
        for series in metric.get("timeseries") or ():
            for point in series.get("data") or ():
                at = datetime.fromisoformat(str(point["timeStamp"]).replace("Z", "+00:00"))
                yield at, float(point.get("average") or 0.0)


def _stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
