"""Where a step stands is read from documents alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vnetferry.checks.facts import Facts
from vnetferry.checks.standing import standing_of
from vnetferry.models.plan import Plan, StepKind
from vnetferry.plan.build import build


@pytest.fixture
def plan(facts: Any) -> Plan:
    known: Facts = facts()
    return build(known.inventory, known.config, {"credit": "ab" * 32})


def _stand(plan: Plan, step_id: str, **document: Any) -> tuple[str, str]:
    step = plan.step(step_id)
    found = {step.resource.key: document} if document else {}
    standing = standing_of(plan, step, json.loads(json.dumps(found)))
    return standing.state, standing.note


def test_standing_of_what_does_not_exist_is_missing(plan: Plan) -> None:
    assert _stand(plan, "create_workspace:ws-secure") == ("missing", "")


def test_standing_of_what_another_made_is_not_ours(plan: Plan) -> None:
    assert _stand(plan, "create_workspace:ws-secure", tags={"a": "b"}) == ("not ours", "made by someone else")
    tags = {"vnetferry-plan": "000000000000"}
    assert _stand(plan, "create_workspace:ws-secure", tags=tags) == ("not ours", "made by plan 000000000000")


def test_standing_of_what_an_earlier_plan_of_the_source_made_is_done(plan: Plan) -> None:
    tags = {"vnetferry-plan": "000000000000", "vnetferry-source": str(plan.source).upper()}
    assert _stand(plan, "create_workspace:ws-secure", tags=tags) == ("done", "made by plan 000000000000")


@pytest.mark.parametrize(
    ("provisioning", "state"), [("Succeeded", "done"), ("Creating", "running"), ("Failed", "failed")]
)
def test_standing_of_what_we_made_is_its_provisioning_state(
    plan: Plan, provisioning: str, state: str
) -> None:
    document = {"tags": {"vnetferry-plan": plan.id}, "properties": {"provisioningState": provisioning}}
    assert _stand(plan, "create_endpoint:credit-v2", **document)[0] == state


def test_standing_of_an_asset_reads_the_tags_in_its_properties(plan: Plan) -> None:
    properties = {"tags": {"vnetferry-plan": plan.id}, "provisioningState": "Succeeded"}
    assert _stand(plan, "copy_model:churn/1", properties=properties) == ("done", "")


@pytest.mark.parametrize("kind", ["assign_role", "copy_connection", "create_diagnostic_setting"])
def test_standing_of_what_azure_keeps_no_tags_on_is_done_when_it_is_there(plan: Plan, kind: StepKind) -> None:
    step = plan.steps[0].model_copy(update={"kind": kind})
    assert standing_of(plan, step, {step.resource.key: {"properties": {}}}).state == "done"


@pytest.mark.parametrize(("status", "state"), [("Active", "done"), ("Inactive", "missing")])
def test_standing_of_the_network_is_its_status(plan: Plan, status: str, state: str) -> None:
    properties = {"managedNetwork": {"status": {"status": status}}}
    assert _stand(plan, "provision_network:ws-secure", properties=properties)[0] == state


def test_standing_of_traffic_and_of_proofs_follows_the_endpoint(plan: Plan) -> None:
    set_ = {"properties": {"traffic": {"Blue": 90, "green": 10, "old": 0}}}
    assert _stand(plan, "set_traffic:credit-v2", **set_) == ("done", "")
    assert _stand(plan, "probe_isolation:credit-v2", **set_)[0] == "done"
    other = {"properties": {"traffic": {"blue": 100}}}
    assert _stand(plan, "set_traffic:credit-v2", **other)[0] == "missing"
    assert _stand(plan, "probe_isolation:credit-v2", properties={"traffic": {}})[0] == "not proven"


def test_standing_of_the_handoff_points_to_its_place(plan: Plan) -> None:
    assert _stand(plan, "hand_off:handoff.json") == ("see there", "handoff.json")


@pytest.mark.parametrize(
    ("properties", "state"),
    [
        ({"isVersioningEnabled": True, "cors": {"corsRules": [{"more": 1}]}, "changeFeed": {}}, "done"),
        (
            {"isVersioningEnabled": True, "cors": {"corsRules": [{}]}, "changeFeed": {"enabled": False}},
            "done",
        ),
        ({"isVersioningEnabled": False, "cors": {"corsRules": [{}]}}, "missing"),
        ({"isVersioningEnabled": True, "cors": {"corsRules": []}}, "missing"),
        ({"isVersioningEnabled": True}, "missing"),
    ],
)
def test_standing_of_what_is_set_on_a_service_follows_what_it_says(
    plan: Plan, properties: dict[str, Any], state: str
) -> None:
    """Azure makes the service with the account, so that it is there says nothing."""
    wanted = {
        "isVersioningEnabled": True,
        "cors": {"corsRules": [{"allowedMethods": ["GET"]}]},
        "changeFeed": {"enabled": False},
    }
    made: dict[str, Any] = {"kind": "set_storage_service", "body": {"properties": wanted}}
    step = plan.steps[0].model_copy(update=made)
    assert standing_of(plan, step, {step.resource.key: {"properties": properties}}).state == state
