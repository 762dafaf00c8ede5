"""The api-version of every resource type that the gateway asks for itself.

They are stated and not discovered: an api-version is a contract about the shape of documents, and a newer one
may rename what the planner carries. Machine Learning's is the newest, because older ones drop properties
silently (`startupProbe` and `modelMountPath` of deployments, among others).
"""

from __future__ import annotations

ML = "2025-12-01"
RESOURCES = "2022-09-01"
TEMPLATES = "2020-06-01"  # what azure-ai-ml itself submits its workspace template with
AUTHORIZATION = "2022-04-01"
LOCKS = "2020-05-01"
POLICY = "2023-04-01"
POLICY_RESTRICTIONS = "2023-03-01"
NETWORK = "2024-05-01"
PRIVATE_DNS = "2024-06-01"  # Microsoft.Network versions it apart
STORAGE = "2023-05-01"
KEY_VAULT = "2023-07-01"
CONTAINER_REGISTRY = "2023-07-01"
APPLICATION_INSIGHTS = "2020-02-02"
LOG_ANALYTICS = "2022-10-01"
IDENTITY = "2023-01-31"
METRICS = "2023-10-01"
DIAGNOSTIC_SETTINGS = "2021-05-01-preview"
AUTOSCALE = "2022-10-01"
METRIC_ALERTS = "2018-03-01"
LOG_ALERTS = "2023-12-01"
ACTIVITY_ALERTS = "2020-10-01"
PROCESSING_RULES = "2021-08-08"
ACTIVITY_LOG = "2015-04-01"
COST_MANAGEMENT = "2025-03-01"

_BY_TYPE = {
    "microsoft.network/privatednszones": PRIVATE_DNS,
    "microsoft.storage/storageaccounts": STORAGE,
    "microsoft.keyvault/vaults": KEY_VAULT,
    "microsoft.containerregistry/registries": CONTAINER_REGISTRY,
    "microsoft.operationalinsights/workspaces": LOG_ANALYTICS,
    "microsoft.managedidentity/userassignedidentities": IDENTITY,
    "microsoft.insights/components": APPLICATION_INSIGHTS,
    "microsoft.insights/autoscalesettings": AUTOSCALE,
    "microsoft.insights/metricalerts": METRIC_ALERTS,
    "microsoft.insights/scheduledqueryrules": LOG_ALERTS,
    "microsoft.insights/activitylogalerts": ACTIVITY_ALERTS,
    "microsoft.alertsmanagement/actionrules": PROCESSING_RULES,
    "microsoft.insights/diagnosticsettings": DIAGNOSTIC_SETTINGS,
    "microsoft.authorization/locks": LOCKS,
}
_BY_NAMESPACE = {
    "microsoft.machinelearningservices": ML,
    "microsoft.network": NETWORK,
    "microsoft.authorization": AUTHORIZATION,
    "microsoft.resources": RESOURCES,
}


def api_version(resource_type: str) -> str:
    """The api-version for a full type such as `Microsoft.Network/privateEndpoints`; KeyError if unknown."""
    namespace, *names = resource_type.lower().split("/")
    # A child has its parent's, as all types do that are read here.
    for end in range(len(names), 0, -1):
        if version := _BY_TYPE.get("/".join([namespace, *names[:end]])):
            return version
    return _BY_NAMESPACE[namespace]
