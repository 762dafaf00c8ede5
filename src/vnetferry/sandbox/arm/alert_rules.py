"""Activity log alerts and alert processing rules: what they hold is checked, and nothing is raised or held back.

Members, words and what a rule cannot do without are specified (activity log alerts 2020-10-01, alert processing rules
2021-08-08); the messages of refusals are assumed, and so is that scopes are in the rule's own subscription and exist
when they name a resource, and that a field is in one condition of a processing rule alone.
"""

from __future__ import annotations

import re

from vnetferry.sandbox.arm import tracked
from vnetferry.sandbox.arm.bodies import require_choice, require_known, require_member
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json

_EVENT_FIELDS = frozenset(
    {"resourceid", "category", "caller", "level", "operationname", "resourcegroup", "resourceprovider"}
    | {"status", "substatus", "resourcetype"}
)
_FIELDS = (
    *("Severity", "MonitorService", "MonitorCondition", "SignalType", "TargetResourceType"),
    *("TargetResource", "TargetResourceGroup", "AlertRuleId", "AlertRuleName", "Description"),
    "AlertContext",
)
_OPERATORS = ("Equals", "NotEquals", "Contains", "DoesNotContain")
_ACTIONS = ("RemoveAllActionGroups", "AddActionGroups")
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_RECURRENCES = {"Daily": (), "Weekly": ("daysOfWeek",), "Monthly": ("daysOfMonth",)}
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d")
_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?")
_INVALID = "BadRequest"


def operations() -> list[Operation]:
    """By the rules of all tracked resources."""
    return [row for kind in (ACTIVITY_ALERT, PROCESSING_RULE) for row in tracked.operations(kind)]


def _prepare_activity_alert(call: Call, draft: Json, _before: Json | None) -> None:
    properties = draft["properties"]
    for name in ("scopes", "condition", "actions"):
        require_member(properties, name, _INVALID, "properties")
    _require_scopes(call, properties["scopes"])
    every = require_member(properties["condition"], "allOf", _INVALID, "properties.condition")
    for condition in every:
        _require_event_condition(condition)
    if [str(c.get("field")).lower() for c in every].count("category") != 1:
        raise AzureError(
            400, _INVALID, "The condition of an activity log alert must name exactly one 'category'."
        )
    for group in properties["actions"].get("actionGroups") or ():
        require_member(group, "actionGroupId", _INVALID, "properties.actions.actionGroups")
    properties.setdefault("enabled", True)


def _require_event_condition(condition: Json) -> None:
    path = "properties.condition.allOf"
    require_known(
        condition, {"field", "equals", "containsAny", "anyOf"}, "AlertRuleAnyOfOrLeafCondition", path
    )
    either = condition.get("anyOf")
    if either is None:
        _require_leaf(condition, path)
        return
    if not either or len(condition) > 1:
        raise AzureError(400, _INVALID, "A condition has either 'anyOf', which is not empty, or a 'field'.")
    for leaf in either:
        require_known(leaf, {"field", "equals", "containsAny"}, "AlertRuleLeafCondition", f"{path}.anyOf")
        _require_leaf(leaf, f"{path}.anyOf")


def _require_leaf(leaf: Json, path: str) -> None:
    field = str(require_member(leaf, "field", _INVALID, path)).lower()
    if field not in _EVENT_FIELDS and not field.startswith("properties."):
        raise AzureError(400, _INVALID, f"Events have no field '{leaf['field']}'.")
    if (leaf.get("equals") is None) == (not leaf.get("containsAny")):
        raise AzureError(
            400, _INVALID, f"The condition on '{leaf['field']}' needs either 'equals' or 'containsAny'."
        )


def _prepare_processing_rule(call: Call, draft: Json, _before: Json | None) -> None:
    properties = draft["properties"]
    for name in ("scopes", "actions"):
        require_member(properties, name, _INVALID, "properties")
    _require_scopes(call, properties["scopes"])
    for condition in properties.get("conditions") or ():
        _require_condition(condition)
    fields = [condition["field"] for condition in properties.get("conditions") or ()]
    if len(set(fields)) < len(fields):
        raise AzureError(400, _INVALID, "A field can be in one condition of an alert processing rule only.")
    if not properties["actions"]:
        raise AzureError(400, _INVALID, "An alert processing rule needs an action.")
    for action in properties["actions"]:
        _require_action(action)
    _require_schedule(properties.get("schedule") or {})
    properties.setdefault("enabled", True)


def _require_condition(condition: Json) -> None:
    path = "properties.conditions"
    require_known(condition, {"field", "operator", "values"}, "Condition", path)
    condition["field"] = require_choice(condition.get("field"), _FIELDS, f"{path}.field")
    condition["operator"] = require_choice(condition.get("operator"), _OPERATORS, f"{path}.operator")
    if not condition.get("values"):
        raise AzureError(400, _INVALID, f"The condition on '{condition['field']}' needs values.")


