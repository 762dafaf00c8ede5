"""Cost queries: what the scenario says that resources cost, grouped, filtered, by month or day; and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ws"
DEPLOYMENT = f"{WORKSPACE}/onlineEndpoints/e/deployments/blue"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/st"
QUERY = f"{GROUP}/providers/Microsoft.CostManagement/query"
V = "2025-03-01"
JANUARY = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-31T23:59:59Z"}
BY_RESOURCE = [{"type": "Dimension", "name": "ResourceId"}]
BY_TAG = [{"type": "TagKey", "name": name} for name in ("azuremlendpoint", "azuremldeployment")]
COSTS = {
    WORKSPACE: 10.0,
    DEPLOYMENT: 310.0,
    STORAGE: 62.0,
    f"{SUBSCRIPTION}/resourceGroups/other/providers/a.b/c/d": 9.0,
}


@pytest.fixture
def arm(arm_of: Any) -> Any:
    return arm_of({"id": GROUP, "location": "westeurope"}, costs=COSTS)


def ask(**dataset: Any) -> dict[str, Any]:
    shape = {"granularity": "Monthly", "aggregation": {"t": {"name": "Cost", "function": "Sum"}}, **dataset}
    return {"type": "ActualCost", "timeframe": "Custom", "timePeriod": JANUARY, "dataset": shape}


def post(arm: Any, path: str, body: dict[str, Any]) -> Any:
    return arm.send("POST", path, body, version=V)


def rows(answer: Any) -> list[list[Any]]:
    assert answer.status == 200, answer.body
    return [[round(row[0], 2), *row[1:]] for row in answer.body["properties"]["rows"]]


def test_query_by_resource_counts_a_deployment_to_its_workspace(arm: Any) -> None:
    answer = post(arm, QUERY, ask(grouping=BY_RESOURCE))
    names = [column["name"] for column in answer.body["properties"]["columns"]]
    assert names == ["Cost", "BillingMonth", "ResourceId", "Currency"]
    month = "2026-01-01T00:00:00"
    assert sorted(rows(answer)) == [
        [62.0, month, STORAGE.lower(), "USD"],
        [320.0, month, WORKSPACE.lower(), "USD"],
    ]


def test_query_by_tag_and_filter_finds_a_deployment(arm: Any) -> None:
    kept = {"tags": {"name": "azuremlendpoint", "operator": "In", "values": ["E"]}}
    answer = post(arm, QUERY, ask(granularity="None", grouping=BY_TAG, filter=kept))
    assert rows(answer) == [[310.0, "azuremlendpoint", "e", "azuremldeployment", "blue", "USD"]]


def test_query_of_a_subscription_by_day_spreads_the_month_evenly(arm: Any) -> None:
    kept = {"dimensions": {"name": "ResourceGroupName", "operator": "In", "values": ["other"]}}
    query = f"{SUBSCRIPTION}/providers/Microsoft.CostManagement/query"
    found = rows(post(arm, query, ask(granularity="Daily", filter=kept)))
    assert len(found) == 31
    assert found[0] == [0.29, 20260101, "USD"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**ask(), "type": "Everything"},
        {**ask(), "timePeriod": {"from": "2026-02-01", "to": "2026-01-01"}},
        {**ask(), "timePeriod": {"from": "2024-01-01", "to": "2026-01-01"}},
        {**ask(), "timePeriod": {"from": "soon", "to": "later"}},
        ask(grouping=[*BY_TAG, *BY_RESOURCE]),
        ask(grouping=[{"type": "Dimension", "name": "Colour"}]),
        ask(aggregation={"t": {"name": "Cost", "function": "Guess"}}),
        ask(filter={"and": []}),
        ask(unknown=1),
    ],
)
def test_query_that_azure_does_not_take_is_refused(arm: Any, body: Any) -> None:
    assert post(arm, QUERY, body).status == 400
