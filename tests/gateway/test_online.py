"""Assets, endpoints, deployments, traffic, scoring and logs, from one workspace to the other, against the sandbox."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from typing import Any

import pytest

from vnetferry.errors import ConfigError, NotFound, Rejected, ScoringFailed
from vnetferry.gateway import assets, blobs, datastores, deployments, endpoints, metrics, scoring
from vnetferry.gateway.api_versions import ML
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.endpoints import Keys
from vnetferry.models.ids import ResourceId

TAGS = {"vnetferry-plan": "plan1", "vnetferry-source": "/subscriptions/s/old"}
KEYS = Keys("primary-0123456789abcdefghijklmnopqrstu", "secondary-0123456789abcdefghijklmnopqr")
SCORE_PY = b"def init(): pass\ndef run(data): return data\n"


@pytest.fixture(scope="module")
def code(azure: Azure, source: ResourceId) -> ResourceId:
    """A code version of the source, two files in its default datastore."""
    place = _upload(azure, source, "LocalUpload/abc/src", {"score.py": SCORE_PY, "lib/more.py": b"x = 1\n"})
    version = source.child("codes", "scoring").child("versions", "1")
    azure.arm.put(version, ML, {"properties": {"codeUri": place.url}})
    return version


@pytest.fixture(scope="module")
def model(azure: Azure, source: ResourceId) -> ResourceId:
    """A model version of the source, one file."""
    place = _upload(azure, source, "LocalUpload/def", {"model.pkl": b"weights"})
    uri = f"azureml:/{source}/datastores/{place.datastore and place.datastore.name}/paths/LocalUpload/def/model.pkl"
    version = source.child("models", "credit").child("versions", "3")
    azure.arm.put(version, ML, {"properties": {"modelUri": uri, "modelType": "custom_model"}})
    return version


@pytest.fixture(scope="module")
def endpoint(azure: Azure, target: ResourceId) -> ResourceId:
    """An endpoint of the target with carried-over keys."""
    resource = target.child("onlineEndpoints", "credit-scoring-v2")
    endpoints.create_endpoint(azure, resource, _endpoint_body(), KEYS, TAGS)
    return resource


@pytest.fixture(scope="module")
def deployment(
    azure: Azure, target: ResourceId, endpoint: ResourceId, code: ResourceId, model: ResourceId
) -> ResourceId:
    """A deployment of it, of copied code and model."""
    new_code, new_model = _copies(azure, target, code, model)
    environment = target.child("environments", "plain").child("versions", "1")
    azure.arm.put(environment, ML, {"properties": {"image": "mcr.microsoft.com/azureml/minimal:latest"}})
    resource = endpoint.child("deployments", "blue")
    written = deployments.create_deployment(
        azure, resource, _deployment_body(new_code, new_model, environment), TAGS
    )
    assert written.unsettled == ()
    return resource


def _upload(azure: Azure, workspace: ResourceId, folder: str, files: dict[str, bytes]) -> blobs.Place:
    default = workspace.child("datastores", datastores.read_default_datastore(azure, workspace)["name"])
    place = blobs.place_in(azure, default, folder)
    container = blobs.open_container(azure, workspace, place)
    for name, content in files.items():
        container.upload_blob(f"{folder}/{name}", content, overwrite=True)
    return place


def _copies(
    azure: Azure, target: ResourceId, code: ResourceId, model: ResourceId
) -> tuple[ResourceId, ResourceId]:
    new_code = target.child("codes", "scoring").child("versions", "1")
    new_model = target.child("models", "credit").child("versions", "3")
    assets.copy_code(azure, code, new_code, {"properties": {}})
    assets.copy_model(azure, model, new_model, {"properties": {"modelType": "custom_model"}})
    return new_code, new_model


def _endpoint_body() -> dict[str, Any]:
    properties = {"authMode": "Key", "publicNetworkAccess": "Enabled", "description": "credit"}
    return {"location": "westeurope", "identity": {"type": "SystemAssigned"}, "properties": properties}


def _deployment_body(code: ResourceId, model: ResourceId, environment: ResourceId) -> dict[str, Any]:
    properties = {
        "endpointComputeType": "Managed",
        "codeConfiguration": {"codeId": str(code), "scoringScript": "score.py"},
        "model": str(model),
        "environmentId": str(environment),
        "instanceType": "Standard_DS3_v2",
        "environmentVariables": {"THRESHOLD": "0.5"},
        "requestSettings": {"requestTimeout": "PT60S", "maxConcurrentRequestsPerInstance": 2},
    }
    return {"location": "westeurope", "sku": {"name": "Default", "capacity": 1}, "properties": properties}


def test_copy_code_files_arrive_and_are_in_the_target_container(
    azure: Azure, target: ResourceId, code: ResourceId, model: ResourceId
) -> None:
    new_code, new_model = _copies(azure, target, code, model)

    uri = azure.arm.get(new_code, ML)["properties"]["codeUri"]
    place = blobs.locate(azure, target, uri)
    container = blobs.open_container(azure, target, place)
    names = {blob.name.removeprefix(place.path) for blob in container.list_blobs(name_starts_with=place.path)}
    assert names == {"/score.py", "/lib/more.py"}
    assert container.download_blob(f"{place.path}/score.py").readall() == SCORE_PY
    assert place.path.endswith("/src")
    model_uri = azure.arm.get(new_model, ML)["properties"]["modelUri"]
    assert model_uri.endswith("/model.pkl")
    assert (
        blobs.locate(azure, target, model_uri).container
        != blobs.locate(azure, code.parent.parent, azure.arm.get(code, ML)["properties"]["codeUri"]).container
    )


def test_copy_code_again_sends_nothing(
    azure: Azure,
    target: ResourceId,
    code: ResourceId,
    model: ResourceId,
    requests_since: Callable[[], list[Any]],
) -> None:
    _copies(azure, target, code, model)
    before = len(requests_since())

    _copies(azure, target, code, model)

    assert len(requests_since()) == before


def test_copy_code_changed_blob_is_sent_again(
    azure: Azure, target: ResourceId, code: ResourceId, model: ResourceId
) -> None:
    new_code, _ = _copies(azure, target, code, model)
    place = blobs.locate(azure, target, azure.arm.get(new_code, ML)["properties"]["codeUri"])
    container = blobs.open_container(azure, target, place)
    container.upload_blob(f"{place.path}/score.py", b"torn", overwrite=True)

    assert assets.copy_code(azure, code, new_code, {"properties": {}}).changed
    assert container.download_blob(f"{place.path}/score.py").readall() == SCORE_PY


def test_copy_code_missing_content_says_so(azure: Azure, source: ResourceId, target: ResourceId) -> None:
    lost = source.child("codes", "lost").child("versions", "1")
    default = source.child("datastores", datastores.read_default_datastore(azure, source)["name"])
    azure.arm.put(
        lost, ML, {"properties": {"codeUri": blobs.place_in(azure, default, "LocalUpload/none/src").url}}
    )

    with pytest.raises(NotFound, match="nothing at"):
        assets.copy_code(
            azure, lost, target.child("codes", "lost").child("versions", "1"), {"properties": {}}
        )


@pytest.mark.parametrize(
    "template",
    [
        "azureml://datastores/workspaceblobstore/paths/a/b",
        "azureml:/{workspace}/datastores/workspaceblobstore/paths/a/b",
        "azureml://subscriptions/s/resourcegroups/rg/workspaces/w/datastores/workspaceblobstore/paths/a/b/",
    ],
)
def test_locate_datastore_spellings_give_one_place(azure: Azure, source: ResourceId, template: str) -> None:
    place = blobs.locate(azure, source, template.format(workspace=source))

    assert place.path == "a/b"
    assert place.datastore == source.child("datastores", "workspaceblobstore")


def test_locate_run_artifact_lies_in_the_artifact_store(azure: Azure, source: ResourceId) -> None:
    place = blobs.locate(azure, source, "azureml://jobs/good_hat_1/outputs/artifacts/paths/model/")

    assert place.path == "ExperimentRun/dcid.good_hat_1/model"


@pytest.mark.parametrize(
    "uri", ["wasbs://c@a.blob.core.windows.net/x", "https://example.com/c/x", "file:///x"]
)
def test_locate_other_uri_is_refused(azure: Azure, source: ResourceId, uri: str) -> None:
    with pytest.raises(Rejected, match="not a path in blob storage"):
        blobs.locate(azure, source, uri)


def test_create_endpoint_keys_are_carried_over(azure: Azure, endpoint: ResourceId) -> None:
    assert endpoints.read_keys(azure, endpoint) == KEYS
    assert KEYS.primary not in repr(endpoints.read_keys(azure, endpoint))


def test_create_endpoint_again_sends_nothing(
    azure: Azure, endpoint: ResourceId, requests_since: Callable[[], list[Any]]
) -> None:
    written = endpoints.create_endpoint(azure, endpoint, _endpoint_body(), KEYS, TAGS)

    assert not written.changed
    assert requests_since() == []


def test_ensure_keys_other_keys_are_set(azure: Azure, endpoint: ResourceId) -> None:
    other = Keys("primary-other-0123456789abcdefghijklmno", "secondary-other-0123456789abcdefghijkl")

    assert endpoints.ensure_keys(azure, endpoint, other)
    assert endpoints.read_keys(azure, endpoint) == other
    assert endpoints.ensure_keys(azure, endpoint, KEYS)


def test_create_endpoint_of_a_remade_plan_keeps_the_traffic(
    azure: Azure, endpoint: ResourceId, deployment: ResourceId
) -> None:
    endpoints.set_traffic(azure, endpoint, {deployment.name: 100})

    tags = {**TAGS, "vnetferry-plan": "plan2"}
    assert not endpoints.create_endpoint(azure, endpoint, _endpoint_body(), KEYS, tags).changed

    changed = {**_endpoint_body(), "properties": {**_endpoint_body()["properties"], "description": "more"}}
    written = endpoints.create_endpoint(azure, endpoint, changed, KEYS, tags)

    assert written.changed
    assert written.after["tags"]["vnetferry-plan"] == "plan2"
    assert written.after["properties"]["traffic"] == {deployment.name: 100}
    assert endpoints.read_keys(azure, endpoint) == KEYS
    endpoints.create_endpoint(azure, endpoint, _endpoint_body(), KEYS, TAGS)
    endpoints.set_traffic(azure, endpoint, {})


def test_create_deployment_again_sends_nothing(
    azure: Azure, deployment: ResourceId, requests_since: Callable[[], list[Any]]
) -> None:
    document = deployments.find_deployment(azure, deployment)
    assert document is not None
    properties = document["properties"]
    code, model = ResourceId(properties["codeConfiguration"]["codeId"]), ResourceId(properties["model"])
    body = _deployment_body(code, model, ResourceId(properties["environmentId"]))

    assert not deployments.create_deployment(azure, deployment, body, TAGS).changed
    assert requests_since() == []


def test_set_traffic_shows_and_twice_writes_once(
    azure: Azure, endpoint: ResourceId, deployment: ResourceId, requests_since: Callable[[], list[Any]]
) -> None:
    assert endpoints.set_traffic(azure, endpoint, {"blue": 100}).changed
    assert not endpoints.set_traffic(azure, endpoint, {"blue": 100}).changed

    document = endpoints.find_endpoint(azure, endpoint)
    assert document is not None
    assert document["properties"]["traffic"] == {"blue": 100}
    assert document["properties"]["publicNetworkAccess"] == "Enabled"
    assert document["tags"]["vnetferry-plan"] == "plan1"
    assert [r["method"] for r in requests_since()] == ["PUT"]


def test_writable_leaves_out_what_azure_writes_and_nothing_else() -> None:
    """A traffic update is a full PUT: what it leaves out is reset, also what a later version of Azure knows."""
    document = {
        **dict.fromkeys(("id", "name", "type", "systemData"), "x"),
        "location": "westeurope",
        "kind": "Managed",
        "tags": {"a": "b"},
        "sku": {"name": "Default"},
        "setting2030": {"level": 3},
        "identity": {"type": "SystemAssigned", "principalId": "p", "tenantId": "t"},
        "properties": {
            **dict.fromkeys(("provisioningState", "scoringUri", "swaggerUri", "keys"), "x"),
            "authMode": "Key",
            "compute": None,
            "setting2030": True,
            "properties": {"mine": "1", "azureml.onlineendpointid": "x"},
        },
    }
    assert endpoints.writable(document) == {
        "location": "westeurope",
        "kind": "Managed",
        "tags": {"a": "b"},
        "sku": {"name": "Default"},
        "setting2030": {"level": 3},
        "identity": {"type": "SystemAssigned"},
        "properties": {"authMode": "Key", "setting2030": True, "properties": {"mine": "1"}},
    }


def test_set_traffic_unknown_deployment_is_refused(
    azure: Azure, endpoint: ResourceId, deployment: ResourceId
) -> None:
    with pytest.raises((Rejected, NotFound)):
        endpoints.set_traffic(azure, endpoint, {"no-such": 100})


def test_score_named_deployment_answers(azure: Azure, endpoint: ResourceId, deployment: ResourceId) -> None:
    document = endpoints.find_endpoint(azure, endpoint)
    assert document is not None
    credential = endpoints.read_credential(azure, endpoint)

    answer = scoring.score(
        document["properties"]["scoringUri"], credential, b'{"data": [1]}', deployment="blue"
    )

    assert (answer.status, answer.deployment) == (200, "blue")
    assert answer.body


def test_score_wrong_key_fails_with_its_status(
    azure: Azure, endpoint: ResourceId, deployment: ResourceId
) -> None:
    document = endpoints.find_endpoint(azure, endpoint)
    assert document is not None

    with pytest.raises(ScoringFailed) as caught:
        scoring.score(document["properties"]["scoringUri"], scoring.Credential("nonsense"), b"{}")

    assert caught.value.status == 401
    assert "nonsense" not in str(caught.value)


def test_probe_reachable_endpoint_is_reached_even_when_it_refuses(
    azure: Azure, endpoint: ResourceId, deployment: ResourceId
) -> None:
    document = endpoints.find_endpoint(azure, endpoint)
    assert document is not None

    reach = scoring.probe(
        document["properties"]["scoringUri"], scoring.Credential("nonsense"), b"{}", vantage="internet"
    )

    assert (reach.vantage, reach.reached, reach.status) == ("internet", True, 401)


def test_probe_unknown_vantage_is_refused(azure: Azure) -> None:
    with pytest.raises(ConfigError, match="no vantage 'moon'"):
        scoring.probe("https://x.example/score", scoring.Credential("k"), b"{}", vantage="moon")


def test_probe_through_a_dead_proxy_proves_nothing(
    azure: Azure, endpoint: ResourceId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal must come from the endpoint's network, not from a vantage that is down."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("VNETFERRY_VANTAGES", f"internet=http://127.0.0.1:{port}")
    document = endpoints.find_endpoint(azure, endpoint)
    assert document is not None

    with pytest.raises(ConfigError, match="proxy of vantage 'internet'"):
        scoring.probe(
            document["properties"]["scoringUri"], scoring.Credential("k"), b"{}", vantage="internet"
        )


def test_read_logs_of_a_deployment_say_something(azure: Azure, deployment: ResourceId) -> None:
    assert deployments.read_logs(azure, deployment)


def test_requests_since_counts_what_was_scored(
    azure: Azure, endpoint: ResourceId, deployment: ResourceId
) -> None:
    document = endpoints.find_endpoint(azure, endpoint)
    assert document is not None
    asked = azure.clock.now()
    scoring.score(
        document["properties"]["scoringUri"],
        endpoints.read_credential(azure, endpoint),
        b"{}",
        deployment="blue",
    )
    azure.clock.sleep(180)

    assert metrics.count_requests(azure, endpoint, 24) >= 1
    # Hour by hour too: an interval is known by its end, so that no soak is over before its time.
    assert max(at for at, _ in metrics.requests_since(azure, endpoint, 48)) > asked


def test_delete_endpoint_then_absent_is_done(azure: Azure, source: ResourceId) -> None:
    brief = source.child("onlineEndpoints", "brief-endpoint")
    endpoints.create_endpoint(azure, brief, _endpoint_body(), None)

    assert endpoints.delete_endpoint(azure, brief).changed
    assert endpoints.find_endpoint(azure, brief) is None
    assert not endpoints.delete_endpoint(azure, brief).changed


def test_copy_datastore_secret_goes_along(azure: Azure, source: ResourceId, target: ResourceId) -> None:
    old = source.child("datastores", "training")
    store = azure.arm.get(source.child("datastores", "workspaceblobstore"), ML)["properties"]
    key = hashlib.sha512(b"a key").hexdigest()
    body: dict[str, Any] = {
        "properties": {
            "datastoreType": "AzureBlob",
            "accountName": store["accountName"],
            "containerName": "training",
            "credentials": {"credentialsType": "AccountKey"},
        }
    }
    with_secret = {
        "properties": {
            **body["properties"],
            "credentials": {
                "credentialsType": "AccountKey",
                "secrets": {"secretsType": "AccountKey", "key": key},
            },
        }
    }
    azure.arm.put(old, ML, with_secret)
    new = target.child("datastores", "training")

    written = datastores.copy_datastore(azure, old, new, body)

    assert written.changed
    assert key not in str(written)
    secrets = datastores.read_secrets(azure, new)
    assert secrets is not None
    assert secrets["key"] == key
    assert not datastores.copy_datastore(azure, old, new, body).changed


def test_copy_datastore_takes_along_whatever_else_its_credentials_say(
    azure: Azure, source: ResourceId, target: ResourceId
) -> None:
    old, new = source.child("datastores", "lake"), target.child("datastores", "lake")
    named = {
        "credentialsType": "Certificate",
        "clientId": "app",
        "tenantId": "tenant",
        "thumbprint": "AA11",
        "resourceUrl": "https://datalake.azure.net/",
    }
    properties = {"datastoreType": "AzureDataLakeGen1", "storeName": "lake"}
    secrets = {"secretsType": "Certificate", "certificate": "made-up"}
    azure.arm.put(old, ML, {"properties": {**properties, "credentials": {**named, "secrets": secrets}}})
    planned = {"credentials": {"credentialsType": "Certificate"}}
    datastores.copy_datastore(azure, old, new, {"properties": {**properties, **planned}})
    assert azure.arm.get(new, ML)["properties"]["credentials"] == named
    assert datastores.read_secrets(azure, new) == secrets
