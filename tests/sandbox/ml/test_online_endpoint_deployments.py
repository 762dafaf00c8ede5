from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.online_world import (
    MODEL,
    REGISTRY,
    STORAGE,
    WORKSPACE,
    deployment_body,
    documents,
    online,
    refusal,
    texts,
)
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml.legacy_egress import DESCRIPTION
from vnetferry.sandbox.wire import Json

_BLUE = "onlineEndpoints/scoring/deployments/blue"
_ACTIVE = {"isolationMode": "AllowOnlyApprovedOutbound", "status": {"status": "Active", "sparkReady": False}}
_INACTIVE = {**_ACTIVE, "status": {"status": "Inactive", "sparkReady": False}}


def test_create_answers_201_and_fills_in_the_defaults_when_it_ends(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        answer = az.send("PUT", _BLUE, deployment_body())
        assert isinstance(answer.body, dict)
        assert answer.status == 201
        assert "/mfeOperationsStatus/odidp:" in answer.headers["Azure-AsyncOperation"]
        assert answer.body["properties"]["provisioningState"] == "Creating"
        assert answer.body["properties"]["livenessProbe"] is None
        assert "egressPublicNetworkAccess" not in answer.body["properties"]
        az.settle()
        made = az.get(_BLUE)
        properties = made["properties"]
        assert properties["provisioningState"] == "Succeeded"
        assert properties["egressPublicNetworkAccess"] == "Enabled"
        assert properties["requestSettings"] == {
            "maxQueueWait": "PT0S",
            "requestTimeout": "PT5S",
            "maxConcurrentRequestsPerInstance": 1,
        }
        assert properties["readinessProbe"]["initialDelay"] == "PT10S"
        assert properties["environmentVariables"] == {
            "AZUREML_MODEL_DIR": "/var/azureml-app/azureml-models/m/1",
            "AZUREML_ENTRY_SCRIPT": "score.py",
            "AML_APP_ROOT": "/var/azureml-app/onlinescoring",
        }
        assert made["sku"] == {"name": "Default", "tier": "Standard", "capacity": 1}
        assert made["kind"] == "Managed"


def test_settings_that_were_given_are_kept(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        probe = {"initialDelay": "PT1M", "failureThreshold": 3}
        made = az.make_deployment(
            livenessProbe=probe,
            startupProbe=probe,
            modelMountPath="/models",
            requestSettings={"requestTimeout": "PT1M30S"},
            environmentVariables={"AZUREML_MODEL_DIR": "/var/azureml-app/azureml-models/old/1", "N": 1},
        )["properties"]
        assert made["livenessProbe"]["initialDelay"] == "PT1M"
        assert made["livenessProbe"]["period"] == "PT10S"
        assert made["startupProbe"] == probe
        assert made["modelMountPath"] == "/models"
        assert made["requestSettings"]["requestTimeout"] == "PT1M30S"
        assert made["environmentVariables"]["AZUREML_MODEL_DIR"] == "/var/azureml-app/azureml-models/old/1"
        assert made["environmentVariables"]["N"] == "1"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": f"{WORKSPACE}/models/gone/versions/1"}, "gone"),
        ({"model": MODEL.replace("workspaces/ws/", "workspaces/other/")}, "another workspace"),
        ({"model": "m:1"}, "not the id of a version"),
        ({"environmentId": MODEL}, "not the id of a version in environments"),
        ({"codeConfiguration": {"codeId": f"{WORKSPACE}/codes/x/versions/9", "scoringScript": "s.py"}}, "x"),
        ({"codeConfiguration": {}}, "scoringScript"),
        ({"model": None, "environmentId": None}, "environment"),
        ({"instanceType": "Standard_Huge"}, "Standard_Huge"),
        ({"instanceType": None}, "InstanceType"),
        ({"requestSettings": {"requestTimeout": "PT5M"}}, "180"),
        ({"requestSettings": {"requestTimeout": "5 seconds"}}, "requestTimeout"),
        ({"scaleSettings": {"scaleType": "TargetUtilization"}}, "scaleType"),
        ({"endpointComputeType": "Kubernetes"}, "endpointComputeType"),
        ({"egressPublicNetworkAccess": "partly"}, "partly"),
        ({"livenessProbe": {"period": "PT10S", "often": True}}, "often"),
        ({"unheardOf": 1}, "unheardOf"),
    ],
)
def test_bodies_that_azure_refuses_make_nothing(tmp_path: Path, change: Json, says: str) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        with pytest.raises(AzureError) as raised:
            az.send("PUT", _BLUE, deployment_body(**change))
        assert says in texts(raised)
        assert refusal(raised).status in (400, 404)
        assert az.send("GET", "onlineEndpoints/scoring/deployments").body == {"value": []}


