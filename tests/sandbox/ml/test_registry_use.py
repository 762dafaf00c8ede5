"""Deployments of what a registry holds: what must be there, what the network must reach, and what Azure makes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.ml.registry_world import CONTAINERS, NAME, REGISTRY, STORAGE, account, registry, version
from tests.sandbox.ml.workspace_world import REGISTRY as OWN_CONTAINERS
from tests.sandbox.ml.workspace_world import STORAGE as OWN_STORAGE
from tests.sandbox.ml.workspace_world import (
    SUBSCRIPTION,
    VAULT,
    WORKSPACE,
    Arm,
    Start,
    associated,
)
from tests.sandbox.online_world import callers_connection

MODEL = f"azureml://registries/{NAME}/models/m/versions/1"
ENVIRONMENT = f"azureml://registries/{NAME}/environments/e/versions/1"
ENDPOINT = f"{WORKSPACE}/onlineEndpoints/scoring"
BLUE = f"{ENDPOINT}/deployments/blue"
APPROVED = "AllowOnlyApprovedOutbound"
BLOBS = "https://conto1.blob.core.windows.net/contosoreg-1/model"
CLIENT = "5a4d1c0e-7d3b-4b61-9c55-000000000c11"


def _rule(target: str, group: str) -> dict[str, Any]:
    destination = {"serviceResourceId": target, "subresourceTarget": group, "sparkEnabled": False}
    return {
        "type": "PrivateEndpoint",
        "category": "UserDefined",
        "status": "Active",
        "destination": destination,
    }


RULES = {
    "registry": _rule(REGISTRY, "amlregistry"),
    "storage": _rule(STORAGE, "blob"),
    "containers": _rule(CONTAINERS, "registry"),
}


def _network(mode: str, *names: str) -> dict[str, Any]:
    rules = {name: RULES[name] for name in names}
    network = {
        "isolationMode": mode,
        "outboundRules": rules,
        "status": {"status": "Active", "sparkReady": False},
    }
    return {"managedNetwork": network}


def _held(*further: dict[str, Any], location: str = "westeurope", **properties: Any) -> list[dict[str, Any]]:
    """A workspace with an endpoint, and a registry with a model and an environment; `further` wins."""
    own = {
        "storageAccount": OWN_STORAGE,
        "containerRegistry": OWN_CONTAINERS,
        "keyVault": VAULT,
        "workspaceId": "9" * 32,
    }
    scoring = {"authMode": "Key", "provisioningState": "Succeeded"}
    held = [
        *associated(),
        {"id": WORKSPACE, "location": location, "properties": {**own, **properties}},
        {"id": f"{WORKSPACE}/privateEndpointConnections/callers", "properties": callers_connection()},
        {"id": ENDPOINT, "location": location, "properties": scoring},
        registry(),
        version("models", "m", modelUri=BLOBS),
        version("environments", "e", image="mcr.microsoft.com/x:1"),
    ]
    taken = {each["id"] for each in further}
    return [*(each for each in held if each["id"] not in taken), *further]


def _body(location: str = "westeurope", **properties: Any) -> dict[str, Any]:
    sent = {
        "endpointComputeType": "Managed",
        "instanceType": "Standard_DS2_v2",
        "model": MODEL,
        "environmentId": ENVIRONMENT,
        **properties,
    }
    return {"location": location, "properties": sent, "sku": {"name": "Default", "capacity": 1}}


def _private(registry_too: bool = True) -> list[dict[str, Any]]:
    closed = {"publicNetworkAccess": "Disabled"}
    found = [account(STORAGE, **closed), account(CONTAINERS, **closed)]
    return [*found, registry(**closed)] if registry_too else found


def test_deployment_of_a_registrys_model_and_environment_succeeds(start: Start) -> None:
    start(_held())
    arm = Arm()
    arm.done("PUT", BLUE, _body())
    properties = arm.get(BLUE)["properties"]
    assert (properties["model"], properties["environmentId"]) == (MODEL, ENVIRONMENT)
    assert properties["provisioningState"] == "Succeeded"


def test_deployment_from_registries_of_microsofts_is_taken_on_trust(start: Start) -> None:
    start(_held())
    curated = "azureml://registries/azureml/environments/sklearn-1.5/versions/1"
    Arm().done("PUT", BLUE, _body(environmentId=curated))


def test_deployment_of_what_the_scenarios_own_deployments_use_is_taken_on_trust(start: Start) -> None:
    far = "azureml://registries/faraway/models/m/versions/1"
    used = {"id": f"{ENDPOINT}/deployments/old", "location": "westeurope", "properties": {"model": far}}
    start(_held(used))
    arm = Arm()
    arm.done("PUT", BLUE, _body(model=far))
    assert arm.refused("PUT", BLUE, _body(model=far.replace("/1", "/2")))[0] == 404


@pytest.mark.parametrize(
    ("properties", "status", "says"),
    [
        ({"model": f"azureml://registries/{NAME}/models/m/versions/2"}, 404, "Could not find asset with ID"),
        ({"model": "azureml://registries/nobody/models/m/versions/1"}, 404, "Could not find asset with ID"),
        ({"environmentId": f"azureml://registries/{NAME}/environments/x/versions/1"}, 404, "environments/x"),
        ({"model": ENVIRONMENT}, 400, "The request is invalid."),
        ({"model": f"azureml://registries/{NAME}/models/m/labels/latest"}, 400, "The request is invalid."),
        (
            {
                "codeConfiguration": {
                    "codeId": f"azureml://registries/{NAME}/codes/c/versions/1",
                    "scoringScript": "score.py",
                }
            },
            400,
            "The request is invalid.",
        ),
    ],
    ids=["version", "registry", "environment", "kind", "label", "code"],
)
def test_deployment_of_what_a_registry_has_not_is_refused(
    start: Start, properties: dict[str, Any], status: int, says: str
) -> None:
    start(_held())
    arm = Arm()
    found, _, message = arm.refused("PUT", BLUE, _body(**properties))
    assert (found, says in message) == (status, True)
    assert arm.send("GET", BLUE).status_code == 404


@pytest.mark.parametrize(
    ("network", "egress", "says"),
    [
        ({}, "Disabled", "MLflow model format with private network is unsupported"),
        (_network(APPROVED, *RULES), None, "the packages of the MLflow model could not be installed"),
        (_network("AllowInternetOutbound"), None, ""),
    ],
    ids=["legacy", "approved", "internet"],
)
def test_deployment_of_a_registrys_mlflow_model_needs_its_packages_as_well(
    start: Start, network: dict[str, Any], egress: str | None, says: str
) -> None:
    start(_held(version("models", "m", modelUri=BLOBS, modelType="mlflow_model"), **network))
    arm = Arm()
    status = arm.finish(arm.send("PUT", BLUE, _body(environmentId=None, egressPublicNetworkAccess=egress)))
    assert status["status"] == ("Failed" if says else "Succeeded")
    assert says in str(status.get("error"))


@pytest.mark.parametrize("name", ["azuremlcustomer", "azure-openaix", "huggingface2"])
def test_registry_whose_name_only_begins_like_microsofts_is_not_taken_on_trust(
    start: Start, name: str
) -> None:
    start(_held())
    arm = Arm()
    assert (
        arm.refused(
            "PUT", BLUE, _body(environmentId=f"azureml://registries/{name}/environments/e/versions/1")
        )[0]
        == 404
    )


def test_deployment_in_a_region_that_the_registry_has_not_is_refused(start: Start) -> None:
    start(_held(location="northeurope"))
    arm = Arm()
    answer = arm.send("PUT", BLUE, _body("northeurope"))
    assert answer.status_code == 400
    assert "does not support the region northeurope" in answer.text()
    assert arm.send("GET", BLUE).status_code == 404


def test_deployment_by_who_may_not_use_the_registry_is_forbidden(start: Start) -> None:
    roles = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
    assignment = {
        "id": f"{WORKSPACE}/providers/Microsoft.Authorization/roleAssignments/22222222-2222-4222-8222-222222222222",
        "properties": {
            "roleDefinitionId": f"{roles}/b24988ac-6180-42a0-ab88-20f7382dd24c",
            "principalId": CLIENT,
            "scope": WORKSPACE,
        },
    }
    start(_held(assignment))
    arm = Arm()
    status, code, message = arm.refused("PUT", BLUE, _body())
    assert (status, code) == (403, "AuthorizationFailed")
    assert "registries/assets/read" in message
    assert arm.send("GET", BLUE).status_code == 404


@pytest.mark.parametrize("mode", [APPROVED, "AllowInternetOutbound"])
@pytest.mark.parametrize(
    ("missing", "code", "host"),
    [
        ("storage", "BadArgument", "conto1.blob.core.windows.net"),
        ("containers", "ResourceNotFound", "conto2.azurecr.io"),
        ("registry", "BadArgument", NAME),
    ],
)
def test_deployment_fails_where_its_managed_network_has_no_rule_to_a_private_registry(
    start: Start, mode: str, missing: str, code: str, host: str
) -> None:
    network = _network(mode, *(name for name in RULES if name != missing))
    start(_held(*_private(), **network))
    arm = Arm()
    status = arm.finish(arm.send("PUT", BLUE, _body()))
    assert (status["status"], status["error"]["code"]) == ("Failed", code)
    assert host in status["error"]["message"]
    assert arm.get(BLUE)["properties"]["provisioningState"] == "Failed"


@pytest.mark.parametrize("mode", [APPROVED, "AllowInternetOutbound"])
def test_deployment_with_rules_to_a_private_registry_succeeds(start: Start, mode: str) -> None:
    start(_held(*_private(), **_network(mode, *RULES)))
    Arm().done("PUT", BLUE, _body())


def test_deployment_of_a_public_registry_needs_a_rule_to_its_storage_only_where_outbound_is_approved(
    start: Start,
) -> None:
    start(_held(**_network("AllowInternetOutbound")))
    Arm().done("PUT", BLUE, _body())


def test_deployment_of_a_public_registry_in_an_approved_network_without_rules_fails(start: Start) -> None:
    start(_held(**_network(APPROVED)))
    arm = Arm()
    status = arm.finish(arm.send("PUT", BLUE, _body()))
    assert (status["status"], status["error"]["code"]) == ("Failed", "BadArgument")
    assert "no active outbound rule" in status["error"]["message"]


def test_deployment_with_public_egress_does_not_reach_a_private_registry(start: Start) -> None:
    start(_held(*_private(registry_too=False)))
    arm = Arm()
    status = arm.finish(arm.send("PUT", BLUE, _body()))
    assert (status["status"], status["error"]["code"]) == ("Failed", "BadArgument")


def _endpoints(arm: Arm) -> dict[str, str]:
    """The private endpoints that deployments have, by the resource they lead to."""
    versions = {"storageAccounts": "2023-01-01", "registries": "2023-07-01", "workspaces": "2024-10-01"}
    found = {}
    for target in (WORKSPACE, OWN_STORAGE, OWN_CONTAINERS, STORAGE, CONTAINERS):
        query = {"api-version": versions[target.split("/")[-2]]}
        for each in arm.get(f"{target}/privateEndpointConnections", **query)["value"]:
            found[target] = each["properties"]["privateEndpoint"]["id"]
    return {target: identifier for target, identifier in found.items() if "/pe-callers" not in identifier}


def test_legacy_deployment_of_a_registry_has_two_further_private_endpoints(start: Start) -> None:
    start(_held(*_private()))
    arm = Arm()
    arm.done("PUT", BLUE, _body(egressPublicNetworkAccess="Disabled"))
    found = _endpoints(arm)
    assert set(found) == {WORKSPACE, OWN_STORAGE, OWN_CONTAINERS, STORAGE, CONTAINERS}
    assert len(set(found.values())) == 5
    arm.done("DELETE", BLUE)
    assert _endpoints(arm) == {}


def test_legacy_deployment_that_leaves_the_registry_loses_its_private_endpoints(start: Start) -> None:
    uri = f"https://{OWN_STORAGE.rpartition('/')[2]}.blob.core.windows.net/models/own"
    own = {"id": f"{WORKSPACE}/models/own/versions/1", "properties": {"modelUri": uri}}
    start(_held(own))
    arm = Arm()
    legacy = {"egressPublicNetworkAccess": "Disabled"}
    arm.done("PUT", BLUE, _body(**legacy))
    arm.done("PUT", BLUE, _body(model=own["id"], **legacy))
    assert set(_endpoints(arm)) == {WORKSPACE, OWN_STORAGE, OWN_CONTAINERS, CONTAINERS}
    arm.done("PUT", BLUE, _body(**legacy))
    assert len(_endpoints(arm)) == 5


def test_private_registry_is_reached_once_outbound_rules_lead_to_it(start: Start) -> None:
    start(_held(*_private(), **_network(APPROVED)))
    arm = Arm()
    assert arm.finish(arm.send("PUT", BLUE, _body()))["status"] == "Failed"
    arm.done("DELETE", BLUE)
    for name, rule in RULES.items():
        asked = {key: rule[key] for key in ("type", "category", "destination")}
        arm.done("PUT", f"{WORKSPACE}/outboundRules/{name}", {"properties": asked})
    arm.done("PUT", BLUE, _body())
    assert arm.get(BLUE)["properties"]["provisioningState"] == "Succeeded"
