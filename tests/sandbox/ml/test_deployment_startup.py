"""Deployments that Azure says yes to and that never come up: the code, the words, and what the logs show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.ml.startup_world import (
    ACR_PULL,
    BLOB_CONTRIBUTOR,
    BLOB_READER,
    BLUE,
    CONTRIBUTOR,
    OTHER_UAI,
    PRINCIPALS,
    REPOSITORY_READER,
    UAI,
    built,
    cluster,
    grant,
    held,
    make_endpoint,
)
from tests.sandbox.online_world import (
    ENVIRONMENT,
    GROUP,
    MODEL,
    REGISTRY,
    STORAGE,
    WORKSPACE,
    Online,
    deployment_body,
    online,
    role_on,
)
from vnetferry.sandbox.arm.private_links import connect, connection_status
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml.legacy_egress import connect_deployment
from vnetferry.sandbox.ml.network_rules import private_endpoint_rule
from vnetferry.sandbox.ml.service_links import LEGACY, is_callers, rule_endpoint_id
from vnetferry.sandbox.scoring.egress import network_of
from vnetferry.sandbox.wire import Json, Principal

_PULL = "Endpoint identity does not have pull permission on the registry."
_READ = "Startup task failed due to authorization error"
_CLOSED = {"publicNetworkAccess": "Disabled"}
_FOREIGN = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/crother"
_COLLECTOR = {"collections": {"model_inputs": {"dataCollectionMode": "Enabled"}}}
_MLFLOW: Json = {
    MODEL: {"modelUri": "azureml://datastores/workspaceblobstore/paths/m", "modelType": "mlflow_model"}
}
_ACR_TAG: Json = {
    "type": "ServiceTag",
    "status": "Active",
    "destination": {"serviceTag": "AzureContainerRegistry", "protocol": "*", "portRanges": "*"},
}
_NO_CODE: Json = {"codeConfiguration": None, "environmentId": None}


def _managed(mode: str = "AllowOnlyApprovedOutbound", *fqdns: str) -> Json:
    """A provisioned managed network with the rules that everything needs, and FQDN rules for these hosts."""
    own = {
        f"pe-{part}": private_endpoint_rule(target, part)
        for target, part in ((STORAGE, "blob"), (REGISTRY, "registry"))
    }
    rules: Json = {
        **own,
        **{f"fqdn-{n}": {"type": "FQDN", "destination": host} for n, host in enumerate(fqdns)},
    }
    active = {name: {**rule, "status": "Active"} for name, rule in rules.items()}
    return {"isolationMode": mode, "status": {"status": "Active"}, "outboundRules": active}


def _deploy(az: Online, **properties: Any) -> Json:
    """The error that a new deployment `blue` ends with; {} when it succeeds."""
    answer = az.send("PUT", BLUE, deployment_body(**properties))
    assert answer.status == 201
    az.settle()
    if az.get(BLUE)["properties"]["provisioningState"] == "Succeeded":
        return {}
    assert az.get(BLUE)["properties"]["provisioningState"] == "Failed"
    return az.error_of(answer)


def _logs(az: Online, container: str = "InferenceServer") -> str:
    body = az.send("POST", f"{BLUE}/getLogs", {"containerType": container, "tail": 100}).body
    assert isinstance(body, dict)
    return str(body["content"])


# --- The identity ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        ([], _PULL),
        ([(BLOB_READER, STORAGE)], _PULL),
        ([(ACR_PULL, STORAGE)], _PULL),
        ([(ACR_PULL, REGISTRY)], _READ),
        ([(CONTRIBUTOR, GROUP)], _READ),
        ([(ACR_PULL, REGISTRY), (BLOB_READER, STORAGE)], ""),
        ([(CONTRIBUTOR, GROUP), (BLOB_CONTRIBUTOR, GROUP)], ""),
    ],
)
def test_user_assigned_identity_needs_to_pull_and_to_read(
    tmp_path: Path, roles: list[tuple[str, str]], says: str
) -> None:
    with online(tmp_path, held=held()) as az:
        make_endpoint(az, UAI)
        for role, scope in roles:
            grant(az, role, scope)
        error = _deploy(az)
        assert error.get("code", "") == ("BadArgument" if says else "")
        assert says in error.get("message", "")
        assert error.get("message", "") in _logs(az)


def test_each_user_assigned_identity_needs_its_roles(tmp_path: Path) -> None:
    with online(tmp_path, held=held()) as az:
        make_endpoint(az, UAI, OTHER_UAI)
        grant(az, ACR_PULL, REGISTRY)
        grant(az, BLOB_READER, STORAGE)
        assert "id-other" in _deploy(az)["message"]


def test_system_assigned_identity_whose_roles_were_taken_away_fails_until_they_are_back(
    tmp_path: Path,
) -> None:
    with online(tmp_path, held=held()) as az:
        principal = make_endpoint(az)["identity"]["principalId"]
        given = [d for d in az.world.documents.below(REGISTRY) if "roleAssignments" in d["id"]]
        for document in given:
            az.world.documents.remove(document["id"])
        assert _PULL in _deploy(az)["message"]
        assert "UserContainerImagePull: Failed\nModelDownload: Pending" in _logs(az)
        az.send("DELETE", BLUE)
        az.settle()
        az.world.documents.put(role_on(REGISTRY, ACR_PULL, principal))
        assert _deploy(az) == {}


def test_collecting_data_needs_the_user_assigned_identity_to_write(tmp_path: Path) -> None:
    with online(tmp_path, held=held()) as az:
        make_endpoint(az, UAI)
        grant(az, ACR_PULL, REGISTRY)
        grant(az, BLOB_READER, STORAGE)
        error = _deploy(az, dataCollector=_COLLECTOR)
        assert error["code"] == "BadArgument"
        assert "Storage Blob Data Contributor" in error["message"]
        az.send("DELETE", BLUE)
        az.settle()
        grant(az, BLOB_CONTRIBUTOR, STORAGE)
        assert _deploy(az, dataCollector=_COLLECTOR) == {}


def test_registry_with_permissions_by_repository_does_not_heed_acr_pull(tmp_path: Path) -> None:
    with online(tmp_path, held=held({REGISTRY: {"roleAssignmentMode": "AbacRepositoryPermissions"}})) as az:
        principal = make_endpoint(az)["identity"]["principalId"]
        assert _PULL in _deploy(az)["message"]
        az.send("DELETE", BLUE)
        az.settle()
        az.world.documents.put(role_on(REGISTRY, REPOSITORY_READER, principal))
        assert _deploy(az) == {}


def test_image_of_another_registry_needs_its_pull_right(tmp_path: Path) -> None:
    changes: dict[str, Json] = {
        GROUP: {},
        _FOREIGN: {},
        ENVIRONMENT: {"image": "crother.azurecr.io/serving:1"},
    }
    with online(tmp_path, held=held(changes)) as az:
        principal = make_endpoint(az)["identity"]["principalId"]
        assert _FOREIGN in _deploy(az)["message"]
        az.send("DELETE", BLUE)
        az.settle()
        az.world.documents.put(role_on(_FOREIGN, ACR_PULL, principal))
        assert _deploy(az) == {}


def test_more_instances_need_the_roles_too_and_fewer_do_not(tmp_path: Path) -> None:
    with online(tmp_path, held=held()) as az:
        make_endpoint(az, UAI)
        grant(az, ACR_PULL, REGISTRY)
        grant(az, BLOB_READER, STORAGE)
        assert _deploy(az) == {}
        az.world.documents.remove(role_on(REGISTRY, ACR_PULL, "00000000-0000-0000-0000-0000000000a1")["id"])
        answer = az.send("PATCH", BLUE, {"sku": {"capacity": 3}})
        az.settle()
        assert _PULL in az.error_of(answer)["message"]
        after = az.get(BLUE)
        assert (after["properties"]["provisioningState"], after["sku"]["capacity"]) == ("Failed", 1)
        az.send("PATCH", BLUE, {"sku": {"capacity": 1}})
        az.settle()
        assert az.get(BLUE)["properties"]["provisioningState"] == "Succeeded"


# --- The image -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "workspace", "code", "says"),
    [
        ({}, {}, "", ""),
        ({REGISTRY: _CLOSED}, {}, "ImageBuildFailure", "communicate with the workspace's container registry"),
        (
            {STORAGE: {"networkAcls": {"defaultAction": "Deny"}}},
            {},
            "ImageBuildFailure",
            "'stlegacy' is restricted",
        ),
        ({}, {"imageBuildCompute": "gone"}, "ImageBuildComputeNotValid", "'gone'"),
        ({REGISTRY: _CLOSED, **cluster()}, {"imageBuildCompute": "builder"}, "", ""),
        (
            cluster(),
            {"imageBuildCompute": "builder", "managedNetwork": _managed()},
            "ImageBuildFailure",
            "conda.anaconda.org:443",
        ),
        (
            cluster(),
            {
                "imageBuildCompute": "builder",
                "managedNetwork": _managed("AllowOnlyApprovedOutbound", "*.anaconda.org"),
            },
            "",
            "",
        ),
        (
            cluster(),
            {"imageBuildCompute": "builder", "managedNetwork": _managed("AllowInternetOutbound")},
            "",
            "",
        ),
        ({}, {"managedNetwork": _managed()}, "", ""),
    ],
    ids=[
        "open",
        "closed registry",
        "closed storage",
        "no such compute",
        "own compute",
        "own compute without rules",
        "own compute with rules",
        "own compute with internet",
        "managed network and open registry",
    ],
)
def test_image_is_built_where_its_builder_reaches_everything(
    tmp_path: Path, changes: dict[str, Json], workspace: Json, code: str, says: str
) -> None:
    with online(tmp_path, held=held(built(**changes), **workspace)) as az:
        make_endpoint(az)
        error = _deploy(az)
        assert error.get("code", "") == code
        assert says in error.get("message", "")


def test_image_build_failure_leaves_its_log_where_the_message_says(tmp_path: Path) -> None:
    with online(tmp_path, held=held(built(**{REGISTRY: _CLOSED}))) as az:
        make_endpoint(az)
        message = _deploy(az)["message"]
        path = message.partition("at the path '")[2].partition("'")[0]
        blob = next(iter(az.world.blobs.list("stlegacy", "azureml", path)))
        assert b"environment e:1" in blob.data
        assert "UserContainerImagePull: Failed" in _logs(az)
        assert message in _logs(az)


def test_image_is_built_once_for_all_that_share_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with online(tmp_path, held=held(built())) as az:
        slept: list[float] = []
        monkeypatch.setattr(type(az.world.clock), "sleep", _note(slept))
        make_endpoint(az)
        assert _deploy(az) == {}
        az.make_deployment("green")
        assert slept[1:] == [1200.0, 480.0]


def test_image_of_a_deployment_that_the_scenario_brought_is_there(tmp_path: Path) -> None:
    with online(tmp_path, held=held(built(**{REGISTRY: _CLOSED}))) as az:
        endpoint = make_endpoint(az)
        ran: Json = {"environmentId": ENVIRONMENT, "endpointComputeType": "Managed"}
        az.adopt(endpoint, {"id": f"{endpoint['id']}/deployments/old", "name": "old", "properties": ran})
        assert _deploy(az) == {}


def test_curated_environment_of_another_workspace_is_in_this_one_too_and_is_built_already(
    tmp_path: Path,
) -> None:
    """Every workspace has those that Azure keeps; which versions there are, the scenario's own documents tell."""
    known = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/other/environments/AzureML-x/versions/1"
    changes: dict[str, Json] = {known: {"image": "mcr.microsoft.com/x", "condaFile": "{}"}}
    with online(tmp_path, held=held(changes)) as az:
        make_endpoint(az)
        here = f"{WORKSPACE}/environments/azureml-X/versions/1"
        assert _deploy(az, environmentId=here) == {}
        with pytest.raises(AzureError, match="and version: 2 not found"):
            az.send("PUT", BLUE, deployment_body(environmentId=here.replace("/1", "/2")))


