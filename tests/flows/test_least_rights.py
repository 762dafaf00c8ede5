"""The roles that come with vnetferry are enough for a whole migration of either kind and the end of its source."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from tasks.steps import TASKS
from tests.flows.conversion_world import conversion_world
from tests.flows.legacy_world import ROOT, SOURCE, Json, World, legacy_scenario, legacy_world
from tests.flows.preflight_bench import STORAGE, VAULT
from vnetferry.cli.apply import require_applicable
from vnetferry.gateway.azure import connect
from vnetferry.gateway.inventory import read_inventory
from vnetferry.gateway.roles import assignments_of, role_of
from vnetferry.models.inventory import (
    AUTOSCALE,
    DIAGNOSTIC_SETTING,
    METRIC_ALERT,
    ROLE_ASSIGNMENT,
    ROLE_DEFINITION,
)
from vnetferry.plan.retire import build_retirement
from vnetferry.plan.reverse import Reversal, build_reversal
from vnetferry.sandbox.arm.authorization import CLIENT_OBJECT_ID
from vnetferry.sandbox.scenario import Scenario

pytestmark = pytest.mark.xdist_group("least-rights")
SUBSCRIPTION = f"/subscriptions/{SOURCE.subscription_id}"
CLUSTER = SOURCE.child("computes", "cpu-cluster")
OLD_PRINCIPAL = "c0c0c0c0-0000-4000-8000-00000000c0c0"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
USER_ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"


def shipped(name: str) -> Json:
    role: Json = json.loads((ROOT / "deployments" / name).read_text())
    return role


def scenario_with(example: Scenario, *more: Json) -> Scenario:
    """A scenario with a client that has the shipped role in the subscription, and nothing else but `more`."""
    given = (*granted(shipped("azure-role.json"), SUBSCRIPTION, 1), *more)
    return example.model_copy(update={"resources": (*example.resources, *given)})


def granted(role: Json, scope: str, number: int) -> list[Json]:
    """A role as the shipped files have it, and its assignment to the client."""
    name = f"5f0c1d52-0b0e-4c53-9f57-6a1f6f1f7a{number:02d}"
    permissions = {f"{key[0].lower()}{key[1:]}": role[key] for key in role if key.endswith("Actions")}
    definition = {
        "roleName": role["Name"],
        "type": "CustomRole",
        "description": "",
        "permissions": [permissions],
        "assignableScopes": [SUBSCRIPTION],
    }
    identifier = f"{SUBSCRIPTION}/providers/{ROLE_DEFINITION}/{name}"
    document = {"id": identifier, "name": name, "type": ROLE_DEFINITION, "properties": definition}
    return [document, assigned(identifier, CLIENT_OBJECT_ID, scope, number)]


def assigned(role: str, principal: str, scope: str, number: int) -> Json:
    name = f"5f0c1d52-0b0e-4c53-9f57-6a1f6f1f7b{number:02d}"
    properties = {
        "roleDefinitionId": role,
        "principalId": principal,
        "principalType": "ServicePrincipal",
        "scope": scope,
    }
    identifier = f"{scope}/providers/{ROLE_ASSIGNMENT}/{name}"
    return {"id": identifier, "name": name, "type": ROLE_ASSIGNMENT, "properties": properties}


def carry_out_all(world: World) -> set[str]:
    """Migrate and retire; the statuses that the steps came to."""
    outcomes = world.carry_out()
    steps = build_retirement(world.plan, read_inventory(connect(), SOURCE))
    hanging = {step.resource.type.lower() for step in steps if step.kind == "delete_satellite"}
    assert {each.lower() for each in (AUTOSCALE, DIAGNOSTIC_SETTING, METRIC_ALERT)} <= hanging
    outcomes += [TASKS[step.kind].fn(step, world.run) for step in steps]
    return {outcome.status for outcome in outcomes}


def refused(world: World) -> list[Json]:
    """What Azure refused for want of a right; of endpoints the wrong place is refused on purpose."""
    return [r for r in world.requests() if r["status"] in (401, 403) and ".inference." not in r["host"]]


def test_shipped_role_is_enough_and_no_request_is_refused(tmp_path: Path) -> None:
    with legacy_world(tmp_path, scenario_with(legacy_scenario())) as world:
        assert carry_out_all(world) <= {"done", "skipped"}
        assert refused(world) == []


def test_shipped_role_is_enough_to_take_a_migration_back(tmp_path: Path) -> None:
    with legacy_world(tmp_path, scenario_with(legacy_scenario())) as world:
        world.carry_out()
        steps = build_reversal(world.plan, Reversal(purge=True))
        outcomes = {step.id: TASKS[step.kind].fn(step, world.run) for step in steps}
        found = refused(world)

    assert {outcome.status for outcome in outcomes.values()} == {"done", "undone"}
    assert "az role assignment delete --ids" in outcomes["undo_create_endpoint:credit-v2"].message
    assert found == []


def _with_computes(example: Scenario) -> Scenario:
    """The example with a stopped instance, and a cluster whose identity may read the storage account."""
    documents = copy.deepcopy(list(example.resources))
    cluster = next(d for d in documents if d["id"] == str(CLUSTER))
    cluster["identity"] = {"type": "SystemAssigned", "principalId": OLD_PRINCIPAL, "tenantId": "t"}
    notebook = str(SOURCE.child("computes", "notebook"))
    inner = {
        "vmSize": "STANDARD_DS3_V2",
        "state": "Stopped",
        "createdBy": {"userId": "o-1", "userOrgId": "t-1"},
    }
    instance: Json = {**copy.deepcopy(cluster), "id": notebook, "name": "notebook", "identity": None}
    instance["properties"].update(computeType="ComputeInstance", properties=inner)
    reads = f"{SUBSCRIPTION}/providers/{ROLE_DEFINITION}/{BLOB_READER}"
    given = assigned(reads, OLD_PRINCIPAL, STORAGE, 8)
    return example.model_copy(update={"resources": (*documents, instance, given)})


def test_shipped_roles_are_enough_to_convert_in_place(tmp_path: Path) -> None:
    """The one beside it on the workspace's vault, and the right to give roles where a compute's identity had one."""
    vault = granted(shipped("azure-role-vault.json"), VAULT, 2)
    gives = f"{SUBSCRIPTION}/providers/{ROLE_DEFINITION}/{USER_ACCESS_ADMINISTRATOR}"
    more = (*vault, assigned(gives, CLIENT_OBJECT_ID, STORAGE, 3))
    scenario = scenario_with(_with_computes(legacy_scenario()), *more)
    with conversion_world(tmp_path, scenario) as world:
        require_applicable(world.plan, world.plan_file)
        assert {outcome.status for outcome in world.carry_out()} == {"done"}
        assert refused(world) == []
        principal = world.get(CLUSTER)["identity"]["principalId"]
        held = assignments_of(connect(), SOURCE.subscription_id, principal)
    assert principal != OLD_PRINCIPAL
    assert [(role_of(each), each["properties"]["scope"]) for each in held] == [(BLOB_READER, STORAGE)]
