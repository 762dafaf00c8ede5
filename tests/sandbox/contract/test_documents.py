"""What the sandbox answers for each kind of ML resource, read by the SDK's own models: no member too many or odd.

Which members a document must have is told by recordings of the service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.sandbox.contract.strict import faults
from tests.sandbox.ml.workspace_world import WORKSPACE, Arm, associated, workspace_body
from vnetferry.sandbox.environment import REMOVED
from vnetferry.sandbox.server import Sandbox

# Recorded members of a workspace's `properties`, 2025 and 2026, in the service's order.
WORKSPACE_MEMBERS = """
friendlyName description storageAccount keyVault applicationInsights hbiWorkspace tenantId imageBuildCompute
provisioningState managedNetwork allowRoleAssignmentOnRG v1LegacyMode softDeleteEnabled containerRegistry creationTime
notebookInfo storageHnsEnabled workspaceId linkedModelInventoryArmId privateLinkCount publicNetworkAccess networkAcls
ipAllowlist discoveryUrl mlFlowTrackingUri serverlessComputeSettings EnableSoftwareBillOfMaterials
sdkTelemetryAppInsightsKey sasGetterUri enableDataIsolation systemDatastoresAuthMode enableServiceSideCMKEncryption
"""
DEPLOYMENT_MEMBERS = """
appInsightsEnabled codeConfiguration dataCollector egressPublicNetworkAccess endpointComputeType environmentId
environmentVariables instanceType livenessProbe model modelMountPath properties provisioningState readinessProbe
requestSettings
"""
ENDPOINT_MEMBERS = """
authMode mirrorTraffic properties provisioningState publicNetworkAccess scoringUri swaggerUri traffic
"""

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
KINDS = {
    "": "Workspace",
    "environments/e": "EnvironmentContainer",
    "environments/e/versions/1": "EnvironmentVersion",
    "codes/c": "CodeContainer",
    "codes/c/versions/1": "CodeVersion",
    "models/m": "ModelContainer",
    "models/m/versions/1": "ModelVersion",
    "data/d": "DataContainer",
    "data/d/versions/1": "DataVersionBase",
    "datastores/workspaceblobstore": "Datastore",
    "datastores/workspacefilestore": "Datastore",
    "connections/key": "WorkspaceConnectionPropertiesV2BasicResource",
    "computes/cluster": "ComputeResource",
    "onlineEndpoints/scoring": "OnlineEndpoint",
    "onlineEndpoints/scoring/deployments/blue": "OnlineDeployment",
}


@pytest.fixture(scope="module")
def arm(session_sandbox_factory: Callable[..., Sandbox]) -> Iterator[Arm]:
    """A workspace with one of everything."""
    sandbox = session_sandbox_factory({"resources": associated(), "runtime": "echo"}, time_scale=100_000)
    with pytest.MonkeyPatch.context() as patch:
        for name in REMOVED:
            patch.delenv(name, raising=False)
        for name, value in sandbox.env("internet").items():
            patch.setenv(name, value)
        made = Arm()
        made.done("PUT", WORKSPACE, workspace_body())
        for path, body in MADE.items():
            answer = made.send("PUT", f"{WORKSPACE}/{path}", body)
            assert answer.status_code in (200, 201), answer.text()
            if "Azure-AsyncOperation" in answer.headers:
                assert made.finish(answer)["status"] == "Succeeded"
        yield made


@pytest.mark.parametrize(("path", "model"), KINDS.items(), ids=KINDS.values())
def test_document_has_no_member_that_the_sdks_model_has_not(arm: Arm, path: str, model: str) -> None:
    assert faults(model, arm.get(f"{WORKSPACE}/{path}".rstrip("/"))) == []


@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("", WORKSPACE_MEMBERS),
        ("/onlineEndpoints/scoring", ENDPOINT_MEMBERS),
        ("/onlineEndpoints/scoring/deployments/blue", DEPLOYMENT_MEMBERS),
    ],
)
def test_document_has_every_recorded_member(arm: Arm, path: str, members: str) -> None:
    assert set(members.split()) - arm.get(f"{WORKSPACE}{path}")["properties"].keys() == set()


def test_strict_reading_finds_what_does_not_fit() -> None:
    assert faults("EndpointAuthKeys", {"primaryKey": "a", "secondaryKey": 1}) == [
        "EndpointAuthKeys.secondaryKey: 1 is no str"
    ]
    nested = {"properties": {"authMode": "Key", "surplus": 1}}
    assert faults("OnlineEndpoint", nested) == [
        "OnlineEndpoint.properties: OnlineEndpointProperties has no member 'surplus'"
    ]


def test_endpoint_operations_are_polled_at_signed_addresses_only(arm: Arm) -> None:
    path = f"{WORKSPACE}/onlineEndpoints/polled"
    made = arm.send("PUT", path, MADE["onlineEndpoints/scoring"])
    assert made.status_code == 201
    status = made.headers["Azure-AsyncOperation"]
    assert "/mfeOperationsStatus/oeidp:" in status
    assert made.headers["Location"].partition("?")[0].endswith("/onlineEndpoints/polled")
    bare, _, signature = status.partition("&t=")
    assert len(signature) > 100
    assert arm.read(bare).status_code == 403
    assert arm.read(status).status_code == 200
    assert arm.finish(made)["status"] == "Succeeded"


def test_endpoint_deletion_is_202_with_two_addresses_signed_apart(arm: Arm) -> None:
    path = f"{WORKSPACE}/onlineEndpoints/leaving"
    arm.finish(arm.send("PUT", path, MADE["onlineEndpoints/scoring"]))
    gone = arm.send("DELETE", path)
    status, result = gone.headers["Azure-AsyncOperation"], gone.headers["Location"]
    assert (gone.status_code, gone.text()) == (202, "")
    assert "/mfeOperationResults/oeidp:" in result
    assert status.partition("&t=")[2] != result.partition("&t=")[2]
    assert arm.finish(gone)["status"] == "Succeeded"
    assert arm.read(result).status_code == 200