def test_registry_assets_need_not_be_in_the_workspace(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        curated = "azureml://registries/azureml/environments/sklearn-1.5/versions/1"
        assert az.make_deployment(environmentId=curated)["properties"]["provisioningState"] == "Succeeded"


@pytest.mark.parametrize("egress", ["enabled", "Disabled"])
def test_managed_network_refuses_any_egress_setting(tmp_path: Path, egress: str) -> None:
    with online(tmp_path, held=documents({"managedNetwork": _ACTIVE})) as az:
        az.make_endpoint()
        with pytest.raises(AzureError) as raised:
            az.send("PUT", _BLUE, deployment_body(egressPublicNetworkAccess=egress))
        assert "EgressPublicNetworkAccess under online deployment is no longer supported" in texts(raised)
        assert refusal(raised).code == "BadRequest"
        assert refusal(raised).details[0]["code"] == "InferencingClientCallFailed"
        assert az.make_deployment()["properties"]["provisioningState"] == "Succeeded"


def test_managed_network_that_is_not_provisioned_refuses_deployments(tmp_path: Path) -> None:
    with online(tmp_path, held=documents({"managedNetwork": _INACTIVE})) as az:
        az.make_endpoint()
        with pytest.raises(AzureError) as raised:
            az.send("PUT", _BLUE, deployment_body())
        assert refusal(raised).code == "WorkspaceManagedNetworkNotReady"


@pytest.mark.parametrize(
    ("network", "egress"), [({"managedNetwork": _ACTIVE}, None), ({}, "Disabled")], ids=["managed", "legacy"]
)
def test_private_networks_need_a_premium_registry(tmp_path: Path, network: Json, egress: str | None) -> None:
    with online(tmp_path, held=documents(network, registry_sku="Standard")) as az:
        az.make_endpoint()
        with pytest.raises(AzureError) as raised:
            az.send("PUT", _BLUE, deployment_body(egressPublicNetworkAccess=egress))
        assert "premium tier ACR" in texts(raised)


def test_legacy_deployment_makes_three_private_endpoint_connections_and_takes_them_along(
    tmp_path: Path,
) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        az.make_deployment("blue", egressPublicNetworkAccess="disabled")
        az.make_deployment("green", egressPublicNetworkAccess="disabled")
        assert [len(_connections(az.world, target)) for target in (WORKSPACE, STORAGE, REGISTRY)] == [2, 2, 2]
        state = _connections(az.world, REGISTRY)[0]["properties"]["privateLinkServiceConnectionState"]
        assert (state["status"], state["description"]) == ("Approved", DESCRIPTION)
        az.send("DELETE", _BLUE)
        az.settle()
        assert [len(_connections(az.world, target)) for target in (WORKSPACE, STORAGE, REGISTRY)] == [1, 1, 1]
        az.send("DELETE", "onlineEndpoints/scoring")
        az.settle()
        assert [len(_connections(az.world, target)) for target in (WORKSPACE, STORAGE, REGISTRY)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"instanceType": "Standard_DS3_v2"}, "instance type cannot be changed"),
        ({"egressPublicNetworkAccess": "Disabled"}, "EgressPublicNetworkAccess"),
        ({"properties": {}}, "can be added but not removed: mine"),
    ],
)
def test_what_cannot_change_is_refused(tmp_path: Path, change: Json, says: str) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        before = az.make_deployment(properties={"mine": "1"})
        with pytest.raises(AzureError) as raised:
            az.send("PUT", _BLUE, deployment_body(**{"properties": {"mine": "1"}, **change}))
        assert says in texts(raised)
        assert az.get(_BLUE) == before