def test_finished_image_is_never_built(tmp_path: Path) -> None:
    with online(tmp_path, held=held({REGISTRY: _CLOSED}, imageBuildCompute="gone")) as az:
        make_endpoint(az)
        assert _deploy(az) == {}


def _note(slept: list[float]) -> Any:
    async def sleep(_self: object, azure_s: float) -> None:
        slept.append(azure_s)

    return sleep


# --- The networks ----------------------------------------------------------------------------------------------


def test_legacy_deployment_cannot_pull_from_another_registry(tmp_path: Path) -> None:
    changes: dict[str, Json] = {ENVIRONMENT: {"image": "crother.azurecr.io/serving:1"}}
    with online(tmp_path, held=held(changes)) as az:
        make_endpoint(az)
        error = _deploy(az, egressPublicNetworkAccess="Disabled")
        assert error["code"] == "ResourceNotFound"
        assert "crother.azurecr.io:443 is not reachable" in error["message"]


def _set_status(az: Online, target: str, status: str, rule: str = "") -> None:
    """Let somebody decide on the private endpoint connections of a target."""
    for each in az.world.documents.collection(f"{target}/privateEndpointConnections"):
        if each["properties"]["privateEndpoint"]["id"].endswith(rule):
            each["properties"]["privateLinkServiceConnectionState"]["status"] = status


