"""Log alerts: completed as Azure completes them, and refused without what an alert cannot do without."""

from __future__ import annotations

from typing import Any

import pytest

GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg"
LOGS = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs"
RULES = f"{GROUP}/providers/Microsoft.Insights/scheduledQueryRules"
V = "2023-12-01"
CRITERION = {"query": "T", "timeAggregation": "count", "operator": "greaterThan", "threshold": 0}


@pytest.fixture
def arm(arm_of: Any) -> Any:
    return arm_of({"id": LOGS, "location": "westeurope", "properties": {}})


def rule(**properties: Any) -> dict[str, Any]:
    needed = {
        "scopes": [LOGS],
        "severity": 2,
        "evaluationFrequency": "PT5M",
        "windowSize": "PT5M",
        "criteria": {"allOf": [dict(CRITERION)]},
    }
    return {"location": "westeurope", "properties": {**needed, **properties}}


def test_put_completes_a_rule_and_lists_show_it(arm: Any) -> None:
    made = arm.put(f"{RULES}/r", rule(), V)
    assert (made.status, made.body["kind"], made.body["properties"]["enabled"]) == (201, "LogAlert", True)
    criterion = made.body["properties"]["criteria"]["allOf"][0]
    assert (criterion["operator"], criterion["timeAggregation"]) == ("GreaterThan", "Count")
    assert [r["name"] for r in arm.get(RULES, V).body["value"]] == ["r"]
    assert arm.put(f"{RULES}/r", rule(severity=3), V).status == 200
    assert arm.get(f"{RULES}/r", V).body["properties"]["severity"] == 3


@pytest.mark.parametrize(
    ("properties", "status"),
    [
        ({"scopes": []}, 400),
        ({"scopes": [LOGS, LOGS]}, 400),
        ({"scopes": [f"{LOGS}-gone"]}, 404),
        ({"severity": 5}, 400),
        ({"windowSize": None}, 400),
        ({"criteria": {"allOf": [{"query": "T"}]}}, 400),
        ({"criteria": {"allOf": [{**CRITERION, "operator": "Near"}]}}, 400),
        ({"colour": "red"}, 400),
    ],
)
def test_put_refuses_what_is_no_alert(arm: Any, properties: dict[str, Any], status: int) -> None:
    assert arm.put(f"{RULES}/r", rule(**properties), V).status == status
