"""A registry of assets, in a subscription of its own, which nobody but private endpoints reaches."""

from __future__ import annotations

from typing import Any

from vnetferry.models.ids import ML

Json = dict[str, Any]
OTHER = "/subscriptions/99999999-0000-4000-8000-000000000009"
REGISTRY = f"{OTHER}/resourceGroups/rg-hub/providers/{ML}/registries/contosohub"
MANAGED = f"{OTHER}/resourceGroups/azureml-rg-contosohub_1"
STORAGE = f"{MANAGED}/providers/Microsoft.Storage/storageAccounts/hubstore"
CONTAINERS = f"{MANAGED}/providers/Microsoft.ContainerRegistry/registries/hubimages"
MODEL = "azureml://registries/contosohub/models/demand/versions/1"
ENVIRONMENT = "azureml://registries/contosohub/environments/serving/versions/1"


def registry_documents() -> list[Json]:
    """The registry, what it keeps its assets in, a model and an environment."""
    closed = {"publicNetworkAccess": "Disabled", "networkAcls": {"defaultAction": "Deny"}}
    region = {
        "location": "westeurope",
        "storageAccountDetails": [
            {"systemCreatedStorageAccount": {"armResourceId": {"resourceId": STORAGE}}}
        ],
        "acrDetails": [{"systemCreatedAcrAccount": {"armResourceId": {"resourceId": CONTAINERS}}}],
    }
    parts = {"regionDetails": [region], "managedResourceGroup": {"resourceId": MANAGED}}
    blobs = "https://hubstore.blob.core.windows.net/models/demand"
    return [
        {
            "id": REGISTRY,
            "location": "westeurope",
            "properties": {**parts, "publicNetworkAccess": "Disabled"},
        },
        {"id": STORAGE, "location": "westeurope", "sku": {"name": "Standard_LRS"}, "properties": closed},
        {"id": CONTAINERS, "location": "westeurope", "sku": {"name": "Premium"}, "properties": closed},
        {"id": f"{REGISTRY}/models/demand/versions/1", "properties": {"modelUri": blobs}},
        {
            "id": f"{REGISTRY}/environments/serving/versions/1",
            "properties": {"image": "mcr.microsoft.com/x:1"},
        },
    ]