@pytest.mark.parametrize("status", ["Pending", "Rejected", "Disconnected"])
@pytest.mark.parametrize(
    ("target", "code", "stage"),
    [(REGISTRY, "ResourceNotFound", "UserContainerImagePull"), (STORAGE, "BadArgument", "ModelDownload")],
    ids=["registry", "storage"],
)
def test_legacy_deployment_gets_nothing_through_a_connection_that_is_not_approved(
    tmp_path: Path, target: str, code: str, stage: str, status: str
) -> None:
    with online(tmp_path, held=held({ENVIRONMENT: {"image": "crlegacy.azurecr.io/serving:1"}})) as az:
        make_endpoint(az)
        assert _deploy(az, egressPublicNetworkAccess="Disabled") == {}
        _set_status(az, target, status)
        answer = az.send("PATCH", BLUE, {"sku": {"capacity": 2}})
        az.settle()
        error = az.error_of(answer)
        assert error["code"] == code
        assert "private endpoint connection of the deployment is not Approved" in error["message"]
        assert error["message"] in _logs(az)
        _set_status(az, target, "Approved")
        az.send("PATCH", BLUE, {"sku": {"capacity": 2}})
        az.settle()
        assert az.get(BLUE)["properties"]["provisioningState"] == "Succeeded"


