"""Activity log alerts and alert processing rules, planned anew for the target by what their conditions choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.plan.test_satellites import (
    BLUE,
    CREDIT,
    GROUP,
    INSIGHTS,
    NEW_BLUE,
    NEW_CREDIT,
    SOURCE,
    SUBSCRIPTION,
    TARGET,
    VAULT,
    Json,
    alert,
)
from vnetferry.models.alert_rules import concerns
from vnetferry.models.config import MigrationConfig
from vnetferry.models.ids import ML, ResourceId
from vnetferry.models.inventory import Document, Inventory
from vnetferry.models.plan import Plan, Step
from vnetferry.plan.build import build
from vnetferry.plan.satellites import needed_actions, orphans
from vnetferry.plan.scope import scope_of

Configure = Callable[..., MigrationConfig]
RULES = "providers/Microsoft.AlertsManagement/actionRules"
KINDS = [
    f"{ML}/workspaces{end}" for end in ("", "/onlineEndpoints", "/onlineEndpoints/deployments", "/computes")
]
DELETED = {"field": "operationName", "equals": f"{ML}/workspaces/delete"}
CHURN = SOURCE.child("onlineEndpoints", "churn")


@pytest.fixture
def plan_with(inventory: Inventory, configure: Configure) -> Callable[..., Plan]:
    """The plan of the legacy workspace with further documents around it."""

    def make(*more: Document, **sections: Any) -> Plan:
        held = inventory.model_copy(update={"documents": (*inventory.documents, *more)})
        return build(held, configure(**sections), {"credit": "ab" * 32})

    return make


def activity_alert(*scopes: str, conditions: tuple[Json, ...] = ()) -> Document:
    hook = {"actionGroupId": f"{GROUP}/{INSIGHTS}/actionGroups/ops", "webhookProperties": {"team": "risk"}}
    properties = {
        "scopes": list(scopes),
        "enabled": True,
        "condition": {"allOf": [{"field": "category", "equals": "Administrative"}, *conditions]},
        "actions": {"actionGroups": [hook]},
    }
    return _document(f"{GROUP}/{INSIGHTS}/activityLogAlerts/deleted", properties)


def processing_rule(*scopes: str, conditions: tuple[Json, ...] = ()) -> Document:
    properties: Json = {
        "scopes": list(scopes),
        "enabled": True,
        "actions": [{"actionType": "RemoveAllActionGroups"}],
    }
    if conditions:
        properties["conditions"] = list(conditions)
    return _document(f"{GROUP}/{RULES}/quiet", properties)


def condition(field: str, *values: str, operator: str = "Equals") -> Json:
    return {"field": field, "operator": operator, "values": list(values)}


def _document(identifier: str, properties: Json) -> Document:
    body = {"id": identifier, "location": "Global", "tags": {"team": "risk"}, "properties": properties}
    return Document(id=ResourceId(identifier), body=body)


def _made(plan: Plan, document: Document) -> Step:
    (step,) = (step for step in plan.of_kind("create_alert") if step.source == document.id)
    return step


def _is_made(plan: Plan, document: Document) -> bool:
    return any(step.source == document.id for step in plan.of_kind("create_alert"))


def test_activity_alert_on_an_endpoint_is_made_for_the_new_one(plan_with: Callable[..., Plan]) -> None:
    document = activity_alert(str(CREDIT))
    plan = plan_with(document)
    step = _made(plan, document)
    after, before = step.body["properties"], document.properties
    assert after["scopes"] == [str(NEW_CREDIT)]
    assert (after["condition"], after["enabled"]) == (before["condition"], True)
    assert after["actions"]["actionGroups"][0]["webhookProperties"] == {"team": "<secret>"}
    assert step.spec["secrets"]
    assert (step.body["location"], step.body["tags"]) == ("Global", {"team": "risk"})
    assert step.resource.group_id == TARGET.group_id
    assert step.depends_on == ("set_traffic:credit-v2",)
    assert step.id in plan.step("hand_off:handoff.json").depends_on


def test_activity_alert_that_names_an_endpoint_names_the_new_one(plan_with: Callable[..., Plan]) -> None:
    named = {"field": "resourceId", "equals": str(CREDIT).lower()}
    document = activity_alert(SUBSCRIPTION, conditions=(named,))
    step = _made(plan_with(document), document)
    assert step.body["properties"]["scopes"] == [SUBSCRIPTION]
    assert step.body["properties"]["condition"]["allOf"][1] == {
        "field": "resourceId",
        "equals": str(NEW_CREDIT),
    }


def test_activity_alert_that_names_several_names_those_that_move(plan_with: Callable[..., Plan]) -> None:
    either = {
        "anyOf": [
            {"field": "resourceId", "equals": str(CREDIT)},
            {"field": "resourceId", "equals": VAULT},
        ]
    }
    lists = {"field": "resourceId", "containsAny": [VAULT, str(BLUE)]}
    for several, expected in (
        (either, {"anyOf": [{"field": "resourceId", "equals": str(NEW_CREDIT)}]}),
        (lists, {"field": "resourceId", "containsAny": [str(NEW_BLUE)]}),
    ):
        document = activity_alert(SUBSCRIPTION, conditions=(several,))
        plan = plan_with(document)
        assert _made(plan, document).body["properties"]["condition"]["allOf"][1] == expected
        assert any("names what stays too" in w.text for w in plan.warnings)


def test_activity_alert_on_the_groups_ml_operations_is_for_the_targets_group(
    plan_with: Callable[..., Plan],
) -> None:
    document = activity_alert(GROUP, conditions=(DELETED,))
    plan = plan_with(document)
    step = _made(plan, document)
    assert step.body["properties"]["scopes"] == [str(TARGET.group_id)]
    assert step.body["properties"]["condition"] == document.properties["condition"]
    assert not any("is for all of" in w.text for w in plan.warnings)


def test_rules_for_all_of_the_group_are_for_ml_alone_in_the_targets(plan_with: Callable[..., Plan]) -> None:
    of_activity, of_alerts = activity_alert(GROUP), processing_rule(GROUP)
    plan = plan_with(of_activity, of_alerts)
    added = {"field": "resourceProvider", "equals": ML}
    assert _made(plan, of_activity).body["properties"]["condition"]["allOf"][-1] == added
    assert _made(plan, of_alerts).body["properties"]["conditions"] == [
        condition("TargetResourceType", *KINDS)
    ]
    assert len([w for w in plan.warnings if "is for all of" in w.text]) == 2


def test_rules_in_one_group_with_the_target_stay(plan_with: Callable[..., Plan]) -> None:
    document = processing_rule(GROUP)
    plan = plan_with(document, target={"resource_group": "rg-legacy", "workspace": "ws-secure"})
    assert not _is_made(plan, document)
    assert {e.disposition for e in plan.carry_over if e.source == document.id} == {"carried"}


@pytest.mark.parametrize(
    ("conditions", "after"),
    [
        ((condition("TargetResource", str(CREDIT), VAULT),), [condition("TargetResource", str(NEW_CREDIT))]),
        (
            (condition("TargetResource", str(CREDIT), operator="NotEquals"), condition("Severity", "Sev4")),
            [
                condition("TargetResource", str(NEW_CREDIT), operator="NotEquals"),
                condition("Severity", "Sev4"),
                condition("TargetResourceType", *KINDS),
            ],
        ),
        (
            (condition("TargetResourceType", f"{ML}/workspaces/onlineEndpoints"),),
            [condition("TargetResourceType", f"{ML}/workspaces/onlineEndpoints")],
        ),
        (
            (condition("TargetResourceType", KINDS[3].lower(), "Microsoft.Sql/x", operator="NotEquals"),),
            [condition("TargetResourceType", *KINDS[:3])],
        ),
        (
            (condition("TargetResourceType", "machinelearning", operator="Contains"),),
            [condition("TargetResourceType", "machinelearning", operator="Contains")],
        ),
        (
            (condition("TargetResource", "WS-legacy/onlineEndpoints/credit", operator="Contains"),),
            [condition("TargetResource", "ws-secure/onlineEndpoints/credit-v2", operator="Contains")],
        ),
        (
            (condition("TargetResource", f"{SOURCE}/onlineEndpoints/", operator="Contains"),),
            [condition("TargetResource", f"{TARGET}/onlineEndpoints/", operator="Contains")],
        ),
        (
            (condition("AlertRuleName", "slow", operator="Contains"),),
            [condition("AlertRuleName", "slow", operator="Contains")],
        ),
    ],
)
def test_processing_rule_chooses_of_the_target_what_it_chose_of_the_source(
    plan_with: Callable[..., Plan], conditions: tuple[Json, ...], after: list[Json]
) -> None:
    document = processing_rule(GROUP, conditions=conditions)
    step = _made(plan_with(document), document)
    assert step.body["properties"]["scopes"] == [str(TARGET.group_id)]
    assert step.body["properties"]["conditions"] == after


def test_processing_rule_names_the_alerts_that_are_made_again(plan_with: Callable[..., Plan]) -> None:
    slow = alert(str(CREDIT))
    by_id = processing_rule(SUBSCRIPTION, conditions=(condition("AlertRuleId", str(slow.id)),))
    plan = plan_with(slow, by_id)
    twin = _made(plan, slow).resource
    assert _made(plan, by_id).body["properties"]["conditions"] == [condition("AlertRuleId", str(twin))]
    by_name = processing_rule(str(CREDIT), conditions=(condition("AlertRuleName", "slow"),))
    plan = plan_with(slow, by_name)
    assert _made(plan, by_name).body["properties"]["conditions"] == [condition("AlertRuleName", twin.name)]


def test_processing_rule_names_all_alerts_of_a_name_and_those_on_the_activity_log(
    plan_with: Callable[..., Plan],
) -> None:
    watching = activity_alert(str(CREDIT))
    elsewhere = Document(
        id=ResourceId(str(watching.id).replace("rg-legacy", "rg-other")), body=dict(watching.body)
    )
    by_id = processing_rule(SUBSCRIPTION, conditions=(condition("AlertRuleId", str(watching.id)),))
    plan = plan_with(watching, elsewhere, by_id)
    twins = [_made(plan, each).resource for each in (watching, elsewhere)]
    assert _made(plan, by_id).body["properties"]["conditions"][0]["values"] == [str(twins[0])]
    by_name = processing_rule(GROUP, conditions=(condition("AlertRuleName", "Deleted"),))
    step = _made(plan_with(watching, elsewhere, by_name), by_name)
    assert sorted(step.body["properties"]["conditions"][0]["values"]) == sorted(t.name for t in twins)


def test_rule_that_covers_both_sides_is_not_made_twice(plan_with: Callable[..., Plan]) -> None:
    document = activity_alert(str(CREDIT), SUBSCRIPTION)
    assert not _is_made(plan_with(document), document)


def test_rule_for_both_sides_that_keeps_out_the_source_is_told(plan_with: Callable[..., Plan]) -> None:
    kept_out = condition("TargetResource", str(CREDIT), operator="NotEquals")
    document = processing_rule(SUBSCRIPTION, conditions=(kept_out,))
    plan = plan_with(document)
    assert not _is_made(plan, document)
    (warning,) = (w for w in plan.warnings if w.resource == str(document.id))
    assert "keeps out by name what moves" in warning.text


def test_processing_rule_is_there_before_any_alert(plan_with: Callable[..., Plan]) -> None:
    document = processing_rule(str(CREDIT), str(BLUE))
    assert _made(plan_with(document), document).depends_on == (
        "create_endpoint:credit-v2",
        "create_deployment:credit-v2/blue",
    )


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (activity_alert(str(CHURN)), "what it watches stays"),
        (
            activity_alert(SUBSCRIPTION, conditions=({"field": "resourceId", "equals": str(CHURN)},)),
            "what it watches stays",
        ),
        (activity_alert(SUBSCRIPTION), "source and target share"),
        (processing_rule(SUBSCRIPTION), "source and target share"),
        (
            processing_rule(GROUP, conditions=(condition("AlertRuleId", f"{GROUP}/x/y"),)),
            "source and target share",
        ),
    ],
)
def test_rules_that_are_not_made_again_have_a_line_that_says_why(
    plan_with: Callable[..., Plan], document: Document, words: str
) -> None:
    plan = plan_with(document, endpoints={"exclude": ["churn"]})
    assert not _is_made(plan, document)
    (entry,) = (e for e in plan.carry_over if e.source == document.id)
    assert words in entry.reason


def test_rules_have_every_property_in_the_carry_over_table(plan_with: Callable[..., Plan]) -> None:
    document = processing_rule(str(CREDIT), conditions=(condition("Severity", "Sev0"),))
    plan = plan_with(document)
    found = {e.path: e.disposition for e in plan.carry_over if e.source == document.id}
    assert found["properties.scopes"] == "remapped"
    assert found["properties.actions"] == "carried"
    assert not [w for w in plan.warnings if "does not know" in w.text]


def test_rights_to_make_rules_are_asked_for_in_the_targets_group(
    inventory: Inventory, configure: Configure
) -> None:
    more = (activity_alert(str(CREDIT)), processing_rule(str(CREDIT)))
    held = inventory.model_copy(update={"documents": (*inventory.documents, *more)})
    asked = needed_actions(scope_of(held, configure(), {}))[TARGET.group_id]
    assert "Microsoft.AlertsManagement/actionRules/write" in asked
    assert "Microsoft.Insights/activityLogAlerts/write" in asked


def test_orphans_are_rules_about_nothing_else(inventory: Inventory) -> None:
    by_name = activity_alert(SUBSCRIPTION, conditions=({"field": "resourceId", "equals": str(CREDIT)},))
    by_scope, above = processing_rule(str(CREDIT)), processing_rule(GROUP)
    for document, is_orphan in ((by_name, True), (by_scope, True), (above, False)):
        held = inventory.model_copy(update={"documents": (*inventory.documents, document)})
        assert (document in orphans(held, [CREDIT])) is is_orphan


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (activity_alert(str(CREDIT)), True),
        (activity_alert(VAULT), False),
        (activity_alert(GROUP), True),
        (activity_alert(GROUP.replace("legacy", "leg")), False),
        (activity_alert(SUBSCRIPTION, conditions=(DELETED,)), True),
        (
            activity_alert(
                SUBSCRIPTION, conditions=({"field": "resourceType", "equals": "Microsoft.Sql/servers"},)
            ),
            False,
        ),
        (activity_alert(SUBSCRIPTION, conditions=({"field": "resourceGroup", "equals": "RG-Legacy"},)), True),
        (activity_alert(SUBSCRIPTION, conditions=({"field": "resourceGroup", "equals": "other"},)), False),
        (activity_alert(SUBSCRIPTION, conditions=({"field": "resourceId", "equals": VAULT},)), False),
        (activity_alert(SUBSCRIPTION, conditions=({"field": "resourceId", "equals": str(BLUE)},)), True),
        (
            activity_alert(
                SUBSCRIPTION, conditions=({"anyOf": [{"field": "category", "equals": "ServiceHealth"}]},)
            ),
            False,
        ),
        (processing_rule(SUBSCRIPTION, conditions=(condition("Severity", "Sev0"),)), True),
        (
            processing_rule(
                SUBSCRIPTION, conditions=(condition("TargetResourceType", "LEARNING", operator="Contains"),)
            ),
            True,
        ),
        (
            processing_rule(
                SUBSCRIPTION, conditions=(condition("TargetResourceType", ML, operator="DoesNotContain"),)
            ),
            False,
        ),
        (
            processing_rule(
                SUBSCRIPTION, conditions=(condition("TargetResource", f"{GROUP}/", operator="Contains"),)
            ),
            True,
        ),
        (
            processing_rule(
                SUBSCRIPTION,
                conditions=(condition("TargetResource", VAULT, operator="NotEquals"),),
            ),
            True,
        ),
    ],
)
def test_concerns_by_scopes_and_conditions(document: Document, expected: bool) -> None:
    assert concerns(document.properties, SOURCE) is expected