def test_update_answers_as_recorded_and_keeps_the_stamps_of_the_creation(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        before = az.make_deployment()
        body = deployment_body(description="new")
        body["sku"]["capacity"] = 2
        answer = az.send("PUT", _BLUE, body)
        assert isinstance(answer.body, dict)
        assert answer.body["properties"]["provisioningState"] == "Creating"
        assert answer.body["properties"]["instanceType"] is None
        assert answer.body["sku"]["capacity"] == 2
        assert set(answer.body["systemData"]) == {"lastModifiedAt"}
        az.settle()
        after = az.get(_BLUE)
        assert after["properties"]["description"] == "new"
        assert after["sku"]["capacity"] == 2
        assert after["systemData"] == before["systemData"]
        uri = "AzureAsyncOperationUri"
        assert after["properties"]["properties"][uri] == before["properties"]["properties"][uri]


def test_patch_scales(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        az.make_deployment()
        assert az.send("PATCH", _BLUE, {"sku": {"capacity": 3}, "tags": {"a": "b"}}).status == 202
        az.settle()
        assert az.get(_BLUE)["sku"] == {"name": "Default", "tier": "Standard", "capacity": 3}
        assert az.get(_BLUE)["tags"] == {"a": "b"}


@pytest.mark.parametrize("kind", ["traffic", "mirrorTraffic"])
def test_deployment_with_traffic_cannot_be_deleted(tmp_path: Path, kind: str) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        az.make_deployment("blue")
        az.make_deployment("green")
        shares: Json = {"traffic": {"blue": 100}} if kind == "traffic" else {"mirrorTraffic": {"blue": 10}}
        az.set_traffic(shares.pop("traffic", {"green": 100}), **shares)
        with pytest.raises(AzureError) as raised:
            az.send("DELETE", _BLUE)
        assert "Set it to 0" in texts(raised)
        az.set_traffic({"green": 100})
        assert az.send("DELETE", _BLUE).status == 202
        az.settle()
        assert az.send("DELETE", _BLUE).status == 204


def test_busy_endpoint_takes_no_deployment(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.send(
            "PUT", "onlineEndpoints/scoring", {"location": "westeurope", "properties": {"authMode": "Key"}}
        )
        with pytest.raises(AzureError) as raised:
            az.send("PUT", _BLUE, deployment_body())
        assert "Cannot create a deployment in endpoint scoring because it is in Creating" in texts(raised)


def test_absent_endpoint_is_the_missing_parent(tmp_path: Path) -> None:
    with online(tmp_path) as az, pytest.raises(AzureError) as raised:
        az.send("PUT", _BLUE, deployment_body())
    assert refusal(raised).code == "ParentResourceNotFound"


@pytest.mark.parametrize(
    ("quotas", "instances", "says"),
    [
        ({"standardDSv2Family": 5}, 2, "Current usage/limit: 0/5. Additional needed: 6"),
        ({"totalCores": 3}, 1, "Current usage/limit: 0/3. Additional needed: 4"),
        ({"onlineDeployments": 0}, 1, "limit of 0 onlineDeployments"),
        ({"deploymentsPerEndpoint": 0}, 1, "0 is the most"),
        ({"instancesPerDeployment": 4}, 5, "4 is the most"),
    ],
)
def test_quotas_are_kept_with_a_fifth_in_reserve(
    tmp_path: Path, quotas: dict[str, int], instances: int, says: str
) -> None:
    with online(tmp_path, quotas=quotas) as az:
        az.make_endpoint()
        body = deployment_body()
        body["sku"]["capacity"] = instances
        with pytest.raises(AzureError) as raised:
            az.send("PUT", _BLUE, body)
        assert refusal(raised).code == "OutOfQuota"
        assert says in texts(raised)


def test_scaling_counts_only_what_is_added(tmp_path: Path) -> None:
    with online(tmp_path, quotas={"standardDSv2Family": 6}) as az:
        az.make_endpoint()
        az.make_deployment()
        az.send("PATCH", _BLUE, {"sku": {"capacity": 2}})
        az.settle()
        assert az.get(_BLUE)["sku"]["capacity"] == 2
        with pytest.raises(AzureError, match="Additional needed: 2"):
            az.send("PATCH", _BLUE, {"sku": {"capacity": 3}})


def test_skus_answer_the_recorded_shape(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        az.make_deployment()
        body = az.send("GET", f"{_BLUE}/skus").body
        assert isinstance(body, dict)
        assert body["value"][0]["resourceType"] == "Microsoft.MachineLearning.Services/endpoints/deployments"
        assert body["value"][0]["capacity"]["maximum"] == 50


def test_kubernetes_deployment_of_a_scenario_can_be_read(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        endpoint = az.make_endpoint()
        document = {
            "id": f"{endpoint['id']}/deployments/k8s",
            "name": "k8s",
            "location": "westeurope",
            "properties": {"endpointComputeType": "Kubernetes", "provisioningState": "Succeeded"},
        }
        az.adopt(endpoint, document)
        assert az.get("onlineEndpoints/scoring/deployments/k8s")["properties"] == document["properties"]


def _connections(world: Any, target: str) -> list[Json]:
    found: list[Json] = world.documents.collection(f"{target}/privateEndpointConnections")
    return found