def test_legacy_deployment_that_lost_its_connection_gets_nothing_more(tmp_path: Path) -> None:
    with online(tmp_path, held=held()) as az:
        make_endpoint(az)
        _deploy(az, egressPublicNetworkAccess="Disabled")
        for each in az.world.documents.collection(f"{STORAGE}/privateEndpointConnections"):
            az.world.documents.remove(each["id"])
        answer = az.send("PATCH", BLUE, {"sku": {"capacity": 2}})
        az.settle()
        assert az.error_of(answer)["code"] == "BadArgument"


def test_legacy_connection_is_pending_where_nobody_may_approve_it_until_somebody_does(
    tmp_path: Path,
) -> None:
    somebody = Principal(PRINCIPALS[UAI], PRINCIPALS[UAI], "t")
    blue, green = (
        {**deployment_body(egressPublicNetworkAccess="Disabled"), "id": f"{WORKSPACE}/{each}"}
        for each in (BLUE, BLUE.replace("blue", "green"))
    )
    with online(tmp_path, held=held()) as az:
        _, refuse = network_of(az.world, blue)
        connect_deployment(az.world, blue, somebody)
        assert _statuses(az) == {WORKSPACE: ["Approved"], STORAGE: ["Pending"], REGISTRY: ["Pending"]}
        assert "is not Approved" in str(refuse("crlegacy.azurecr.io", 443))
        _set_status(az, REGISTRY, "Approved")
        connect_deployment(az.world, blue, somebody)
        assert _statuses(az)[REGISTRY] == ["Approved"]
        assert refuse("crlegacy.azurecr.io", 443) is None
        grant(az, CONTRIBUTOR, GROUP)
        connect_deployment(az.world, green, somebody)
        assert _statuses(az)[STORAGE] == ["Pending", "Approved"]


