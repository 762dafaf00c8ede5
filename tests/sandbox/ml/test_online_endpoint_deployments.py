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
from vnetferry.sandbox.ml.network_rules import private_endpoint_rule
from vnetferry.sandbox.ml.service_links import LEGACY as DESCRIPTION
from vnetferry.sandbox.operations import Begun
from vnetferry.sandbox.wire import Json

_BLUE = "onlineEndpoints/scoring/deployments/blue"
_STORAGE_RULE = private_endpoint_rule(STORAGE, "blob")
_ACTIVE = {
    "isolationMode": "AllowOnlyApprovedOutbound",
    "status": {"status": "Active", "sparkReady": False},
    "outboundRules": {"__SYS_PE_stlegacy_blob": {**_STORAGE_RULE, "status": "Active"}},
}
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
        ({"environmentId": None}, "environment"),
        (
            {"dataCollector": {"collections": {"c": {"dataId": f"{WORKSPACE}/data/d/versions/1"}}}},
            "Data with",
        ),
        ({"instanceType": "Standard_Huge"}, "Standard_Huge"),
        ({"instanceType": None}, "InstanceType"),
        ({"requestSettings": {"requestTimeout": "PT5M"}}, "180"),
        ({"requestSettings": {"requestTimeout": "5 seconds"}}, "requestTimeout"),
        ({"scaleSettings": {"scaleType": "TargetUtilization"}}, "scaleType"),
        ({"endpointComputeType": "Kubernetes"}, "endpointComputeType"),
        ({"egressPublicNetworkAccess": "partly"}, "partly"),
        ({"livenessProbe": {"period": "PT10S", "often": True}}, "often"),
        ({"livenessProbe": {"initialDelay": "PT0S"}}, "initialDelay of livenessProbe must be 1 second"),
        ({"readinessProbe": {"timeout": "PT0.5S"}}, "timeout of readinessProbe must be 1 second"),
        ({"readinessProbe": {"failureThreshold": 0}}, "failureThreshold"),
        ({"livenessProbe": {"successThreshold": 2}}, "successThreshold of livenessProbe must be 1"),
        ({"requestSettings": {"maxConcurrentRequestsPerInstance": 0}}, "maxConcurrentRequestsPerInstance"),
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


@pytest.mark.parametrize("status", ["", "Pending", "Rejected"])
def test_legacy_deployment_needs_a_workspace_with_a_private_link(tmp_path: Path, status: str) -> None:
    callers = f"{WORKSPACE}/privateEndpointConnections/callers"
    with online(tmp_path) as az:
        az.make_endpoint()
        state = az.world.documents.require(callers)["properties"]["privateLinkServiceConnectionState"]
        az.make_deployment("green", egressPublicNetworkAccess="disabled")
        state["status"] = status
        if not status:
            az.world.documents.remove(callers)
        with pytest.raises(AzureError, match="The request is invalid") as raised:
            az.send("PUT", _BLUE, deployment_body(egressPublicNetworkAccess="disabled"))
        assert "has no private endpoint" in texts(raised)
        assert az.make_deployment("blue")["properties"]["provisioningState"] == "Succeeded"


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
        ({"properties": {"mine": "2"}}, "can be added but not altered: mine"),
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


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_endpoint_that_is_updating_keeps_its_deployments_as_they_are(tmp_path: Path, method: str) -> None:
    with online(tmp_path, durations_s={"OnlineEndpoints_CreateOrUpdate": 50_000.0}) as az:
        az.make_endpoint()
        before = az.make_deployment()
        az.send(
            "PUT", "onlineEndpoints/scoring", {"location": "westeurope", "properties": {"authMode": "Key"}}
        )
        bodies: dict[str, Any] = {"PUT": deployment_body(), "PATCH": {"sku": {"capacity": 2}}}
        with pytest.raises(AzureError) as raised:
            az.send(method, _BLUE, bodies.get(method))
        assert refusal(raised).status == 409
        assert "endpoint scoring because it is in Updating provisioning state" in texts(raised)
        assert az.get(_BLUE) == before


