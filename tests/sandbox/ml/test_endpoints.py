from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.sandbox.online_world import (
    GROUP,
    REGISTRY,
    STORAGE,
    VAULT,
    WORKSPACE,
    deployment_body,
    documents,
    online,
    refusal,
    role_on,
    texts,
)
from vnetferry.sandbox.arm import authorization
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml import endpoints


def test_create_answers_201_creating_and_ends_with_its_addresses(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        body = {
            "location": "westeurope",
            "properties": {"authMode": "key", "publicNetworkAccess": "disabled"},
        }
        answer = az.send("PUT", "onlineEndpoints/scoring", body)
        assert isinstance(answer.body, dict)
        assert answer.status == 201
        assert answer.headers["x-ms-async-operation-timeout"] == "PT30M"
        assert (
            "/mfeOperationsStatus/oeidp:11111111-2222-4333-8444-555555555555:"
            in answer.headers["Azure-AsyncOperation"]
        )
        assert answer.headers["Location"].startswith(
            f"https://management.azure.com{WORKSPACE}/onlineEndpoints/scoring?"
        )
        assert answer.body["properties"]["provisioningState"] == "Creating"
        assert answer.body["properties"]["scoringUri"] is None
        az.settle()
        made = az.get("onlineEndpoints/scoring")
        assert made["properties"]["provisioningState"] == "Succeeded"
        assert made["properties"]["publicNetworkAccess"] == "Disabled"
        assert made["properties"]["authMode"] == "Key"
        assert made["properties"]["scoringUri"] == "https://scoring.westeurope.inference.ml.azure.com/score"
        assert (
            made["properties"]["swaggerUri"]
            == "https://scoring.westeurope.inference.ml.azure.com/swagger.json"
        )
        assert made["identity"]["type"] == "SystemAssigned"
        assert made["systemData"]["createdAt"]
        assert made["systemData"]["lastModifiedAt"]


def test_keys_given_at_creation_are_listed_and_never_in_a_document(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        made = az.make_endpoint(keys={"primaryKey": "old-primary", "secondaryKey": "old-secondary"})
        assert made["properties"]["keys"] is None
        assert "old-primary" not in str(made)
        assert az.keys() == {"primaryKey": "old-primary", "secondaryKey": "old-secondary"}


def test_keys_left_out_are_made_up_and_differ(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        keys = az.keys()
        assert keys["primaryKey"] != keys["secondaryKey"]
        assert len(keys["primaryKey"]) == 32


def test_endpoint_without_keys_lists_nulls(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint(authMode="AADToken")
        assert az.keys() == {"primaryKey": None, "secondaryKey": None}


@pytest.mark.parametrize("given", ["the-old-key", None])
def test_regenerate_sets_the_value_given_or_a_new_one(tmp_path: Path, given: str | None) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        before = az.keys()
        answer = az.send(
            "POST", "onlineEndpoints/scoring/regenerateKeys", {"keyType": "Secondary", "keyValue": given}
        )
        assert (answer.status, answer.body) == (202, None)
        assert az.keys() == before
        az.settle()
        after = az.keys()
        assert after["primaryKey"] == before["primaryKey"]
        assert after["secondaryKey"] == given if given else after["secondaryKey"] != before["secondaryKey"]


def test_token_is_for_token_endpoints_and_names_its_times(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint("keyed")
        az.make_endpoint("tokened", authMode="AMLToken")
        token = az.send("POST", "onlineEndpoints/tokened/token").body
        assert isinstance(token, dict)
        assert token["expiryTimeUtc"] - token["refreshAfterTimeUtc"] == 43_200
        assert token["refreshAfterTimeUtc"] > time.time()
        assert (
            jwt.decode(token["accessToken"], options={"verify_signature": False})["exp"]
            == token["expiryTimeUtc"]
        )
        with pytest.raises(AzureError, match="BadRequest"):
            az.send("POST", "onlineEndpoints/keyed/token")


@pytest.mark.parametrize("name", ["ab", "a" * 33, "1abc", "a--b", "abc-", "a_b", "a.bc"])
def test_names_outside_the_rules_are_refused(tmp_path: Path, name: str) -> None:
    with online(tmp_path) as az, pytest.raises(AzureError) as raised:
        az.send("PUT", f"onlineEndpoints/{name}", _body())
    assert f"'{name}'" in texts(raised)


def test_name_of_another_workspace_in_the_region_is_refused(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.world.endpoint_names.claim("West Europe", "Scoring", f"{WORKSPACE}/x")
        az.world.documents.put({"id": f"{WORKSPACE}/x"})
        with pytest.raises(AzureError) as raised:
            az.send("PUT", "onlineEndpoints/scoring", _body())
        assert "Endpoint name needs to be unique within a region" in texts(raised)
        assert refusal(raised).status == 400


def test_name_just_deleted_is_refused_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with online(tmp_path) as az:
        monkeypatch.setattr("vnetferry.sandbox.scoring.names.HELD_AFTER_DELETE_S", 1e12)
        az.make_endpoint()
        assert az.send("DELETE", "onlineEndpoints/scoring").status == 202
        az.settle()
        with pytest.raises(AzureError) as raised:
            az.send("PUT", "onlineEndpoints/scoring", _body())
        assert refusal(raised).status == 404
        monkeypatch.setattr("vnetferry.sandbox.scoring.names.HELD_AFTER_DELETE_S", 0.0)
        assert az.send("PUT", "onlineEndpoints/scoring", _body()).status == 201


def test_update_answers_201_with_the_old_traffic_and_ends_with_the_new(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        az.make_deployment("blue")
        answer = az.set_traffic({"blue": 100})
        assert isinstance(answer.body, dict)
        assert (answer.status, answer.body["properties"]["traffic"]) == (201, {})
        assert answer.body["properties"]["provisioningState"] == "Updating"
        assert az.get("onlineEndpoints/scoring")["properties"]["traffic"] == {"blue": 100}


def test_update_replaces_what_it_leaves_out_but_keeps_the_services_notes(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        made = az.make_endpoint(publicNetworkAccess="Disabled", description="old", properties={"a": "b"})
        az.set_traffic({})
        after = az.get("onlineEndpoints/scoring")
        assert after["properties"]["publicNetworkAccess"] == "Enabled"
        assert after["properties"]["description"] is None
        noted = after["properties"]["properties"]
        assert set(noted) == {"azureml.onlineendpointid", "AzureAsyncOperationUri"}
        assert after["identity"] == made["identity"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"authMode": "AMLToken"}, "AuthMode cannot be changed"),
        ({"keys": {"primaryKey": "x"}}, "regenerateKeys"),
        ({"traffic": {"blue": 90}}, "must be 0 or 100"),
        ({"traffic": {"gone": 100}}, "Deployment gone not found"),
        ({"traffic": {"blue": 150, "green": -50}}, "from 0 to 100"),
        ({"traffic": {"blue": 100}, "mirrorTraffic": {"green": 60}}, "must not exceed 50"),
        ({"traffic": {"blue": 100}, "mirrorTraffic": {"blue": 10}}, "both live and mirror"),
        ({"mirrorTraffic": {"blue": 10, "green": 10}}, "one deployment only"),
        ({"unheardOf": 1}, "unheardOf"),
        ({"publicNetworkAccess": "sometimes"}, "sometimes"),
        ({"compute": "k8s"}, "compute of an endpoint cannot be changed"),
        ({"traffic": {"blue": "100"}}, "traffic"),
    ],
)
def test_updates_that_azure_refuses_change_nothing(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        az.make_deployment("blue")
        az.make_deployment("green")
        before = az.get("onlineEndpoints/scoring")
        with pytest.raises(AzureError) as raised:
            az.send("PUT", "onlineEndpoints/scoring", _body(**change))
        assert says in texts(raised)
        assert refusal(raised).status == 400
        assert az.get("onlineEndpoints/scoring") == before


def test_identity_cannot_be_changed(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        with pytest.raises(AzureError) as raised:
            az.send("PATCH", "onlineEndpoints/scoring", {"identity": {"type": "None"}})
        assert "identity" in texts(raised)


def test_patch_changes_tags(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        assert az.send("PATCH", "onlineEndpoints/scoring", {"tags": {"team": "risk"}}).status == 202
        az.settle()
        assert az.get("onlineEndpoints/scoring")["tags"] == {"team": "risk"}


def test_patch_refuses_anything_but_tags_and_identity(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        with pytest.raises(AzureError, match="properties"):
            az.send("PATCH", "onlineEndpoints/scoring", {"properties": {"traffic": {}}})


def test_busy_endpoint_answers_conflict(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.send("PUT", "onlineEndpoints/scoring", _body())
        with pytest.raises(AzureError) as raised:
            az.send("PUT", "onlineEndpoints/scoring", _body())
        assert refusal(raised).status == 409
        assert "Creating provisioning state" in texts(raised)


def test_delete_takes_its_deployments_and_keys_with_it(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        az.make_deployment("blue")
        az.set_traffic({"blue": 100})
        az.send("DELETE", "onlineEndpoints/scoring")
        az.settle()
        assert az.send("DELETE", "onlineEndpoints/scoring").status == 204
        assert not list(az.world.documents.below(f"{WORKSPACE}/onlineEndpoints"))
        assert not az.world.secrets.endpoint_keys


def test_new_endpoints_own_identity_may_pull_images_and_read_models(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        principal = az.make_endpoint()["identity"]["principalId"]
        pull = "Microsoft.ContainerRegistry/registries/pull/read"
        read = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
        assert authorization.allowed(az.world, principal, pull, REGISTRY)
        assert authorization.allowed(az.world, principal, read, STORAGE, data=True)
        assert not authorization.allowed(az.world, principal, "Microsoft.KeyVault/vaults/read", VAULT)


def test_scenario_may_leave_out_what_azure_fills_in(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        endpoint = {"id": f"{WORKSPACE}/onlineEndpoints/scoring", "name": "scoring"}
        az.adopt(endpoint, {"id": f"{endpoint['id']}/deployments/blue", "name": "blue"})
        shown = az.get("onlineEndpoints/scoring")
        assert shown["properties"]["scoringUri"] == "https://scoring.westeurope.inference.ml.azure.com/score"
        assert az.score({}, azureml_model_deployment="blue").status == 200


def test_deleting_a_workspace_gives_its_endpoints_names_back(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        az.make_deployment("blue", egressPublicNetworkAccess="Disabled")
        az.run(endpoints.discard_all(az.world, WORKSPACE))
        assert az.world.endpoint_names.owner("westeurope", "scoring") is None
        assert not az.world.documents.collection(f"{STORAGE}/privateEndpointConnections")


def test_list_is_paged_and_filtered(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        for name in ("one", "two", "three"):
            az.make_endpoint(name)
        first = az.send("GET", "onlineEndpoints?count=2").body
        assert isinstance(first, dict)
        assert [e["name"] for e in first["value"]] == ["one", "two"]
        rest = az.send("GET", f"onlineEndpoints?{first['nextLink'].partition('?')[2]}").body
        assert isinstance(rest, dict)
        assert [e["name"] for e in rest["value"]] == ["three"]
        assert "nextLink" not in rest
        only = az.send("GET", "onlineEndpoints?name=TWO").body
        assert isinstance(only, dict)
        assert [e["name"] for e in only["value"]] == ["two"]


def test_location_other_than_the_workspaces_is_refused(tmp_path: Path) -> None:
    with online(tmp_path) as az, pytest.raises(AzureError) as raised:
        az.send("PUT", "onlineEndpoints/scoring", {**_body(), "location": "eastus"})
    assert "westeurope" in texts(raised)


def test_endpoint_beyond_the_quota_is_refused(tmp_path: Path) -> None:
    with online(tmp_path, quotas={"onlineEndpoints": 1}) as az:
        az.make_endpoint("one")
        with pytest.raises(AzureError) as raised:
            az.send("PUT", "onlineEndpoints/two", _body())
        assert refusal(raised).code == "OutOfQuota"


def test_kubernetes_endpoint_is_refused(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        with pytest.raises(AzureError) as raised:
            az.send("PUT", "onlineEndpoints/scoring", _body(compute=f"{WORKSPACE}/computes/k8s"))
        assert "makes this a Kubernetes online endpoint" in texts(raised)
        assert refusal(raised).status == 400
        assert az.send("GET", "onlineEndpoints").body == {"value": []}


def test_subscription_without_room_for_role_assignments_fails_the_endpoint(tmp_path: Path) -> None:
    with online(tmp_path, quotas={"roleAssignments": 1}) as az:
        answer = az.send("PUT", "onlineEndpoints/scoring", _body())
        az.settle()
        assert az.error_of(answer)["code"] == "OutOfQuota"
        assert "Current usage/limit: 0/1. Additional needed: 2" in az.error_of(answer)["message"]
        assert az.get("onlineEndpoints/scoring")["properties"]["provisioningState"] == "Failed"
        assert not [d for d in az.world.documents.below("/") if "/roleassignments/" in d["id"].lower()]


def test_identity_that_the_caller_may_not_assign_is_refused(tmp_path: Path) -> None:
    scientist = role_on(GROUP, "f6c7c914-8db3-469d-8ca1-694a8f32e121", authorization.CLIENT_OBJECT_ID)
    identity = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id"
    assigned = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    held = [*documents(), scientist, {"id": identity, "name": "id", "properties": {"principalId": "p"}}]
    with online(tmp_path, held=held) as az:
        with pytest.raises(AzureError) as raised:
            az.send("PUT", "onlineEndpoints/scoring", {**_body(), "identity": assigned})
        assert (refusal(raised).status, refusal(raised).code) == (403, "LinkedAuthorizationFailed")
        assert az.send("GET", "onlineEndpoints").body == {"value": []}
        operator = role_on(GROUP, "f1a07417-d97a-45cb-824c-7a7467783830", authorization.CLIENT_OBJECT_ID)
        az.world.documents.put(operator)
        assert az.send("PUT", "onlineEndpoints/scoring", {**_body(), "identity": assigned}).status == 201


def test_endpoint_of_the_scenario_has_the_roles_that_azure_gave_it(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.adopt({"id": f"{WORKSPACE}/onlineEndpoints/old", "name": "old"}, _blue_of("old"))
        assert az.make_deployment("green", "old")["properties"]["provisioningState"] == "Succeeded"


def test_endpoint_of_the_scenario_has_no_role_but_those_that_the_scenario_gives_it(tmp_path: Path) -> None:
    principal = "00000000-0000-0000-0000-0000000000b1"
    reader = role_on(STORAGE, "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", principal)
    identity = {"type": "SystemAssigned", "principalId": principal}
    with online(tmp_path, held=[*documents(), reader]) as az:
        endpoint = {"id": f"{WORKSPACE}/onlineEndpoints/old", "name": "old", "identity": identity}
        az.adopt(endpoint, _blue_of("old"))
        assert az.make_deployment("green", "old")["properties"]["provisioningState"] == "Failed"


def _blue_of(endpoint: str) -> dict[str, Any]:
    return {"id": f"{WORKSPACE}/onlineEndpoints/{endpoint}/deployments/blue", "name": "blue"}


def test_vault_that_refuses_azures_services_fails_a_key_endpoint_only(tmp_path: Path) -> None:
    held = documents()
    vault = next(d for d in held if d["id"] == VAULT)
    vault["properties"]["networkAcls"] = {"defaultAction": "Deny", "bypass": "None"}
    with online(tmp_path, held=held) as az:
        answer = az.send("PUT", "onlineEndpoints/keyed", _body())
        az.settle()
        assert "bypass" in str(az.error_of(answer))
        assert az.get("onlineEndpoints/keyed")["properties"]["provisioningState"] == "Failed"
        assert (
            az.make_endpoint("entra", authMode="AADToken")["properties"]["provisioningState"] == "Succeeded"
        )
        with pytest.raises(AzureError) as raised:
            az.send("PUT", "onlineEndpoints/keyed", _body())
        assert "Please recreate the endpoint" in texts(raised)


@pytest.mark.parametrize(
    ("properties", "state"),
    [
        ({"networkAcls": {"defaultAction": "deny", "bypass": "none"}}, "Failed"),
        ({"publicNetworkAccess": "disabled", "networkAcls": {"bypass": "None"}}, "Failed"),
        ({"networkAcls": {"defaultAction": "Deny", "bypass": "azureservices"}}, "Succeeded"),
        ({"networkAcls": {"defaultAction": "Deny", "bypass": None}}, "Succeeded"),
        ({"publicNetworkAccess": "Disabled"}, "Succeeded"),
        ({"networkAcls": {"defaultAction": "Allow", "bypass": "None"}}, "Succeeded"),
    ],
)
def test_vault_lets_azures_own_services_in_unless_its_bypass_says_none(
    tmp_path: Path, properties: dict[str, Any], state: str
) -> None:
    held = documents()
    next(d for d in held if d["id"] == VAULT)["properties"].update(properties)
    with online(tmp_path, held=held) as az:
        assert az.make_endpoint()["properties"]["provisioningState"] == state


def test_workspace_in_legacy_mode_takes_no_endpoint(tmp_path: Path) -> None:
    with online(tmp_path, held=documents({"v1LegacyMode": True})) as az:
        with pytest.raises(AzureError) as raised:
            az.send("PUT", "onlineEndpoints/scoring", _body())
        assert az.world.endpoint_names.owner("westeurope", "scoring") is None
    assert (refusal(raised).status, refusal(raised).code) == (400, "UserError")
    assert "disallow this request (V1LegacyMode == true)" in texts(raised)


def test_workspace_in_legacy_mode_lets_no_endpoint_or_deployment_be_changed(tmp_path: Path) -> None:
    blue = "onlineEndpoints/scoring/deployments/blue"
    with online(tmp_path) as az:
        az.make_endpoint()
        az.make_deployment()
        before = az.get("onlineEndpoints/scoring"), az.get(blue)
        az.world.documents.require(WORKSPACE)["properties"]["v1LegacyMode"] = True
        for method, path, body in (
            ("PUT", "onlineEndpoints/scoring", _body(traffic={"blue": 100})),
            ("PATCH", "onlineEndpoints/scoring", {"tags": {"a": "b"}}),
            ("PUT", blue, deployment_body()),
            ("PUT", blue.replace("blue", "green"), deployment_body()),
            ("PATCH", blue, {"sku": {"capacity": 2}}),
        ):
            with pytest.raises(AzureError) as raised:
                az.send(method, path, body)
            assert (refusal(raised).status, refusal(raised).code) == (400, "UserError")
            assert "disallow this request (V1LegacyMode == true)" in texts(raised)
        assert (az.get("onlineEndpoints/scoring"), az.get(blue)) == before
        assert az.send("DELETE", blue).status == 202


def test_workspace_that_is_absent_is_the_missing_parent(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.world.documents.remove(WORKSPACE)
        with pytest.raises(AzureError) as raised:
            az.send("PUT", "onlineEndpoints/scoring", _body())
    assert refusal(raised).code == "ParentResourceNotFound"


def _body(**properties: Any) -> dict[str, Any]:
    return {"location": "westeurope", "properties": {"authMode": "Key", **properties}}


def test_regenerate_in_the_recorded_version_answers_an_address_that_leads_nowhere(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        body = {"keyType": "Primary", "keyValue": "the-old-key"}
        path = "onlineEndpoints/scoring/regenerateKeys"
        answer = az.send("POST", path, body, version="2022-02-01-preview")
        assert (answer.status, answer.body) == (202, b"null")
        assert "Azure-AsyncOperation" not in answer.headers
        identifier = answer.headers["Location"].partition("?")[0].rpartition("/")[2]
        assert az.world.operations.find(identifier) is None
        az.settle()
        assert az.keys()["primaryKey"] == "the-old-key"