def test_legacy_connection_is_approved_by_the_workspaces_own_identity(tmp_path: Path) -> None:
    with online(tmp_path, held=held()) as az:
        az.world.documents.require(WORKSPACE)["identity"] = {"principalId": PRINCIPALS[UAI]}
        grant(az, CONTRIBUTOR, STORAGE)
        deployment = {**deployment_body(egressPublicNetworkAccess="Disabled"), "id": f"{WORKSPACE}/{BLUE}"}
        connect_deployment(az.world, deployment, None)
        assert _statuses(az) == {WORKSPACE: ["Approved"], STORAGE: ["Approved"], REGISTRY: ["Pending"]}


def _statuses(az: Online) -> dict[str, list[str]]:
    listed = az.world.documents.collection
    return {
        target: [
            connection_status(each)
            for each in listed(f"{target}/privateEndpointConnections")
            if not is_callers(each)
        ]
        for target in (WORKSPACE, STORAGE, REGISTRY)
    }


def test_snapshots_legacy_connections_count_for_its_deployments_as_long_as_one_is_approved(
    tmp_path: Path,
) -> None:
    state = {"status": "Approved", "description": LEGACY}
    foreign: Json = {
        "privateEndpoint": {"id": "/subscriptions/s/resourceGroups/g/providers/n/privateEndpoints/x"},
        "privateLinkServiceConnectionState": state,
    }
    deployment = {**deployment_body(egressPublicNetworkAccess="Disabled"), "id": f"{WORKSPACE}/{BLUE}"}
    with online(tmp_path, held=held()) as az:
        az.world.documents.put(deployment)
        connection = {"id": f"{STORAGE}/privateEndpointConnections/x.1", "properties": foreign}
        held_connection = az.world.documents.put(connection)
        _, refuse = network_of(az.world, deployment)
        assert refuse("stlegacy.blob.core.windows.net", 443) is None
        held_connection["properties"]["privateLinkServiceConnectionState"]["status"] = "Rejected"
        assert "is not Approved" in str(refuse("stlegacy.blob.core.windows.net", 443))


def test_managed_network_gets_nothing_through_a_connection_that_was_rejected(tmp_path: Path) -> None:
    changes: dict[str, Json] = {
        ENVIRONMENT: {"image": "crlegacy.azurecr.io/serving:1"},
        STORAGE: dict(_CLOSED),
        REGISTRY: dict(_CLOSED),
    }
    rules = {**_managed()["outboundRules"], "tag": _ACR_TAG}
    with online(tmp_path, held=held(changes, managedNetwork={**_managed(), "outboundRules": rules})) as az:
        workspace = az.world.documents.require(WORKSPACE)
        az.world.documents.require(REGISTRY)["sku"] = {"name": "Premium"}
        az.world.documents.put({"id": GROUP, "name": "rg", "properties": {}})
        for name, rule in _managed()["outboundRules"].items():
            target = rule["destination"]["serviceResourceId"]
            connect(az.world, target, rule_endpoint_id(workspace, name), ["blob"], approved=True)
        make_endpoint(az)
        assert _deploy(az) == {}
        _set_status(az, REGISTRY, "Rejected")
        answer = az.send("PATCH", BLUE, {"sku": {"capacity": 2}})
        az.settle()
        assert az.error_of(answer)["code"] == "ResourceNotFound"
        assert "no private endpoint to it whose connection is Approved" in az.error_of(answer)["message"]
        _set_status(az, REGISTRY, "Approved")
        _set_status(az, STORAGE, "Rejected")
        answer = az.send("PATCH", BLUE, {"sku": {"capacity": 2}})
        az.settle()
        assert az.error_of(answer)["code"] == "BadArgument"
        assert "private endpoint connection of outbound rule 'pe-blob'" in az.error_of(answer)["message"]


