"""The legacy world with everything that may hang on a workspace and its endpoints."""

from __future__ import annotations

import copy
from typing import Any

from tests.flows.legacy_world import SOURCE, legacy_scenario
from vnetferry.models.ids import ResourceId
from vnetferry.sandbox.scenario import Fault, Scenario

Json = dict[str, Any]

SUBSCRIPTION = f"/subscriptions/{SOURCE.subscription_id}"
GROUP = str(SOURCE.group_id)
ELSEWHERE = f"{SUBSCRIPTION}/resourceGroups/rg-network"
CREDIT, CHURN, DEMAND = (SOURCE.child("onlineEndpoints", name) for name in ("credit", "churn", "demand"))
BLUE = CREDIT.child("deployments", "blue")
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-ws-legacy-7f3a"
LOGS = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log-ws-legacy"
ANALYST = "0a0a0a0a-0000-4000-8000-00000000a0a0"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
DATA_SCIENTIST = "f6c7c914-8db3-469d-8ca1-694a8f32e121"
HOOK = "https://hooks.contoso.com/scaled?code=made-up-code-of-the-webhook"


def principal(resource: ResourceId) -> str:
    """The system-assigned identity of something in the example."""
    document = next(d for d in legacy_scenario().resources if ResourceId(d["id"]) == resource)
    return str(document["identity"]["principalId"])


def assignment(name: str, scope: str, role: str, to: str, **more: Any) -> Json:
    properties = {
        "roleDefinitionId": f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}",
        "principalId": to,
        "principalType": "ServicePrincipal",
        "scope": scope,
        "createdOn": "2024-04-02T08:00:00.0000000Z",
        **more,
    }
    identifier = (
        f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name * 8}-0000-4000-8000-000000000001"
    )
    return _document(identifier, properties)


def roles() -> list[Json]:
    """Of credit's identity on a vault, on its group and in another group; of the workspace's; of a person's."""
    own = principal(CREDIT)
    return [
        assignment("1", VAULT, SECRETS_USER, own, description="reads its secrets"),
        assignment("2", GROUP, READER, own),
        assignment("3", ELSEWHERE, READER, own),
        assignment("4", ELSEWHERE, READER, principal(SOURCE)),
        assignment("5", str(CREDIT), DATA_SCIENTIST, ANALYST, principalType="User"),
        assignment("6", str(SOURCE), READER, ANALYST, principalType="User"),
        assignment("8", str(SOURCE.child("models", "credit-default")), READER, ANALYST, principalType="User"),
    ]


def diagnostic_setting(resource: ResourceId) -> Json:
    logs = [{"category": "AmlOnlineEndpointTrafficLog", "enabled": True}]
    properties = {"workspaceId": LOGS, "logs": logs, "metrics": []}
    return _document(f"{resource}/providers/Microsoft.Insights/diagnosticSettings/to-logs", properties)


def autoscale_setting(target: ResourceId, group: str = ELSEWHERE) -> Json:
    trigger = {
        "metricName": "CpuUtilizationPercentage",
        "metricResourceUri": str(target),
        "timeGrain": "PT1M",
        "statistic": "Average",
        "timeWindow": "PT5M",
        "timeAggregation": "Average",
        "operator": "GreaterThan",
        "threshold": 70,
    }
    action = {"direction": "Increase", "type": "ChangeCount", "value": "1", "cooldown": "PT5M"}
    profile = {
        "name": "usual",
        "capacity": {"minimum": "1", "maximum": "5", "default": "2"},
        "rules": [{"metricTrigger": trigger, "scaleAction": action}],
    }
    hook = {"serviceUri": HOOK, "properties": {}}
    properties = {
        "name": "scale-credit",
        "enabled": True,
        "targetResourceUri": str(target),
        "profiles": [profile],
        "notifications": [{"operation": "Scale", "email": None, "webhooks": [hook]}],
    }
    identifier = f"{group}/providers/Microsoft.Insights/autoscaleSettings/scale-credit"
    return {**_document(identifier, properties), "location": "westeurope", "tags": {"team": "risk"}}


def metric_alert(*scopes: ResourceId, enabled: bool = True) -> Json:
    criterion = {
        "name": "slow",
        "metricName": "RequestLatency",
        "metricNamespace": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
        "operator": "GreaterThan",
        "threshold": 500,
        "timeAggregation": "Average",
        "criterionType": "StaticThresholdCriterion",
    }
    properties = {
        "description": "answers slowly",
        "severity": 2,
        "enabled": enabled,
        "scopes": [str(scope) for scope in scopes],
        "evaluationFrequency": "PT1M",
        "windowSize": "PT5M",
        "criteria": {
            "odata.type": "Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria",
            "allOf": [criterion],
        },
        "autoMitigate": True,
        "actions": [],
    }
    identifier = f"{GROUP}/providers/Microsoft.Insights/metricAlerts/slow credit"
    return {**_document(identifier, properties), "location": "global", "tags": {}}


