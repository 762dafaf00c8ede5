"""What is known of the properties of what a workspace stands on, where it is made anew for the target.

Source: the REST definitions of Microsoft.Storage 2023-05-01, Microsoft.KeyVault 2023-07-01,
        Microsoft.ContainerRegistry 2023-07-01, Microsoft.Insights/components 2020-02-02 and
        Microsoft.OperationalInsights 2022-10-01.
"""

from __future__ import annotations

from vnetferry.models.inventory import (
    APPLICATION_INSIGHTS,
    BLOB_SERVICE,
    CONTAINER_REGISTRY,
    FILE_SERVICE,
    KEY_VAULT,
    LIFECYCLE,
    LOG_WORKSPACE,
    QUEUE_SERVICE,
    STORAGE_ACCOUNT,
    TABLE_SERVICE,
)
from vnetferry.plan.field_rules import CARRY, COMMON, READ_ONLY, Rule, fields

_OWN_NAME = Rule("remake", "gets a name of its own, which Azure has once in the world or in a group")
_CONNECTIONS = Rule("remake", "the plan and the managed network make new private endpoints")
_KEY = Rule("drop", "a key of your own is not given on; Microsoft's encrypts what is made anew")
_OWN = {
    **COMMON,
    "id": _OWN_NAME,
    "name": _OWN_NAME,
    **fields(CARRY, "kind identity.type identity.userAssignedIdentities"),
    **fields(CARRY, "sku.name extendedLocation.name extendedLocation.type"),
    "sku.tier": Rule("remake", "Azure tells it from sku.name"),
    "identity.principalId": Rule("remake", "Azure makes a new principal"),
    "identity.tenantId": READ_ONLY,
    "properties.privateEndpointConnections": _CONNECTIONS,
}
_STORAGE = {
    **_OWN,
    **fields(
        CARRY,
        "accessTier allowBlobPublicAccess allowCrossTenantReplication allowSharedKeyAccess allowedCopyScope "
        "defaultToOAuthAuthentication dnsEndpointType enableExtendedGroups isHnsEnabled isLocalUserEnabled "
        "isNfsV3Enabled isSftpEnabled keyPolicy.keyExpirationPeriodInDays largeFileSharesState minimumTlsVersion "
        "publicNetworkAccess sasPolicy.expirationAction sasPolicy.sasExpirationPeriod supportsHttpsTrafficOnly "
        "encryption.keySource encryption.requireInfrastructureEncryption",
        "properties.",
    ),
    **fields(
        CARRY,
        "enabled immutabilityPolicy.allowProtectedAppendWrites "
        "immutabilityPolicy.immutabilityPeriodSinceCreationInDays immutabilityPolicy.state",
        "properties.immutableStorageWithVersioning.",
    ),
    **fields(
        CARRY,
        "publishInternetEndpoints publishMicrosoftEndpoints routingChoice",
        "properties.routingPreference.",
    ),
    **fields(
        CARRY,
        "bypass defaultAction ipRules ipRules[].action ipRules[].value resourceAccessRules "
        "resourceAccessRules[].resourceId resourceAccessRules[].tenantId virtualNetworkRules "
        "virtualNetworkRules[].action virtualNetworkRules[].id virtualNetworkRules[].state",
        "properties.networkAcls.",
    ),
    "properties.encryption.services": Rule("remake", "Azure encrypts every service by itself"),
    **fields(_KEY, "encryption.keyvaultproperties encryption.identity", "properties."),
    "properties.customDomain": Rule("drop", "a domain leads to one account; move it when callers have moved"),
    "properties.azureFilesIdentityBasedAuthentication": Rule(
        "drop", "an account joins a directory by itself; a workspace does not need it"
    ),
    **fields(
        READ_ONLY,
        "creationTime keyCreationTime primaryEndpoints primaryLocation secondaryEndpoints secondaryLocation "
        "statusOfPrimary statusOfSecondary lastGeoFailoverTime geoReplicationStats failoverInProgress "
        "blobRestoreStatus storageAccountSkuConversionStatus accountMigrationInProgress isSkuConversionBlocked "
        "secondaryEndpoints",
        "properties.",
    ),
}
_SERVICE = {
    **COMMON,
    "sku": Rule("remake", "the account's"),
    "properties.cors.corsRules": CARRY,
    **fields(
        CARRY,
        "allowedHeaders allowedMethods allowedOrigins exposedHeaders maxAgeInSeconds",
        "properties.cors.corsRules[].",
    ),
}
_BLOB_SERVICE = {
    **_SERVICE,
    **fields(
        CARRY,
        "automaticSnapshotPolicyEnabled changeFeed.enabled changeFeed.retentionInDays "
        "containerDeleteRetentionPolicy.allowPermanentDelete containerDeleteRetentionPolicy.days "
        "containerDeleteRetentionPolicy.enabled defaultServiceVersion deleteRetentionPolicy.allowPermanentDelete "
        "deleteRetentionPolicy.days deleteRetentionPolicy.enabled isVersioningEnabled "
        "lastAccessTimeTrackingPolicy.blobType lastAccessTimeTrackingPolicy.enable lastAccessTimeTrackingPolicy.name "
        "lastAccessTimeTrackingPolicy.trackingGranularityInDays restorePolicy.days restorePolicy.enabled",
        "properties.",
    ),
    **fields(READ_ONLY, "lastEnabledTime minRestoreTime", "properties.restorePolicy."),
}
_FILE_SERVICE = {
    **_SERVICE,
    **fields(
        CARRY,
        "shareDeleteRetentionPolicy.allowPermanentDelete shareDeleteRetentionPolicy.days "
        "shareDeleteRetentionPolicy.enabled protocolSettings.smb.authenticationMethods "
        "protocolSettings.smb.channelEncryption protocolSettings.smb.kerberosTicketEncryption "
        "protocolSettings.smb.versions",
        "properties.",
    ),
    "properties.protocolSettings.smb.multichannel": Rule(
        "drop", "premium accounts for files alone have it, and a workspace takes none"
    ),
}
_BLOB_AGES = (
    "daysAfterCreationGreaterThan daysAfterLastAccessTimeGreaterThan daysAfterLastTierChangeGreaterThan "
    "daysAfterModificationGreaterThan"
)
_LIFECYCLE = {
    **COMMON,
    "properties.policy.rules": CARRY,
    **fields(
        CARRY,
        "name enabled type definition.filters.blobTypes definition.filters.prefixMatch "
        "definition.filters.blobIndexMatch definition.filters.blobIndexMatch[].name "
        "definition.filters.blobIndexMatch[].op definition.filters.blobIndexMatch[].value "
        "definition.actions.baseBlob.enableAutoTierToHotFromCool",
        "properties.policy.rules[].",
    ),
    **{
        name: rule
        for blob in ("baseBlob", "snapshot", "version")
        for action in ("delete", "tierToArchive", "tierToCold", "tierToCool", "tierToHot")
        for name, rule in fields(
            CARRY, _BLOB_AGES, f"properties.policy.rules[].definition.actions.{blob}.{action}."
        ).items()
    },
    "properties.lastModifiedTime": READ_ONLY,
}
_VAULT = {
    **_OWN,
    **fields(
        CARRY,
        "tenantId sku.family sku.name accessPolicies enabledForDeployment enabledForDiskEncryption "
        "enabledForTemplateDeployment enableSoftDelete softDeleteRetentionInDays enableRbacAuthorization "
        "enablePurgeProtection publicNetworkAccess",
        "properties.",
    ),
    **fields(
        CARRY,
        "applicationId objectId tenantId permissions.certificates permissions.keys permissions.secrets "
        "permissions.storage",
        "properties.accessPolicies[].",
    ),
    **fields(
        CARRY,
        "bypass defaultAction ipRules ipRules[].value virtualNetworkRules virtualNetworkRules[].id "
        "virtualNetworkRules[].ignoreMissingVnetServiceEndpoint",
        "properties.networkAcls.",
    ),
    **fields(READ_ONLY, "vaultUri hsmPoolResourceId createMode", "properties."),
}
_REGISTRY = {
    **_OWN,
    **fields(
        CARRY,
        "adminUserEnabled anonymousPullEnabled dataEndpointEnabled metadataSearch networkRuleBypassOptions "
        "publicNetworkAccess roleAssignmentMode zoneRedundancy",
        "properties.",
    ),
    **fields(
        CARRY,
        "defaultAction ipRules ipRules[].action ipRules[].value virtualNetworkRules virtualNetworkRules[].action "
        "virtualNetworkRules[].id",
        "properties.networkRuleSet.",
    ),
    **fields(
        CARRY,
        "azureADAuthenticationAsArmPolicy.status exportPolicy.status quarantinePolicy.status retentionPolicy.days "
        "retentionPolicy.status softDeletePolicy.retentionDays softDeletePolicy.status trustPolicy.status "
        "trustPolicy.type",
        "properties.policies.",
    ),
    "properties.encryption": _KEY,
    **fields(
        READ_ONLY,
        "loginServer creationDate status dataEndpointHostNames policies.retentionPolicy.lastUpdatedTime "
        "policies.softDeletePolicy.lastUpdatedTime",
        "properties.",
    ),
}
_LINKED = Rule("drop", "a private link scope holds what it names; add the new one to it if it is needed")
_INSIGHTS = {
    **_OWN,
    **fields(
        CARRY,
        "Application_Type Flow_Type Request_Source RetentionInDays SamplingPercentage DisableIpMasking "
        "DisableLocalAuth ForceCustomerStorageForProfiler ImmediatePurgeDataOn30Days WorkspaceResourceId "
        "publicNetworkAccessForIngestion publicNetworkAccessForQuery",
        "properties.",
    ),
    "properties.PrivateLinkScopedResources": _LINKED,
    **fields(
        READ_ONLY,
        "AppId ApplicationId ConnectionString CreationDate HockeyAppId HockeyAppToken IngestionMode InstrumentationKey "
        "LaMigrationDate Name Retention TenantId Ver",
        "properties.",
    ),
}
_LOGS = {
    **_OWN,
    **fields(
        CARRY,
        "sku.name retentionInDays forceCmkForQuery publicNetworkAccessForIngestion publicNetworkAccessForQuery "
        "workspaceCapping.dailyQuotaGb",
        "properties.",
    ),
    **fields(
        CARRY,
        "disableLocalAuth enableDataExport enableLogAccessUsingOnlyResourcePermissions immediatePurgeDataOn30Days "
        "legacy searchVersion",  # of no definition, and in every answer
        "properties.features.",
    ),
    "properties.privateLinkScopedResources": _LINKED,
    "properties.features.clusterResourceId": Rule("drop", "a cluster takes workspaces one by one; link it"),
    **fields(
        READ_ONLY,
        "customerId createdDate modifiedDate defaultDataCollectionRuleResourceId etag "
        "sku.capacityReservationLevel sku.lastSkuUpdate workspaceCapping.dataIngestionStatus "
        "workspaceCapping.quotaNextResetTime",
        "properties.",
    ),
}
ASSOCIATED_FIELDS = {
    STORAGE_ACCOUNT.lower(): _STORAGE,
    BLOB_SERVICE.lower(): _BLOB_SERVICE,
    FILE_SERVICE.lower(): _FILE_SERVICE,
    QUEUE_SERVICE.lower(): _SERVICE,
    TABLE_SERVICE.lower(): _SERVICE,
    LIFECYCLE.lower(): _LIFECYCLE,
    KEY_VAULT.lower(): _VAULT,
    CONTAINER_REGISTRY.lower(): _REGISTRY,
    APPLICATION_INSIGHTS.lower(): _INSIGHTS,
    LOG_WORKSPACE.lower(): _LOGS,
}
