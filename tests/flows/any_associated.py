"""What a workspace stands on, with any valid settings that an account, a vault, a registry and logs may have.

Source: the REST definitions of Microsoft.Storage 2023-05-01, Microsoft.KeyVault 2023-07-01,
Microsoft.ContainerRegistry 2023-07-01, Microsoft.Insights/components 2020-02-02 and Microsoft.OperationalInsights
2022-10-01.
"""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from tests.flows.any_satellites import STORAGE, document
from tests.flows.legacy_world import SOURCE
from tests.flows.rest_values import Strategy, maps
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import (
    APPLICATION_INSIGHTS,
    CONTAINER_REGISTRY,
    KEY_VAULT,
    LOG_WORKSPACE,
    STORAGE_ACCOUNT,
)
from vnetferry.sandbox.scenario import Scenario

Json = dict[str, Any]
_TENANT = "7e4a4b5c-0c5e-4a55-8e6f-000000007e11"
_PERSON = "0a0a0a0a-0000-4000-8000-00000000a0a0"
_GUID = "b6f0c3de-94a7-4f52-a1c8-2d7e5b9034f6"
_ADDRESSES = ("203.0.113.7", "198.51.100.0/24")
_SWITCHED = st.sampled_from(["Enabled", "Disabled"])


def standing_on_any(scenario: Scenario) -> Strategy:
    """The scenario, with other settings of the resources that its workspace stands on."""
    others = st.tuples(*map(_any, scenario.resources))
    return st.tuples(others, _services()).map(lambda drawn: _with(scenario, [*drawn[0], *drawn[1]]))


def _with(scenario: Scenario, documents: list[Json]) -> Scenario:
    return scenario.model_copy(update={"resources": tuple(copy.deepcopy(documents))})


def _any(before: Json) -> Strategy:
    resource = ResourceId(before["id"])
    drawn = _DRAWN.get(resource.type.lower()) if resource.group_id == SOURCE.group_id else None
    if drawn is None or resource.name == "stteamdata":
        return st.just(before)
    return st.tuples(drawn, st.none() | maps).map(lambda pair: _joined(before, *pair))


def _joined(before: Json, drawn: Json, tags: Json | None) -> Json:
    properties = {**before["properties"], **drawn.get("properties", {})}
    return {**before, **drawn, "tags": tags, "properties": properties}


def _of(**optional: Strategy) -> Strategy:
    return st.fixed_dictionaries({}, optional=optional)


def _whole(properties: Strategy, **required: Strategy) -> Strategy:
    return st.fixed_dictionaries({"properties": properties, **required})


# --- Accounts, vaults, registries, logs ------------------------------------------------------------------------

_ip_rules = st.lists(
    st.sampled_from(_ADDRESSES).map(lambda value: {"value": value, "action": "Allow"}), max_size=2
)
_accounts = _whole(
    _of(
        accessTier=st.sampled_from(["Hot", "Cool"]),
        allowBlobPublicAccess=st.booleans(),
        allowCrossTenantReplication=st.booleans(),
        allowedCopyScope=st.sampled_from(["AAD", "PrivateLink"]),
        defaultToOAuthAuthentication=st.booleans(),
        keyPolicy=st.just({"keyExpirationPeriodInDays": 90}),
        sasPolicy=st.just({"sasExpirationPeriod": "1.00:00:00", "expirationAction": "Log"}),
        minimumTlsVersion=st.sampled_from(["TLS1_0", "TLS1_2"]),
        largeFileSharesState=_SWITCHED,
        routingPreference=st.just({"routingChoice": "MicrosoftRouting", "publishInternetEndpoints": False}),
        encryption=st.fixed_dictionaries(
            {"keySource": st.sampled_from(["Microsoft.Storage", "Microsoft.Keyvault"])},
            optional={"requireInfrastructureEncryption": st.booleans()},
        ),
        networkAcls=st.fixed_dictionaries(
            {
                "bypass": st.sampled_from(["AzureServices", "AzureServices, Logging, Metrics"]),
                "defaultAction": st.just("Allow"),
                "ipRules": _ip_rules,
                "virtualNetworkRules": st.just([]),
                "resourceAccessRules": st.just([]),
            }
        ),
    ),
    sku=st.sampled_from(["Standard_LRS", "Standard_ZRS", "Standard_RAGRS"]).map(
        lambda name: {"name": name, "tier": "Standard"}
    ),
)
_vaults = _whole(
    _of(
        enableRbacAuthorization=st.booleans(),
        enablePurgeProtection=st.just(True),
        enableSoftDelete=st.booleans(),
        enabledForDeployment=st.booleans(),
        enabledForDiskEncryption=st.booleans(),
        enabledForTemplateDeployment=st.booleans(),
        softDeleteRetentionInDays=st.sampled_from([7, 30, 90]),
        sku=st.sampled_from(["standard", "premium"]).map(lambda name: {"family": "A", "name": name}),
        accessPolicies=st.just(
            [
                {
                    "tenantId": _TENANT,
                    "objectId": _PERSON,
                    "permissions": {"keys": ["get"], "secrets": ["get", "list"], "certificates": []},
                }
            ]
        ),
    )
)
_registries = _whole(
    _of(
        adminUserEnabled=st.booleans(),
        anonymousPullEnabled=st.booleans(),
        dataEndpointEnabled=st.booleans(),
        zoneRedundancy=_SWITCHED,
        networkRuleSet=_ip_rules.map(lambda rules: {"defaultAction": "Allow", "ipRules": rules}),
        policies=st.fixed_dictionaries(
            {
                "quarantinePolicy": st.just({"status": "disabled"}),
                "trustPolicy": st.just({"type": "Notary", "status": "disabled"}),
                "retentionPolicy": st.sampled_from(["enabled", "disabled"]).map(
                    lambda status: {"days": 30, "status": status, "lastUpdatedTime": "2024-01-01T00:00:00Z"}
                ),
                "exportPolicy": st.just({"status": "enabled"}),
            }
        ),
    )
)
_components = _whole(
    _of(
        RetentionInDays=st.sampled_from([30, 90, 730]),
        SamplingPercentage=st.sampled_from([12.5, 100.0]),
        DisableIpMasking=st.booleans(),
        DisableLocalAuth=st.booleans(),
        Flow_Type=st.just("Bluefield"),
        Request_Source=st.just("rest"),
        publicNetworkAccessForQuery=_SWITCHED,
    )
)
_logs = _whole(
    _of(
        retentionInDays=st.sampled_from([30, 730]),
        workspaceCapping=st.just({"dailyQuotaGb": 5.0, "dataIngestionStatus": "RespectQuota"}),
        features=st.just({"enableLogAccessUsingOnlyResourcePermissions": True, "legacy": 0}),
        publicNetworkAccessForQuery=_SWITCHED,
    )
)
_DRAWN = {
    STORAGE_ACCOUNT.lower(): _accounts,
    KEY_VAULT.lower(): _vaults,
    CONTAINER_REGISTRY.lower(): _registries,
    APPLICATION_INSIGHTS.lower(): _components,
    LOG_WORKSPACE.lower(): _logs,
}