def log_alert() -> Json:
    criterion = {
        "query": "AmlOnlineEndpointTrafficLog | where EndpointName == 'credit' and ResponseCode >= 500",
        "timeAggregation": "Count",
        "operator": "GreaterThan",
        "threshold": 5,
        "dimensions": [],
        "failingPeriods": {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1},
    }
    properties = {
        "severity": 1,
        "enabled": True,
        "scopes": [LOGS],
        "evaluationFrequency": "PT5M",
        "windowSize": "PT5M",
        "criteria": {"allOf": [criterion]},
        "autoMitigate": True,
        "actions": {"actionGroups": [], "customProperties": {}},
    }
    identifier = f"{GROUP}/providers/Microsoft.Insights/scheduledQueryRules/credit-errors"
    return {**_document(identifier, properties), "kind": "LogAlert", "location": "westeurope", "tags": {}}


def activity_alert() -> Json:
    operation = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/delete"
    hook = {
        "actionGroupId": f"{GROUP}/providers/Microsoft.Insights/actionGroups/ops",
        "webhookProperties": {},
    }
    conditions = [
        {"field": "category", "equals": "Administrative"},
        {"field": "operationName", "equals": operation},
        {"field": "resourceId", "equals": str(CREDIT)},
    ]
    properties = {
        "scopes": [str(GROUP)],
        "enabled": True,
        "condition": {"allOf": conditions},
        "actions": {"actionGroups": [hook]},
    }
    identifier = f"{GROUP}/providers/Microsoft.Insights/activityLogAlerts/credit deleted"
    return {**_document(identifier, properties), "location": "global", "tags": {}}


def processing_rule() -> Json:
    properties = {
        "scopes": [str(CREDIT)],
        "enabled": True,
        "conditions": [{"field": "AlertRuleName", "operator": "Equals", "values": ["slow credit"]}],
        "actions": [{"actionType": "RemoveAllActionGroups"}],
        "schedule": {"recurrences": [{"recurrenceType": "Weekly", "daysOfWeek": ["Sunday"]}]},
    }
    identifier = f"{GROUP}/providers/Microsoft.AlertsManagement/actionRules/quiet-sundays"
    return {**_document(identifier, properties), "location": "global", "tags": {"team": "risk"}}


def rule_on_the_group() -> Json:
    """For every alert in the source's group, but those on clusters."""
    kind = "Microsoft.MachineLearningServices/workspaces/computes"
    group = f"{GROUP}/providers/Microsoft.Insights/actionGroups/ops"
    properties = {
        "scopes": [str(GROUP)],
        "enabled": True,
        "conditions": [{"field": "TargetResourceType", "operator": "NotEquals", "values": [kind]}],
        "actions": [{"actionType": "AddActionGroups", "actionGroupIds": [group]}],
    }
    identifier = f"{GROUP}/providers/Microsoft.AlertsManagement/actionRules/all-to-ops"
    return {**_document(identifier, properties), "location": "global", "tags": {}}


def satellites() -> list[Json]:
    """One of every kind."""
    return [
        *roles(),
        *(diagnostic_setting(resource) for resource in (SOURCE, CREDIT, BLUE)),
        autoscale_setting(BLUE),
        metric_alert(CREDIT, CHURN, enabled=False),
        log_alert(),
        activity_alert(),
        processing_rule(),
        rule_on_the_group(),
    ]


# The example's own, which would stand beside those that the tests count.
_OWN = (
    "microsoft.insights/autoscalesettings",
    "microsoft.insights/diagnosticsettings",
    "microsoft.insights/metricalerts",
)


def satellite_scenario(*faults: Fault, more: tuple[Json, ...] = (), **changes: Any) -> Scenario:
    """The furnished example with these satellites alone; a variable of credit's blue names a secret of the vault."""
    scenario = legacy_scenario(*faults)
    documents = [copy.deepcopy(d) for d in scenario.resources if ResourceId(d["id"]).type.lower() not in _OWN]
    blue = next(document for document in documents if ResourceId(document["id"]) == BLUE)
    blue["properties"].setdefault("environmentVariables", {})["DB_PASSWORD"] = (
        "${{keyvault:https://kv-ws-legacy-7f3a.vault.azure.net/secrets/db}}"
    )
    secrets = {**scenario.secrets, "kv-ws-legacy-7f3a/db": "made-up-password-of-the-database"}
    resources = (*documents, *satellites(), *more)
    return scenario.model_copy(update={"resources": resources, "secrets": secrets, **changes})


def _document(identifier: str, properties: Json) -> Json:
    resource = ResourceId(identifier)
    return {"id": identifier, "name": resource.name, "type": resource.type, "properties": properties}
