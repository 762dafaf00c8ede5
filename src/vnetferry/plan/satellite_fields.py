"""What is known of the properties of what hangs on a workspace and its endpoints.

Source: the REST definitions of Microsoft.Authorization 2022-04-01 and of Microsoft.Insights (autoscale settings
        2022-10-01, metric alerts 2018-03-01, scheduled query rules 2023-12-01, activity log alerts 2020-10-01,
        diagnostic settings 2021-05-01-preview) and Microsoft.AlertsManagement (alert processing rules 2021-08-08).
"""

from __future__ import annotations

from vnetferry.models.inventory import (
    ACTIVITY_ALERT,
    AUTOSCALE,
    DIAGNOSTIC_SETTING,
    LOG_ALERT,
    METRIC_ALERT,
    PROCESSING_RULE,
    ROLE_ASSIGNMENT,
)
from vnetferry.plan.field_rules import CARRY, COMMON, READ_ONLY, Rule, fields

_OWN_NAME = Rule("remake", "gets a name of its own, because the source's stays until it is retired")
_OWN_PRINCIPAL = Rule("drop", "Azure makes a new principal; it needs the roles that the old one was given")
_ROLE_ASSIGNMENT = {
    **COMMON,
    "id": _OWN_NAME,
    "name": _OWN_NAME,
    **fields(
        CARRY,
        "scope roleDefinitionId principalId principalType description condition conditionVersion "
        "delegatedManagedIdentityResourceId",
        "properties.",
    ),
    **fields(READ_ONLY, "createdOn updatedOn createdBy updatedBy", "properties."),
}
_DIAGNOSTIC_SETTING = {
    **COMMON,
    **fields(READ_ONLY, "location identity kind"),
    **fields(
        CARRY,
        "workspaceId storageAccountId eventHubAuthorizationRuleId eventHubName serviceBusRuleId marketplacePartnerId "
        "logAnalyticsDestinationType logs metrics",
        "properties.",
    ),
    **fields(
        CARRY,
        "category categoryGroup enabled retentionPolicy.days retentionPolicy.enabled",
        "properties.logs[].",
    ),
    **fields(
        CARRY,
        "category timeGrain enabled retentionPolicy.days retentionPolicy.enabled",
        "properties.metrics[].",
    ),
}
_AUTOSCALE = {
    **COMMON,
    "id": _OWN_NAME,
    "name": _OWN_NAME,
    **fields(
        CARRY,
        "enabled name profiles notifications targetResourceUri targetResourceLocation "
        "predictiveAutoscalePolicy.scaleMode predictiveAutoscalePolicy.scaleLookAheadTime",
        "properties.",
    ),
    **fields(
        CARRY,
        "name capacity.default capacity.maximum capacity.minimum rules fixedDate.end fixedDate.start "
        "fixedDate.timeZone recurrence.frequency recurrence.schedule.days recurrence.schedule.hours "
        "recurrence.schedule.minutes recurrence.schedule.timeZone",
        "properties.profiles[].",
    ),
    **fields(
        CARRY,
        "dimensions dimensions[].DimensionName dimensions[].Operator dimensions[].Values dividePerInstance metricName "
        "metricNamespace metricResourceLocation metricResourceUri operator statistic threshold timeAggregation "
        "timeGrain timeWindow",
        "properties.profiles[].rules[].metricTrigger.",
    ),
    **fields(CARRY, "cooldown direction type value", "properties.profiles[].rules[].scaleAction."),
    **fields(
        CARRY,
        "operation email.customEmails email.sendToSubscriptionAdministrator email.sendToSubscriptionCoAdministrators "
        "webhooks webhooks[].properties webhooks[].serviceUri",
        "properties.notifications[].",
    ),
}
_METRIC_ALERT = {
    **COMMON,
    "id": _OWN_NAME,
    "name": _OWN_NAME,
    **fields(CARRY, "identity.type identity.userAssignedIdentities"),
    "identity.principalId": _OWN_PRINCIPAL,
    "identity.tenantId": READ_ONLY,
    **fields(
        CARRY,
        "description severity enabled scopes evaluationFrequency windowSize targetResourceType targetResourceRegion "
        "criteria.odata.type criteria.allOf criteria.webTestId criteria.componentId criteria.failedLocationCount "
        "autoMitigate resolveConfiguration.autoResolved resolveConfiguration.timeToResolve actions actionProperties "
        "customProperties",
        "properties.",
    ),
    **fields(
        CARRY,
        "name criterionType metricName metricNamespace operator threshold timeAggregation skipMetricValidation "
        "dimensions dimensions[].name dimensions[].operator dimensions[].values alertSensitivity ignoreDataBefore "
        "failingPeriods.minFailingPeriodsToAlert failingPeriods.numberOfEvaluationPeriods",
        "properties.criteria.allOf[].",
    ),
    **fields(CARRY, "actionGroupId webHookProperties", "properties.actions[]."),
    **fields(READ_ONLY, "lastUpdatedTime isMigrated", "properties."),
}
_LOG_ALERT = {
    **COMMON,
    "id": _OWN_NAME,
    "name": _OWN_NAME,
    **fields(CARRY, "kind identity.type identity.userAssignedIdentities"),
    "identity.principalId": _OWN_PRINCIPAL,
    "identity.tenantId": READ_ONLY,
    **fields(
        CARRY,
        "description displayName severity enabled scopes evaluationFrequency windowSize overrideQueryTimeRange "
        "targetResourceTypes criteria.allOf muteActionsDuration actions.actionGroups actions.customProperties "
        "actions.actionProperties autoMitigate resolveConfiguration.autoResolved resolveConfiguration.timeToResolve "
        "checkWorkspaceAlertsStorageConfigured skipQueryValidation publicNetworkAccess "
        "ruleResolveConfiguration.autoResolved ruleResolveConfiguration.timeToResolve",
        "properties.",
    ),
    **fields(
        CARRY,
        "query metricName metricMeasureColumn resourceIdColumn operator threshold timeAggregation dimensions "
        "dimensions[].name dimensions[].operator dimensions[].values failingPeriods.minFailingPeriodsToAlert "
        "failingPeriods.numberOfEvaluationPeriods",
        "properties.criteria.allOf[].",
    ),
    **fields(
        READ_ONLY,
        "createdWithApiVersion isLegacyLogAnalyticsRule isWorkspaceAlertsStorageConfigured",
        "properties.",
    ),
}
_ACTIVITY_ALERT = {
    **COMMON,
    "id": _OWN_NAME,
    "name": _OWN_NAME,
    **fields(
        CARRY, "description enabled scopes tenantScope condition.allOf actions.actionGroups", "properties."
    ),
    **fields(
        CARRY,
        "field equals containsAny anyOf anyOf[].field anyOf[].equals anyOf[].containsAny",
        "properties.condition.allOf[].",
    ),
    **fields(CARRY, "actionGroupId webhookProperties actionProperties", "properties.actions.actionGroups[]."),
}
_PROCESSING_RULE = {
    **COMMON,
    "id": _OWN_NAME,
    "name": _OWN_NAME,
    **fields(
        CARRY,
        "description enabled scopes conditions actions schedule.effectiveFrom schedule.effectiveUntil "
        "schedule.timeZone schedule.recurrences",
        "properties.",
    ),
    **fields(CARRY, "field operator values", "properties.conditions[]."),
    **fields(CARRY, "actionType actionGroupIds", "properties.actions[]."),
    **fields(
        CARRY,
        "recurrenceType startTime endTime daysOfWeek daysOfMonth",
        "properties.schedule.recurrences[].",
    ),
}
SATELLITES = {
    ROLE_ASSIGNMENT.lower(): _ROLE_ASSIGNMENT,
    DIAGNOSTIC_SETTING.lower(): _DIAGNOSTIC_SETTING,
    AUTOSCALE.lower(): _AUTOSCALE,
    METRIC_ALERT.lower(): _METRIC_ALERT,
    LOG_ALERT.lower(): _LOG_ALERT,
    ACTIVITY_ALERT.lower(): _ACTIVITY_ALERT,
    PROCESSING_RULE.lower(): _PROCESSING_RULE,
}
