"""Azure Policy: what is assigned is enforced, and nothing else; the check says beforehand what would be refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.arm.conftest import GROUP, SUBSCRIPTION, Answer
from tests.sandbox.arm.test_deployments import DEPLOYMENT, body, storage, template
from vnetferry.sandbox.arm.authorization import CLIENT_OBJECT_ID
from vnetferry.sandbox.wire import Principal

SCOPE = f"/subscriptions/{SUBSCRIPTION}"
AUTHORIZATION = "providers/Microsoft.Authorization"
DEFINITION = f"{SCOPE}/{AUTHORIZATION}/policyDefinitions/open-storage"
SET = f"{SCOPE}/{AUTHORIZATION}/policySetDefinitions/baseline"
ASSIGNMENT = f"{SCOPE}/{AUTHORIZATION}/policyAssignments/baseline"
STORAGE = "Microsoft.Storage/storageAccounts"
ACCOUNT = f"{GROUP}/providers/{STORAGE}/stone"
P, E, S, C = "2023-04-01", "2022-07-01-preview", "2023-01-01", "2023-03-01"
READER = Principal("99999999-9999-4999-8999-999999999999", "reader", "t")


def rule(*conditions: Any, effect: str = "[parameters('effect')]") -> dict[str, Any]:
    typed = {"field": "type", "equals": STORAGE}
    return {"if": {"allOf": [typed, *conditions]}, "then": {"effect": effect}}


OPEN = {"field": f"{STORAGE}/publicNetworkAccess", "notEquals": "Disabled"}
EFFECT = {"type": "String", "defaultValue": "Deny", "allowedValues": ["Audit", "Deny", "Disabled"]}


def definition(**properties: Any) -> dict[str, Any]:
    held = {
        "displayName": "Storage accounts stay closed",
        "mode": "Indexed",
        "parameters": {"effect": EFFECT},
    }
    return {"properties": {**held, "policyRule": rule(OPEN), **properties}}


def assignment(definition_id: str = DEFINITION, **properties: Any) -> dict[str, Any]:
    return {"properties": {"displayName": "Baseline", "policyDefinitionId": definition_id, **properties}}


def make(arm: Any, path: str = ACCOUNT, **properties: Any) -> Answer:
    account = {"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
    answer: Answer = arm.put(path, {**account, "properties": properties}, S)
    return answer


@pytest.fixture
def governed(arm: Any) -> Any:
    """A subscription in which storage accounts may not be open."""
    assert arm.put(DEFINITION, definition(), P).status == 201
    assert arm.put(ASSIGNMENT, assignment(), P).status == 201
    return arm


def test_put_that_a_policy_denies_is_refused_in_azures_words_and_changes_nothing(governed: Any) -> None:
    before = len(governed.world.documents)
    answer = make(governed)
    assert (answer.status, answer.code) == (403, "RequestDisallowedByPolicy")
    assert answer.message == (
        "Resource 'stone' was disallowed by policy. Policy identifiers: "
        f'\'[{{"policyAssignment":{{"name":"Baseline","id":"{ASSIGNMENT}"}},'
        f'"policyDefinition":{{"name":"Storage accounts stay closed","id":"{DEFINITION}"}}}}]\'.'
    )
    error = answer.body["error"]
    assert error["target"] == "stone"
    (violation,) = error["additionalInfo"]
    assert violation["type"] == "PolicyViolation"
    assert violation["info"]["policyDefinitionEffect"] == "Deny"
    shown = violation["info"]["evaluationDetails"]["evaluatedExpressions"]
    assert [(each["expressionKind"], each["operator"]) for each in shown] == [
        ("Field", "Equals"),
        ("Field", "NotEquals"),
    ]
    assert len(governed.world.documents) == before
    assert make(governed, publicNetworkAccess="Disabled").status == 200


def test_patch_is_judged_by_what_comes_of_it(governed: Any) -> None:
    make(governed, publicNetworkAccess="Disabled")
    governed.settle(ACCOUNT, S)
    opened = {"properties": {"publicNetworkAccess": "Enabled"}}
    assert governed.send("PATCH", ACCOUNT, opened, version=S).code == "RequestDisallowedByPolicy"
    assert governed.send("PATCH", ACCOUNT, {"tags": {"a": "b"}}, version=S).status == 200


def test_template_is_refused_before_anything_is_made(governed: Any) -> None:
    answer = governed.put(DEPLOYMENT, body(template(storage("stone"))), "2020-06-01")
    assert (answer.status, answer.code) == (400, "InvalidTemplateDeployment")
    (detail,) = answer.body["error"]["details"]
    assert (detail["code"], detail["target"]) == ("RequestDisallowedByPolicy", "stone")
    assert governed.get(DEPLOYMENT, "2020-06-01").status == 404


def test_deployment_whose_body_is_known_late_fails_when_it_comes_to_it(governed: Any) -> None:
    make(governed, f"{ACCOUNT}1", publicNetworkAccess="Disabled")
    late = f"[reference('{ACCOUNT}1', '2023-01-01').provisioningState]"
    governed.put(DEPLOYMENT, body(template(storage("stone", tags={"a": late}))), "2020-06-01")
    ended = governed.settle(DEPLOYMENT, "2020-06-01").body["properties"]
    assert ended["provisioningState"] == "Failed"
    assert "RequestDisallowedByPolicy" in ended["error"]["details"][0]["message"]
    assert ACCOUNT not in governed.world.documents


@pytest.mark.parametrize(
    "properties",
    [
        {"enforcementMode": "DoNotEnforce"},
        {"notScopes": [GROUP]},
        {"parameters": {"effect": {"value": "Audit"}}},
        {"parameters": {"effect": {"value": "Disabled"}}},
    ],
    ids=str,
)
def test_assignment_that_does_not_deny_there_lets_through(governed: Any, properties: dict[str, Any]) -> None:
    governed.put(ASSIGNMENT, assignment(**properties), P)
    assert make(governed).status == 200


def test_policy_of_the_mode_all_sees_what_has_no_location_and_indexed_does_not(arm: Any) -> None:
    group = {"field": "type", "equals": "Microsoft.Resources/subscriptions/resourceGroups"}
    untagged = {
        "if": {"allOf": [group, {"field": "tags.env", "exists": "false"}]},
        "then": {"effect": "deny"},
    }
    for mode, status in (("Indexed", 201), ("All", 403)):
        arm.put(DEFINITION, {"properties": {"mode": mode, "policyRule": untagged}}, P)
        arm.put(ASSIGNMENT, assignment(), P)
        path = f"{SCOPE}/resourceGroups/rg-{mode}"
        assert arm.put(path, {"location": "westeurope"}, "2021-04-01").status == status
        assert arm.put(path, {"location": "westeurope", "tags": {"env": "a"}}, "2021-04-01").status in (
            200,
            201,
        )


def exemption(**properties: Any) -> dict[str, Any]:
    return {"properties": {"policyAssignmentId": ASSIGNMENT, "exemptionCategory": "Waiver", **properties}}


def test_exemption_counts_where_it_is_and_until_it_ends(governed: Any) -> None:
    path = f"{GROUP}/{AUTHORIZATION}/policyExemptions/once"
    governed.put(path, exemption(expiresOn="2001-01-01T00:00:00Z"), E)
    assert make(governed).code == "RequestDisallowedByPolicy"
    assert governed.put(path, exemption(), E).status == 200
    assert make(governed).status == 200
    governed.send("DELETE", path, version=E)
    assert make(governed, f"{ACCOUNT}2").code == "RequestDisallowedByPolicy"


def test_exemption_that_ends_at_no_time_is_refused(governed: Any) -> None:
    path = f"{GROUP}/{AUTHORIZATION}/policyExemptions/once"
    assert governed.put(path, exemption(expiresOn="soon"), E).code == "InvalidRequestContent"
    governed.put(path, exemption(expiresOn="2999-01-01"), E)
    assert make(governed).status == 200


def test_set_brings_its_definitions_with_its_own_parameters(governed: Any) -> None:
    member = {
        "policyDefinitionId": DEFINITION,
        "policyDefinitionReferenceId": "closed",
        "parameters": {"effect": {"value": "[parameters('storageEffect')]"}},
    }
    held = {"displayName": "All", "parameters": {"storageEffect": {"type": "String"}}}
    assert governed.put(SET, {"properties": {**held, "policyDefinitions": [member]}}, P).status == 201
    assert governed.put(ASSIGNMENT, assignment(SET), P).code == "MissingPolicyParameter"
    given = {"storageEffect": {"value": "Deny"}}
    messages = [{"message": "Close it.", "policyDefinitionReferenceId": "closed"}]
    governed.put(ASSIGNMENT, assignment(SET, parameters=given, nonComplianceMessages=messages), P)
    refused = make(governed)
    assert refused.message == (
        "Resource 'stone' was disallowed by policy. Reasons: 'Close it.'. See error details for policy resource IDs."
    )
    assert refused.body["error"]["additionalInfo"][0]["info"]["policyDefinitionReferenceId"] == "closed"
    path = f"{GROUP}/{AUTHORIZATION}/policyExemptions/once"
    governed.put(path, exemption(policyDefinitionReferenceIds=["other"]), E)
    assert make(governed).status == 403
    governed.put(path, exemption(policyDefinitionReferenceIds=["closed"]), E)
    assert make(governed).status == 200


@pytest.mark.parametrize(
    ("path", "sent", "status", "words"),
    [
        (DEFINITION, definition(mode="Microsoft.KeyVault.Data"), 501, "mode 'Microsoft.KeyVault.Data'"),
        (DEFINITION, definition(policyRule=rule(effect="modify")), 501, "the policy effect 'modify'"),
        (DEFINITION, definition(policyRule={"if": {}, "then": {"effect": "deny"}}), 400, "no condition"),
        (DEFINITION, definition(typo=1), 400, "typo"),
        (ASSIGNMENT, assignment(parameters={"effect": {"value": "Modify"}}), 400, "not among those allowed"),
        (ASSIGNMENT, assignment(parameters={"typo": {"value": "x"}}), 400, "not defined"),
        (ASSIGNMENT, assignment(parameters={"effect": {}}), 400, "has no 'value'"),
        (ASSIGNMENT, {**assignment(), "identity": {"type": "SystemAssigned"}}, 501, "identities"),
        (SET, {"properties": {"policyDefinitions": [{}]}}, 404, "could not be found"),
        (ASSIGNMENT, assignment(f"{DEFINITION}-typo"), 404, "could not be found"),
        (ASSIGNMENT, assignment(overrides=[{"kind": "policyEffect", "value": "Audit"}]), 501, "'overrides'"),
        (
            SET,
            {"properties": {"policyDefinitions": [{"policyDefinitionId": f"{DEFINITION}-typo"}]}},
            404,
            "typo",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_enforced_is_refused_and_what_was_there_stays(
    governed: Any, path: str, sent: Any, status: int, words: str
) -> None:
    before = governed.get(path, P)
    answer = governed.put(path, sent, P)
    assert (answer.status, words in answer.message) == (status, True), answer.message
    assert governed.get(path, P).body == before.body
    assert make(governed).code == "RequestDisallowedByPolicy"


def test_definition_that_is_assigned_is_not_deleted(governed: Any) -> None:
    assert governed.send("DELETE", DEFINITION, version=P).code == "PolicyDefinitionInUse"
    governed.send("DELETE", ASSIGNMENT, version=P)
    assert governed.send("DELETE", DEFINITION, version=P).status == 200


def check(arm: Any, content: dict[str, Any], scope: str = GROUP, **fields: Any) -> Answer:
    details = {"resourceContent": content, **({"scope": fields.pop("parent")} if "parent" in fields else {})}
    path = f"{scope}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions"
    answer: Answer = arm.send("POST", path, {"resourceDetails": details, **fields}, version=C)
    return answer


def test_check_says_what_would_be_denied(governed: Any) -> None:
    content = {"type": STORAGE, "name": "stone", "location": "westeurope", "properties": {}}
    found = check(governed, content).body["contentEvaluationResult"]["policyEvaluations"]
    assert [(each["evaluationResult"], each["effectDetails"], each["policyInfo"]) for each in found] == [
        (
            "NonCompliant",
            {"policyEffect": "Deny"},
            {"policyDefinitionId": DEFINITION, "policyAssignmentId": ASSIGNMENT},
        )
    ]
    assert found[0]["evaluationDetails"]["evaluatedExpressions"][-1] == {
        "result": "True",
        "expressionKind": "field",
        "expression": f"{STORAGE}/publicNetworkAccess",
        "path": "properties.publicNetworkAccess",
        "targetValue": "Disabled",
        "operator": "notEquals",
    }
    closed = {**content, "properties": {"publicNetworkAccess": "Disabled"}}
    assert check(governed, closed).body["contentEvaluationResult"]["policyEvaluations"] == []


def test_check_shows_audits_only_when_it_is_asked_for_them(governed: Any) -> None:
    governed.put(ASSIGNMENT, assignment(parameters={"effect": {"value": "Audit"}}), P)
    content = {"type": STORAGE, "name": "stone"}
    counts = [
        len(check(governed, content, **also).body["contentEvaluationResult"]["policyEvaluations"])
        for also in ({}, {"includeAuditEffect": True})
    ]
    assert counts == [0, 1]


def test_check_needs_the_provider_and_of_a_child_its_parent(arm_of: Callable[..., Any]) -> None:
    unregistered = {
        "id": f"{SCOPE}/providers/Microsoft.PolicyInsights",
        "namespace": "Microsoft.PolicyInsights",
        "registrationState": "NotRegistered",
    }
    assert check(arm_of(unregistered), {"type": STORAGE}).code == "MissingSubscriptionRegistration"
    child = {"type": f"{STORAGE}/privateEndpointConnections", "name": "c"}
    assert check(arm_of(), child).code == "InvalidRequestContent"
    assert check(arm_of(), child, parent=ACCOUNT).status == 200
    assert check(arm_of(), child, pendingFields=[{"field": "tags"}]).code == "NotImplemented"


def test_reader_may_check_and_not_assign_nor_exempt(arm_of: Callable[..., Any]) -> None:
    role = f"{SCOPE}/{AUTHORIZATION}/roleAssignments/11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
    reader = {"roleDefinitionId": "acdd72a7-3385-48ef-bd42-f606fba81ae7", "principalId": CLIENT_OBJECT_ID}
    arm = arm_of({"id": role, "properties": reader})
    assert check(arm, {"type": STORAGE}).status == 200
    for path, sent, version in (
        (DEFINITION, definition(), P),
        (ASSIGNMENT, assignment(), P),
        (f"{GROUP}/{AUTHORIZATION}/policyExemptions/once", exemption(), E),
    ):
        assert arm.put(path, sent, version).code == "AuthorizationFailed"


def test_private_endpoint_is_not_made_whose_connection_a_policy_denies(governed: Any) -> None:
    kind = f"{STORAGE}/privateEndpointConnections"
    foreign = {"field": f"{kind}/privateEndpoint.id", "notLike": "[concat(resourceGroup().id, '/*')]"}
    denied = {"if": {"allOf": [{"field": "type", "equals": kind}, foreign]}, "then": {"effect": "deny"}}
    governed.put(DEFINITION, {"properties": {"mode": "All", "policyRule": denied}}, P)
    make(governed)
    governed.settle(ACCOUNT, S)
    for group, status in ((f"{SCOPE}/resourceGroups/rg-callers", 403), (GROUP, 201)):
        governed.put(group, {"location": "westeurope"}, "2021-04-01")
        network = f"{group}/providers/Microsoft.Network/virtualNetworks/vnet"
        subnets = [{"name": "s", "properties": {"addressPrefix": "10.0.1.0/24"}}]
        space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": subnets}
        made = governed.put(network, {"location": "westeurope", "properties": space}, "2023-09-01")
        assert made.status == 201, made.body
        connection = {"name": "c", "properties": {"privateLinkServiceId": ACCOUNT, "groupIds": ["blob"]}}
        properties = {"subnet": {"id": f"{network}/subnets/s"}, "privateLinkServiceConnections": [connection]}
        path = f"{group}/providers/Microsoft.Network/privateEndpoints/pe"
        answer = governed.put(path, {"location": "westeurope", "properties": properties}, "2023-09-01")
        assert answer.status == status, answer.body
        assert (path in governed.world.documents) == (status == 201)


BUILT_IN = f"/{AUTHORIZATION}/policyDefinitions/438c38d2-3772-465a-a9cc-7a6666a275ce"


def test_scenario_may_assign_a_definition_of_azures_own(arm_of: Callable[..., Any]) -> None:
    arm = arm_of(
        {
            "id": BUILT_IN,
            "name": "closed",
            "type": "Microsoft.Authorization/policyDefinitions",
            **definition(),
        },
        {
            "id": ASSIGNMENT,
            "name": "b",
            "type": "Microsoft.Authorization/policyAssignments",
            **assignment(BUILT_IN),
        },
    )
    assert arm.world.scenario.subscriptions == (SUBSCRIPTION,)
    assert arm.get(BUILT_IN, P).body["properties"]["displayName"] == "Storage accounts stay closed"
    assert make(arm).code == "RequestDisallowedByPolicy"
