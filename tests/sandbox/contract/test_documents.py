"""What the sandbox answers for each kind of ML resource, read by the SDK's own models: no member too many or odd.

Which members a document must have is told by recordings of the service.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.sandbox.contract.strict import faults
from tests.sandbox.contract.wire_world import MADE, WORKSPACE_MEMBERS
from tests.sandbox.ml.workspace_world import WORKSPACE, Arm

DEPLOYMENT_MEMBERS = """
appInsightsEnabled codeConfiguration dataCollector egressPublicNetworkAccess endpointComputeType environmentId
environmentVariables instanceType livenessProbe model modelMountPath properties provisioningState readinessProbe
requestSettings scaleSettings
"""
ENDPOINT_MEMBERS = """
authMode mirrorTraffic properties provisioningState publicNetworkAccess scoringUri swaggerUri traffic
"""

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
    nested = {"properties": {"authMode": "Keys", "surplus": 1}}
    assert faults("OnlineEndpoint", nested) == [
        "OnlineEndpoint: OnlineEndpoint lacks its member 'location'",
        "OnlineEndpoint.properties: OnlineEndpointProperties has no member 'surplus'",
        "OnlineEndpoint.properties.authMode: 'Keys' is no EndpointAuthMode",
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


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize("odd", [str.upper, str.lower, str.swapcase])
def test_document_is_found_however_its_path_is_written(
    arm: Arm, path: str, odd: Callable[[str], str]
) -> None:
    whole = f"{WORKSPACE}/{path}".rstrip("/")
    assert arm.get(odd(whole)) == arm.get(whole)
