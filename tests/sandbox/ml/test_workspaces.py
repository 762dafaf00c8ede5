"""Workspaces: made, read, changed, deleted, recovered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Workspace
from azure.core.exceptions import HttpResponseError

from tests.sandbox.ml.workspace_world import (
    GROUP,
    STORAGE,
    SUBSCRIPTION,
    WORKSPACE,
    Arm,
    Start,
    associated,
    workspace_body,
)
from vnetferry.sandbox.arm.authorization import CLIENT_OBJECT_ID


def test_workspace_put_new_is_accepted_and_read_in_the_services_order(arm: Arm) -> None:
    answer = arm.send("PUT", WORKSPACE, workspace_body(description="d"))
    assert answer.status_code == 202
    assert answer.content == b""
    assert arm.finish(answer) == {"status": "Succeeded", "percentComplete": 100.0}
    document = arm.get(WORKSPACE)
    assert list(document)[:7] == ["id", "name", "type", "location", "tags", "etag", "properties"]
    assert document["properties"]["managedNetwork"]["isolationMode"] == "Disabled"
    assert document["properties"]["provisioningState"] == "Succeeded"
    assert document["identity"]["type"] == "SystemAssigned"


def test_workspace_create_by_the_sdk_runs_its_template(start: Start, client: Callable[[], MLClient]) -> None:
    start([{"id": GROUP, "location": "westeurope", "properties": {}}])
    asked = Workspace(name="wsone", location="westeurope", description="by the SDK", tags={"a": "b"})
    made = client().workspaces.begin_create(asked).result()
    assert (made.name, made.description, made.tags["a"]) == ("wsone", "by the SDK", "b")
    assert made.storage_account
    assert made.public_network_access == "Enabled"


def test_workspace_new_has_default_datastores_and_their_containers(
    made: Arm, client: Callable[[], MLClient]
) -> None:
    stores = {store.name: store for store in client().datastores.list()}
    assert set(stores) == {
        "workspaceartifactstore",
        "workspaceblobstore",
        "workspacefilestore",
        "workspaceworkingdirectory",
    }
    guid = made.get(WORKSPACE)["properties"]["workspaceId"]
    assert client().datastores.get_default().container_name == f"azureml-blobstore-{guid}"


def test_workspace_new_identity_may_write_blobs(made: Arm) -> None:
    principal = made.get(WORKSPACE)["identity"]["principalId"]
    path = f"{STORAGE}/providers/Microsoft.Authorization/roleAssignments"
    found = made.get(path, version="2022-04-01")["value"]
    roles = {each["properties"]["roleDefinitionId"].rpartition("/")[2] for each in found}
    assert principal in {each["properties"]["principalId"] for each in found}
    assert "ba92f5b4-2d11-453d-a403-e96b0029c9fe" in roles


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"storageAccount": STORAGE + "two"}, "was not found"),
        ({"keyVault": None}, "Missing dependent resources"),
        ({"storageAccount": STORAGE.replace(SUBSCRIPTION, SUBSCRIPTION[:-1] + "2")}, "same subscription"),
        ({"keyVault": STORAGE}, "not a valid resource id"),
        ({"surprise": 1}, "Could not find member 'surprise'"),
        ({"publicNetworkAccess": "Maybe"}, "Enabled, Disabled"),
        ({"hbiWorkspace": 3}, "System.Boolean"),
    ],
)
def test_workspace_put_unfit_is_refused_and_nothing_is_made(
    arm: Arm, change: dict[str, object], says: str
) -> None:
    status, code, message = arm.refused("PUT", WORKSPACE, workspace_body(**change))
    assert (status, code) == (400, "BadRequest")
    assert says in message
    assert arm.send("GET", WORKSPACE).status_code == 404


def test_workspace_put_on_storage_with_hierarchical_namespace_is_refused(start: Start) -> None:
    start(associated(properties={"isHnsEnabled": True}))
    _, _, message = Arm().refused("PUT", WORKSPACE, workspace_body())
    assert message == "Cannot use storage with HNS enabled."


def test_workspace_put_without_identity_is_refused(arm: Arm) -> None:
    body = {**workspace_body(), "identity": None}
    assert "support MSI" in arm.refused("PUT", WORKSPACE, body)[2]


def test_workspace_put_with_other_storage_is_refused(made: Arm) -> None:
    body = workspace_body(storageAccount=STORAGE + "other")
    assert made.refused("PUT", WORKSPACE, body)[2] == "Storage Account update is not supported yet"


def test_workspace_name_too_short_is_refused(arm: Arm) -> None:
    assert arm.refused("PUT", WORKSPACE[:-5] + "ab", workspace_body())[1] == "InvalidWorkspaceName"


def test_workspace_absent_is_the_front_doors_404(arm: Arm) -> None:
    answer = arm.send("GET", WORKSPACE)
    assert answer.headers["x-ms-failure-cause"] == "gateway"
    assert answer.json()["error"]["code"] == "ResourceNotFound"


def test_workspace_patch_replaces_tags_and_keeps_the_rest(made: Arm) -> None:
    made.done("PATCH", WORKSPACE, {"tags": {"a": "1", "b": "2"}})
    made.done("PATCH", WORKSPACE, {"tags": {"c": "3"}, "properties": {"description": "new"}})
    document = made.get(WORKSPACE)
    assert document["tags"] == {"c": "3"}
    assert document["properties"]["description"] == "new"
    assert document["properties"]["storageAccount"] == STORAGE


def test_workspace_patch_is_accepted_empty_and_shows_only_when_done(made: Arm) -> None:
    answer = made.send("PATCH", WORKSPACE, {"properties": {"description": "later"}})
    assert (answer.status_code, answer.content) == (202, b"")
    assert "type=async" in answer.headers["Azure-AsyncOperation"]
    made.finish(answer)
    assert made.get(WORKSPACE)["properties"]["description"] == "later"


def test_workspace_update_by_the_sdk_closes_public_access(made: Arm, client: Callable[[], MLClient]) -> None:
    workspace = client().workspaces.get("wsone")
    updated = client().workspaces.begin_update(workspace, public_network_access="Disabled").result()
    assert updated.public_network_access == "Disabled"


def test_workspace_patch_while_busy_is_a_conflict(start: Start) -> None:
    start(associated(), durations_s={"Workspaces_Update": 10_000_000})
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body())
    arm.send("PATCH", WORKSPACE, {"tags": {}})
    status, code, _ = arm.refused("PATCH", WORKSPACE, {"tags": {}})
    assert (status, code) == (409, "Conflict")


def test_workspace_patch_of_data_isolation_is_refused(made: Arm) -> None:
    assert (
        "enableDataIsolation"
        in made.refused("PATCH", WORKSPACE, {"properties": {"enableDataIsolation": True}})[2]
    )


def test_workspace_with_data_isolation_has_containers_of_its_own(arm: Arm) -> None:
    arm.done("PUT", WORKSPACE, workspace_body(enableDataIsolation=True))
    store = arm.get(f"{WORKSPACE}/datastores/workspaceblobstore")["properties"]
    assert store["containerName"] == f"{arm.get(WORKSPACE)['properties']['workspaceId']}-azureml-blobstore"


def test_workspace_deleted_keeps_its_name_until_purged(made: Arm) -> None:
    made.done("DELETE", WORKSPACE)
    assert made.send("GET", WORKSPACE).status_code == 404
    _, code, message = made.refused("PUT", WORKSPACE, workspace_body())
    assert (code, message) == (
        "BadRequest",
        "Soft-deleted workspace exists. Please purge or recover it. https://aka.ms/wsoftdelete",
    )
    made.done("DELETE", WORKSPACE, forceToPurge="true")
    made.done("PUT", WORKSPACE, workspace_body())


def test_workspace_purged_at_once_frees_its_name(made: Arm, client: Callable[[], MLClient]) -> None:
    client().workspaces.begin_delete(
        "wsone", delete_dependent_resources=False, permanently_delete=True
    ).result()
    made.done("PUT", WORKSPACE, workspace_body())


def test_workspace_recovered_has_its_assets_and_not_its_computes(made: Arm) -> None:
    model = {"properties": {"modelUri": "azureml://datastores/workspaceblobstore/paths/m"}}
    assert made.send("PUT", f"{WORKSPACE}/models/m/versions/1", model).status_code == 201
    cluster = {"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2"}}
    made.done("PUT", f"{WORKSPACE}/computes/cpu", {"location": "westeurope", "properties": cluster})
    guid = made.get(WORKSPACE)["properties"]["workspaceId"]
    made.done("DELETE", WORKSPACE)
    made.done("PUT", WORKSPACE, workspace_body(allowRecoverSoftDeletedWorkspace=True))
    assert made.get(WORKSPACE)["properties"]["workspaceId"] == guid
    assert made.send("GET", f"{WORKSPACE}/models/m/versions/1").status_code == 200
    assert made.send("GET", f"{WORKSPACE}/computes/cpu").status_code == 404


def test_workspace_delete_absent_is_204(arm: Arm) -> None:
    assert arm.send("DELETE", WORKSPACE).status_code == 204


def test_workspace_lists_are_by_group_and_by_subscription(made: Arm, client: Callable[[], MLClient]) -> None:
    assert [each.name for each in client().workspaces.list()] == ["wsone"]
    assert [each.name for each in client().workspaces.list(scope="subscription")] == ["wsone"]


def test_workspace_adopted_is_answered_as_it_was(start: Start) -> None:
    document = {
        "id": WORKSPACE,
        "name": "wsone",
        "type": "Microsoft.MachineLearningServices/workspaces",
        "location": "westeurope",
        "tags": {"kept": "yes"},
        "properties": {
            "workspaceId": "11111111-2222-4333-8444-555555555555",
            "provisioningState": "Succeeded",
            "storageAccount": STORAGE,
            "managedNetwork": {"isolationMode": "Disabled"},
            "aMemberOfTomorrow": {"deep": [1, 2]},
        },
        "identity": {"type": "SystemAssigned", "principalId": "p", "tenantId": "t"},
    }
    start([*associated(), document])
    assert Arm().get(WORKSPACE) == document


def test_workspace_keys_are_those_of_its_resources(made: Arm, client: Callable[[], MLClient]) -> None:
    keys = client().workspaces.get_keys("wsone")
    account = made.send("POST", f"{STORAGE}/listKeys", version="2023-01-01").json()
    assert keys.user_storage_key == account["keys"][0]["value"]
    assert client().workspaces.begin_sync_keys("wsone").result() is None


def test_workspace_diagnosis_finds_a_resource_that_is_gone(made: Arm, client: Callable[[], MLClient]) -> None:
    assert client().workspaces.begin_diagnose("wsone").result().storage_account_results == []
    made.send("DELETE", STORAGE, version="2023-01-01")
    found = client().workspaces.begin_diagnose("wsone").result()
    assert "was not found" in found.storage_account_results[0].message


def test_workspace_patch_of_absent_is_404_for_the_sdk(arm: Arm, client: Callable[[], MLClient]) -> None:
    with pytest.raises(HttpResponseError) as refused:
        client().workspaces.begin_update(Workspace(name="wsone"))
    assert refused.value.status_code == 404


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"location": "eastus"}, "location of a workspace cannot be changed"),
        ({"kind": "Hub"}, "kind of a workspace cannot be changed"),
        ({"properties": {"encryption": {"status": "Enabled"}}}, "customer-managed keys"),
        ({"properties": {"featureStoreSettings": {"computeRuntime": {"x": "3.4"}}}}, "featureStoreSettings"),
        ({"properties": {"storageAccount": STORAGE}}, "Could not find member 'storageAccount'"),
        ({"tags": {"a": 1}}, "map of strings"),
    ],
)
def test_workspace_patch_unfit_is_refused(made: Arm, body: dict[str, object], says: str) -> None:
    before = made.get(WORKSPACE)
    status, _, message = made.refused("PATCH", WORKSPACE, body)
    assert status == 400
    assert says in message
    assert made.get(WORKSPACE) == before


def test_workspace_deleted_releases_the_names_of_its_endpoints(made: Arm) -> None:
    endpoint = {"location": "westeurope", "properties": {"authMode": "Key"}}
    made.done("PUT", f"{WORKSPACE}/onlineEndpoints/scoring", endpoint)
    made.done("DELETE", WORKSPACE)
    made.done("PUT", WORKSPACE, workspace_body(allowRecoverSoftDeletedWorkspace=True))
    assert made.get(f"{WORKSPACE}/onlineEndpoints")["value"] == []


def test_workspace_with_identity_that_the_caller_may_not_assign_is_refused(start: Start) -> None:
    far = GROUP.replace("/rg", "/rg-far") + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/uai"
    contributor = "b24988ac-6180-42a0-ab88-20f7382dd24c"
    role = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{contributor}"
    assignment = {
        "id": f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/0b0b0b0b-0000-4000-8000-000000000001",
        "properties": {"principalId": CLIENT_OBJECT_ID, "roleDefinitionId": role, "scope": GROUP},
    }
    start([*associated(), {"id": far, "location": "westeurope", "properties": {}}, assignment])
    identity = {"type": "UserAssigned", "userAssignedIdentities": {far: {}}}
    status, code, message = Arm().refused("PUT", WORKSPACE, {**workspace_body(), "identity": identity})
    assert (status, code) == (403, "LinkedAuthorizationFailed")
    assert "userAssignedIdentities/assign/action" in message
