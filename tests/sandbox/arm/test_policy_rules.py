"""Azure Policy's rule language, without a world: what a rule says of one resource."""

from __future__ import annotations

from typing import Any

import pytest

from vnetferry.sandbox.arm.policy.rules import Subject, evaluate, require_rule
from vnetferry.sandbox.arm.template.scope import Scope
from vnetferry.sandbox.errors import AzureError

WORKSPACES = "Microsoft.MachineLearningServices/workspaces"
RESOURCE = {
    "id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws",
    "type": WORKSPACES,
    "name": "ws-secure",
    "fullName": "ws-secure",
    "location": "West Europe",
    "kind": "Default",
    "tags": {"Cost.Center": "42", "env": "Prod"},
    "identity": {"type": "SystemAssigned"},
    "sku": {"name": "Basic"},
    "properties": {
        "publicNetworkAccess": "Disabled",
        "hbiWorkspace": True,
        "managedNetwork": {"isolationMode": "AllowInternetOutbound"},
        "ports": [80, 443],
        "links": [
            {"name": "a", "properties": {"target": "/subscriptions/x/one"}},
            {"name": "b", "properties": {"target": "/subscriptions/y/two"}},
        ],
    },
}
SCOPE = Scope(
    {"id": "/subscriptions/s", "subscriptionId": "s"},
    {"name": "rg", "tags": {"env": "dev"}},
    {},
    parameters={"allowed": ["westeurope", "northeurope"], "tag": "env"},
)


def holds(condition: dict[str, Any], effect: str = "deny") -> bool:
    rule = {"if": condition, "then": {"effect": effect}}
    require_rule(rule)
    return evaluate(rule, Subject(RESOURCE, SCOPE)).holds


def alias(path: str) -> str:
    return f"{WORKSPACES}/{path}"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"field": "type", "equals": WORKSPACES.lower()}, True),
        ({"field": "name", "like": "WS-*"}, True),
        ({"field": "name", "notLike": "mlw-*"}, True),
        ({"field": "name", "match": "ws-######"}, False),
        ({"field": "name", "match": "WS-??????"}, False),
        ({"field": "name", "matchInsensitively": "WS-??????"}, True),
        ({"field": "name", "contains": "SECURE"}, True),
        ({"field": "location", "in": "[parameters('allowed')]"}, True),
        ({"field": "location", "notIn": ["eastus"]}, True),
        ({"field": "tags", "containsKey": "ENV"}, True),
        ({"field": "tags['Cost.Center']", "equals": "42"}, True),
        ({"field": "tags[Cost.Center]", "exists": "false"}, False),
        ({"field": "tags.env", "notEquals": "prod"}, False),
        ({"field": "[concat('tags[', parameters('tag'), ']')]", "equals": "prod"}, True),
        ({"field": "tags.owner", "exists": False}, True),
        ({"field": "tags.owner", "notEquals": "x"}, True),
        ({"field": "tags.owner", "equals": ""}, False),
        ({"field": "identity.type", "equals": "systemassigned"}, True),
        ({"field": alias("publicNetworkAccess"), "equals": "disabled"}, True),
        ({"field": alias("hbiWorkspace"), "equals": "true"}, True),
        ({"field": alias("sku.name"), "equals": "basic"}, True),
        ({"field": alias("managedNetwork.isolationMode"), "notEquals": "AllowOnlyApprovedOutbound"}, True),
        ({"field": "Microsoft.Storage/storageAccounts/publicNetworkAccess", "exists": True}, False),
        ({"field": alias("ports[*]"), "greater": 79}, True),
        ({"field": alias("ports[*]"), "greaterOrEquals": 81}, False),
        ({"field": alias("ports[*]"), "less": 444}, True),
        ({"field": alias("ports[*]"), "lessOrEquals": 442}, False),
        ({"field": alias("links[*].target"), "like": "/subscriptions/*"}, True),
        ({"field": alias("links[*].target"), "like": "/subscriptions/x/*"}, False),
        ({"count": {"field": alias("ports[*]")}, "equals": 2}, True),
        ({"count": {"field": alias("absent[*]")}, "greater": 0}, False),
        (
            {
                "count": {
                    "field": alias("links[*]"),
                    "where": {
                        "allOf": [
                            {"field": alias("links[*].target"), "notLike": "/subscriptions/x/*"},
                            {"field": "tags.env", "equals": "prod"},
                        ]
                    },
                },
                "equals": 1,
            },
            True,
        ),
        ({"value": "[resourceGroup().tags.env]", "equals": "dev"}, True),
        ({"value": "[subscription().subscriptionId]", "notEquals": "s"}, False),
        ({"value": f"[split(concat(field('{alias('friendlyName')}'), '//'), '/')[2]]", "equals": ""}, True),
        ({"value": f"[length(field('{alias('ports[*]')}'))]", "equals": 2}, True),
        ({"not": {"field": "kind", "equals": "default"}}, False),
        ({"anyOf": [{"field": "kind", "equals": "hub"}, {"field": "kind", "equals": "default"}]}, True),
        ({"allOf": [{"field": "kind", "equals": "hub"}, {"field": "kind", "equals": "default"}]}, False),
    ],
    ids=str,
)
def test_condition_holds_as_documented(condition: dict[str, Any], expected: bool) -> None:
    assert holds(condition) is expected


