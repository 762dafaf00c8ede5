"""Template deployments, driven as a client drives them."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from vnetferry.sandbox.arm.template import Planned
from vnetferry.sandbox.errors import AzureError

GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg"
DEPLOYMENT = f"{GROUP}/providers/Microsoft.Resources/deployments/d"
V = "2020-06-01"
NESTED = "Microsoft.Resources/deployments"
_REFERENCE = f"[reference('{GROUP}/providers/Microsoft.Storage/storageAccounts/stone', '2023-01-01').x]"


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


@pytest.mark.parametrize(
    "members",
    [
        {"type": NESTED, "name": "d2", "properties": "x"},
        {"type": NESTED, "name": "d2", "properties": {"mode": "Incremental", "template": "x"}},
        {"type": NESTED, "name": "d2", "properties": {"expressionEvaluationOptions": "x", "template": {}}},
    ],
    ids=lambda members: str(members)[-40:].encode("ascii", "replace").decode(),
)
def test_put_resource_of_no_sound_parts_fails_the_deployment(arm: Any, members: dict[str, Any]) -> None:
    arm.put(DEPLOYMENT, body(template(storage("stone") | members)), V)
    ended = arm.settle(DEPLOYMENT, V).body["properties"]
    assert (ended["provisioningState"], ended["error"]["code"]) == ("Failed", "DeploymentFailed")
    assert ended["error"]["details"][0]["code"] == "BadRequest"


@pytest.mark.parametrize(
    "members",
    [
        {"name": _REFERENCE},
        {"condition": _REFERENCE},
        {"apiVersion": _REFERENCE},
        {"location": _REFERENCE},
        {"dependsOn": [_REFERENCE]},
    ],
    ids=lambda members: next(iter(members)),
)
def test_put_reference_where_no_state_is_known_is_invalid_template(arm: Any, members: dict[str, Any]) -> None:
    answer = arm.put(DEPLOYMENT, body(template(storage("stone"), storage("sttwo") | members)), V)
    assert (answer.status, answer.code) == (400, "InvalidTemplate")
    assert "The template function 'reference' is not expected at this location" in answer.message


def test_put_reference_to_what_another_resource_tells_is_worked_out_as_it_runs(arm: Any) -> None:
    keys = "[reference(listKeys('stone', '2023-01-01').keys[0].keyName, '2023-01-01').x]"
    arm.put(DEPLOYMENT, body(template(storage("stone"), storage("sttwo", tags={"x": keys}))), V)
    assert arm.settle(DEPLOYMENT, V).body["properties"]["provisioningState"] == "Failed"


def test_put_outputs_that_have_no_value_fail_the_deployment_and_its_last_operation(arm: Any) -> None:
    section = {"o": {"type": "string", "value": "[reference('stone').nonsense]"}}
    arm.put(DEPLOYMENT, body(template(storage("stone"), outputs=section)), V)
    ended = arm.settle(DEPLOYMENT, V).body["properties"]
    assert (ended["provisioningState"], ended["error"]["code"]) == (
        "Failed",
        "DeploymentOutputEvaluationFailed",
    )
    assert "outputs" not in ended
    last = arm.get(f"{DEPLOYMENT}/operations", V).body["value"][-1]["properties"]
    assert (last["provisioningOperation"], last["provisioningState"]) == (
        "EvaluateDeploymentOutput",
        "Failed",
    )


def test_put_defect_of_the_sandboxs_own_does_not_leave_the_deployment_running(
    arm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Planned, "body", lambda *_: 1 / 0)
    arm.put(DEPLOYMENT, body(template(storage("stone"))), V)
    ended = arm.settle(DEPLOYMENT, V).body["properties"]
    assert (ended["provisioningState"], ended["error"]["code"]) == ("Failed", "InternalServerError")


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
    assert ended["outputs"] == {"key": {"type": "String", "value": "key1"}}
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
    assert (answer.status, answer.code) == (400, "InvalidTemplateDeployment")
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
    answer = arm.put(DEPLOYMENT, body(template(storage("stone"))), V)
    assert (answer.status, answer.code) == (409, "DeploymentActive")
    since, until = re.findall(r"'(\d+/\d+/\d{4} \d+:\d\d:\d\d [AP]M)'", answer.message)
    first, last = (datetime.strptime(f"{each} +0000", "%m/%d/%Y %I:%M:%S %p %z") for each in (since, until))
    assert last - first == timedelta(days=7)


def test_put_keeps_the_deployments_tags_and_refuses_unfit_ones(arm: Any) -> None:
    arm.put(DEPLOYMENT, {**body(template()), "tags": {"made": "by hand"}}, V)
    assert arm.get(DEPLOYMENT, V).body["tags"] == {"made": "by hand"}
    assert arm.put(f"{DEPLOYMENT}2", {**body(template()), "tags": {"made": 1}}, V).status == 400


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"location": "westeurope"}, "InvalidDeployment", "not allowed for 'd' at resource group scope"),
        ({"properties": {"templateLink": {"uri": "https://x"}}}, "InvalidTemplate", "'templateLink'"),
        ({"properties": {"parametersLink": {"uri": "https://x"}}}, "InvalidTemplate", "'parametersLink'"),
        (
            {"properties": {"onErrorDeployment": {"type": "LastSuccessful"}}},
            "InvalidTemplate",
            "'onErrorDeployment'",
        ),
        ({"properties": {"template": None}}, "InvalidRequestContent", "'template'"),
        (
            {"properties": {"template": template() | {"resources": {"stone": storage("stone")}}}},
            "InvalidRequestContent",
            "to type 'JArray'",
        ),
    ],
)
def test_put_what_is_not_for_this_scope_or_not_served_is_refused(
    arm: Any, change: dict[str, Any], code: str, says: str
) -> None:
    sent = body(template(storage("stone")))
    properties = {**sent["properties"], **change.get("properties", {})}
    answer = arm.put(DEPLOYMENT, {**sent, **change, "properties": properties}, V)
    assert (answer.status, answer.code) == (400, code)
    assert says in answer.message
    assert arm.get(DEPLOYMENT, V).status == 404


@pytest.mark.parametrize("condition", [True, False])
def test_put_resource_in_a_region_that_there_is_not_is_refused_at_once(arm: Any, condition: bool) -> None:
    sent = template(storage("stone"), storage("sttwo", location="mars", condition=condition))
    answer = arm.put(DEPLOYMENT, body(sent), V)
    assert (answer.status, answer.code) == (400, "LocationNotAvailableForResourceType")
    assert arm.get(f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stone", "2023-01-01").status == 404


def test_put_nested_deployment_with_a_location_in_a_group_fails(arm: Any) -> None:
    inner = {"mode": "Incremental", "template": template()}
    nested = {"type": NESTED, "apiVersion": V, "name": "n", "location": "westeurope", "properties": inner}
    arm.put(DEPLOYMENT, body(template(nested)), V)
    assert "InvalidDeployment" in json.dumps(arm.settle(DEPLOYMENT, V).body["properties"]["error"])


def test_list_deployments_by_their_state(arm: Any) -> None:
    for name, of in (("good", template()), ("bad", template(storage("NotAName")))):
        arm.put(f"{DEPLOYMENT}-{name}", body(of), V)
        arm.settle(f"{DEPLOYMENT}-{name}", V)
    several = DEPLOYMENT.rpartition("/")[0]
    found = arm.get(several, V, "&$filter=provisioningState%20eq%20'failed'").body["value"]
    assert [each["name"] for each in found] == ["d-bad"]
    assert arm.get(several, V, "&$filter=name%20eq%20'd-bad'").status == 400


def test_delete_deployment_is_accepted_and_its_location_tells_that_it_is_gone(arm: Any) -> None:
    arm.put(DEPLOYMENT, body(template()), V)
    arm.settle(DEPLOYMENT, V)
    answer = arm.send("DELETE", DEPLOYMENT, version=V)
    assert answer.status == 202
    path = answer.headers["Location"].removeprefix("https://management.azure.com").partition("?")[0]
    assert arm.get(path, V).status == 204
    assert arm.get(DEPLOYMENT, V).status == 404
    assert arm.send("DELETE", DEPLOYMENT, version=V).status == 204


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