def test_model_on_a_storage_account_without_a_rule_cannot_be_downloaded(tmp_path: Path) -> None:
    changes: dict[str, Json] = {MODEL: {"modelUri": "https://elsewhere.blob.core.windows.net/models/m"}}
    with online(tmp_path, held=held(changes, managedNetwork=_managed())) as az:
        make_endpoint(az)
        error = _deploy(az)
        assert error["code"] == "BadArgument"
        assert "elsewhere.blob.core.windows.net:443 is not reachable" in error["message"]
        assert "ModelDownload: Failed" in _logs(az)
        assert "elsewhere" in _logs(az, "StorageInitializer")


@pytest.mark.parametrize(
    ("egress", "network", "code"),
    [(None, None, "BadArgument"), ("Disabled", None, ""), (None, _managed(), "")],
    ids=["public", "legacy", "managed"],
)
def test_public_outbound_needs_a_workspace_that_lets_the_public_in(
    tmp_path: Path, egress: str | None, network: Json | None, code: str
) -> None:
    with online(tmp_path, held=held(**_CLOSED, managedNetwork=network)) as az:
        make_endpoint(az)
        assert _deploy(az, egressPublicNetworkAccess=egress).get("code", "") == code


@pytest.mark.parametrize(
    ("egress", "network", "code", "says"),
    [
        (None, None, "", ""),
        ("Disabled", None, "BadArgument", "MLflow model format with private network is unsupported"),
        (None, _managed(), "ResourceNotReady", "conda.anaconda.org:443"),
        (None, _managed("AllowOnlyApprovedOutbound", "*.anaconda.org"), "", ""),
        (None, _managed("AllowInternetOutbound"), "", ""),
    ],
    ids=["public", "legacy", "approved only", "approved packages", "internet"],
)
def test_mlflow_model_without_code_needs_its_packages(
    tmp_path: Path, egress: str | None, network: Json | None, code: str, says: str
) -> None:
    with online(tmp_path, held=held(_MLFLOW, managedNetwork=network)) as az:
        make_endpoint(az)
        error = _deploy(az, **_NO_CODE, egressPublicNetworkAccess=egress)
        assert error.get("code", "") == code
        assert says in error.get("message", "")


def test_mlflow_model_with_code_of_its_own_may_be_private(tmp_path: Path) -> None:
    with online(tmp_path, held=held(_MLFLOW)) as az:
        make_endpoint(az)
        assert _deploy(az, egressPublicNetworkAccess="Disabled") == {}


# --- What else comes in between --------------------------------------------------------------------------------


def test_deployment_whose_endpoint_goes_meanwhile_is_canceled(tmp_path: Path) -> None:
    durations = {"OnlineDeployments_CreateOrUpdate": 500_000.0, "OnlineEndpoints_Delete": 1.0}
    with online(tmp_path, held=held(), durations_s=durations) as az:
        make_endpoint(az)
        answer = az.send("PUT", BLUE, deployment_body())
        az.send("DELETE", "onlineEndpoints/scoring")
        az.settle()
        assert az.error_of(answer)["code"] == "OperationCanceled"
        assert not list(az.world.documents.below(f"{WORKSPACE}/onlineEndpoints"))