def test_verdict_shows_the_conditions_that_decided() -> None:
    access = {"field": alias("publicNetworkAccess"), "notEquals": "Enabled"}
    kind = {"field": "type", "equals": WORKSPACES}
    rule = {
        "if": {"allOf": [kind, {"anyOf": [{"field": "kind", "exists": "false"}, access]}]},
        "then": {"effect": "deny"},
    }
    assert evaluate(rule, Subject(RESOURCE, SCOPE)).conditions[1:] == (
        {
            "result": "True",
            "expressionKind": "field",
            "expression": alias("publicNetworkAccess"),
            "path": "properties.publicNetworkAccess",
            "expressionValue": "Disabled",
            "targetValue": "Enabled",
            "operator": "notEquals",
        },
    )


@pytest.mark.parametrize(
    "condition",
    [
        {"value": "[substring(field('name'), 0, 99)]", "equals": "abc"},
        {"field": "name", "less": 5},
        {"value": "[parameters('typo')]", "equals": "abc"},
        {"field": "[concat('no', 'field')]", "exists": "true"},
    ],
    ids=str,
)
def test_rule_that_cannot_be_evaluated_holds_and_says_why(condition: dict[str, Any]) -> None:
    rule = {"if": condition, "then": {"effect": "audit"}}
    require_rule(rule)
    verdict = evaluate(rule, Subject(RESOURCE, SCOPE))
    assert verdict.holds
    assert verdict.reason


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({}, 400),
        ({"field": "type"}, 400),
        ({"field": "type", "equal": "x"}, 400),
        ({"field": "nowhere", "equals": "x"}, 400),
        ({"field": "type", "equals": "x", "exists": "true"}, 400),
        ({"allOf": []}, 400),
        ({"anyOf": {"field": "type", "equals": "x"}}, 400),
        ({"not": [{"field": "type", "equals": "x"}]}, 400),
        ({"field": "type", "in": 5}, 400),
        ({"field": "type", "equals": "[concat('a']"}, 400),
        ({"count": {"field": "tags"}, "equals": 1}, 400),
        ({"count": {"value": [1, 2]}, "equals": 1}, 501),
        ({"count": {"field": alias("a[*].b[*]")}, "equals": 1}, 501),
        ({"value": "[requestContext().apiVersion]", "equals": "x"}, 501),
        ({"value": "[utcNow()]", "less": "x"}, 501),
        ({"value": "[if(true(), current('x'), '')]", "equals": "x"}, 501),
    ],
    ids=str,
)
def test_rule_that_is_unsound_or_not_evaluated_here_is_refused(
    condition: dict[str, Any], status: int
) -> None:
    with pytest.raises(AzureError) as refused:
        require_rule({"if": condition, "then": {"effect": "deny"}})
    assert refused.value.status == status