def _require_action(action: Json) -> None:
    path = "properties.actions"
    kind = action["actionType"] = require_choice(action.get("actionType"), _ACTIONS, f"{path}.actionType")
    adds = kind == "AddActionGroups"
    require_known(action, {"actionType", *(["actionGroupIds"] if adds else [])}, kind, path)
    if adds and not action.get("actionGroupIds"):
        raise AzureError(400, _INVALID, "The action 'AddActionGroups' needs 'actionGroupIds'.")


def _require_schedule(schedule: Json) -> None:
    path = "properties.schedule"
    require_known(schedule, {"effectiveFrom", "effectiveUntil", "timeZone", "recurrences"}, "Schedule", path)
    for name in ("effectiveFrom", "effectiveUntil"):
        if name in schedule and not _LOCAL_TIME.fullmatch(schedule[name]):
            raise AzureError(400, _INVALID, f"'{path}.{name}' must be a time without a zone.")
    if str(schedule.get("effectiveFrom", "")) > str(schedule.get("effectiveUntil", "9999")):
        raise AzureError(400, _INVALID, "A schedule cannot end before it begins.")
    for recurrence in schedule.get("recurrences") or ():
        _require_recurrence(recurrence, f"{path}.recurrences")


def _require_recurrence(recurrence: Json, path: str) -> None:
    given = recurrence.get("recurrenceType")
    kind = recurrence["recurrenceType"] = require_choice(given, tuple(_RECURRENCES), f"{path}.recurrenceType")
    require_known(recurrence, {"recurrenceType", "startTime", "endTime", *_RECURRENCES[kind]}, kind, path)
    for name in _RECURRENCES[kind]:
        if not recurrence.get(name):
            raise AzureError(400, _INVALID, f"A recurrence of type '{kind}' needs '{name}'.")
    for name in ("startTime", "endTime"):
        if (kind == "Daily" or name in recurrence) and not _TIME_OF_DAY.fullmatch(recurrence.get(name, "")):
            raise AzureError(400, _INVALID, f"'{path}.{name}' must be a time of day, such as 17:00:00.")
    days = recurrence.get("daysOfWeek") or ()
    if days:
        recurrence["daysOfWeek"] = [require_choice(day, _DAYS, f"{path}.daysOfWeek") for day in days]
    if any(not 1 <= day <= 31 for day in recurrence.get("daysOfMonth") or ()):
        raise AzureError(400, _INVALID, f"'{path}.daysOfMonth' must be numbers from 1 to 31.")


def _require_scopes(call: Call, scopes: list[str]) -> None:
    """At least one; each the rule's subscription, or a resource group or a resource that is there in it."""
    if not scopes:
        raise AzureError(400, _INVALID, "The rule needs a scope.")
    for scope in scopes:
        parts = scope.strip("/").split("/")
        if not scope.startswith("/") or parts[0].lower() != "subscriptions" or len(parts) < 2:
            raise AzureError(400, _INVALID, f"The scope '{scope}' is not the id of a resource.")
        if parts[1].lower() != call.params["subscriptionId"].lower():
            raise AzureError(400, _INVALID, f"The scope '{scope}' is not in the subscription of the rule.")
        if len(parts) > 2 and scope.rstrip("/") not in call.world.documents:
            raise AzureError(404, "ResourceNotFound", f"The scope '{scope}' could not be found.")


_NAME = r"^[^*#&+:<>?@%{}\\/|]{1,260}$"
_EVERY_SHAPE = {"scopes": [str], "enabled": bool, "description": str}
_ENABLED = frozenset({"enabled"})
ACTIVITY_ALERT = tracked.TrackedType(
    "Microsoft.Insights/activityLogAlerts",
    "ActivityLogAlerts",
    frozenset({"2020-10-01"}),
    properties=frozenset({"scopes", "enabled", "condition", "actions", "description"}),
    name=_NAME,
    patched=_ENABLED,
    shape={
        **_EVERY_SHAPE,
        "condition": {
            "allOf": [
                {
                    "field": str,
                    "equals": str,
                    "containsAny": [str],
                    "anyOf": [{"field": str, "equals": str, "containsAny": [str]}],
                }
            ]
        },
        "actions": {"actionGroups": [{"actionGroupId": str, "webhookProperties": {"*": str}}]},
    },
    prepare=_prepare_activity_alert,
    global_location=True,
    note="No alert is raised.",
)
PROCESSING_RULE = tracked.TrackedType(
    "Microsoft.AlertsManagement/actionRules",
    "AlertProcessingRules",
    frozenset({"2021-08-08"}),
    properties=frozenset({"scopes", "conditions", "schedule", "actions", "description", "enabled"}),
    name=_NAME,
    patched=_ENABLED,
    shape={
        **_EVERY_SHAPE,
        "conditions": [{"field": str, "operator": str, "values": [str]}],
        "actions": [{"actionType": str, "actionGroupIds": [str]}],
        "schedule": {
            "effectiveFrom": str,
            "effectiveUntil": str,
            "timeZone": str,
            "recurrences": [
                {
                    "recurrenceType": str,
                    "startTime": str,
                    "endTime": str,
                    "daysOfWeek": [str],
                    "daysOfMonth": [int],
                }
            ],
        },
    },
    prepare=_prepare_processing_rule,
    global_location=True,
    system_data=True,
    note="No alert is raised, and so none is held back.",
)
