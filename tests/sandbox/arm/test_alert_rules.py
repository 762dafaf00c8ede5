"""Activity log alerts and alert processing rules: completed, and refused without what they cannot do without."""

from __future__ import annotations

from typing import Any

import pytest

SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg"
LOGS = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs"
ALERTS = f"{GROUP}/providers/Microsoft.Insights/activityLogAlerts"
RULES = f"{GROUP}/providers/Microsoft.AlertsManagement/actionRules"
V_ALERTS, V_RULES = "2020-10-01", "2021-08-08"
CATEGORY = {"field": "category", "equals": "Administrative"}
ADDING = {"actionType": "AddActionGroups", "actionGroupIds": [f"{GROUP}/x"]}


@pytest.fixture
def arm(arm_of: Any) -> Any:
    return arm_of({"id": LOGS, "location": "westeurope", "properties": {}})


def activity_alert(**properties: Any) -> dict[str, Any]:
    needed = {
        "scopes": [LOGS],
        "condition": {"allOf": [dict(CATEGORY), {"field": "resourceId", "equals": LOGS}]},
        "actions": {"actionGroups": [{"actionGroupId": f"{GROUP}/x", "webhookProperties": {"a": "b"}}]},
    }
    return {"location": "Global", "properties": {**needed, **properties}}


def processing_rule(**properties: Any) -> dict[str, Any]:
    needed = {"scopes": [GROUP], "actions": [{"actionType": "removeAllActionGroups"}]}
    return {"location": "Global", "properties": {**needed, **properties}}


def recurring(**recurrence: Any) -> dict[str, Any]:
    return {"schedule": {"recurrences": [recurrence]}}


def test_activity_alert_is_completed_listed_changed_and_deleted(arm: Any) -> None:
    made = arm.put(f"{ALERTS}/a b", activity_alert(), V_ALERTS)
    assert (made.status, made.body["location"], made.body["properties"]["enabled"]) == (201, "global", True)
    assert made.body["properties"]["condition"]["allOf"][0] == CATEGORY
    for where in (ALERTS, f"{SUBSCRIPTION}/providers/Microsoft.Insights/activityLogAlerts"):
        assert [r["name"] for r in arm.get(where, V_ALERTS).body["value"]] == ["a b"]
    changed = arm.send("PATCH", f"{ALERTS}/a b", {"properties": {"enabled": False}}, version=V_ALERTS)
    assert (changed.status, changed.body["properties"]["enabled"]) == (200, False)
    assert arm.send("DELETE", f"{ALERTS}/a b", version=V_ALERTS).status == 200
    assert arm.send("DELETE", f"{ALERTS}/a b", version=V_ALERTS).status == 204


def test_processing_rule_is_completed_listed_and_replaced(arm: Any) -> None:
    condition = {"field": "severity", "operator": "equals", "values": ["Sev4"]}
    weekly = {"recurrenceType": "weekly", "daysOfWeek": ["monday"], "startTime": "17:00:00"}
    schedule = {
        "effectiveFrom": "2026-01-01T00:00:00",
        "timeZone": "W. Europe Standard Time",
        "recurrences": [weekly],
    }
    made = arm.put(f"{RULES}/r", processing_rule(conditions=[condition], schedule=schedule), V_RULES)
    found = made.body["properties"]
    assert (made.status, found["enabled"]) == (201, True)
    assert found["actions"] == [{"actionType": "RemoveAllActionGroups"}]
    assert found["conditions"] == [{"field": "Severity", "operator": "Equals", "values": ["Sev4"]}]
    assert found["schedule"]["recurrences"][0]["daysOfWeek"] == ["Monday"]
    assert arm.put(f"{RULES}/r", processing_rule(actions=[ADDING]), V_RULES).status == 200
    (held,) = arm.get(RULES, V_RULES).body["value"]
    assert "conditions" not in held["properties"]


@pytest.mark.parametrize(
    "body", [{"properties": {"scopes": [GROUP]}}, {"properties": {"colour": 1}}, {"location": "Global"}]
)
def test_patch_changes_nothing_but_tags_and_whether_it_is_enabled(arm: Any, body: dict[str, Any]) -> None:
    for path, made, version in (
        (f"{ALERTS}/a", activity_alert(), V_ALERTS),
        (f"{RULES}/a", processing_rule(), V_RULES),
    ):
        before = arm.put(path, made, version).body
        assert arm.send("PATCH", path, body, version=version).status == 400
        assert arm.get(path, version).body == before
        allowed = {"tags": {"team": "risk"}, "properties": {"enabled": False}}
        after = arm.send("PATCH", path, allowed, version=version).body
        assert (after["tags"], after["properties"]["enabled"]) == ({"team": "risk"}, False)


