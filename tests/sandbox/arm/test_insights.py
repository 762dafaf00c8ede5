"""Metrics, diagnostic settings, autoscale and alerts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg"
ENDPOINT = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ws/onlineEndpoints/e"
METRICS = f"{ENDPOINT}/providers/microsoft.insights/metrics"
LOGS = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs"
SETTING = f"{ENDPOINT}/providers/Microsoft.Insights/diagnosticSettings/s"
V, D, A = "2018-01-01", "2021-05-01-preview", "2022-10-01"


@pytest.fixture
def arm(arm_of: Any) -> Any:
    """An endpoint with a steady load of 12 requests a minute."""
    return arm_of(
        {
            "id": ENDPOINT.rpartition("/onlineEndpoints")[0],
            "name": "ws",
            "location": "westeurope",
            "properties": {},
        },
        {"id": ENDPOINT, "name": "e", "location": "westeurope", "properties": {"authMode": "Key"}},
        metrics={ENDPOINT.upper(): {"RequestsPerMinute": 12}},
    )


def data(answer: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.body["value"][0]["timeseries"][0]["data"]
    return found


def test_requests_per_minute_is_the_steady_load_each_minute(arm: Any) -> None:
    answer = arm.get(
        METRICS, V, "&metricnames=RequestsPerMinute&timespan=2026-01-01T00:00:00Z/2026-01-01T00:03:00Z"
    )
    assert [(point["timeStamp"][11:16], point["average"]) for point in data(answer)] == [
        ("00:00", 12),
        ("00:01", 12),
        ("00:02", 12),
    ]
    assert answer.body["namespace"].lower() == "microsoft.machinelearningservices/workspaces/onlineendpoints"


def test_requests_per_minute_aggregates_over_an_interval(arm: Any) -> None:
    span = "2026-01-01T00:00:00Z/2026-01-01T00:10:00Z"
    query = f"&metricnames=RequestsPerMinute&interval=PT5M&aggregation=total,maximum&timespan={span}"
    assert [(point["total"], point["maximum"]) for point in data(arm.get(METRICS, V, query))] == [
        (60, 12),
        (60, 12),
    ]


def test_requests_per_minute_adds_what_was_really_scored(arm_of: Any) -> None:
    arm = arm_of({"id": ENDPOINT, "name": "e", "location": "westeurope", "properties": {}})
    start = arm.world.clock.now().replace(second=0, microsecond=0)
    arm.world.fleet.meter.count(ENDPOINT, arm.world.clock.now())
    end = arm.world.clock.now() + timedelta(minutes=1)
    span = f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"
    found = data(arm.get(METRICS, V, f"&metricnames=RequestsPerMinute&aggregation=total&timespan={span}"))
    assert sum(point["total"] for point in found) == 1


@pytest.mark.parametrize(
    "query",
    [
        "&metricnames=Nonsense",
        "&metricnames=RequestsPerMinute&interval=PT7M",
        "&metricnames=RequestsPerMinute&aggregation=Median",
        "&metricnames=RequestsPerMinute&timespan=yesterday",
        "&metricnames=RequestsPerMinute&timespan=2026-01-02T00:00:00Z/2026-01-01T00:00:00Z",
        "&metricnames=RequestsPerMinute&$filter=deployment%20eq%20'*'",
    ],
)
def test_metrics_query_that_is_wrong_is_refused(arm: Any, query: str) -> None:
    answer = arm.get(METRICS, V, query)
    assert (answer.status, answer.code) == (400, "BadRequest")


def test_metrics_of_absent_endpoint_is_404(arm: Any) -> None:
    assert arm.get(METRICS.replace("/e/", "/absent/"), V).status == 404


def setting(**change: Any) -> dict[str, Any]:
    logs = [{"category": "AmlOnlineEndpointConsoleLog", "enabled": True}]
    return {"properties": {"workspaceId": LOGS, "logs": logs, **change}}


def test_put_diagnostic_setting_is_listed_on_its_endpoint(arm: Any) -> None:
    arm.put(LOGS, {"location": "westeurope"}, "2022-10-01")
    assert arm.put(SETTING, setting(), D).status == 200
    found = arm.get(SETTING.rpartition("/")[0], D).body["value"]
    assert [value["properties"]["workspaceId"] for value in found] == [LOGS]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"workspaceId": None}, "BadRequest"),
        ({"logs": []}, "BadRequest"),
        ({"colour": 1}, "InvalidRequestContent"),
        ({"workspaceId": f"{LOGS}2"}, "ResourceNotFound"),
    ],
)
def test_put_bad_diagnostic_setting_is_refused(arm: Any, change: Any, code: str) -> None:
    arm.put(LOGS, {"location": "westeurope"}, "2022-10-01")
    assert arm.put(SETTING, setting(**change), D).code == code


def autoscale(name: str = "p", **capacity: str) -> dict[str, Any]:
    numbers = {"minimum": "1", "default": "2", "maximum": "5", **capacity}
    profile = {"name": name, "capacity": numbers, "rules": []}
    return {
        "location": "westeurope",
        "properties": {"enabled": True, "targetResourceUri": ENDPOINT, "profiles": [profile]},
    }


def test_put_autoscale_is_one_a_target(arm: Any) -> None:
    path = f"{GROUP}/providers/Microsoft.Insights/autoscalesettings"
    assert arm.put(f"{path}/one", autoscale(), A).status == 201
    assert arm.put(f"{path}/one", autoscale(), A).status == 200
    assert arm.put(f"{path}/two", autoscale(), A).code == "Conflict"
    assert arm.put(f"{path}/one", autoscale(default="9"), A).code == "BadRequest"


def test_put_metric_alert_needs_its_fields(arm: Any) -> None:
    path = f"{GROUP}/providers/Microsoft.Insights/metricAlerts/a"
    criterion = {
        "name": "c",
        "metricName": "RequestsPerMinute",
        "timeAggregation": "Average",
        "operator": "GreaterThan",
        "threshold": 1,
    }
    criteria = {
        "odata.type": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
        "allOf": [criterion],
    }
    properties = {
        "severity": 3,
        "enabled": True,
        "scopes": [ENDPOINT],
        "evaluationFrequency": "PT1M",
        "windowSize": "PT5M",
        "criteria": criteria,
    }
    assert arm.put(path, {"location": "global", "properties": properties}, "2018-03-01").status == 200
    for name in properties:
        short = {key: value for key, value in properties.items() if key != name}
        assert arm.put(path, {"location": "global", "properties": short}, "2018-03-01").code == "BadRequest"


def test_put_component_points_to_an_existing_log_workspace(arm: Any) -> None:
    path = f"{GROUP}/providers/Microsoft.Insights/components/ai"
    body = {
        "location": "westeurope",
        "kind": "web",
        "properties": {"Application_Type": "web", "WorkspaceResourceId": LOGS},
    }
    assert arm.put(path, body, "2020-02-02").code == "BadRequest"
    arm.put(LOGS, {"location": "westeurope"}, "2022-10-01")
    made = arm.put(path, body, "2020-02-02")
    assert made.status == 200
    assert made.body["properties"]["IngestionMode"] == "LogAnalytics"