def test_busy_deployment_answers_conflict_and_its_neighbour_is_made(tmp_path: Path) -> None:
    with online(tmp_path, durations_s={"OnlineDeployments_CreateOrUpdate": 200_000.0}) as az:
        az.make_endpoint()
        az.send("PUT", _BLUE, deployment_body())
        for method, body in (
            ("PUT", deployment_body()),
            ("PATCH", {"sku": {"capacity": 2}}),
            ("DELETE", None),
        ):
            with pytest.raises(AzureError) as raised:
                az.send(method, _BLUE, body)
            assert refusal(raised).status == 409
        assert az.make_deployment("green")["properties"]["provisioningState"] == "Succeeded"


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


def test_instances_that_are_being_added_count_already(tmp_path: Path) -> None:
    quotas, durations = {"standardDSv2Family": 12}, {"OnlineDeployments_Update": 200_000.0}
    with online(tmp_path, quotas=quotas, durations_s=durations) as az:
        az.make_endpoint()
        az.make_deployment("blue")
        az.make_deployment("green")
        az.send("PATCH", _BLUE, {"sku": {"capacity": 3}})
        with pytest.raises(AzureError, match="Current usage/limit: 12/12"):
            az.send("PATCH", "onlineEndpoints/scoring/deployments/green", {"sku": {"capacity": 3}})


def test_failed_deployment_holds_its_cores_until_it_is_deleted(tmp_path: Path) -> None:
    with online(tmp_path, quotas={"standardDSv2Family": 4}) as az:
        az.world.operations.fates.append(_broken_blue)
        az.make_endpoint()
        assert az.make_deployment("blue")["properties"]["provisioningState"] == "Failed"
        with pytest.raises(AzureError, match="Current usage/limit: 4/4"):
            az.make_deployment("green")
        az.send("DELETE", _BLUE)
        az.settle()
        assert az.make_deployment("green")["properties"]["provisioningState"] == "Succeeded"


@pytest.mark.parametrize("kind", ["traffic", "mirrorTraffic"])
def test_deployment_that_failed_gets_no_traffic(tmp_path: Path, kind: str) -> None:
    with online(tmp_path) as az:
        az.world.operations.fates.append(_broken_blue)
        az.make_endpoint()
        az.make_deployment("blue")
        az.make_deployment("green")
        before = az.get("onlineEndpoints/scoring")
        shares: Json = {"traffic": {"BLUE": 100}}
        if kind == "mirrorTraffic":
            shares = {"traffic": {"green": 100}, "mirrorTraffic": {"blue": 10}}
        with pytest.raises(AzureError) as raised:
            az.set_traffic(**shares)
        assert "Traffic cannot be sent to deployment blue because it is in Failed" in texts(raised)
        assert az.get("onlineEndpoints/scoring") == before


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_sku_other_than_default_is_refused(tmp_path: Path, method: str) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        made = az.make_deployment()
        sku = {"name": "Foo", "capacity": 1}
        with pytest.raises(AzureError, match="The request is invalid") as raised:
            az.send(method, _BLUE, {**deployment_body(), "sku": sku} if method == "PUT" else {"sku": sku})
        assert "sku 'Foo' is not supported" in texts(raised)
        assert az.get(_BLUE) == made
        az.send("PATCH", _BLUE, {"sku": {"name": "default", "capacity": 2}})
        az.settle()
        assert az.get(_BLUE)["sku"] == {"name": "Default", "tier": "Standard", "capacity": 2}


@pytest.mark.parametrize("field", ["model", "environmentId"])
def test_empty_reference_is_not_the_id_of_anything(tmp_path: Path, field: str) -> None:
    with online(tmp_path) as az:
        az.make_endpoint()
        with pytest.raises(AzureError) as raised:
            az.send("PUT", _BLUE, deployment_body(**{field: ""}))
        assert "'' is not the id of a version" in texts(raised)


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
    """The connections of legacy deployments."""
    found = world.documents.collection(f"{target}/privateEndpointConnections")
    states = ((each, each["properties"]["privateLinkServiceConnectionState"]) for each in found)
    return [each for each, state in states if state["description"] == DESCRIPTION]


def _broken_blue(begun: Begun) -> AzureError | None:
    is_blue = begun.resource_id.endswith("/blue") and begun.name == "OnlineDeployments_CreateOrUpdate"
    return AzureError(200, "InternalServerError", "broken") if is_blue else None
