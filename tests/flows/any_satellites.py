"""Valid documents of what hangs on a workspace without being part of it: rights, settings, alerts, locks.

Source: the REST definitions of Microsoft.Authorization 2022-04-01 (locks 2020-05-01) and of Microsoft.Insights
(autoscale settings 2022-10-01, metric alerts 2018-03-01, scheduled query rules 2023-12-01, diagnostic settings
2021-05-01-preview).
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.flows.legacy_world import SOURCE
from tests.flows.rest_values import Strategy, maps, texts
from vnetferry.models.ids import ResourceId

Json = dict[str, Any]
SUBSCRIPTION = f"/subscriptions/{SOURCE.subscription_id}"
GROUP = str(SOURCE.group_id)
ELSEWHERE = f"{SUBSCRIPTION}/resourceGroups/rg-network"
LOGS = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log-ws-legacy"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stwslegacy7f3a"
_TIMES = st.sampled_from(["PT1M", "PT5M", "PT1H", "P1D"])
_NUMBERS = st.sampled_from([0, 0.5, 70.0, -1, 1e300, 2**53 + 1])
_NAMES = st.sampled_from(["slow", "Größe (2)", "scale.all-of_it", "部署", "x" * 200])


def _of(required: Json, **optional: Strategy) -> Strategy:
    return st.fixed_dictionaries(required, optional=optional)


# --- Role assignments and locks --------------------------------------------------------------------------------

ROLES = {
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "AzureML Data Scientist": "f6c7c914-8db3-469d-8ca1-694a8f32e121",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
}


def assignments(role: str, principal: str, kind: str, scope: str) -> Strategy:
    """Properties of a role assignment; with a condition where its role can have one."""
    written: Json = {
        "roleDefinitionId": st.just(
            f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{ROLES[role]}"
        ),
        "principalId": st.just(principal),
        "principalType": st.just(kind),
        "scope": st.just(scope),
        **dict.fromkeys(("createdOn", "updatedOn"), st.just("2024-04-02T08:00:00.0000000Z")),
        **dict.fromkeys(("createdBy", "updatedBy"), st.just("0a0a0a0a-0000-4000-8000-00000000a0a0")),
        "delegatedManagedIdentityResourceId": st.none(),
    }
    plain = _of(
        {**written, "condition": st.none(), "conditionVersion": st.none()}, description=st.none() | texts
    )
    if "Blob" not in role:
        return plain
    condition = (
        "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write'})))"
    )
    bound = {**written, "condition": st.just(condition), "conditionVersion": st.just("2.0")}
    return plain | _of(bound, description=st.none() | texts)


locks = _of({"level": st.just("CanNotDelete")}, notes=texts)

# --- Settings and alerts ---------------------------------------------------------------------------------------


def diagnostics() -> Strategy:
    """Properties of a diagnostic setting of an endpoint."""
    retention = {"enabled": st.booleans(), "days": st.sampled_from([0, 1, 365])}
    common = {"enabled": st.booleans(), "retentionPolicy": _of(retention)}
    categories = ("AmlOnlineEndpointTrafficLog", "AmlOnlineEndpointConsoleLog", "AmlOnlineEndpointEventLog")
    category = _of({"category": st.sampled_from(categories), "categoryGroup": st.none(), **common})
    group = _of({"category": st.none(), "categoryGroup": st.just("allLogs"), **common})
    metrics = _of({"category": st.just("AllMetrics"), "timeGrain": st.none(), **common})
    sinks = {
        "workspaceId": st.just(LOGS),
        "storageAccountId": st.sampled_from([None, STORAGE]),
        "eventHubAuthorizationRuleId": st.none(),
        "eventHubName": st.none(),
        "marketplacePartnerId": st.none(),
        "logAnalyticsDestinationType": st.sampled_from([None, "Dedicated"]),
    }
    logs = st.lists(category, min_size=1, max_size=2, unique_by=lambda item: item["category"]) | st.tuples(
        group
    ).map(list)
    return _of({**sinks, "logs": logs, "metrics": st.lists(metrics, max_size=1)})


def autoscales(name: str, target: str, metrics_of: list[str]) -> Strategy:
    """Properties of an autoscale setting of a deployment. In: metrics_of: ids whose metrics it may go by."""
    trigger = _of(
        {
            "metricName": st.sampled_from(["CpuUtilizationPercentage", "RequestsPerMinute"]),
            "metricResourceUri": st.sampled_from([*metrics_of, *map(str.lower, metrics_of)]),
            "timeGrain": _TIMES,
            "statistic": st.sampled_from(["Average", "Max"]),
            "timeWindow": _TIMES,
            "timeAggregation": st.sampled_from(["Average", "Total"]),
            "operator": st.sampled_from(["GreaterThan", "LessThanOrEqual"]),
            "threshold": _NUMBERS,
        },
        metricNamespace=st.sampled_from(
            [None, "microsoft.machinelearningservices/workspaces/onlineendpoints"]
        ),
        dividePerInstance=st.booleans(),
        dimensions=st.just([{"DimensionName": "deployment", "Operator": "Equals", "Values": ["größe"]}]),
    )
    action = _of(
        {
            "direction": st.sampled_from(["Increase", "Decrease"]),
            "type": st.just("ChangeCount"),
            "value": st.just("1"),
            "cooldown": _TIMES,
        }
    )
    rules = st.lists(_of({"metricTrigger": trigger, "scaleAction": action}), max_size=2)
    always = _of({"name": _NAMES, "capacity": _capacity(), "rules": rules})
    at_night = _of(
        {"name": _NAMES, "capacity": _capacity(), "rules": st.just([])},
        recurrence=st.just(
            {
                "frequency": "Week",
                "schedule": {
                    "timeZone": "W. Europe Standard Time",
                    "days": ["Sunday"],
                    "hours": [0],
                    "minutes": [59],
                },
            }
        ),
    )
    webhook = _of({"serviceUri": st.just("https://hooks.contoso.com/scaled?code=made-up")}, properties=maps)
    email = st.just({"sendToSubscriptionAdministrator": False, "customEmails": ["größe@contoso.com"]})
    notification = _of(
        {"operation": st.just("Scale"), "email": st.none() | email, "webhooks": st.lists(webhook, max_size=2)}
    )
    return _of(
        {
            "name": st.just(name),
            "enabled": st.booleans(),
            "targetResourceUri": st.sampled_from([target, target.lower()]),
            "profiles": st.tuples(always).map(list) | st.tuples(always, at_night).map(list),
        },
        targetResourceLocation=st.just("westeurope"),
        notifications=st.none() | st.lists(notification, max_size=1),
        predictiveAutoscalePolicy=st.sampled_from(
            [None, {"scaleMode": "ForecastOnly", "scaleLookAheadTime": "PT5M"}]
        ),
    )


def _capacity() -> Strategy:
    three = st.tuples(*[st.integers(1, 9)] * 3).map(sorted)
    return three.map(lambda n: {"minimum": str(n[0]), "default": str(n[1]), "maximum": str(n[2])})


def metric_alerts(scopes: list[str]) -> Strategy:
    """Properties of a metric alert that watches these."""
    criterion = _of(
        {
            "name": _NAMES,
            "metricName": st.sampled_from(["RequestLatency", "ConnectionsActive"]),
            "operator": st.sampled_from(["GreaterThan", "LessThan"]),
            "threshold": _NUMBERS,
            "timeAggregation": st.sampled_from(["Average", "Maximum"]),
            "criterionType": st.just("StaticThresholdCriterion"),
        },
        metricNamespace=st.just("Microsoft.MachineLearningServices/workspaces/onlineEndpoints"),
        dimensions=st.just([{"name": "deployment", "operator": "Include", "values": ["*"]}]),
        skipMetricValidation=st.booleans(),
    )
    criteria = _of(
        {
            "odata.type": st.just("Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria"),
            "allOf": st.lists(criterion, min_size=1, max_size=2),
        }
    )
    group = f"{GROUP}/providers/Microsoft.Insights/actionGroups/on-call"
    action = _of({"actionGroupId": st.just(group)}, webHookProperties=maps)
    return _of(
        {
            "severity": st.integers(0, 4),
            "enabled": st.booleans(),
            "scopes": st.just(scopes),
            "evaluationFrequency": _TIMES,
            "windowSize": _TIMES,
            "criteria": criteria,
            "autoMitigate": st.booleans(),
            "actions": st.lists(action, max_size=1),
        },
        description=st.none() | texts,
        targetResourceType=st.just("Microsoft.MachineLearningServices/workspaces/onlineEndpoints"),
        targetResourceRegion=st.just("westeurope"),
    )


def log_alerts(scope: str, names: list[str]) -> Strategy:
    """Properties of a log alert that asks a log store, or a resource, about things of these names."""
    query = st.sampled_from(names).flatmap(
        lambda name: st.sampled_from(
            [
                f"AmlOnlineEndpointTrafficLog | where EndpointName == '{name}'",
                f'AmlOnlineEndpointConsoleLog | where _ResourceId endswith "/onlineendpoints/{name.lower()}"',
                f"AzureMetrics | where ResourceId =~ '{str(SOURCE).upper()}' // größe",
            ]
        )
    )
    periods = {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1}
    criterion = _of(
        {
            "query": query,
            "timeAggregation": st.sampled_from(["Count", "Total"]),
            "operator": st.sampled_from(["GreaterThan", "LessThan"]),
            "threshold": _NUMBERS,
            "dimensions": st.sampled_from([[], [{"name": "a", "operator": "Include", "values": ["*"]}]]),
            "failingPeriods": st.just(periods),
        },
        metricMeasureColumn=st.just("größe"),
        resourceIdColumn=st.just("_ResourceId"),
    )
    return _of(
        {
            "severity": st.integers(0, 4),
            "enabled": st.booleans(),
            "scopes": st.just([scope]),
            "evaluationFrequency": _TIMES,
            "windowSize": _TIMES,
            "criteria": _of({"allOf": st.lists(criterion, min_size=1, max_size=2)}),
            "autoMitigate": st.booleans(),
            "actions": _of({"actionGroups": st.just([]), "customProperties": maps}),
            "createdWithApiVersion": st.just("2021-08-01"),
            "isLegacyLogAnalyticsRule": st.just(False),
        },
        description=st.none() | texts,
        displayName=st.none() | texts,
        muteActionsDuration=_TIMES,
        overrideQueryTimeRange=_TIMES,
        targetResourceTypes=st.sampled_from([None, ["Microsoft.MachineLearningServices/workspaces"]]),
        skipQueryValidation=st.booleans(),
        checkWorkspaceAlertsStorageConfigured=st.booleans(),
    )


def document(resource: str, properties: Json, **more: Any) -> Json:
    """A document as GET answers it."""
    found = ResourceId(resource)
    return {"id": resource, "name": found.name, "type": found.type, **more, "properties": properties}


def activity_alerts(named: list[str]) -> Strategy:
    """Properties of an activity log alert about these resources, by its scopes or by a condition."""
    category = {"field": "category", "equals": "Administrative"}
    leaf = st.sampled_from(named).map(lambda each: {"field": "resourceId", "equals": each})
    choosing = st.one_of(
        leaf,
        leaf.map(lambda each: {"anyOf": [each]}),
        st.just({"field": "resourceId", "containsAny": named}),
        st.just({"field": "properties.größe", "equals": "x"}),
    )
    group = f"{GROUP}/providers/Microsoft.Insights/actionGroups/on-call"
    action = _of({"actionGroupId": st.just(group)}, webhookProperties=maps)
    return _of(
        {
            "scopes": st.just(named),
            "enabled": st.booleans(),
            "condition": choosing.map(lambda each: {"allOf": [category, each]}),
            "actions": st.lists(action, max_size=1).map(lambda found: {"actionGroups": found}),
        },
        description=texts,
    )


def processing_rules(named: list[str]) -> Strategy:
    """Properties of an alert processing rule for the alerts on these resources."""
    group = f"{GROUP}/providers/Microsoft.Insights/actionGroups/on-call"
    condition = st.sampled_from(
        [
            {"field": "TargetResource", "operator": "Equals", "values": named},
            {"field": "TargetResource", "operator": "NotEquals", "values": named[:1]},
            {"field": "Severity", "operator": "NotEquals", "values": ["Sev0", "Sev1"]},
            {"field": "AlertContext", "operator": "Contains", "values": ["größe"]},
        ]
    )
    recurrence = st.sampled_from(
        [
            {"recurrenceType": "Daily", "startTime": "17:00:00", "endTime": "09:00:00"},
            {"recurrenceType": "Weekly", "daysOfWeek": ["Saturday", "Sunday"]},
            {"recurrenceType": "Monthly", "daysOfMonth": [1, 31], "startTime": "00:00:00"},
        ]
    )
    schedule = _of(
        {"effectiveFrom": st.just("2026-01-01T00:00:00")},
        effectiveUntil=st.just("2027-01-01T00:00:00"),
        timeZone=st.just("W. Europe Standard Time"),
        recurrences=st.lists(recurrence, max_size=2),
    )
    actions = [
        {"actionType": "RemoveAllActionGroups"},
        {"actionType": "AddActionGroups", "actionGroupIds": [group]},
    ]
    return _of(
        {
            "scopes": st.just(named),
            "enabled": st.booleans(),
            "actions": st.sampled_from(actions).map(lambda each: [each]),
        },
        conditions=st.lists(condition, max_size=2, unique_by=lambda each: each["field"]),
        schedule=schedule,
        description=texts,
    )
