"""What is known of every property of the documents that a migration reads: one table per kind.

`carry` properties are written to the target as they are (ids remapped). `drop` and `remake` properties are
not written, and the reason says why. A property that no table knows is carried and flagged: losing something
silently is worse than a refusal by Azure that names it. An array is written whole; `name[]` is each of its elements,
and the members of those are named for the flag alone.

Source: the REST definition of the 2025-12-01 API (visibility of each property) and FACTS 1, 2 and 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vnetferry.models.base import Json
from vnetferry.models.inventory import (
    CODE,
    COMPUTE,
    CONNECTION,
    DATA,
    DATASTORE,
    DEPLOYMENT,
    DNS_ZONE_GROUP,
    ENDPOINT,
    ENVIRONMENT,
    MODEL,
    PRIVATE_ENDPOINT,
    WORKSPACE,
)
from vnetferry.plan.associated_fields import ASSOCIATED_FIELDS
from vnetferry.plan.field_rules import CARRY, COMMON, READ_ONLY, UNKNOWN, Path, Rule
from vnetferry.plan.field_rules import fields as _fields
from vnetferry.plan.satellite_fields import SATELLITES

_USERS = ("identity", "userAssignedIdentities")
_TRACKED = {
    **COMMON,
    **_fields(CARRY, "kind identity.type identity.userAssignedIdentities"),
    "identity.principalId": Rule(
        "remake", "Azure makes a new principal; roles of the old one must be given again"
    ),
    "identity.tenantId": READ_ONLY,
}
_SKU = _fields(CARRY, "name tier size family capacity", "sku.")
_SERVICE_MARKS = _fields(
    Rule("drop", "the service's own mark on the source"),
    "azureml.onlineendpointid AzureAsyncOperationUri createdBy createdAt lastModifiedAt",
    "properties.properties.",
)
_ASSET = {**COMMON, **_fields(CARRY, "description tags properties isAnonymous isArchived", "properties.")}
_LEGACY = Rule("drop", "the legacy isolation; the managed network replaces it")
_AFTERWARDS = Rule("drop", "can be set only on an existing workspace; set it on the target if it is needed")
_SECRET = Rule("remake", "read from the source when it is copied, never written down")

_WORKSPACE = {
    **_TRACKED,
    **_fields(
        CARRY,
        "friendlyName description storageAccount keyVault applicationInsights containerRegistry hbiWorkspace "
        "publicNetworkAccess primaryUserAssignedIdentity systemDatastoresAuthMode enableDataIsolation",
        "properties.",
    ),
    **_fields(
        CARRY,
        "status keyVaultProperties.keyVaultArmId keyVaultProperties.keyIdentifier cosmosDbResourceId "
        "searchAccountResourceId storageAccountResourceId",
        "properties.encryption.",
    ),
    **_fields(
        Rule(
            "drop",
            "the SDK's workspace template has no place for it; the key is opened by the workspace's own identity",
        ),
        "identity keyVaultProperties.identityClientId",
        "properties.encryption.",
    ),
    "sku": Rule("remake", "Azure writes it itself"),
    "kind": Rule("remake", "created as an ordinary workspace"),
    "properties.managedNetwork": Rule("remake", "this is what the migration adds"),
    "properties.privateEndpointConnections": Rule(
        "remake", "the plan makes new private endpoints for callers"
    ),
    "properties.imageBuildCompute": Rule(
        "drop", "computes are not moved; target.image_build_compute names one"
    ),
    "properties.v1LegacyMode": Rule("drop", "is off in a new workspace, as a managed network needs it"),
    "properties.allowPublicAccessWhenBehindVnet": Rule("drop", "replaced by publicNetworkAccess"),
    "properties.networkAcls": _AFTERWARDS,
    "properties.ipAllowlist": _AFTERWARDS,
    "properties.sharedPrivateLinkResources": Rule("drop", "replaced by private endpoint outbound rules"),
    **_fields(
        Rule("drop", "of a hub or a feature store; created as an ordinary workspace"),
        "featureStoreSettings hubResourceId workspaceHubConfig",
        "properties.",
    ),
    **_fields(
        Rule("drop", "the SDK's workspace template has no place for it"),
        "serviceManagedResourcesSettings enableServiceSideCMKEncryption",
        "properties.",
    ),
    "properties.provisionNetworkNow": Rule(
        "drop", "said of a request alone; provisioning is a step of its own"
    ),
    "properties.serverlessComputeSettings.serverlessComputeNoPublicIP": CARRY,
    "properties.serverlessComputeSettings.serverlessComputeCustomSubnet": Rule(
        "drop", "a subnet of one's own has no place in a managed network"
    ),
    **_fields(
        READ_ONLY,
        "tenantId workspaceId creationTime discoveryUrl mlFlowTrackingUri notebookInfo "
        "privateLinkCount serviceProvisionedResourceGroup storageHnsEnabled "
        "linkedModelInventoryArmId allowRoleAssignmentOnRG softDeleteEnabled softDeletedAt "
        "scheduledPurgeDate sdkTelemetryAppInsightsKey sasGetterUri containerRegistries "
        "existingWorkspaces keyVaults storageAccounts associatedWorkspaces "
        "EnableSoftwareBillOfMaterials enableSoftwareBillOfMaterials enableSimplifiedCmk "
        "agentsEndpointUri",
        "properties.",
    ),
}
_ENDPOINT = {
    **_TRACKED,
    **_SKU,
    **_SERVICE_MARKS,
    **_fields(
        CARRY,
        "authMode description properties publicNetworkAccess traffic mirrorTraffic compute",
        "properties.",
    ),
    **_fields(READ_ONLY, "scoringUri swaggerUri", "properties."),
    "properties.keys": Rule(
        "remake", "copied from the source when the endpoint is created, never written down"
    ),
}
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_PROBE = "failureThreshold initialDelay period successThreshold timeout"
_DEPLOYMENT = {
    **_TRACKED,
    **_SKU,
    **_SERVICE_MARKS,
    **_fields(
        CARRY,
        "description environmentId environmentVariables properties appInsightsEnabled endpointComputeType instanceType "
        "model modelMountPath codeConfiguration.codeId codeConfiguration.scoringScript dataCollector.rollingRate "
        "dataCollector.requestLogging.captureHeaders",
        "properties.",
    ),
    **_fields(
        CARRY, "clientId dataCollectionMode dataId samplingRate", "properties.dataCollector.collections.*."
    ),
    **{
        name: rule
        for probe in _PROBES
        for name, rule in _fields(CARRY, _PROBE, f"properties.{probe}.").items()
    },
    **_fields(
        CARRY, "maxConcurrentRequestsPerInstance maxQueueWait requestTimeout", "properties.requestSettings."
    ),
    **_fields(
        CARRY,
        "scaleType maxInstances minInstances pollingInterval targetUtilizationPercentage",
        "properties.scaleSettings.",
    ),
    **_fields(_LEGACY, "egressPublicNetworkAccess privateNetworkConnection", "properties."),
    "properties.properties.private-network-connection": _LEGACY,
}
_CONTAINER = {**_ASSET, **_fields(READ_ONLY, "latestVersion nextVersion", "properties.")}
_ENVIRONMENT = {
    **_ASSET,
    **_fields(
        CARRY,
        "autoRebuild build.contextUri build.dockerfilePath condaFile image osType stage",
        "properties.",
    ),
    **{
        f"properties.inferenceConfig.{name}Route.{part}": CARRY
        for name in ("liveness", "readiness", "scoring", "startup")
        for part in ("path", "port")
    },
    "properties.environmentType": READ_ONLY,
}
_MODEL = {
    **_ASSET,
    **_fields(
        CARRY,
        "flavors.*.data modelType modelUri stage datasets datasets[].id datasets[].name",
        "properties.",
    ),
    "properties.jobName": Rule("drop", "the job stays in the source workspace"),
}
_DATASTORE = {
    **COMMON,
    **_fields(
        CARRY,
        "description tags properties datastoreType resourceGroup subscriptionId accountName containerName endpoint "
        "protocol serviceDataAccessAuthIdentity storeName filesystem fileShareName oneLakeWorkspaceName "
        "artifact.artifactName artifact.artifactType",
        "properties.",
    ),
    **_fields(
        CARRY,
        "credentialsType clientId tenantId authorityUrl resourceUrl thumbprint",
        "properties.credentials.",
    ),
    "properties.credentials": _SECRET,
    "properties.isDefault": READ_ONLY,
}
_CONNECTION = {
    **COMMON,
    **_fields(
        CARRY,
        "authType category target metadata expiryTime isSharedToAll sharedUserList useWorkspaceManagedIdentity "
        "peRequirement value valueFormat",
        "properties.",
    ),
    **_fields(READ_ONLY, "createdByWorkspaceArmId group error peStatus", "properties."),
    "properties.credentials": _SECRET,
}
_LINK = Rule("remake", "leads to the new workspace")
_OWN = Rule("drop", "stays the source's own; Azure gives the new private endpoint its own")
_PRIVATE_ENDPOINT = {
    **COMMON,
    **_fields(CARRY, "extendedLocation.name extendedLocation.type properties.subnet.id"),
    "properties.applicationSecurityGroups": CARRY,
    **_fields(
        CARRY,
        "id name type location tags etag properties.provisioningState properties.resourceGuid",
        "properties.applicationSecurityGroups[].",
    ),
    **_fields(_LINK, "privateLinkServiceConnections manualPrivateLinkServiceConnections", "properties."),
    **_fields(_OWN, "customNetworkInterfaceName ipConfigurations", "properties."),
    **_fields(READ_ONLY, "customDnsConfigs networkInterfaces resourceGuid subnet", "properties."),
}
_ZONE_GROUP = {
    **COMMON,
    "properties.privateDnsZoneConfigs": Rule("remake", "the same zones, with records of the new workspace"),
}
_MACHINES = "properties.properties."
_COMPUTE = {
    **_TRACKED,
    **_SKU,
    **_fields(CARRY, "computeType computeLocation description disableLocalAuth resourceId", "properties."),
    **_fields(READ_ONLY, "createdOn modifiedOn isAttachedCompute provisioningErrors", "properties."),
    **_fields(
        READ_ONLY,
        "allocationState allocationStateTransitionTime currentNodeCount targetNodeCount nodeStateCounts errors "
        "applications connectivityEndpoints containers dataDisks dataMounts lastOperation osImageMetadata versions "
        "sshSettings.adminUserName sshSettings.sshPort",
        _MACHINES,
    ),
    **_fields(
        CARRY,
        "vmSize vmPriority osType virtualMachineImage.id isolatedNetwork remoteLoginPortPublicAccess "
        "enableNodePublicIp propertyBag applicationSharingPolicy computeInstanceAuthorizationType customServices "
        "enableOSPatching enableRootAccess enableSSO idleTimeBeforeShutdown releaseQuotaOnStop "
        "schedules.computeStartStop "
        "scaleSettings.maxNodeCount scaleSettings.minNodeCount scaleSettings.nodeIdleTimeBeforeScaleDown "
        "userAccountCredentials.adminUserName userAccountCredentials.adminUserSshPublicKey "
        "userAccountCredentials.adminUserPassword sshSettings.sshPublicAccess sshSettings.adminPublicKey "
        "personalComputeInstanceSettings.assignedUser.objectId personalComputeInstanceSettings.assignedUser.tenantId",
        _MACHINES,
    ),
    **_fields(
        CARRY,
        "scriptSource scriptData scriptArguments timeout",
        f"{_MACHINES}setupScripts.scripts.*.",
    ),
    **_fields(
        CARRY,
        "name image.reference image.type image.version environmentVariables.*.type environmentVariables.*.value "
        "docker.privileged endpoints endpoints[].hostIp endpoints[].name endpoints[].protocol endpoints[].published "
        "endpoints[].target volumes kernel.argv kernel.displayName kernel.language",
        f"{_MACHINES}customServices[].",
    ),
    **_fields(
        CARRY,
        "bind.createHostPath bind.propagation bind.selinux consistency readOnly source target tmpfs.size type "
        "volume.nocopy",
        f"{_MACHINES}customServices[].volumes[].",
    ),
    **_fields(
        CARRY,
        "action cron.expression cron.startTime cron.timeZone id provisioningStatus recurrence.frequency "
        "recurrence.interval recurrence.startTime recurrence.timeZone recurrence.schedule.hours "
        "recurrence.schedule.minutes recurrence.schedule.monthDays recurrence.schedule.weekDays "
        "schedule.id schedule.provisioningStatus schedule.status status triggerType",
        f"{_MACHINES}schedules.computeStartStop[].",
    ),
    f"{_MACHINES}subnet": Rule("drop", "the managed network takes the place of a subnet of one's own"),
    f"{_MACHINES}createdBy": Rule("remake", "the instance is assigned to whoever it was made by"),
    f"{_MACHINES}state": Rule("remake", "an instance that was stopped is stopped again"),
}
_FIELDS = {
    PRIVATE_ENDPOINT.lower(): _PRIVATE_ENDPOINT,
    DNS_ZONE_GROUP.lower(): _ZONE_GROUP,
    WORKSPACE.lower(): _WORKSPACE,
    ENDPOINT.lower(): _ENDPOINT,
    DEPLOYMENT.lower(): _DEPLOYMENT,
    CODE.lower(): {**_ASSET, "properties.codeUri": CARRY},
    ENVIRONMENT.lower(): _ENVIRONMENT,
    MODEL.lower(): _MODEL,
    **dict.fromkeys((kind.lower().removesuffix("/versions") for kind in (MODEL, ENVIRONMENT)), _CONTAINER),
    DATA.lower().removesuffix("/versions"): {**_CONTAINER, "properties.dataType": CARRY},
    DATA.lower(): {**_ASSET, **_fields(CARRY, "dataType dataUri referencedUris stage", "properties.")},
    DATASTORE.lower(): _DATASTORE,
    CONNECTION.lower(): _CONNECTION,
    **SATELLITES,
    **ASSOCIATED_FIELDS,
    COMPUTE.lower(): _COMPUTE,
}


def rule_of(kind: str, path: Path) -> Rule:
    """The rule of the property at `path`: its own, or that of the nearest property that it is a part of."""
    rules = _FIELDS[kind.lower()]
    for length in range(len(path), 0, -1):
        named = ".".join((*path[: length - 2], "*", *path[length - 1 : length])) if length > 1 else ""
        rule = rules.get(".".join(path[:length])) or rules.get(named)
        if rule:
            return rule
    return UNKNOWN


def writable(kind: str, body: Json) -> Json:
    """What of a document is written to the target; null means absent to Azure, and is left out."""
    kept: Json = _pruned(kind, (), body, {"carry", "unknown"})
    return kept


def known(kind: str, body: Json) -> Json:
    """`writable` without what no rule knows: for what is written by clients that pass on what they know alone."""
    kept: Json = _pruned(kind, (), body, {"carry"})
    return kept


def leaves(kind: str, value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every property of a document with its path, sorted.

    An array counts as one value, and so does an object that is not written as a whole; null and {} count as none. A
    user-assigned identity counts as its id: what Azure answers beside that is the identity's own.
    """
    if path[:-1] == _USERS:
        yield path, {}
    elif isinstance(value, dict) and not (path and _is_left_out_whole(kind, path)):
        for key, item in sorted(value.items()):
            yield from leaves(kind, item, (*path, key))
    elif value is not None and value != {}:
        yield path, value


