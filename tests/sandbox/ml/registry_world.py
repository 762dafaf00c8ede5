"""A registry for the tests, as a scenario holds it, and the SDK in it."""

from __future__ import annotations

from typing import Any

from azure.ai.ml import MLClient
from azure.identity import EnvironmentCredential

from tests.sandbox.ml.workspace_world import GROUP, SUBSCRIPTION

NAME = "contosoreg"
REGISTRY = f"{GROUP}/providers/Microsoft.MachineLearningServices/registries/{NAME}"
MANAGED = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/azureml-rg-{NAME}_1"
STORAGE = f"{MANAGED}/providers/Microsoft.Storage/storageAccounts/conto1"
CONTAINERS = f"{MANAGED}/providers/Microsoft.ContainerRegistry/registries/conto2"


def registry(*, location: str = "westeurope", **properties: Any) -> dict[str, Any]:
    """The registry's document as GET returns it."""
    region = {
        "location": location,
        "storageAccountDetails": [
            {"systemCreatedStorageAccount": {"armResourceId": {"resourceId": STORAGE}}},
        ],
        "acrDetails": [{"systemCreatedAcrAccount": {"armResourceId": {"resourceId": CONTAINERS}}}],
    }
    return {
        "id": REGISTRY,
        "location": location,
        "properties": {
            "regionDetails": [region],
            "managedResourceGroup": {"resourceId": MANAGED},
            **properties,
        },
    }


def account(identifier: str, **properties: Any) -> dict[str, Any]:
    """A storage account or a container registry of the registry's own."""
    sku = {"name": "Standard_LRS" if identifier == STORAGE else "Premium"}
    return {"id": identifier, "location": "westeurope", "sku": sku, "properties": properties}


def version(plural: str, name: str, number: str = "1", **properties: Any) -> dict[str, Any]:
    """A version in the registry."""
    return {"id": f"{REGISTRY}/{plural}/{name}/versions/{number}", "properties": properties}


def registry_client(name: str = NAME) -> MLClient:
    """The real SDK in a registry."""
    return MLClient(EnvironmentCredential(), registry_name=name)
