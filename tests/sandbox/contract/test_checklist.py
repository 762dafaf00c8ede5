"""What must hold for a client not to tell the sandbox from Azure, point by point, in the order of the wire protocol's
own checklist. What is not recorded of Azure is marked so in COVERAGE.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.rest import HttpResponse

from tests.sandbox.contract.wire_world import MADE
from tests.sandbox.ml.workspace_world import GROUP, WORKSPACE, Arm, associated, workspace_body
from vnetferry.sandbox.server import Sandbox

ENDPOINT = f"{WORKSPACE}/onlineEndpoints/scoring"
DEPLOYMENT = f"{ENDPOINT}/deployments/blue"
SECURED = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/wssecured"
RULE = {"type": "FQDN", "category": "UserDefined", "destination": "a.example.com"}
COVERAGE = Path(__file__).parents[3] / "COVERAGE.md"


def _put_endpoint(arm: Arm, name: str, workspace: str = WORKSPACE, **properties: Any) -> HttpResponse:
    body = MADE["onlineEndpoints/scoring"]
    sent = {**body, "properties": {**body["properties"], **properties}}
    return arm.send("PUT", f"{workspace}/onlineEndpoints/{name}", sent)


def _put_deployment(arm: Arm, name: str, **changes: Any) -> HttpResponse:
    body = MADE["onlineEndpoints/scoring/deployments/blue"]
    properties = {**body["properties"], **changes.pop("properties", {})}
    return arm.send("PUT", f"{ENDPOINT}/deployments/{name}", {**body, **changes, "properties": properties})


@pytest.fixture(scope="module")
def secured(arm: Arm) -> Arm:
    """With a second workspace, whose managed network is provisioned, and an endpoint in it."""
    network = {"isolationMode": "AllowOnlyApprovedOutbound"}
    arm.done("PUT", SECURED, workspace_body(managedNetwork=network))
    arm.done("POST", f"{SECURED}/provisionManagedNetwork", {"includeSpark": False})
    arm.finish(_put_endpoint(arm, "secured", SECURED))
    return arm


def test_1_creations_are_201_and_other_changes_an_empty_202_with_both_addresses(secured: Arm) -> None:
    made = [_put_endpoint(secured, "scoring")]
    secured.finish(made[0])
    made.append(_put_deployment(secured, "blue"))
    secured.finish(made[1])
    rule = f"{SECURED}/outboundRules/rule-one"
    secured.done("PUT", rule, {"properties": RULE})
    changes = []
    for method, path, body in (
        ("PATCH", SECURED, {"tags": {}}),
        ("POST", f"{SECURED}/provisionManagedNetwork", {"includeSpark": False}),
        ("DELETE", rule, None),
    ):
        changes.append(secured.send(method, path, body))
        secured.finish(changes[-1])

    assert [answer.status_code for answer in made] == [201, 201]
    assert [(answer.status_code, answer.text()) for answer in changes] == [(202, "")] * 3
    for answer in made + changes:
        assert "azure-asyncoperation" in list(answer.headers)  # in lower case, as several clusters send it
        assert "Location" in answer.headers
    assert all(len(answer.headers["Azure-AsyncOperation"]) > 2500 for answer in made)
    signs = [parse_qs(urlsplit(answer.headers["Azure-AsyncOperation"]).query) for answer in made]
    assert [set("tcsh") <= sign.keys() for sign in signs] == [True, True]


def test_1_deleting_a_workspace_is_an_empty_202_with_both_addresses(arm: Arm) -> None:
    leaving = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/wsleaving"
    arm.done("PUT", leaving, workspace_body())
    gone = arm.send("DELETE", leaving, forceToPurge="true")
    assert (gone.status_code, gone.text()) == (202, "")
    assert {"azure-asyncoperation", "location"} <= set(gone.headers)
    assert arm.finish(gone) == {"status": "Succeeded", "percentComplete": 100.0}


def test_2_update_answers_the_old_traffic_and_the_new_one_only_at_its_end(arm: Arm) -> None:
    arm.finish(_put_endpoint(arm, "scoring", traffic={}))
    answer = _put_endpoint(arm, "scoring", traffic={"blue": 100})
    said = answer.json()["properties"]
    arm.finish(answer)

    assert (said["provisioningState"], said["traffic"]) == ("Updating", {})
    assert arm.get(ENDPOINT)["properties"]["traffic"] == {"blue": 100}


def test_3_deployment_reads_what_was_never_sent_and_an_update_leaves_no_trace(arm: Arm) -> None:
    created = _put_deployment(arm, "traced")
    arm.finish(created)
    before = arm.get(f"{ENDPOINT}/deployments/traced")
    updated = _put_deployment(arm, "traced", sku={"name": "Default", "capacity": 2})
    arm.finish(updated)
    after = arm.get(f"{ENDPOINT}/deployments/traced")

    assert created.json()["properties"].get("environmentVariables") in (None, {})
    assert before["properties"]["egressPublicNetworkAccess"] == "Enabled"
    assert before["properties"]["environmentVariables"] == {
        "AZUREML_MODEL_DIR": "/var/azureml-app/azureml-models/m/1",
        "AZUREML_ENTRY_SCRIPT": "score.py",
        "AML_APP_ROOT": before["properties"]["environmentVariables"]["AML_APP_ROOT"],
    }
    assert (updated.json()["properties"]["instanceType"], updated.json()["sku"]["capacity"]) == (None, 2)
    assert list(updated.json()["systemData"]) == ["lastModifiedAt"]
    assert after["sku"]["capacity"] == 2
    uri = "AzureAsyncOperationUri"
    assert after["properties"]["properties"][uri] == before["properties"]["properties"][uri]
    assert after["systemData"]["lastModifiedAt"] == before["systemData"]["lastModifiedAt"]


@pytest.mark.parametrize("egress", ["Enabled", "Disabled"])
def test_4_deployment_that_sends_egress_into_a_managed_network_is_refused(secured: Arm, egress: str) -> None:
    path = f"{SECURED}/onlineEndpoints/secured/deployments/blue"
    body = MADE["onlineEndpoints/scoring/deployments/blue"]
    properties = {**body["properties"], "egressPublicNetworkAccess": egress}
    answer = secured.send("PUT", path, {**body, "properties": properties})
    error = answer.json()["error"]

    assert (answer.status_code, error["code"], error["message"]) == (
        400,
        "BadRequest",
        "The request is invalid.",
    )
    assert error["details"][0]["code"] == "InferencingClientCallFailed"
    text = error["details"][0]["message"]
    assert text.startswith('{{"errors":{{"')
    assert text.endswith('"title":"One or more validation errors occurred."}}')
    assert (
        "The EgressPublicNetworkAccess under online deployment is no longer supported when your workspace is "
        "secured with managed virtual network. Please avoid setting EgressPublicNetworkAccess on the "
        "deployment in this case."
    ) in text
    assert secured.send("GET", path).status_code == 404


def test_4_deployment_beside_a_registry_that_is_not_premium_is_refused(secured: Arm) -> None:
    plain = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/crplain"
    body = {"location": "westeurope", "sku": {"name": "Standard"}, "properties": {}}
    secured.send("PUT", plain, body, version="2023-07-01")
    workspace = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/wsplain"
    network = {"isolationMode": "AllowInternetOutbound"}
    secured.done("PUT", workspace, {**workspace_body(managedNetwork=network, containerRegistry=plain)})
    secured.finish(secured.send("POST", f"{workspace}/provisionManagedNetwork", {"includeSpark": False}))
    secured.finish(_put_endpoint(secured, "plain", workspace))
    sent = MADE["onlineEndpoints/scoring/deployments/blue"]
    answer = secured.send("PUT", f"{workspace}/onlineEndpoints/plain/deployments/blue", sent)

    assert answer.status_code == 400
    assert (
        "Deployments with enabled private networking require a premium tier ACR which supports private "
        "networking capabilities."
    ) in answer.json()["error"]["details"][0]["message"]


def test_5_patch_merges_rules_and_replaces_tags_and_rules_have_no_arm_ids(secured: Arm) -> None:
    rules = f"{SECURED}/outboundRules"
    for name, tags in (("rule-a", {"a": "1"}), ("rule-b", {"b": "2"})):
        rule = {**RULE, "destination": f"{name}.example.com"}
        network = {"isolationMode": "AllowOnlyApprovedOutbound", "outboundRules": {name: rule}}
        secured.done("PATCH", SECURED, {"tags": tags, "properties": {"managedNetwork": network}})
    listed = secured.get(rules)["value"]
    own = {each["name"] for each in listed if each["properties"]["category"] == "UserDefined"}

    assert own >= {"rule-a", "rule-b"}
    assert secured.get(SECURED)["tags"] == {"b": "2"}
    assert {(each["id"], each["type"]) for each in listed} == {(None, None)}
    assert secured.get(f"{rules}/rule-a")["id"] == "wssecured/outboundRules/rule-a"


def test_6_template_deployment_has_its_short_path_and_tells_its_duration(arm: Arm) -> None:
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [],
    }
    group = GROUP.replace("resourceGroups", "resourcegroups")
    path = f"{group}/providers/Microsoft.Resources/deployments/ws-1"
    body = {"properties": {"template": template, "parameters": {}, "mode": "incremental"}}
    made = arm.send("PUT", path, body, version="2020-06-01")
    assert (made.status_code, "Location" in made.headers) == (201, False)
    assert made.json()["properties"]["mode"] == "Incremental"
    assert arm.finish(made) == {"status": "Succeeded"}
    read = arm.send("GET", path, version="2020-06-01").json()["properties"]
    assert re.fullmatch(r"PT(\d+H)?(\d+M)?[\d.]+S", read["duration"])
    operations = arm.send("GET", f"{group}/deployments/ws-1/operations", version="2020-06-01").json()["value"]
    assert operations[-1]["properties"]["provisioningOperation"] == "EvaluateDeploymentOutput"
    assert "targetResource" not in operations[-1]["properties"]


def test_7_keys_are_regenerated_both_as_recorded_and_as_defined(arm: Arm) -> None:
    asked = {"keyType": "Secondary", "keyValue": "k" * 32}
    lost = arm.send("POST", f"{ENDPOINT}/regenerateKeys", asked, version="2022-02-01-preview")
    assert (lost.status_code, lost.text(), "Azure-AsyncOperation" in lost.headers) == (202, "null", False)
    nowhere = arm.read(lost.headers["Location"])
    assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (404, "NotFound")
    assert nowhere.json()["error"]["details"][0]["code"] == "OperationNotFound"
    while arm.send("POST", f"{ENDPOINT}/listKeys").json()["secondaryKey"] != "k" * 32:
        pass  # it was accepted all the same

    asked = {"keyType": "Primary", "keyValue": "p" * 32}
    told = arm.send("POST", f"{ENDPOINT}/regenerateKeys", asked)
    assert (told.status_code, told.text()) == (202, "")
    assert arm.finish(told)["status"] == "Succeeded"
    assert arm.send("POST", f"{ENDPOINT}/listKeys").json()["primaryKey"] == "p" * 32


def test_8_endpoint_names_are_unique_in_a_region(secured: Arm) -> None:
    taken = _put_endpoint(secured, "scoring", SECURED)
    assert taken.status_code == 400
    assert "There is already an endpoint with this name" in taken.text()
    assert secured.send("GET", f"{SECURED}/onlineEndpoints/scoring").status_code == 404


def test_8_endpoint_name_is_held_after_deletion(
    sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox]
) -> None:
    enter_sandbox(sandbox_factory({"resources": associated(), "runtime": "echo"}, time_scale=1000))
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body())
    arm.finish(_put_endpoint(arm, "fleeting"))
    arm.finish(arm.send("DELETE", f"{WORKSPACE}/onlineEndpoints/fleeting"))
    held = _put_endpoint(arm, "fleeting")
    error = held.json()["error"]

    assert (held.status_code, error["code"]) == (404, "NotFound")
    assert error["message"] == "The specified resource was not found."
    assert error["details"][0]["code"] == "InferencingClientCallFailed"
    assert error["details"][0]["message"] == '{{"title":"Not Found"}}'


def test_8_name_of_a_soft_deleted_workspace_is_refused(arm: Arm) -> None:
    workspace = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/wsgrave"
    arm.done("PUT", workspace, workspace_body())
    arm.done("DELETE", workspace)
    text = "Soft-deleted workspace exists. Please purge or recover it. https://aka.ms/wsoftdelete"
    assert arm.refused("PUT", workspace, workspace_body()) == (400, "BadRequest", text)
    assert arm.send("GET", workspace).status_code == 404


def test_9_coverage_says_that_409_and_429_are_assumed() -> None:
    text = " ".join(COVERAGE.read_text(encoding="utf-8").split())
    assert (
        "No recording shows a 409 or a 429 of the ML service: that a busy resource answers the one, and too many "
        "requests the other, is assumed from documentation and reports, and so is their shape."
    ) in text
