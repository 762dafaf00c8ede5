"""A document of each kind that no model of the SDK describes, with every member that its REST definition has.

What the service alone writes besides (states, endpoints, times) is there where an object also has members of clients.

Source: the REST definitions of Microsoft.Storage 2023-05-01, Microsoft.KeyVault 2023-07-01,
Microsoft.ContainerRegistry 2023-07-01, Microsoft.Insights (components 2020-02-02, autoscale settings 2022-10-01, metric
alerts 2018-03-01, scheduled query rules 2023-12-01, diagnostic settings 2021-05-01-preview),
Microsoft.OperationalInsights 2022-10-01 and Microsoft.Network 2024-05-01.
"""

from __future__ import annotations

from typing import Any

from vnetferry.models.inventory import (
    ACTIVITY_ALERT,
    APPLICATION_INSIGHTS,
    AUTOSCALE,
    CONTAINER_REGISTRY,
    DIAGNOSTIC_SETTING,
    KEY_VAULT,
    LOG_ALERT,
    LOG_WORKSPACE,
    METRIC_ALERT,
    PRIVATE_ENDPOINT,
    PROCESSING_RULE,
    STORAGE_ACCOUNT,
)

Json = dict[str, Any]
_TENANT = "7e4a4b5c-0c5e-4a55-8e6f-000000007e11"
_GROUP = "/subscriptions/3d5f7a21-8c46-4b0e-9f13-5e2a6c8b0d41/resourceGroups/rg-network"
_SUBNET = f"{_GROUP}/providers/Microsoft.Network/virtualNetworks/vnet-callers/subnets/snet-apps"
_EDGE = {"name": "losangeles", "type": "EdgeZone"}

