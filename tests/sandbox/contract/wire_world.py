"""One of everything that a workspace can hold: what a client sends to make it."""

from __future__ import annotations

from typing import Any

from tests.sandbox.ml.workspace_world import WORKSPACE

BLOBS = "https://stone.blob.core.windows.net/azureml/x"
ENVIRONMENT = f"{WORKSPACE}/environments/e/versions/1"
CODE = f"{WORKSPACE}/codes/c/versions/1"
MODEL = f"{WORKSPACE}/models/m/versions/1"
PLACE = {"location": "westeurope"}
MADE: dict[str, dict[str, Any]] = {
    "environments/e/versions/1": {
        "properties": {"image": "mcr.microsoft.com/azureml/minimal", "condaFile": "name: e"}
    },
    "codes/c/versions/1": {"properties": {"codeUri": BLOBS, "properties": {"hash_sha256": "h"}}},
    "models/m/versions/1": {"properties": {"modelType": "custom_model", "modelUri": BLOBS}},
    "data/d/versions/1": {"properties": {"dataType": "uri_file", "dataUri": BLOBS}},
    "connections/key": {
        "properties": {
            "category": "ApiKey",
            "authType": "ApiKey",
            "target": "https://a.b",
            "credentials": {"key": "x"},
        }
    },
    "computes/cluster": {
        **PLACE,
        "properties": {
            "computeType": "AmlCompute",
            "properties": {"vmSize": "Standard_DS3_v2", "scaleSettings": {"maxNodeCount": 1}},
        },
    },
    "onlineEndpoints/scoring": {
        **PLACE,
        "properties": {"authMode": "Key"},
        "identity": {"type": "SystemAssigned"},
    },
    "onlineEndpoints/scoring/deployments/blue": {
        **PLACE,
        "sku": {"name": "Default", "capacity": 1},
        "properties": {
            "endpointComputeType": "Managed",
            "instanceType": "Standard_DS3_v2",
            "environmentId": ENVIRONMENT,
            "model": MODEL,
            "codeConfiguration": {"codeId": CODE, "scoringScript": "score.py"},
        },
    },
}
# Recorded members of a workspace's `properties`, 2025 and 2026, in the service's order.
WORKSPACE_MEMBERS = """
friendlyName description storageAccount keyVault applicationInsights hbiWorkspace tenantId imageBuildCompute
provisioningState managedNetwork allowRoleAssignmentOnRG v1LegacyMode softDeleteEnabled containerRegistry creationTime
notebookInfo storageHnsEnabled workspaceId linkedModelInventoryArmId privateLinkCount publicNetworkAccess networkAcls
ipAllowlist discoveryUrl mlFlowTrackingUri serverlessComputeSettings EnableSoftwareBillOfMaterials
sdkTelemetryAppInsightsKey sasGetterUri enableDataIsolation systemDatastoresAuthMode enableServiceSideCMKEncryption
"""
