"""The role that comes with vnetferry is enough for a whole migration and the end of its source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.steps import TASKS
from tests.flows.legacy_world import ROOT, SOURCE, World, legacy_scenario, legacy_world
from vnetferry.gateway.azure import connect
from vnetferry.gateway.inventory import read_inventory
from vnetferry.plan.retire import build_retirement
from vnetferry.sandbox.arm.authorization import CLIENT_OBJECT_ID
from vnetferry.sandbox.scenario import Scenario

pytestmark = pytest.mark.xdist_group("least-rights")
SUBSCRIPTION = f"/subscriptions/{SOURCE.subscription_id}"
AUTHORIZATION = f"{SUBSCRIPTION}/providers/Microsoft.Authorization"
ROLE_ID = f"{AUTHORIZATION}/roleDefinitions/5f0c1d52-0b0e-4c53-9f57-6a1f6f1f7a01"
ASSIGNMENT_ID = f"{AUTHORIZATION}/roleAssignments/5f0c1d52-0b0e-4c53-9f57-6a1f6f1f7a02"


def scenario_with(actions: list[str]) -> Scenario:
    """The legacy workspace, and a client that has one custom role and nothing else."""
    example = legacy_scenario()
    permissions = {"actions": actions, "notActions": [], "dataActions": [], "notDataActions": []}
    role: dict[str, Any] = {
        "roleName": "vnetferry",
        "type": "CustomRole",
        "description": "",
        "permissions": [permissions],
        "assignableScopes": [SUBSCRIPTION],
    }
    assignment = {
        "roleDefinitionId": ROLE_ID,
        "principalId": CLIENT_OBJECT_ID,
        "principalType": "ServicePrincipal",
        "scope": SUBSCRIPTION,
    }
    documents = [
        {"id": resource, "name": resource.rpartition("/")[2], "type": kind, "properties": properties}
        for resource, kind, properties in (
            (ROLE_ID, "Microsoft.Authorization/roleDefinitions", role),
            (ASSIGNMENT_ID, "Microsoft.Authorization/roleAssignments", assignment),
        )
    ]
    return example.model_copy(update={"resources": (*example.resources, *documents)})


def carry_out_all(world: World) -> set[str]:
    """Migrate and retire; the statuses that the steps came to."""
    outcomes = world.carry_out()
    steps = build_retirement(world.plan, read_inventory(connect(), SOURCE))
    outcomes += [TASKS[step.kind].fn(step, world.run) for step in steps]
    return {outcome.status for outcome in outcomes}


def test_shipped_role_is_enough_and_no_request_is_refused(tmp_path: Path) -> None:
    role = json.loads((ROOT / "deployments" / "azure-role.json").read_text())
    with legacy_world(tmp_path, scenario_with(role["Actions"])) as world:
        assert carry_out_all(world) == {"done"}
        refused = [
            r for r in world.requests() if r["status"] in (401, 403) and ".inference." not in r["host"]
        ]
    assert refused == []
