"""Microsoft.Insights and Microsoft.OperationalInsights: what observes an endpoint and must move with it.

Application Insights components, Log Analytics workspaces, diagnostic settings, autoscale settings, metric
alerts.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from vnetferry.sandbox.arm import extension, metrics, tracked
from vnetferry.sandbox.arm.bodies import default_choice, require_known, require_member, require_object
from vnetferry.sandbox.arm.linked_access import SEND_TO, require_linked
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response, read_count

_SETTING = "Microsoft.Insights/diagnosticSettings"
_SINKS = ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId")


def operations() -> list[Operation]:
    """All of it, metrics included."""
    settings = extension.ExtensionType(
        _SETTING,
        "DiagnosticSettings",
        frozenset({"2017-05-01-preview", "2021-05-01-preview"}),
        _put_setting,
        shape={**dict.fromkeys(_SINKS, str), "logs": [dict], "metrics": [dict]},
    )
    kinds = (COMPONENT, LOG_WORKSPACE, AUTOSCALE, METRIC_ALERT)
    rows = [row for kind in kinds for row in tracked.operations(kind)]
    return [*rows, *extension.operations(settings), *metrics.operations()]


def _prepare_component(call: Call, draft: Json, before: Json | None) -> None:
    properties, name = draft["properties"], draft["name"]
    draft["kind"] = require_member(draft, "kind", "MissingRequiredProperty")
    default_choice(properties, "Application_Type", ("web", "other"), "web")
    if workspace := properties.get("WorkspaceResourceId"):
        _require_workspace(call, workspace)
    names = ("AppId", "InstrumentationKey", "CreationDate", "TenantId", "ConnectionString")
    tracked.carry(draft, before, *names)
    key = properties.setdefault("InstrumentationKey", tracked.new_guid())
    application = properties.setdefault("AppId", tracked.new_guid())
    host = f"https://{draft['location']}-0.in.applicationinsights.azure.com/"
    defaults = {
        "ApplicationId": name,
        "Name": name,
        "CreationDate": call.world.clock.stamp(),
        "TenantId": call.params["subscriptionId"],
        "ConnectionString": f"InstrumentationKey={key};IngestionEndpoint={host};ApplicationId={application}",
        "RetentionInDays": 90,
        "IngestionMode": "LogAnalytics" if properties.get("WorkspaceResourceId") else "ApplicationInsights",
        "publicNetworkAccessForIngestion": "Enabled",
        "publicNetworkAccessForQuery": "Enabled",
        "Ver": "v2",
    }
    for member, value in defaults.items():
        properties.setdefault(member, value)
    properties["provisioningState"] = "Succeeded"


def _require_workspace(call: Call, workspace_id: str) -> None:
    if workspace_id not in call.world.documents:
        message = f"Log Analytics workspace '{workspace_id}' does not exist or you have no access to it."
        raise AzureError(400, "BadRequest", message)


def _prepare_log_workspace(call: Call, draft: Json, before: Json | None) -> None:
    draft.pop("kind", None)
    tracked.carry(draft, before, "customerId", "createdDate")
    properties, now = draft["properties"], call.world.clock.stamp()
    # The SDK's own template sends a component's property here, and the service takes no notice of it.
    properties.pop("Application_Type", None)
    defaults = {
        "customerId": tracked.new_guid(),
        "createdDate": now,
        "sku": {"name": "PerGB2018", "lastSkuUpdate": now},
        "retentionInDays": 30,
        "publicNetworkAccessForIngestion": "Enabled",
        "publicNetworkAccessForQuery": "Enabled",
    }
    for member, value in defaults.items():
        properties.setdefault(member, value)
    properties.update(modifiedDate=now, provisioningState="Succeeded")


def _prepare_autoscale(call: Call, draft: Json, _before: Json | None) -> None:
    properties = draft["properties"]
    profiles = require_member(properties, "profiles", "BadRequest", "properties")
    if not isinstance(profiles, list) or not 1 <= len(profiles) <= 20:
        raise AzureError(400, "BadRequest", "An autoscale setting must have from 1 to 20 profiles.")
    for profile in profiles:
        _require_profile(profile)
    properties.setdefault("enabled", False)
    properties.setdefault("name", draft["name"])
    properties.setdefault("targetResourceUri", None)
    if properties["targetResourceUri"]:
        _require_target(call, properties["targetResourceUri"])
        _require_only_setting(call, draft)


def _require_profile(profile: Any) -> None:
    found = require_object(profile, "properties.profiles")
    require_known(
        found,
        {"name", "capacity", "rules", "fixedDate", "recurrence"},
        "AutoscaleProfile",
        "properties.profiles",
    )
    capacity = require_object(
        require_member(found, "capacity", "BadRequest", "profiles"), "profiles.capacity"
    )
    given = [read_count(str(capacity.get(name, ""))) for name in ("minimum", "default", "maximum")]
    numbers = [number for number in given if number is not None]
    if len(numbers) < len(given):
        raise AzureError(
            400, "BadRequest", "The profile's capacity needs 'minimum', 'maximum' and 'default' as numbers."
        )
    low, usual, high = numbers
    if not low <= usual <= high:
        raise AzureError(
            400, "BadRequest", "The profile's default capacity must lie between its minimum and maximum."
        )
    for rule in found.get("rules") or []:
        _require_rule(rule)


def _require_rule(rule: Any) -> None:
    found = require_object(rule, "profiles.rules")
    trigger = require_object(
        require_member(found, "metricTrigger", "BadRequest", "rules"), "rules.metricTrigger"
    )
    needed = (
        "metricName",
        "metricResourceUri",
        "timeGrain",
        "statistic",
        "timeWindow",
        "timeAggregation",
        "operator",
        "threshold",
    )
    for name in needed:
        require_member(trigger, name, "BadRequest", "rules.metricTrigger")
    action = require_object(require_member(found, "scaleAction", "BadRequest", "rules"), "rules.scaleAction")
    for name in ("direction", "type", "cooldown"):
        require_member(action, name, "BadRequest", "rules.scaleAction")


def _require_target(call: Call, target: str) -> None:
    if target not in call.world.documents:
        raise AzureError(404, "ResourceNotFound", f"The target resource id '{target}' could not be found.")


def _require_only_setting(call: Call, draft: Json) -> None:
    """A resource has at most one autoscale setting."""
    target = draft["properties"]["targetResourceUri"].lower()
    scope = f"/subscriptions/{call.params['subscriptionId']}"
    for other in call.world.documents.below(scope, AUTOSCALE.type):
        held = str(other["properties"].get("targetResourceUri") or "").lower()
        if held == target and other["id"].lower() != draft["id"].lower():
            message = (
                f"The target resource '{target}' is already controlled by the autoscale setting "
                f"'{other['id']}'."
            )
            raise AzureError(409, "Conflict", message)


def _prepare_alert(call: Call, draft: Json, _before: Json | None) -> None:
    properties = draft["properties"]
    for name in ("severity", "enabled", "scopes", "evaluationFrequency", "windowSize", "criteria"):
        require_member(properties, name, "BadRequest", "properties")
    if not isinstance(properties["severity"], int) or not 0 <= properties["severity"] <= 4:
        raise AzureError(400, "BadRequest", "The alert's severity must be a number from 0 to 4.")
    for scope in properties["scopes"]:
        _require_target(call, scope)
    criteria = require_object(properties["criteria"], "properties.criteria")
    require_member(criteria, "odata.type", "BadRequest", "properties.criteria")
    for criterion in criteria.get("allOf") or []:
        for name in ("name", "metricName", "timeAggregation"):
            require_member(criterion, name, "BadRequest", "properties.criteria.allOf")
    properties.setdefault("autoMitigate", True)
    properties.setdefault("actions", [])


async def _put_setting(call: Call) -> Response:
    target = extension.scope_of(call.path)
    _require_setting_target(call, target)
    body = call.json()
    require_known(
        body,
        {"id", "name", "type", "location", "tags", "kind", "identity", "properties"},
        "DiagnosticSettingsResource",
    )
    properties = deepcopy(require_object(body.get("properties"), "properties"))
    known = {*_SINKS, "serviceBusRuleId", "eventHubName", "metrics", "logs", "logAnalyticsDestinationType"}
    require_known(properties, known, "DiagnosticSettings", "properties")
    sinks = [properties[name] for name in _SINKS if properties.get(name)]
    if not sinks:
        message = "At least one data sink needs to be specified."
        raise AzureError(400, "BadRequest", message)
    if not properties.get("logs") and not properties.get("metrics"):
        raise AzureError(400, "BadRequest", "At least one category of logs or metrics needs to be specified.")
    for sink in sinks[:2]:
        _require_target(call, sink)
    for name, action in SEND_TO.items():
        if properties.get(name):
            require_linked(call, action, properties[name])
    for name in (*_SINKS, "eventHubName", "logAnalyticsDestinationType"):
        properties.setdefault(name, None)
    document, _ = extension.store(call, _SETTING, properties, location=None, tags=None)
    return Response(200, document)


def _require_setting_target(call: Call, target: str) -> None:
    call.world.documents.require(target)
    name = call.path.rpartition("/")[2].lower()
    others = call.world.documents.collection(f"{target}/providers/{_SETTING}")
    if len([setting for setting in others if setting["name"].lower() != name]) >= 5:
        raise AzureError(
            409,
            "Conflict",
            f"The resource '{target}' has five diagnostic settings already, and cannot have more.",
        )


COMPONENT = tracked.TrackedType(
    "Microsoft.Insights/components",
    "Components",
    frozenset({"2014-04-01", "2015-05-01", "2018-05-01-preview", "2020-02-02", "2020-02-02-preview"}),
    fields=frozenset({"kind"}),
    properties=frozenset(
        {
            *(
                "Application_Type",
                "Flow_Type",
                "Request_Source",
                "RetentionInDays",
                "SamplingPercentage",
                "IngestionMode",
            ),
            *(
                "WorkspaceResourceId",
                "DisableIpMasking",
                "DisableLocalAuth",
                "ImmediatePurgeDataOn30Days",
                "HockeyAppId",
            ),
            *(
                "publicNetworkAccessForIngestion",
                "publicNetworkAccessForQuery",
                "ForceCustomerStorageForProfiler",
            ),
            *(
                "AppId",
                "ApplicationId",
                "Name",
                "InstrumentationKey",
                "ConnectionString",
                "CreationDate",
                "TenantId",
                "Ver",
            ),
            *("HockeyAppToken", "LaMigrationDate", "PrivateLinkScopedResources", "Retention"),
        }
    ),
    name=r"^[^%&\\?/<>]{1,259}[^%&\\?/<>. ]$",
    shape={"WorkspaceResourceId": str},
    prepare=_prepare_component,
    created=200,
)
LOG_WORKSPACE = tracked.TrackedType(
    "Microsoft.OperationalInsights/workspaces",
    "LogAnalyticsWorkspaces",
    frozenset(
        {"2015-03-20", "2015-11-01-preview", "2020-03-01-preview", "2020-08-01", "2020-10-01", "2021-06-01"}
        | {"2021-12-01-preview", "2022-10-01", "2023-09-01", "2025-02-01"}
    ),
    fields=frozenset({"kind", "identity"}),
    name=r"^[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]$",
    prepare=_prepare_log_workspace,
    note="Members that it does not know are kept: the service ignores them. Azure may answer 202; here "
    "it is done at once.",
)
AUTOSCALE = tracked.TrackedType(
    "Microsoft.Insights/autoscalesettings",
    "AutoscaleSettings",
    frozenset({"2014-04-01", "2015-04-01", "2021-05-01-preview", "2022-10-01"}),
    properties=frozenset(
        {
            "profiles",
            "enabled",
            "name",
            "targetResourceUri",
            "targetResourceLocation",
            "notifications",
            "predictiveAutoscalePolicy",
        }
    ),
    name=r"^[^<>%&?/]{1,260}$",
    shape={
        "targetResourceUri": str,
        "profiles": [
            {"name": str, "capacity": dict, "rules": [{"metricTrigger": dict, "scaleAction": dict}]}
        ],
        "notifications": [dict],
    },
    prepare=_prepare_autoscale,
)
METRIC_ALERT = tracked.TrackedType(
    "Microsoft.Insights/metricAlerts",
    "MetricAlerts",
    frozenset({"2018-03-01", "2024-03-01-preview"}),
    fields=frozenset({"identity"}),
    properties=frozenset(
        {
            *(
                "description",
                "severity",
                "enabled",
                "scopes",
                "evaluationFrequency",
                "windowSize",
                "targetResourceType",
            ),
            *(
                "targetResourceRegion",
                "criteria",
                "autoMitigate",
                "resolveConfiguration",
                "actions",
                "lastUpdatedTime",
            ),
            *("isMigrated", "actionProperties", "customProperties"),
        }
    ),
    name=r"^[^*#&+:<>?@%{}\\/|]{1,260}$",
    shape={"scopes": [str], "criteria": {"allOf": [dict]}, "actions": [dict]},
    prepare=_prepare_alert,
    created=200,
    global_location=True,
)
