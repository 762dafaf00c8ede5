"""Datastores, connections, computes and usages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    AccountKeyConfiguration,
    AmlCompute,
    ApiKeyConfiguration,
    AzureBlobDatastore,
    ComputeInstance,
    WorkspaceConnection,
)
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from tests.sandbox.ml.workspace_world import SUBSCRIPTION, WORKSPACE, Arm, Start, associated, workspace_body

STORES = f"{WORKSPACE}/datastores"
LOCATION = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/locations/westeurope"


def store(**properties: Any) -> dict[str, Any]:
    given = {"datastoreType": "AzureBlob", "accountName": "stone", "containerName": "more"}
    return {"properties": {**given, "credentials": {"credentialsType": "None"}, **properties}}


def test_datastore_by_the_sdk_keeps_its_key_out_of_sight(made: Arm, client: Callable[[], MLClient]) -> None:
    asked = AzureBlobDatastore(
        name="more",
        account_name="stone",
        container_name="more",
        credentials=AccountKeyConfiguration(account_key="c2VjcmV0"),
    )
    client().datastores.create_or_update(asked)
    assert "c2VjcmV0" not in str(made.get(f"{STORES}/more"))
    assert client().datastores.get("more", include_secrets=True).credentials.account_key == "c2VjcmV0"
    client().datastores.delete("more")
    with pytest.raises(ResourceNotFoundError):
        client().datastores.get("more")


def test_datastore_absent_is_not_found_in_the_services_words(made: Arm) -> None:
    status, code, message = made.refused("GET", f"{STORES}/nobody")
    assert (status, code, message) == (404, "UserError", "Could not find datastore: nobody.")


def test_datastore_default_cannot_be_deleted(made: Arm) -> None:
    assert "cannot be deleted" in made.refused("DELETE", f"{STORES}/workspaceblobstore")[2]


def test_datastore_without_credentials_has_no_secrets(made: Arm) -> None:
    made.send("PUT", f"{STORES}/more", store())
    status, code, message = made.refused("POST", f"{STORES}/more/listSecrets")
    assert (status, code, message) == (400, "UserError", "No secrets for credentials of type None.")


def test_datastore_secret_that_expires_opens_its_container(made: Arm) -> None:
    body = {"expirableSecret": True, "expireAfterHours": 1}
    secret = made.send("POST", f"{STORES}/workspaceblobstore/listSecrets", body).json()
    assert secret["secretsType"] == "Sas"
    container = made.get(f"{STORES}/workspaceblobstore")["properties"]["containerName"]
    url = f"https://stone.blob.core.windows.net/{container}?{secret['sasToken']}"
    with ContainerClient.from_container_url(url) as opened:
        opened.upload_blob("a", b"b")
        assert [each.name for each in opened.list_blobs()] == ["a"]


@pytest.mark.parametrize(
    ("own", "filled"),
    [
        (
            {
                "datastoreType": "OneLake",
                "oneLakeWorkspaceName": "w",
                "artifact": {"artifactType": "LakeHouse", "artifactName": "a"},
            },
            set(),
        ),
        (
            {"datastoreType": "AzureDataLakeGen1", "storeName": "lake"},
            {"subscriptionId", "resourceGroup"},
        ),
    ],
)
def test_datastore_without_an_account_has_no_endpoint_of_one(
    made: Arm, own: dict[str, Any], filled: set[str]
) -> None:
    made.send(
        "PUT", f"{STORES}/more", {"properties": {**own, "credentials": {"credentialsType": "None"}}}
    ).json()
    properties = made.get(f"{STORES}/more")["properties"]
    assert {name: properties[name] for name in own} == own
    common = {
        "description",
        "tags",
        "properties",
        "isDefault",
        "credentials",
        "serviceDataAccessAuthIdentity",
    }
    assert properties.keys() - own.keys() - common == filled


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (store(datastoreType="Floppy"), "expected one of AzureBlob"),
        (store(datastoreType="OneLake", accountName=None), "Could not find member 'accountName'"),
        (store(containerName=None), "Required property 'containerName'"),
        (store(credentials={"credentialsType": "AccountKey", "secrets": {"key": "x"}}), "secretsType"),
        (store(colour="red"), "Could not find member 'colour'"),
    ],
)
def test_datastore_unfit_is_refused(made: Arm, body: dict[str, Any], says: str) -> None:
    status, _, message = made.refused("PUT", f"{STORES}/more", body)
    assert status == 400
    assert says in message


def test_datastores_of_identity_workspace_have_no_keys(arm: Arm) -> None:
    arm.done("PUT", WORKSPACE, workspace_body(systemDatastoresAuthMode="identity"))
    credentials = arm.get(f"{STORES}/workspaceblobstore")["properties"]["credentials"]
    assert credentials == {"credentialsType": "None"}


def test_connection_by_the_sdk_keeps_its_key_out_of_sight(made: Arm, client: Callable[[], MLClient]) -> None:
    asked = WorkspaceConnection(
        name="feed",
        type="python_feed",
        target="https://feed.example.com",
        credentials=ApiKeyConfiguration(key="top-secret"),
    )
    client().connections.create_or_update(asked)
    path = f"{WORKSPACE}/connections/feed"
    assert "top-secret" not in made.send("GET", path).text()
    assert [each.name for each in client().connections.list()] == ["feed"]
    answer = made.send("POST", f"{path}/listsecrets").json()
    assert answer["properties"]["credentials"] == {"key": "top-secret"}
    client().connections.delete("feed")
    assert made.send("GET", path).status_code == 404


def test_connection_with_credentials_of_another_kind_is_refused(made: Arm) -> None:
    properties = {
        "authType": "PAT",
        "category": "Git",
        "target": "https://git",
        "credentials": {"key": "secret-value"},
    }
    message = made.refused("PUT", f"{WORKSPACE}/connections/git", {"properties": properties})[2]
    assert "authType PAT" in message
    assert "secret-value" not in message


def test_compute_cluster_by_the_sdk_is_made_and_deleted(made: Arm, client: Callable[[], MLClient]) -> None:
    asked = AmlCompute(name="cpu", size="Standard_DS3_v2", min_instances=0, max_instances=4)
    cluster = client().compute.begin_create_or_update(asked).result()
    assert (cluster.provisioning_state, cluster.max_instances) == ("Succeeded", 4)
    assert [each.name for each in client().compute.list()] == ["cpu"]
    client().compute.begin_delete("cpu").result()
    answer = made.send("GET", f"{WORKSPACE}/computes/cpu")
    assert (answer.status_code, answer.content) == (404, b"")


def test_compute_instance_by_the_sdk_runs(made: Arm, client: Callable[[], MLClient]) -> None:
    made_instance = client().compute.begin_create_or_update(
        ComputeInstance(name="ci-one", size="Standard_DS3_v2")
    )
    assert made_instance.result().state == "Running"


@pytest.mark.parametrize(
    ("name", "inner", "says"),
    [
        ("cpu", {"vmSize": "Standard_Imaginary"}, "is not supported"),
        ("1cpu", {"vmSize": "Standard_DS3_v2"}, "is invalid"),
        (
            "cpu",
            {"vmSize": "Standard_DS3_v2", "scaleSettings": {"maxNodeCount": 1, "minNodeCount": 2}},
            "Scale",
        ),
        ("cpu", {"vmSize": "Standard_DS3_v2", "subnet": {"id": "/nowhere"}}, "was not found"),
        ("cpu", {"vmSize": "Standard_DS3_v2", "turbo": True}, "Could not find member 'turbo'"),
    ],
)
def test_compute_unfit_is_refused(made: Arm, name: str, inner: dict[str, Any], says: str) -> None:
    body = {"location": "westeurope", "properties": {"computeType": "AmlCompute", "properties": inner}}
    status, _, message = made.refused("PUT", f"{WORKSPACE}/computes/{name}", body)
    assert status == 400
    assert says in message


def test_compute_delete_without_its_action_is_refused(made: Arm) -> None:
    assert made.refused("DELETE", f"{WORKSPACE}/computes/cpu")[0] == 400


def test_usages_by_the_sdk_follow_the_scenarios_quotas(start: Start, client: Callable[[], MLClient]) -> None:
    start(associated(), quotas={"standardDSv2Family": 7})
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body())
    limits = {each.name["value"]: each.limit for each in client().compute.list_usage(location="westeurope")}
    assert limits["standardDSv2Family"] == 7
    quotas = {each["name"]["value"]: each["limit"] for each in arm.get(f"{LOCATION}/quotas")["value"]}
    assert quotas["standardDSv2Family"] == 7
    assert "Standard_DS3_v2" in {each.name for each in client().compute.list_sizes(location="westeurope")}