_STORAGE: Json = {
    "kind": "StorageV2",
    "sku": {"name": "Standard_GRS", "tier": "Standard"},
    "extendedLocation": _EDGE,
    "properties": {
        "accessTier": "Hot",
        "allowBlobPublicAccess": False,
        "allowCrossTenantReplication": False,
        "allowSharedKeyAccess": True,
        "allowedCopyScope": "AAD",
        "defaultToOAuthAuthentication": False,
        "dnsEndpointType": "Standard",
        "enableExtendedGroups": False,
        "isHnsEnabled": False,
        "isLocalUserEnabled": False,
        "isNfsV3Enabled": False,
        "isSftpEnabled": False,
        "largeFileSharesState": "Disabled",
        "minimumTlsVersion": "TLS1_2",
        "publicNetworkAccess": "Enabled",
        "supportsHttpsTrafficOnly": True,
        "keyPolicy": {"keyExpirationPeriodInDays": 90},
        "sasPolicy": {"sasExpirationPeriod": "1.00:00:00", "expirationAction": "Log"},
        "routingPreference": {
            "routingChoice": "MicrosoftRouting",
            "publishMicrosoftEndpoints": True,
            "publishInternetEndpoints": False,
        },
        "immutableStorageWithVersioning": {
            "enabled": True,
            "immutabilityPolicy": {
                "immutabilityPeriodSinceCreationInDays": 3,
                "state": "Unlocked",
                "allowProtectedAppendWrites": True,
            },
        },
        "networkAcls": {
            "bypass": "AzureServices",
            "defaultAction": "Deny",
            "ipRules": [{"value": "203.0.113.7", "action": "Allow"}, {"value": "198.51.100.0/24"}],
            "virtualNetworkRules": [{"id": _SUBNET, "action": "Allow", "state": "Succeeded"}],
            "resourceAccessRules": [{"tenantId": _TENANT, "resourceId": f"{_GROUP}/providers/x.y/z/w"}],
        },
        "encryption": {
            "keySource": "Microsoft.Storage",
            "requireInfrastructureEncryption": False,
            "services": {"blob": {"enabled": True, "keyType": "Account"}},
            "keyvaultproperties": {"keyname": "cmk", "keyvaulturi": "https://kv.vault.azure.net"},
            "identity": {"userAssignedIdentity": f"{_GROUP}/providers/x.y/z/id"},
        },
        "customDomain": {"name": "files.contoso.com", "useSubDomainName": False},
        "azureFilesIdentityBasedAuthentication": {"directoryServiceOptions": "None"},
        "primaryEndpoints": {"blob": "https://stwslegacy7f3a.blob.core.windows.net/"},
        "keyCreationTime": {"key1": "2023-01-01T00:00:00Z"},
    },
}
_VAULT: Json = {
    "properties": {
        "tenantId": _TENANT,
        "sku": {"family": "A", "name": "standard"},
        "accessPolicies": [
            {
                "tenantId": _TENANT,
                "objectId": "0a0a0a0a-0000-4000-8000-00000000a0a0",
                "applicationId": "0c0c0c0c-0000-4000-8000-00000000c0c0",
                "permissions": {"keys": ["get"], "secrets": ["get"], "certificates": [], "storage": []},
            }
        ],
        "enabledForDeployment": False,
        "enabledForDiskEncryption": False,
        "enabledForTemplateDeployment": False,
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": 7,
        "enableRbacAuthorization": False,
        "enablePurgeProtection": True,
        "networkAcls": {
            "bypass": "AzureServices",
            "defaultAction": "Allow",
            "ipRules": [{"value": "203.0.113.7/32"}],
            "virtualNetworkRules": [{"id": _SUBNET, "ignoreMissingVnetServiceEndpoint": False}],
        },
        "publicNetworkAccess": "Enabled",
        "vaultUri": "https://kv-ws-legacy-7f3a.vault.azure.net/",
    },
}
_REGISTRY: Json = {
    "sku": {"name": "Premium", "tier": "Premium"},
    "properties": {
        "adminUserEnabled": False,
        "anonymousPullEnabled": False,
        "dataEndpointEnabled": False,
        "networkRuleBypassOptions": "AzureServices",
        "publicNetworkAccess": "Enabled",
        "zoneRedundancy": "Disabled",
        "networkRuleSet": {
            "defaultAction": "Allow",
            "ipRules": [{"action": "Allow", "value": "203.0.113.7"}],
        },
        "policies": {
            "quarantinePolicy": {"status": "disabled"},
            "trustPolicy": {"type": "Notary", "status": "disabled"},
            "retentionPolicy": {"days": 7, "status": "disabled", "lastUpdatedTime": "2023-01-01T00:00:00Z"},
            "exportPolicy": {"status": "enabled"},
        },
        "encryption": {"status": "disabled", "keyVaultProperties": {"identity": "x", "keyIdentifier": "y"}},
        "status": {"displayStatus": "Ready"},
        "loginServer": "crwslegacy7f3a.azurecr.io",
    },
}
_INSIGHTS: Json = {
    "kind": "web",
    "properties": {
        "Application_Type": "web",
        "Flow_Type": "Bluefield",
        "Request_Source": "rest",
        "RetentionInDays": 90,
        "SamplingPercentage": 50.0,
        "DisableIpMasking": False,
        "DisableLocalAuth": False,
        "ForceCustomerStorageForProfiler": False,
        "ImmediatePurgeDataOn30Days": False,
        "publicNetworkAccessForIngestion": "Enabled",
        "publicNetworkAccessForQuery": "Enabled",
        "IngestionMode": "LogAnalytics",
        "PrivateLinkScopedResources": [{"ResourceId": "x", "ScopeId": "y"}],
    },
}
_LOGS: Json = {
    "properties": {
        "sku": {
            "name": "PerGB2018",
            "capacityReservationLevel": 100,
            "lastSkuUpdate": "2023-01-01T00:00:00Z",
        },
        "retentionInDays": 30,
        "forceCmkForQuery": False,
        "publicNetworkAccessForIngestion": "Enabled",
        "publicNetworkAccessForQuery": "Enabled",
        "workspaceCapping": {
            "dailyQuotaGb": -1.0,
            "quotaNextResetTime": "2023-01-01T00:00:00Z",
            "dataIngestionStatus": "RespectQuota",
        },
        "features": {
            "enableDataExport": True,
            "immediatePurgeDataOn30Days": False,
            "enableLogAccessUsingOnlyResourcePermissions": True,
            "disableLocalAuth": False,
            "clusterResourceId": f"{_GROUP}/providers/Microsoft.OperationalInsights/clusters/all",
        },
        "privateLinkScopedResources": [{"resourceId": "x", "scopeId": "y"}],
    },
}
_PRIVATE_ENDPOINT: Json = {
    "extendedLocation": _EDGE,
    "properties": {
        "applicationSecurityGroups": [
            {
                "id": f"{_GROUP}/providers/Microsoft.Network/applicationSecurityGroups/callers",
                "name": "callers",
                "type": "Microsoft.Network/applicationSecurityGroups",
                "location": "westeurope",
                "tags": {"team": "network"},
                "etag": 'W/"1"',
                "properties": {"provisioningState": "Succeeded", "resourceGuid": _TENANT},
            }
        ],
        "customNetworkInterfaceName": "nic",
        "ipConfigurations": [
            {"name": "a", "properties": {"groupId": "amlworkspace", "memberName": "default"}}
        ],
    },
}
_AUTOSCALE: Json = {
    "properties": {
        "name": "scale",
        "enabled": True,
        "targetResourceUri": f"{_GROUP}/providers/x.y/z/w",
        "targetResourceLocation": "westeurope",
        "predictiveAutoscalePolicy": {"scaleMode": "ForecastOnly", "scaleLookAheadTime": "PT5M"},
        "profiles": [
            {
                "name": "always",
                "capacity": {"minimum": "1", "maximum": "3", "default": "1"},
                "fixedDate": {
                    "timeZone": "UTC",
                    "start": "2027-01-01T00:00:00Z",
                    "end": "2027-01-02T00:00:00Z",
                },
                "recurrence": {
                    "frequency": "Week",
                    "schedule": {"timeZone": "UTC", "days": ["Sunday"], "hours": [0], "minutes": [59]},
                },
                "rules": [
                    {
                        "metricTrigger": {
                            "metricName": "CpuUtilizationPercentage",
                            "metricNamespace": "",
                            "metricResourceUri": f"{_GROUP}/providers/x.y/z/w",
                            "metricResourceLocation": "westeurope",
                            "timeGrain": "PT1M",
                            "statistic": "Average",
                            "timeWindow": "PT5M",
                            "timeAggregation": "Average",
                            "operator": "GreaterThan",
                            "threshold": 70.0,
                            "dividePerInstance": False,
                            "dimensions": [{"DimensionName": "a", "Operator": "Equals", "Values": ["b"]}],
                        },
                        "scaleAction": {
                            "direction": "Increase",
                            "type": "ChangeCount",
                            "value": "1",
                            "cooldown": "PT5M",
                        },
                    }
                ],
            }
        ],
        "notifications": [
            {
                "operation": "Scale",
                "email": {
                    "sendToSubscriptionAdministrator": False,
                    "sendToSubscriptionCoAdministrators": False,
                    "customEmails": ["on-call@contoso.com"],
                },
                "webhooks": [{"serviceUri": "https://hooks.contoso.com", "properties": {"team": "risk"}}],
            }
        ],
    },
}
_DIMENSIONS = [{"name": "deployment", "operator": "Include", "values": ["*"]}]
_CRITERION: Json = {
    "name": "slow",
    "metricName": "RequestLatency",
    "metricNamespace": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
    "operator": "GreaterThan",
    "timeAggregation": "Average",
    "skipMetricValidation": False,
    "dimensions": _DIMENSIONS,
}
_METRIC_ALERT: Json = {
    "properties": {
        "description": "Too slow",
        "severity": 2,
        "enabled": True,
        "scopes": [f"{_GROUP}/providers/x.y/z/w"],
        "evaluationFrequency": "PT1M",
        "windowSize": "PT5M",
        "targetResourceType": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
        "targetResourceRegion": "westeurope",
        "autoMitigate": True,
        "criteria": {
            "odata.type": "Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria",
            "allOf": [
                {**_CRITERION, "criterionType": "StaticThresholdCriterion", "threshold": 1000.0},
                {
                    **_CRITERION,
                    "criterionType": "DynamicThresholdCriterion",
                    "alertSensitivity": "Medium",
                    "ignoreDataBefore": "2027-01-01T00:00:00Z",
                    "failingPeriods": {"numberOfEvaluationPeriods": 4, "minFailingPeriodsToAlert": 4},
                },
            ],
            "webTestId": "x",
            "componentId": "y",
            "failedLocationCount": 2,
        },
        "actions": [{"actionGroupId": f"{_GROUP}/providers/x.y/z/w", "webHookProperties": {"team": "risk"}}],
    },
}
_LOG_ALERT: Json = {
    "kind": "LogAlert",
    "properties": {
        "description": "Errors",
        "displayName": "Errors",
        "severity": 2,
        "enabled": True,
        "scopes": [f"{_GROUP}/providers/x.y/z/w"],
        "evaluationFrequency": "PT5M",
        "windowSize": "PT5M",
        "overrideQueryTimeRange": "P1D",
        "targetResourceTypes": ["Microsoft.MachineLearningServices/workspaces"],
        "muteActionsDuration": "PT5M",
        "autoMitigate": False,
        "checkWorkspaceAlertsStorageConfigured": False,
        "skipQueryValidation": False,
        "criteria": {
            "allOf": [
                {
                    "query": "AmlOnlineEndpointConsoleLog",
                    "metricName": "errors",
                    "metricMeasureColumn": "n",
                    "resourceIdColumn": "_ResourceId",
                    "operator": "GreaterThan",
                    "threshold": 3,
                    "timeAggregation": "Count",
                    "dimensions": _DIMENSIONS,
                    "failingPeriods": {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1},
                }
            ]
        },
        "actions": {"actionGroups": [], "customProperties": {"a": "b"}, "actionProperties": {"a": "b"}},
        "resolveConfiguration": {"autoResolved": True, "timeToResolve": "PT5M"},
    },
}
_ACTIVITY_ALERT: Json = {
    "properties": {
        "description": "Deleted",
        "enabled": True,
        "scopes": [f"{_GROUP}/providers/x.y/z/w"],
        "tenantScope": "x",
        "condition": {
            "allOf": [
                {"field": "category", "equals": "Administrative"},
                {"field": "status", "containsAny": ["Failed"]},
                {
                    "anyOf": [
                        {"field": "level", "equals": "Error"},
                        {"field": "status", "containsAny": ["x"]},
                    ]
                },
            ]
        },
        "actions": {
            "actionGroups": [
                {
                    "actionGroupId": f"{_GROUP}/providers/x.y/z/w",
                    "webhookProperties": {"team": "risk"},
                    "actionProperties": {"a": "b"},
                }
            ]
        },
    },
}
_PROCESSING_RULE: Json = {
    "properties": {
        "description": "Quiet",
        "enabled": True,
        "scopes": [f"{_GROUP}/providers/x.y/z/w"],
        "conditions": [{"field": "Severity", "operator": "Equals", "values": ["Sev4"]}],
        "actions": [{"actionType": "AddActionGroups", "actionGroupIds": ["x"]}],
        "schedule": {
            "effectiveFrom": "2026-01-01T00:00:00",
            "effectiveUntil": "2027-01-01T00:00:00",
            "timeZone": "UTC",
            "recurrences": [
                {
                    "recurrenceType": "Weekly",
                    "startTime": "17:00:00",
                    "endTime": "09:00:00",
                    "daysOfWeek": ["Sunday"],
                    "daysOfMonth": [1],
                }
            ],
        },
    },
}
_RETENTION = {"enabled": False, "days": 0}
_DIAGNOSTIC_SETTING: Json = {
    "properties": {
        "workspaceId": "a",
        "storageAccountId": "b",
        "eventHubAuthorizationRuleId": "c",
        "eventHubName": "d",
        "serviceBusRuleId": "e",
        "marketplacePartnerId": "f",
        "logAnalyticsDestinationType": "Dedicated",
        "logs": [
            {
                "category": "AmlOnlineEndpointConsoleLog",
                "categoryGroup": "allLogs",
                "enabled": True,
                "retentionPolicy": _RETENTION,
            }
        ],
        "metrics": [
            {"category": "AllMetrics", "timeGrain": "PT1M", "enabled": True, "retentionPolicy": _RETENTION}
        ],
    },
}
WHOLE: dict[str, Json] = {
    STORAGE_ACCOUNT: _STORAGE,
    KEY_VAULT: _VAULT,
    CONTAINER_REGISTRY: _REGISTRY,
    APPLICATION_INSIGHTS: _INSIGHTS,
    LOG_WORKSPACE: _LOGS,
    PRIVATE_ENDPOINT: _PRIVATE_ENDPOINT,
    AUTOSCALE: _AUTOSCALE,
    METRIC_ALERT: _METRIC_ALERT,
    LOG_ALERT: _LOG_ALERT,
    ACTIVITY_ALERT: _ACTIVITY_ALERT,
    PROCESSING_RULE: _PROCESSING_RULE,
    DIAGNOSTIC_SETTING: _DIAGNOSTIC_SETTING,
}
