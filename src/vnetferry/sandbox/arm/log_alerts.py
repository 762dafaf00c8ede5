"""Microsoft.Insights/scheduledQueryRules: alerts on what a query finds in logs. No query is run.

In the api-versions since 2021, whose shape differs from the one of 2018. Which members a rule that raises alerts
cannot do without is documented; the words of refusals are assumed.
"""

from __future__ import annotations

from typing import Any

from vnetferry.sandbox.arm import tracked
from vnetferry.sandbox.arm.bodies import default_choice, require_choice, require_member, require_object
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json

_KINDS = ("LogAlert", "LogToMetric", "EventLogAlert")
_OPERATORS = ("Equals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual")
_AGGREGATIONS = ("Count", "Average", "Minimum", "Maximum", "Total")


def operations() -> list[Operation]:
    """By the rules of all tracked resources."""
    return tracked.operations(LOG_ALERT)


def _prepare(call: Call, draft: Json, _before: Json | None) -> None:
    properties = draft["properties"]
    draft["kind"] = require_choice(draft.get("kind") or "LogAlert", _KINDS, "kind")
    scopes = require_member(properties, "scopes", "BadRequest", "properties")
    if len(scopes) != 1:
        raise AzureError(400, "BadRequest", "A scheduled query rule has exactly one scope.")
    _require_scope(call, scopes[0])
    if draft["kind"] == "LogAlert":
        _require_alert(properties)
    properties.setdefault("enabled", True)
    properties.setdefault("autoMitigate", True)
    properties.setdefault("actions", {"actionGroups": [], "customProperties": {}})
    properties.update(createdWithApiVersion=call.api_version, isLegacyLogAnalyticsRule=False)


def _require_scope(call: Call, scope: str) -> None:
    """A subscription is a scope too, and so is a resource group."""
    depth = len(scope.strip("/").split("/"))
    if depth > 2 and scope not in call.world.documents:
        raise AzureError(404, "ResourceNotFound", f"The scope '{scope}' could not be found.")


def _require_alert(properties: Json) -> None:
    for name in ("severity", "evaluationFrequency", "windowSize", "criteria"):
        require_member(properties, name, "BadRequest", "properties")
    if not 0 <= properties["severity"] <= 4:
        raise AzureError(400, "BadRequest", "The rule's severity must be a number from 0 to 4.")
    criteria = require_object(properties["criteria"], "properties.criteria")
    for criterion in require_member(criteria, "allOf", "BadRequest", "properties.criteria"):
        _require_criterion(criterion)


def _require_criterion(criterion: Any) -> None:
    for name in ("query", "timeAggregation", "operator", "threshold"):
        require_member(criterion, name, "BadRequest", "properties.criteria.allOf")
    default_choice(criterion, "operator", _OPERATORS, "GreaterThan", "properties.criteria.allOf")
    default_choice(criterion, "timeAggregation", _AGGREGATIONS, "Count", "properties.criteria.allOf")
    criterion.setdefault("dimensions", [])
    criterion.setdefault("failingPeriods", {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1})


LOG_ALERT = tracked.TrackedType(
    "Microsoft.Insights/scheduledQueryRules",
    "ScheduledQueryRules",
    frozenset(
        {"2021-02-01-preview", "2021-08-01", "2022-06-15", "2022-08-01-preview", "2023-03-15-preview"}
        | {"2023-12-01", "2024-01-01-preview", "2025-01-01-preview"}
    ),
    fields=frozenset({"kind", "identity"}),
    properties=frozenset(
        {
            *("description", "displayName", "severity", "enabled", "scopes", "evaluationFrequency"),
            *("windowSize", "overrideQueryTimeRange", "targetResourceTypes", "criteria", "actions"),
            *("muteActionsDuration", "autoMitigate", "skipQueryValidation", "resolveConfiguration"),
            *("isWorkspaceAlertsStorageConfigured", "checkWorkspaceAlertsStorageConfigured"),
            *("createdWithApiVersion", "isLegacyLogAnalyticsRule", "ruleResolveConfiguration"),
        }
    ),
    name=r"^[^*#&+:<>?@%{}\\/|]{1,260}$",
    shape={
        "scopes": [str],
        "severity": int,
        "criteria": {"allOf": [{"query": str, "dimensions": [dict], "failingPeriods": dict}]},
        "actions": {"actionGroups": [str], "customProperties": dict},
        "targetResourceTypes": [str],
    },
    prepare=_prepare,
    system_data=True,
    note="No query is run, and none is checked.",
)
