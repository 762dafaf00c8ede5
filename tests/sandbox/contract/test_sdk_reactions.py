"""What azure-ai-ml makes of an Azure that fails, is slow or is too busy: as it was seen to react to such answers.

`CASES` says of every reaction that was recorded where it is proved, or why it says nothing of what Azure answers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.constants._workspace import IsolationMode
from azure.ai.ml.entities import (
    FqdnDestination,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    Workspace,
)
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import EnvironmentCredential

from tests.sandbox.contract.wire_world import ENVIRONMENT, MADE, MODEL
from tests.sandbox.ml.workspace_world import GROUP, SUBSCRIPTION, WORKSPACE, Arm, associated, workspace_body
from vnetferry.sandbox.environment import REMOVED
from vnetferry.sandbox.server import Sandbox

pytestmark = pytest.mark.filterwarnings("ignore")
_FILE = Path(__file__).resolve().parents[3].parent / "shared" / "wire" / "sdk_1_35_2_reactions.jsonl"
ERROR = {"code": "UserError", "message": "User container has crashed or terminated."}
BUSY = {"error": {"code": "TooManyRequests", "message": "slow"}}
FAULTS: tuple[dict[str, Any], ...] = (
    {"match": "PUT */onlineEndpoints/later", "status": 429, "headers": {"Retry-After": "1"}, "body": BUSY},
    {"match": "PUT */onlineEndpoints/soon", "status": 429, "body": BUSY},
    {"match": "POST */onlineEndpoints/busy/regenerateKeys", "status": 429, "body": BUSY},
    {"match": "POST */onlineEndpoints/shaky/listKeys", "status": 503},
    {"match": "PATCH */workspaces/wsone", "status": 503},
    {"match": "PUT */deployments/crashed", "kind": "lro_failure", "body": {"error": ERROR}},
    {"match": "GET */mfeOperationsStatus/odidp*", "times": 2, "status": 500},
    {"match": "PUT */onlineEndpoints/conflicting", "status": 409},
    {"match": "PUT */models/taken/versions/1", "status": 409},
    {"match": "POST */wsone/provisionManagedNetwork", "status": 409},
    {
        "match": "PUT */outboundRules/broken",
        "kind": "lro_failure",
        "body": {"error": {"code": "ValidationError", "message": "bad rule"}},
    },
    {"match": "PUT */onlineEndpoints/unseen", "kind": "stale_read", "reads": 2},
    {"match": "PUT */deployments/fresh", "kind": "stale_read"},
    {"match": "PUT */deployments/slow", "kind": "lro_stuck"},
    {"match": "PUT */deployments/fallen", "kind": "lro_failure"},
    {"match": "PUT */onlineEndpoints/cut", "kind": "reset"},
)
_SDK = "the SDK's own doing: no answer differs"
_NOT_AZURES = "Azure was not seen to answer so"
_SCORING = "of the scoring front door, whose tests are in tests/sandbox/scoring"
# A reaction's case -> the test here (its end), or why there is none.
CASES = {
    "round trip: deployments.get('legacy') -> begin_create_or_update(name='green')": "round_trip",
    "same, egress_public_network_access=None, properties={}, env vars cleaned": "round_trip",
    "round trip: online_endpoints.get -> traffic -> begin_create_or_update": "traffic_round_trip",
    "deployment PUT 400 with MFE envelope": "refused_deployment",
    "endpoint PUT 409 with MFE envelope": "conflict",
    "endpoint PUT 404": "name_held (test_checklist)",
    "endpoint PUT answered 202 with both headers": _NOT_AZURES,
    "endpoint PUT 429 Retry-After 7, then 201": "retry_after",
    "endpoint PUT 429 without Retry-After, then 201": "without_retry_after",
    "endpoint PUT 429 for ever, no Retry-After": _SDK,
    "POST regenerateKeys 429 without Retry-After": "post_429",
    "POST regenerateKeys 429 Retry-After 3, then 202": "the same rule as of a PUT",
    "POST listKeys 503 once, no Retry-After": "503",
    "PATCH workspace 503 once": "503",
    "regenerateKeys as recorded in 2022: Location only, body null, Location -> 404": "regenerate",
    "regenerateKeys Location only -> 202 -> 200": _NOT_AZURES,
    "regenerateKeys 200 at once, no headers": _NOT_AZURES,
    "regenerateKeys 202, neither header": _NOT_AZURES,
    "deployment LRO ends Failed with error": "crashed",
    "deployment LRO ends Failed without error object": _NOT_AZURES,
    "deployment LRO ends Canceled": _NOT_AZURES,
    "LRO Succeeded but final GET says provisioningState Failed": _NOT_AZURES,
    "LRO poll 404": "regenerate",
    "LRO poll 500 twice, then Succeeded": "polls",
    "LRO poll with Retry-After: 1 on the 200s": _NOT_AZURES,
    "x-ms-retry-after-ms: 50 on the 201 and on polls": "polls",
    "Retry-After: 0 on polls (does it speed up?)": _NOT_AZURES,
    "deployment PUT 200 at once, provisioningState Succeeded, no headers": _NOT_AZURES,
    "deployment PUT 201, no LRO headers, provisioningState Creating (body polling)": _NOT_AZURES,
    "endpoints.begin_delete of a missing endpoint: 404": _NOT_AZURES,
    "endpoints.begin_delete: 204": "missing_endpoint",
    "deployments.get missing: 404": "missing_deployment",
    "create deployment on a missing endpoint (pre-check GET 404)": "missing_deployment",
    **{f"invoke: scoring URI answers {status}": _SCORING for status in (401, 403, 404, 424, 429, 503)},
    "invoke naming a deployment that is not there": _SDK,
    "model upload, identity-based datastore (credentialsType None)": "identity",
    "model upload, listSecrets 400": "identity",
    "model create answers 409": "conflict",
    "workspace create: ARM deployment ends Failed": "in tests/sandbox/arm/test_sdk_workspace.py",
    "provisionManagedNetwork 409": "conflict",
    "outbound rule LRO Failed": "rule",
    "workspace PATCH 409": "conflict",
    "409 MissingSubscriptionRegistration (auto-registration)": "in tests/sandbox/arm",
    "endpoint PUT with an http (not https) Azure-AsyncOperation": _NOT_AZURES,
    "poller.done()/status()": "polls",
}


@pytest.fixture(scope="module")
def sandbox(session_sandbox_factory: Callable[..., Sandbox]) -> Iterator[Sandbox]:
    described = {"resources": associated(), "runtime": "echo", "faults": FAULTS}
    sandbox = session_sandbox_factory(described, time_scale=20_000)
    with pytest.MonkeyPatch.context() as patch:
        for name in REMOVED:
            patch.delenv(name, raising=False)
        for name, value in sandbox.env("internet").items():
            patch.setenv(name, value)
        yield sandbox


@pytest.fixture(scope="module")
def arm(sandbox: Sandbox) -> Arm:
    made = Arm()
    made.done("PUT", WORKSPACE, workspace_body())
    for path in ("environments/e/versions/1", "codes/c/versions/1", "models/m/versions/1"):
        assert made.send("PUT", f"{WORKSPACE}/{path}", MADE[path]).status_code == 201
    made.finish(made.send("PUT", f"{WORKSPACE}/onlineEndpoints/scoring", MADE["onlineEndpoints/scoring"]))
    return made


@pytest.fixture(scope="module")
def client(arm: Arm) -> MLClient:
    return MLClient(EnvironmentCredential(), SUBSCRIPTION, "rg", "wsone", show_progress=False)


def _endpoint(client: MLClient, name: str) -> Any:
    made = ManagedOnlineEndpoint(name=name, auth_mode="key")
    return client.online_endpoints.begin_create_or_update(made).result()


def _deployment(name: str, **changes: Any) -> ManagedOnlineDeployment:
    given = {"model": MODEL, "environment": ENVIRONMENT, "instance_type": "Standard_DS3_v2", **changes}
    return ManagedOnlineDeployment(name=name, endpoint_name="scoring", instance_count=1, **given)


@pytest.mark.skipif(not _FILE.exists(), reason="the recording of reactions is not beside this clone")
def test_every_recorded_reaction_has_its_place_here() -> None:
    recorded = [json.loads(line)["case"] for line in _FILE.read_text(encoding="utf-8").splitlines()]
    assert sorted(recorded) == sorted(CASES)


def test_put_after_429_is_sent_again_when_retry_after_has_passed(client: MLClient) -> None:
    assert _endpoint(client, "later").provisioning_state == "Succeeded"


def test_put_after_429_without_retry_after_is_sent_again(client: MLClient) -> None:
    assert _endpoint(client, "soon").provisioning_state == "Succeeded"


def test_post_429_without_retry_after_is_not_sent_again(client: MLClient) -> None:
    _endpoint(client, "busy")
    before = client.online_endpoints.get_keys("busy").primary_key
    with pytest.raises(HttpResponseError) as caught:
        client.online_endpoints.begin_regenerate_keys("busy", key_type="primary").result()
    assert caught.value.status_code == 429
    assert client.online_endpoints.get_keys("busy").primary_key == before


def test_post_and_patch_503_are_sent_again(client: MLClient) -> None:
    _endpoint(client, "shaky")
    assert client.online_endpoints.get_keys("shaky").primary_key
    changed = client.workspaces.begin_update(Workspace(name="wsone", description="changed")).result()
    assert changed.description == "changed"


def test_regenerate_keys_asks_where_nobody_knows_the_operation(client: MLClient) -> None:
    _endpoint(client, "keyed")
    with pytest.raises(HttpResponseError) as caught:
        client.online_endpoints.begin_regenerate_keys("keyed", key_type="primary").result()
    assert caught.value.status_code == 404
    assert not isinstance(caught.value, ResourceNotFoundError)
    assert caught.value.error.details[0].code == "OperationNotFound"


def test_polls_that_fail_at_first_are_sent_again_and_at_the_sandboxs_pace(client: MLClient) -> None:
    poller = client.online_deployments.begin_create_or_update(_deployment("blue"))
    started = time.monotonic()
    assert poller.result().provisioning_state == "Succeeded"
    assert time.monotonic() - started < 20  # not the 5 s of each of Azure's polls
    assert (poller.done(), poller.status()) == (True, "Succeeded")


def test_crashed_deployment_is_an_error_of_status_200(client: MLClient, arm: Arm) -> None:
    with pytest.raises(HttpResponseError) as caught:
        client.online_deployments.begin_create_or_update(_deployment("crashed")).result()
    assert (caught.value.status_code, caught.value.error.code) == (200, "UserError")
    state = arm.get(f"{WORKSPACE}/onlineEndpoints/scoring/deployments/crashed")["properties"]
    assert state["provisioningState"] == "Failed"


@pytest.mark.parametrize(
    "attempt",
    [
        lambda c: _endpoint(c, "conflicting"),
        lambda c: c.models.create_or_update(Model(name="taken", version="1", path=MODEL_URI)),
        lambda c: c.workspaces.begin_provision_network(workspace_name="wsone", include_spark=False).result(),
    ],
    ids=["endpoint", "model", "provision"],
)
def test_conflict_is_told_as_what_exists_already(
    client: MLClient, attempt: Callable[[MLClient], Any]
) -> None:
    with pytest.raises(ResourceExistsError) as caught:
        attempt(client)
    assert (caught.value.status_code, caught.value.error.code) == (409, "Conflict")


MODEL_URI = "azureml://datastores/workspaceblobstore/paths/x"


def test_missing_endpoint_is_deleted_without_a_word(client: MLClient) -> None:
    assert client.online_endpoints.begin_delete("nowhere").result() is None


def test_missing_deployment_and_endpoint_are_not_found(client: MLClient) -> None:
    with pytest.raises(ResourceNotFoundError):
        client.online_deployments.get("nowhere", "scoring")
    nowhere = _deployment("blue")
    nowhere.endpoint_name = "nowhere"
    with pytest.raises(ResourceNotFoundError):
        client.online_deployments.begin_create_or_update(nowhere).result()


def test_traffic_round_trip_adds_who_and_when_and_is_accepted(client: MLClient, arm: Arm) -> None:
    client.online_deployments.begin_create_or_update(_deployment("traffic")).result()
    endpoint = client.online_endpoints.get("scoring")
    endpoint.traffic = {**dict.fromkeys(endpoint.traffic, 0), "traffic": 100}
    assert client.online_endpoints.begin_create_or_update(endpoint).result().traffic == {"traffic": 100}
    noted = arm.get(f"{WORKSPACE}/onlineEndpoints/scoring")["properties"]["properties"]
    assert {"createdBy", "createdAt", "lastModifiedAt"} <= noted.keys()


def _link_callers(arm: Arm) -> None:
    """Give the workspace the private endpoint without which no legacy deployment is made."""
    network = f"{GROUP}/providers/Microsoft.Network"
    space = {"addressSpace": {"addressPrefixes": ["10.9.0.0/16"]}}
    subnets = [{"name": "snet", "properties": {"addressPrefix": "10.9.0.0/24"}}]
    body = {"location": "westeurope", "properties": {**space, "subnets": subnets}}
    arm.done("PUT", f"{network}/virtualNetworks/vnet-legacy", body, version="2023-11-01")
    link = {"name": "link", "properties": {"privateLinkServiceId": WORKSPACE, "groupIds": ["amlworkspace"]}}
    subnet = {"id": f"{network}/virtualNetworks/vnet-legacy/subnets/snet"}
    properties = {"subnet": subnet, "privateLinkServiceConnections": [link]}
    body = {"location": "westeurope", "properties": properties}
    arm.done("PUT", f"{network}/privateEndpoints/pe-legacy", body, version="2023-11-01")


def test_round_trip_into_a_managed_network_is_refused_until_cleaned(client: MLClient, arm: Arm) -> None:
    _link_callers(arm)
    legacy = client.online_deployments.begin_create_or_update(
        _deployment("legacy", egress_public_network_access="disabled")
    ).result()
    assert legacy.egress_public_network_access.lower() == "disabled"
    other = WORKSPACE.replace("wsone", "wsnew")
    network = {"isolationMode": IsolationMode.ALLOW_INTERNET_OUTBOUND}
    arm.done("PUT", other, workspace_body(managedNetwork=network))
    arm.done("POST", f"{other}/provisionManagedNetwork", {"includeSpark": False})
    for path in ("environments/e/versions/1", "models/m/versions/1"):
        assert arm.send("PUT", f"{other}/{path}", MADE[path]).status_code == 201
    target = MLClient(EnvironmentCredential(), SUBSCRIPTION, "rg", "wsnew", show_progress=False)
    _endpoint(target, "secured")
    carried = client.online_deployments.get("legacy", "scoring")
    carried.name, carried.endpoint_name = "green", "secured"
    carried.model, carried.environment = (uri.replace("wsone", "wsnew") for uri in (MODEL, ENVIRONMENT))

    with pytest.raises(HttpResponseError) as caught:
        target.online_deployments.begin_create_or_update(carried).result()
    assert (caught.value.status_code, caught.value.error.code) == (400, "BadRequest")
    assert "EgressPublicNetworkAccess under online deployment" in caught.value.error.details[0].message

    carried.egress_public_network_access = None
    carried.properties = {}
    carried.environment_variables = {}
    made = target.online_deployments.begin_create_or_update(carried).result()
    assert made.provisioning_state == "Succeeded"


def test_rule_that_fails_is_an_error_of_status_200(client: MLClient, arm: Arm) -> None:
    network = {"isolationMode": IsolationMode.ALLOW_ONLY_APPROVED_OUTBOUND}
    arm.done("PUT", WORKSPACE.replace("wsone", "wsrules"), workspace_body(managedNetwork=network))
    rule = FqdnDestination(name="broken", destination="a.example.com")
    with pytest.raises(HttpResponseError) as caught:
        client.workspace_outbound_rules.begin_create("wsrules", rule).result()
    assert (caught.value.status_code, caught.value.error.code) == (200, "ValidationError")
    assert "broken" not in [each.name for each in client.workspace_outbound_rules.list("wsrules")]


def test_stale_read_after_a_creation_is_met_by_the_sdk_as_not_found(client: MLClient) -> None:
    with pytest.raises(HttpResponseError, match="was not found") as caught:
        _endpoint(client, "unseen")
    assert caught.value.status_code == 404
    assert client.online_endpoints.get("scoring").name == "scoring"


def test_stale_read_of_a_new_deployment_is_the_front_ends_own_404(client: MLClient) -> None:
    with pytest.raises(HttpResponseError) as caught:
        client.online_deployments.begin_create_or_update(_deployment("fresh")).result()
    assert (caught.value.status_code, caught.value.error.code) == (404, "UserError")
    assert caught.value.error.message == "Deployment fresh not found in endpoint scoring, workspace wsone"
    assert client.online_deployments.get("fresh", "scoring").provisioning_state == "Succeeded"


def test_deployments_are_read_while_one_is_made_and_after_one_has_failed(client: MLClient, arm: Arm) -> None:
    _endpoint(client, "watched")
    for name in ("slow", "fallen"):
        body = MADE["onlineEndpoints/scoring/deployments/blue"]
        begun = arm.send("PUT", f"{WORKSPACE}/onlineEndpoints/watched/deployments/{name}", body)
        assert begun.status_code == 201
    while arm.read(begun.headers["Azure-AsyncOperation"]).json().get("status") != "Failed":
        pass
    states = {each.name: each.provisioning_state for each in client.online_deployments.list("watched")}
    assert states == {"slow": "Creating", "fallen": "Failed"}
    assert client.online_endpoints.get("watched").traffic == {"slow": 0, "fallen": 0}


def test_connection_cut_before_anything_was_done_is_made_again(client: MLClient) -> None:
    assert _endpoint(client, "cut").provisioning_state == "Succeeded"


def test_token_that_ends_in_the_midst_of_an_operation_is_renewed_by_the_sdk(
    sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    log = tmp_path / "requests.jsonl"
    described = {"resources": associated(), "runtime": "echo", "token_life_s": 1}
    enter_sandbox(sandbox_factory(described, time_scale=70, request_log=log))
    Arm().done("PUT", WORKSPACE, workspace_body())
    before = len(log.read_text().splitlines())
    client = MLClient(EnvironmentCredential(), SUBSCRIPTION, "rg", "wsone", show_progress=False)
    assert _endpoint(client, "scoring").provisioning_state == "Succeeded"
    lines = [json.loads(line) for line in log.read_text().splitlines()[before:]]

    assert lines[-1]["t"] - lines[0]["t"] > 1
    assert [line for line in lines if line["status"] == 401] == []
    assert [line["operation"] for line in lines].count("Entra_Token") > 1


def test_token_that_azure_takes_for_expired_is_an_authentication_error(
    sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox]
) -> None:
    fault = {"match": "GET */resourceGroups/rg/providers/*/workspaces", "kind": "expired_token"}
    enter_sandbox(sandbox_factory({"resources": associated(), "faults": [fault], "runtime": "echo"}))
    with pytest.raises(ClientAuthenticationError) as caught:
        list(MLClient(EnvironmentCredential(), SUBSCRIPTION, "rg").workspaces.list())
    assert (caught.value.status_code, caught.value.error.code) == (401, "ExpiredAuthenticationToken")
    renewed = MLClient(EnvironmentCredential(), SUBSCRIPTION, "rg")
    assert list(renewed.workspaces.list()) == []
