"""Template deployments, driven as a client drives them."""

from __future__ import annotations

import json
from typing import Any

from vnetferry.sandbox.errors import AzureError

GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg"
DEPLOYMENT = f"{GROUP}/providers/Microsoft.Resources/deployments/d"
V = "2020-06-01"


def template(*resources: dict[str, Any], **sections: Any) -> dict[str, Any]:
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    return {"$schema": schema, "contentVersion": "1.0.0.0", "resources": list(resources), **sections}


def storage(name: str = "[parameters('name')]", **members: Any) -> dict[str, Any]:
    return {
        "type": "Microsoft.Storage/storageAccounts",
        "apiVersion": "2023-04-01",
        "name": name,
        "location": "[resourceGroup().location]",
        "sku": {"name": "Standard_LRS"},
        "kind": "StorageV2",
        **members,
    }


def body(of: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    given = {name: {"value": value} for name, value in parameters.items()}
    return {"properties": {"mode": "incremental", "template": of, "parameters": given}}


def test_put_storage_template_makes_the_account(arm: Any) -> None:
    of = template(storage(), parameters={"name": {"type": "string"}})
    answer = arm.put(DEPLOYMENT, body(of, name="stone"), V)
    assert (answer.status, answer.body["properties"]["provisioningState"]) == (201, "Accepted")
    assert "/deployments/d/operationStatuses/" in answer.headers["Azure-AsyncOperation"]
    ended = arm.settle(DEPLOYMENT, V).body["properties"]
    assert ended["provisioningState"] == "Succeeded"
    assert ended["duration"].startswith("PT")
    account = arm.get(f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stone", "2023-01-01").body
    assert account["location"] == "westeurope"


def test_operations_of_ended_deployment_lists_target_and_last_without_target(arm: Any) -> None:
    arm.put(DEPLOYMENT, body(template(storage("stone"))), V)
    arm.settle(DEPLOYMENT, V)
    short = f"{GROUP.replace('resourceGroups', 'resourcegroups')}/deployments/d/operations"
    operations = arm.get(short, V).body["value"]
    assert operations[0]["properties"]["targetResource"]["resourceName"] == "stone"
    assert operations[-1]["properties"]["provisioningOperation"] == "EvaluateDeploymentOutput"
    assert "targetResource" not in operations[-1]["properties"]


def test_status_url_of_running_deployment_moves_to_succeeded(arm: Any) -> None:
    url = arm.put(DEPLOYMENT, body(template(storage("stone"))), V).headers["Azure-AsyncOperation"]
    path = url.removeprefix("https://management.azure.com").partition("?")[0]
    assert arm.get(path, V).body == {"status": "Accepted"}
    arm.settle(DEPLOYMENT, V)
    assert arm.get(path, V).body == {"status": "Succeeded"}


def test_put_refused_resource_fails_deployment_with_its_error_inside(arm: Any) -> None:
    arm.put(DEPLOYMENT, body(template(storage("NotAName"))), V)
    ended = arm.settle(DEPLOYMENT, V).body["properties"]
    assert ended["provisioningState"] == "Failed"
    assert ended["error"]["code"] == "DeploymentFailed"
    detail = ended["error"]["details"][0]
    assert detail["code"] == "BadRequest"
    assert json.loads(detail["message"])["error"]["code"] == "AccountNameInvalid"


def test_put_failing_resource_starts_nothing_that_waits_for_it(arm: Any) -> None:
    after = storage("safter", dependsOn=["NotAName"])
    arm.put(DEPLOYMENT, body(template(storage("NotAName"), after)), V)
    arm.settle(DEPLOYMENT, V)
    assert arm.get(f"{GROUP}/providers/Microsoft.Storage/storageAccounts/safter", "2023-01-01").status == 404


def test_put_unknown_function_is_invalid_template_at_once(arm: Any) -> None:
    answer = arm.put(DEPLOYMENT, body(template(storage("[nonsense('a')]"))), V)
    assert (answer.status, answer.code) == (400, "InvalidTemplate")
    assert "The template function 'nonsense' is not valid." in answer.message
    assert arm.get(DEPLOYMENT, V).status == 404


def test_put_unknown_parameter_is_invalid_template(arm: Any) -> None:
    answer = arm.put(DEPLOYMENT, body(template(storage("s")), other=1), V)
    assert answer.code == "InvalidTemplate"
    assert "do not correspond to any parameters defined in the template: 'other'" in answer.message


def test_put_with_reference_reads_state_made_before(arm: Any) -> None:
    of = template(
        storage("stone"),
        storage("sttwo", tags={"first": "[reference('stone').primaryEndpoints.blob]"}),
        outputs={"key": {"type": "string", "value": "[listKeys('stone', '2023-01-01').keys[0].keyName]"}},
    )
    arm.put(DEPLOYMENT, body(of), V)
    ended = arm.settle(DEPLOYMENT, V).body["properties"]
    assert ended["outputs"] == {"key": {"type": "string", "value": "key1"}}
    second = arm.get(f"{GROUP}/providers/Microsoft.Storage/storageAccounts/sttwo", "2023-01-01").body
    assert second["tags"] == {"first": "https://stone.blob.core.windows.net/"}


def test_put_nested_deployment_runs_in_its_own_group(arm_of: Any) -> None:
    other = GROUP.replace("/rg", "/rg2")
    arm = arm_of({"id": other, "name": "rg2", "location": "northeurope"})
    nested = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2020-06-01",
        "name": "inner",
        "resourceGroup": "rg2",
        "properties": {
            "mode": "Incremental",
            "template": template(storage("[concat('st', 'inner')]", location="northeurope")),
        },
    }
    arm.put(DEPLOYMENT, body(template(nested)), V)
    assert arm.settle(DEPLOYMENT, V).body["properties"]["provisioningState"] == "Succeeded"
    path = f"{other}/providers/Microsoft.Storage/storageAccounts/stinner"
    assert arm.get(path, "2023-01-01").body["location"] == "northeurope"


def test_put_without_right_to_a_resource_is_refused_before_anything_is_made(arm_of: Any) -> None:
    role = "/providers/Microsoft.Authorization/roleDefinitions/4d97b98b-1d4f-4787-a291-c67834d212e7"
    arm = arm_of(
        {
            "id": f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/a",
            "properties": {"principalId": "5a4d1c0e-7d3b-4b61-9c55-000000000c11", "roleDefinitionId": role},
        }
    )
    answer = arm.put(DEPLOYMENT, body(template(storage("stone"))), V)
    assert (answer.status, answer.code) == (403, "InvalidTemplateDeployment")
    assert "Microsoft.Storage/storageAccounts/write" in answer.message


def test_put_unregistered_provider_is_refused(arm_of: Any) -> None:
    provider = f"{GROUP.rpartition('/resourceGroups')[0]}/providers/Microsoft.Storage"
    arm = arm_of({"id": provider, "namespace": "Microsoft.Storage", "registrationState": "NotRegistered"})
    answer = arm.put(DEPLOYMENT, body(template(storage("stone"))), V)
    assert (answer.status, answer.code) == (409, "MissingSubscriptionRegistration")


def test_put_secure_parameter_is_not_shown(arm: Any) -> None:
    of = template(parameters={"secret": {"type": "secureString"}})
    shown = arm.put(DEPLOYMENT, body(of, secret="hush"), V).body["properties"]["parameters"]
    assert shown == {"secret": {"type": "SecureString"}}


def test_validate_good_template_makes_nothing(arm: Any) -> None:
    answer = arm.send("POST", f"{DEPLOYMENT}/validate", body(template(storage("stone"))), version=V)
    assert answer.status == 200
    assert arm.get(f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stone", "2023-01-01").status == 404
    assert arm.get(DEPLOYMENT, V).status == 404


def test_put_running_deployment_again_is_refused(arm: Any) -> None:
    arm.put(DEPLOYMENT, body(template(storage("stone"))), V)
    assert arm.put(DEPLOYMENT, body(template(storage("stone"))), V).code == "DeploymentActive"


def test_put_complete_mode_is_refused(arm: Any) -> None:
    sent = body(template(storage("stone")))
    sent["properties"]["mode"] = "Complete"
    assert arm.put(DEPLOYMENT, sent, V).code == "InvalidDeploymentMode"


def test_cancel_running_deployment_starts_nothing_more(arm: Any) -> None:
    arm.put(DEPLOYMENT, body(template(storage("stone"))), V)
    assert arm.send("POST", f"{DEPLOYMENT}/cancel", version=V).status == 204
    arm.wait(30)
    assert arm.get(DEPLOYMENT, V).body["properties"]["provisioningState"] == "Canceled"
    assert arm.get(f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stone", "2023-01-01").status == 404


def test_put_resource_whose_own_operation_fails_fails_the_deployment(arm_of: Any) -> None:
    arm = arm_of()
    arm.world.operations.fates.append(lambda _operation: AzureError(500, "Broken", "It broke."))
    network = {
        "type": "Microsoft.Network/virtualNetworks",
        "apiVersion": "2023-09-01",
        "name": "vnet",
        "location": "westeurope",
        "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}},
    }
    arm.put(DEPLOYMENT, body(template(network)), V)
    detail = arm.settle(DEPLOYMENT, V).body["properties"]["error"]["details"][0]
    inner = json.loads(detail["message"])["error"]
    assert (detail["code"], inner["code"]) == ("Conflict", "ResourceDeploymentFailure")
    assert inner["details"][0]["code"] == "Broken"
