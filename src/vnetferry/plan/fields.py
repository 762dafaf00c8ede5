"""What is known of every property of the documents that a migration reads: one table per kind.

`carry` properties are written to the target as they are (ids remapped). `drop` and `remake` properties are
not written, and the reason says why. A property that no table knows is carried and flagged: losing something
silently is worse than a refusal by Azure that names it.

Source: the REST definition of the 2025-12-01 API (visibility of each property) and FACTS 1, 2 and 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from vnetferry.models.base import Json
from vnetferry.models.inventory import (
    CODE,
    CONNECTION,
    DATASTORE,
    DEPLOYMENT,
    ENDPOINT,
    ENVIRONMENT,
    MODEL,
    WORKSPACE,
)

Path = tuple[str, ...]


class Rule(NamedTuple):
    """What becomes of one property."""

    what: Literal["carry", "drop", "remake", "unknown"]
    reason: str = ""


CARRY = Rule("carry")
UNKNOWN = Rule("unknown", "not known to vnetferry; carried as it is")
READ_ONLY = Rule("drop", "written by Azure alone")


def _fields(what: Rule, names: str, under: str = "") -> dict[str, Rule]:
    """One rule for many properties; `names` is a list with spaces, `under` what they are properties of."""
    return {f"{under}{name}": what for name in names.split()}


_COMMON = {
    **_fields(READ_ONLY, "id name type systemData etag properties.provisioningState"),
    **_fields(CARRY, "tags location"),
}
_TRACKED = {
    **_COMMON,
    **_fields(CARRY, "kind sku identity.type identity.userAssignedIdentities"),
    "identity.principalId": Rule(
        "remake", "Azure makes a new principal; roles of the old one must be given again"
    ),
    "identity.tenantId": READ_ONLY,
}
_SERVICE_MARKS = _fields(
    Rule("drop", "the service's own mark on the source"),
    "azureml.onlineendpointid AzureAsyncOperationUri createdBy createdAt lastModifiedAt",
    "properties.properties.",
)
_ASSET = {**_COMMON, **_fields(CARRY, "description tags properties isAnonymous isArchived", "properties.")}
_LEGACY = Rule("drop", "the legacy isolation; the managed network replaces it")
_AFTERWARDS = Rule("drop", "can be set only on an existing workspace; set it on the target if it is needed")
_SECRET = Rule("remake", "read from the source when it is copied, never written down")

_WORKSPACE = {
    **_TRACKED,
    **_fields(
        CARRY,
        "friendlyName description storageAccount keyVault applicationInsights containerRegistry hbiWorkspace "
        "encryption publicNetworkAccess primaryUserAssignedIdentity systemDatastoresAuthMode enableDataIsolation",
        "properties.",
    ),
    "sku": Rule("remake", "Azure writes it itself"),
    "kind": Rule("remake", "created as an ordinary workspace"),
    "properties.managedNetwork": Rule("remake", "this is what the migration adds"),
    "properties.privateEndpointConnections": Rule("remake", "target.inbound makes a new private endpoint"),
    "properties.encryption.identity": Rule(
        "drop",
        "the SDK's workspace template has no place for it; the key is opened by the workspace's own identity",
    ),
    "properties.imageBuildCompute": Rule(
        "drop", "computes are not moved; target.image_build_compute names one"
    ),
    "properties.v1LegacyMode": Rule("drop", "is off in a new workspace, as a managed network needs it"),
    "properties.allowPublicAccessWhenBehindVnet": Rule("drop", "replaced by publicNetworkAccess"),
    "properties.networkAcls": _AFTERWARDS,
    "properties.ipAllowlist": _AFTERWARDS,
    "properties.sharedPrivateLinkResources": Rule("drop", "replaced by private endpoint outbound rules"),
    "properties.serverlessComputeSettings": Rule(
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
        "enableServiceSideCMKEncryption agentsEndpointUri",
        "properties.",
    ),
}
_ENDPOINT = {
    **_TRACKED,
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
_DEPLOYMENT = {
    **_TRACKED,
    **_SERVICE_MARKS,
    **_fields(
        CARRY,
        "codeConfiguration description environmentId environmentVariables properties appInsightsEnabled dataCollector "
        "endpointComputeType instanceType livenessProbe readinessProbe startupProbe model modelMountPath "
        "requestSettings scaleSettings",
        "properties.",
    ),
    **_fields(_LEGACY, "egressPublicNetworkAccess privateNetworkConnection", "properties."),
    "properties.properties.private-network-connection": _LEGACY,
}
_ENVIRONMENT = {
    **_ASSET,
    **_fields(CARRY, "autoRebuild build condaFile image inferenceConfig osType stage", "properties."),
    "properties.environmentType": READ_ONLY,
}
_MODEL = {
    **_ASSET,
    **_fields(CARRY, "flavors modelType modelUri stage datasets", "properties."),
    "properties.jobName": Rule("drop", "the job stays in the source workspace"),
}
_DATASTORE = {
    **_COMMON,
    **_fields(
        CARRY,
        "description tags properties datastoreType resourceGroup subscriptionId accountName containerName endpoint "
        "protocol serviceDataAccessAuthIdentity storeName filesystem fileShareName",
        "properties.",
    ),
    **_fields(CARRY, "credentialsType clientId tenantId authorityUrl resourceUrl", "properties.credentials."),
    "properties.credentials": _SECRET,
    "properties.isDefault": READ_ONLY,
}
_CONNECTION = {
    **_COMMON,
    **_fields(
        CARRY,
        "authType category target metadata expiryTime isSharedToAll sharedUserList useWorkspaceManagedIdentity "
        "peRequirement value valueFormat",
        "properties.",
    ),
    **_fields(READ_ONLY, "createdByWorkspaceArmId group error peStatus", "properties."),
    "properties.credentials": _SECRET,
}
_FIELDS = {
    WORKSPACE.lower(): _WORKSPACE,
    ENDPOINT.lower(): _ENDPOINT,
    DEPLOYMENT.lower(): _DEPLOYMENT,
    CODE.lower(): {**_ASSET, "properties.codeUri": CARRY},
    ENVIRONMENT.lower(): _ENVIRONMENT,
    MODEL.lower(): _MODEL,
    DATASTORE.lower(): _DATASTORE,
    CONNECTION.lower(): _CONNECTION,
}


def rule_of(kind: str, path: Path) -> Rule:
    """The rule of the property at `path`: its own, or that of the nearest property that it is a part of."""
    rules = _FIELDS[kind.lower()]
    for length in range(len(path), 0, -1):
        rule = rules.get(".".join(path[:length]))
        if rule:
            return rule
    return UNKNOWN


def writable(kind: str, body: Json) -> Json:
    """What of a document is written to the target; null means absent to Azure, and is left out."""
    kept: Json = _pruned(kind, (), body)
    return kept


def leaves(kind: str, value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every property of a document with its path, sorted.

    An array counts as one value, and so does an object that is not written as a whole; null and {} count as none.
    """
    if isinstance(value, dict) and not (path and _is_left_out_whole(kind, path)):
        for key, item in sorted(value.items()):
            yield from leaves(kind, item, (*path, key))
    elif value is not None and value != {}:
        yield path, value


def _is_left_out_whole(kind: str, path: Path) -> bool:
    dotted = ".".join(path)
    rules = _FIELDS[kind.lower()]
    parts_matter = any(name.startswith(f"{dotted}.") for name in rules)
    return rules.get(dotted, UNKNOWN).what in ("drop", "remake") and not parts_matter


def _pruned(kind: str, path: Path, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    items = {key: _pruned(kind, (*path, key), item) for key, item in value.items() if item is not None}
    return {key: item for key, item in items.items() if _is_kept(kind, (*path, key), item)}


def _is_kept(kind: str, path: Path, kept: Any) -> bool:
    if rule_of(kind, path).what in ("carry", "unknown"):
        return True
    return isinstance(kept, dict) and bool(kept)  # a part of it is kept
