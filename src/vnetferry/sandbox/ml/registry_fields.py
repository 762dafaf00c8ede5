"""What a body may say about a registry, as api-version 2022-10-01-preview and those since define it."""

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
    words,
)
from vnetferry.sandbox.ml.identity import IDENTITY_FIELD

_REFERENCE = Field(object_of(Kind("ArmResourceId", {"resourceId": Field(text)})))
_STORAGE_TYPES = one_of(
    *("standard_lrs", "standard_grs", "standard_ragrs", "standard_zrs", "standard_gzrs", "standard_ragzrs"),
    *("premium_lrs", "premium_zrs"),
)
_OWN = Field(object_of(Kind("UserCreatedAccount", {"armResourceId": _REFERENCE})))
_STORAGE = Kind(
    "StorageAccountDetails",
    {
        "systemCreatedStorageAccount": Field(
            object_of(
                Kind(
                    "SystemCreatedStorageAccount",
                    {
                        "storageAccountName": Field(text, read_only=True),
                        "storageAccountType": Field(_STORAGE_TYPES),
                        "storageAccountHnsEnabled": Field(flag),
                        "allowBlobPublicAccess": Field(flag),
                        "armResourceId": Field(anything, read_only=True),
                    },
                )
            )
        ),
        "userCreatedStorageAccount": _OWN,
    },
)
_ACR = Kind(
    "AcrDetails",
    {
        "systemCreatedAcrAccount": Field(
            object_of(
                Kind(
                    "SystemCreatedAcrAccount",
                    {
                        "acrAccountName": Field(text, read_only=True),
                        "acrAccountSku": Field(one_of("Premium")),
                        "armResourceId": Field(anything, read_only=True),
                    },
                )
            )
        ),
        "userCreatedAcrAccount": _OWN,
    },
)
_REGION = Kind(
    "RegistryRegionArmDetails",
    {
        "location": Field(text, required=True),
        "storageAccountDetails": Field(list_of(_STORAGE)),
        "acrDetails": Field(list_of(_ACR)),
    },
)
_PROPERTIES = Kind(
    "RegistryProperties",
    {
        "regionDetails": Field(list_of(_REGION)),
        "publicNetworkAccess": Field(one_of("Enabled", "Disabled")),
        "intellectualPropertyPublisher": Field(text),
        "managedResourceGroupTags": Field(words),
        "managedResourceGroupSettings": Field(anything),
        "discoveryUrl": Field(anything, read_only=True),
        "managedResourceGroup": Field(anything, read_only=True),
        "mlFlowRegistryUri": Field(anything, read_only=True),
        "registryPrivateEndpointConnections": Field(anything, read_only=True),
    },
)
CREATE = Kind(
    "Registry",
    {
        **IDENTIFIERS,
        "location": Field(text, required=True),
        "tags": Field(words),
        "kind": Field(text),
        "sku": Field(anything),
        "identity": IDENTITY_FIELD,
        "properties": Field(object_of(_PROPERTIES), required=True),
    },
)
UPDATE = Kind(
    "PartialRegistryPartialTrackedResource",
    {"tags": Field(words), "identity": IDENTITY_FIELD, "sku": Field(anything)},
)