def strangers(kind: str, path: Path, value: Any) -> Iterator[Path]:
    """The paths of what no rule knows in one of the `leaves`: its own, or those in the elements of an array.

    The path of an element is the array's with `[]`, and a rule that names it so is for every element; no rule of the
    array itself is. Elements that are texts or numbers have no members to know.
    """
    rule = rule_of(kind, path)
    if rule == UNKNOWN:
        yield path
    elif rule == CARRY and isinstance(value, list):
        element = (*path[:-1], f"{path[-1]}[]")
        parts = [
            leaf for item in value if isinstance(item, dict | list) for leaf in leaves(kind, item, element)
        ]
        yield from dict.fromkeys(found for part in parts for found in strangers(kind, *part))


def _is_left_out_whole(kind: str, path: Path) -> bool:
    dotted = ".".join(path)
    rules = _FIELDS[kind.lower()]
    parts_matter = any(name.startswith(f"{dotted}.") for name in rules)
    return rules.get(dotted, UNKNOWN).what in ("drop", "remake") and not parts_matter


def _pruned(kind: str, path: Path, value: Any, kept: set[str]) -> Any:
    """What of a value has a rule that is among `kept`, or has a part that has."""
    if not isinstance(value, dict):
        return value
    items = {key: _pruned(kind, (*path, key), item, kept) for key, item in value.items() if item is not None}
    return {key: item for key, item in items.items() if _is_kept(kind, (*path, key), item, kept)}


def _is_kept(kind: str, path: Path, value: Any, kept: set[str]) -> bool:
    return rule_of(kind, path).what in kept or (isinstance(value, dict) and bool(value))