@pytest.mark.parametrize(
    ("properties", "status"),
    [
        ({"scopes": []}, 400),
        ({"scopes": ["logs"]}, 400),
        ({"scopes": [LOGS, SUBSCRIPTION.replace("0001", "0002")]}, 400),
        ({"scopes": [f"{LOGS}-gone"]}, 404),
        ({"condition": None}, 400),
        ({"condition": {"allOf": []}}, 400),
        ({"condition": {"allOf": [{"field": "level", "equals": "Error"}]}}, 400),
        ({"condition": {"allOf": [CATEGORY, CATEGORY]}}, 400),
        ({"condition": {"allOf": [CATEGORY, {"field": "colour", "equals": "red"}]}}, 400),
        ({"condition": {"allOf": [CATEGORY, {"field": "level"}]}}, 400),
        ({"condition": {"allOf": [CATEGORY, {"anyOf": []}]}}, 400),
        ({"condition": {"allOf": [CATEGORY, {"anyOf": [CATEGORY], "field": "level"}]}}, 400),
        ({"condition": {"allOf": [CATEGORY, {"anyOf": [{"anyOf": []}]}]}}, 400),
        ({"actions": None}, 400),
        ({"actions": {"actionGroups": [{}]}}, 400),
        ({"colour": "red"}, 400),
        ({"tenantScope": "x"}, 400),
    ],
)
def test_put_refuses_what_is_no_activity_alert(arm: Any, properties: dict[str, Any], status: int) -> None:
    assert arm.put(f"{ALERTS}/a", activity_alert(**properties), V_ALERTS).status == status


@pytest.mark.parametrize(
    ("properties", "status"),
    [
        ({"scopes": None}, 400),
        ({"scopes": [f"{LOGS}-gone"]}, 404),
        ({"actions": []}, 400),
        ({"actions": [{"actionType": "Ring"}]}, 400),
        ({"actions": [{"actionType": "AddActionGroups"}]}, 400),
        ({"actions": [{**ADDING, "actionType": "RemoveAllActionGroups"}]}, 400),
        ({"conditions": [{"field": "Colour", "operator": "Equals", "values": ["a"]}]}, 400),
        ({"conditions": [{"field": "Severity", "operator": "Near", "values": ["a"]}]}, 400),
        ({"conditions": [{"field": "Severity", "operator": "Equals", "values": []}]}, 400),
        ({"conditions": [{"field": "Severity", "operator": "Equals", "values": ["Sev1"]}] * 2}, 400),
        ({"schedule": {"effectiveFrom": "2026-01-01T00:00:00Z"}}, 400),
        (
            {"schedule": {"effectiveFrom": "2026-01-02T00:00:00", "effectiveUntil": "2026-01-01T00:00:00"}},
            400,
        ),
        (recurring(recurrenceType="Yearly"), 400),
        (recurring(recurrenceType="Daily", startTime="17:00"), 400),
        (recurring(recurrenceType="Weekly"), 400),
        (recurring(recurrenceType="Weekly", daysOfWeek=["Caturday"]), 400),
        (recurring(recurrenceType="Monthly", daysOfMonth=[32]), 400),
        (
            recurring(recurrenceType="Daily", startTime="17:00:00", endTime="18:00:00", daysOfMonth=[1]),
            400,
        ),
        ({"colour": "red"}, 400),
    ],
)
def test_put_refuses_what_is_no_processing_rule(arm: Any, properties: dict[str, Any], status: int) -> None:
    assert arm.put(f"{RULES}/r", processing_rule(**properties), V_RULES).status == status


def test_rules_are_nowhere_but_global(arm: Any) -> None:
    for path, body, version in (
        (f"{ALERTS}/a", activity_alert(), V_ALERTS),
        (f"{RULES}/r", processing_rule(), V_RULES),
    ):
        answer = arm.put(path, {**body, "location": "westus2"}, version)
        assert (answer.status, answer.code) == (400, "LocationNotAvailableForResourceType")