# --- What is set on the account's services -----------------------------------------------------------------------

_cors = st.lists(
    st.fixed_dictionaries(
        {
            "allowedOrigins": st.sampled_from([["*"], ["https://ml.azure.com", "https://größe.example"]]),
            "allowedMethods": st.sampled_from([["GET"], ["DELETE", "HEAD", "MERGE", "PUT"]]),
            "maxAgeInSeconds": st.sampled_from([0, 86400]),
            "exposedHeaders": st.sampled_from([[], ["*"]]),
            "allowedHeaders": st.sampled_from([[], ["x-ms-meta-*"]]),
        }
    ),
    max_size=3,
).map(lambda rules: {"corsRules": rules})
_kept = st.just({"enabled": False}) | st.fixed_dictionaries(
    {"enabled": st.just(True), "days": st.sampled_from([1, 7, 365])},
    optional={"allowPermanentDelete": st.booleans()},
)
_restorable = {
    "isVersioningEnabled": True,
    "changeFeed": {"enabled": True},
    "deleteRetentionPolicy": {"enabled": True, "days": 8, "allowPermanentDelete": False},
    "restorePolicy": {
        "enabled": True,
        "days": 7,
        **dict.fromkeys(("lastEnabledTime", "minRestoreTime"), "2024-01-01T00:00:00.0000000Z"),
    },
}
_tracking = {
    "enable": True,
    "name": "AccessTimeTracking",
    "trackingGranularityInDays": 1,
    "blobType": ["blockBlob"],
}
_blobs = _of(
    cors=_cors,
    deleteRetentionPolicy=_kept,
    containerDeleteRetentionPolicy=_kept,
    isVersioningEnabled=st.booleans(),
    changeFeed=st.sampled_from(
        [{"enabled": False}, {"enabled": True}, {"enabled": True, "retentionInDays": 7}]
    ),
    defaultServiceVersion=st.sampled_from(["2020-06-12", "2021-12-02"]),
    lastAccessTimeTrackingPolicy=st.sampled_from([_tracking, {**_tracking, "enable": False}]),
)
_smb = {
    "versions": "SMB3.0;SMB3.1.1;",
    "authenticationMethods": "Kerberos;",
    "kerberosTicketEncryption": "AES-256;",
    "channelEncryption": "AES-256-GCM;",
}
_files = _of(
    cors=_cors,
    shareDeleteRetentionPolicy=_kept,
    protocolSettings=_of(**{name: st.just(value) for name, value in _smb.items()}).map(
        lambda smb: {"smb": smb}
    ),
)
_filters = _of(
    prefixMatch=st.sampled_from([["logs/"], [f"azureml-blobstore-{_GUID}/LocalUpload", "größe/x"]]),
    blobIndexMatch=st.just([{"name": "stage", "op": "==", "value": "old"}]),
)
_modified = st.sampled_from([0, 30.0, 99999]).map(lambda days: {"daysAfterModificationGreaterThan": days})
_created = st.just({"daysAfterCreationGreaterThan": 90})
_definitions = st.fixed_dictionaries(
    {
        "filters": _filters.map(lambda drawn: {"blobTypes": ["blockBlob"], **drawn}),
        "actions": st.fixed_dictionaries(
            {"baseBlob": st.fixed_dictionaries({"delete": _modified}, optional={"tierToCool": _modified})},
            optional={
                "snapshot": st.fixed_dictionaries({"delete": _created}),
                "version": st.fixed_dictionaries({"tierToArchive": _created}),
            },
        ),
    }
)
_policies = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["old", "Rule2", "größe"]),
            "enabled": st.booleans(),
            "type": st.just("Lifecycle"),
            "definition": _definitions,
        }
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda rule: rule["name"],
).map(lambda rules: {"lastModifiedTime": "2024-01-01T00:00:00.0000000Z", "policy": {"rules": rules}})


def _services() -> Strategy:
    """What is set on any of the services; nothing on those that are left out."""
    drawn = {
        "blobServices": _blobs | st.just(_restorable),
        "fileServices": _files,
        "queueServices": _of(cors=_cors),
        "tableServices": _of(cors=_cors),
        "managementPolicies": _policies,
    }
    return st.fixed_dictionaries({}, optional=drawn).map(
        lambda found: [
            document(f"{STORAGE}/{kind}/default", properties) for kind, properties in found.items()
        ]
    )
