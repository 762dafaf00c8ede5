"""What a body may say about a workspace: to make one, and to change one."""

from __future__ import annotations

from vnetferry.sandbox.ml.fields import (
    IDENTIFIERS,
    Field,
    Kind,
    anything,
    flag,
    list_of,
    object_of,
    one_of,
    text,
    texts,
    words,
)
from vnetferry.sandbox.ml.identity import IDENTITY_FIELD
from vnetferry.sandbox.ml.network_fields import MANAGED_NETWORK

_CODE = "BadRequest"

_READ_ONLY = {
    name: Field(anything, read_only=True)
    for name in (
        "agentsEndpointUri",
        "associatedWorkspaces",
        "creationTime",
        "discoveryUrl",
        "linkedModelInventoryArmId",
        "mlFlowTrackingUri",
        "notebookInfo",
        "privateEndpointConnections",
        "privateLinkCount",
        "provisioningState",
        "sasGetterUri",
        "sdkTelemetryAppInsightsKey",
        "serviceProvisionedResourceGroup",
        "softDeletedAt",
        "scheduledPurgeDate",
        "storageHnsEnabled",
        "tenantId",
        "workspaceId",
    )
}
_NETWORK_ACLS = Kind(
    "NetworkAcls",
    {
        "defaultAction": Field(one_of("Allow", "Deny")),
        "bypass": Field(text),
        "ipRules": Field(list_of(Kind("IPRule", {"value": Field(text, required=True)}))),
        "resourceAccessRules": Field(anything),
    },
)
_KEY = Kind(
    "KeyVaultProperties",
    {"identityClientId": Field(text), "keyIdentifier": Field(text), "keyVaultArmId": Field(text)},
)
_ENCRYPTION = Kind(
    "EncryptionProperty",
    {
        "status": Field(one_of("Enabled", "Disabled")),
        "keyVaultProperties": Field(object_of(_KEY)),
        "identity": Field(object_of(Kind("IdentityForCmk", {"userAssignedIdentity": Field(text)}))),
        "cosmosDbResourceId": Field(text),
        # The SDK's own template still sends these three by their former names.
        "cosmosDbArmId": Field(text),
        "searchAccountArmId": Field(text),
        "storageAccountArmId": Field(text),
        "searchAccountResourceId": Field(text),
        "storageAccountResourceId": Field(text),
    },
)
_SERVERLESS = Kind(
    "ServerlessComputeSettings",
    {"serverlessComputeCustomSubnet": Field(text), "serverlessComputeNoPublicIP": Field(flag)},
)
_CHANGEABLE = {
    "allowRoleAssignmentOnRG": Field(flag),
    "applicationInsights": Field(text),
    "containerRegistry": Field(text),
    "description": Field(text),
    "enableDataIsolation": Field(flag),
    "EnableSoftwareBillOfMaterials": Field(flag),
    "encryption": Field(object_of(_ENCRYPTION)),
    "featureStoreSettings": Field(anything),
    "friendlyName": Field(text),
    "imageBuildCompute": Field(text),
    "ipAllowlist": Field(texts),
    "managedNetwork": Field(object_of(MANAGED_NETWORK)),
    "networkAcls": Field(object_of(_NETWORK_ACLS)),
    "primaryUserAssignedIdentity": Field(text),
    "publicNetworkAccess": Field(one_of("Enabled", "Disabled")),
    "serverlessComputeSettings": Field(object_of(_SERVERLESS)),
    "serviceManagedResourcesSettings": Field(anything),
    "softDeleteEnabled": Field(flag),
    "systemDatastoresAuthMode": Field(one_of("", "accesskey", "identity", "userDelegationSAS")),
    "v1LegacyMode": Field(flag),
}
CHANGEABLE = frozenset(_CHANGEABLE)
_CREATED = {
    "allowPublicAccessWhenBehindVnet": Field(flag),
    "allowRecoverSoftDeletedWorkspace": Field(flag),
    "enableServiceSideCMKEncryption": Field(flag),
    "existingWorkspaces": Field(texts),
    "hbiWorkspace": Field(flag),
    "hubResourceId": Field(text),
    "keyVault": Field(text),
    "provisionNetworkNow": Field(flag),
    "sharedPrivateLinkResources": Field(anything),
    "storageAccount": Field(text),
    "workspaceHubConfig": Field(anything),
}
_RESOURCE = {
    **IDENTIFIERS,
    "identity": IDENTITY_FIELD,
    "kind": Field(text),
    "location": Field(text),
    "sku": Field(anything),
    "tags": Field(words),
}

CREATE = Kind(
    "WorkspaceResource",
    {
        **_RESOURCE,
        "properties": Field(
            object_of(Kind("WorkspaceProperties", {**_CHANGEABLE, **_CREATED, **_READ_ONLY})), required=True
        ),
    },
    _CODE,
    "account",
)
UPDATE = Kind(
    "WorkspaceUpdateParameters",
    {
        **_RESOURCE,
        "properties": Field(
            object_of(Kind("WorkspacePropertiesUpdateParameters", {**_CHANGEABLE, **_READ_ONLY}))
        ),
    },
    _CODE,
    "account",
)
