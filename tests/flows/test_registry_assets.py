"""A deployment that takes its model and environment from a registry which nobody but private endpoints reaches."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tasks.steps import TASKS
from tests.flows.legacy_world import SOURCE, World, legacy_scenario, legacy_world, make_plan
from tests.flows.registry_world import (
    CONTAINERS,
    ENVIRONMENT,
    MODEL,
    OTHER,
    REGISTRY,
    STORAGE,
    registry_documents,
)
from vnetferry.errors import VnetferryError
from vnetferry.plan.reverse import Reversal, build_reversal
from vnetferry.sandbox.scenario import Scenario

Json = dict[str, Any]
APPROVER = "b556d68e-0be0-4f35-a333-ad7ee1ce17ea"
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
COPIES = ("copy_code", "copy_environment", "copy_model")


def _with_registry() -> Scenario:
    """The example, whose demand/main runs a registry's model; the registry is in a subscription of its own."""
    example = legacy_scenario()
    resources = copy.deepcopy(example.resources)
    main = next(d for d in resources if d["id"].endswith("onlineEndpoints/demand/deployments/main"))
    main["properties"] |= {"model": MODEL, "environmentId": ENVIRONMENT}
    return example.model_copy(update={"resources": (*resources, *registry_documents())})


def _deploy(world: World) -> Json:
    world.carry_out("create_workspace")
    world.carry_out("assign_role", "provision_network", *COPIES, "create_endpoint", "create_deployment")
    target = world.plan.step("create_deployment:demand-v2/main").resource
    return world.get(target)


def _roles(world: World) -> set[tuple[str, str, str]]:
    """(scope, role, principal) of the assignments in the registry's subscription."""
    found = [d["properties"] for d in world.sandbox.world.documents.below(OTHER, ASSIGNMENTS)]
    return {(p["scope"], p["roleDefinitionId"].rpartition("/")[2], p["principalId"]) for p in found}


def test_deployment_of_a_private_registrys_assets_starts_in_the_target(tmp_path: Path) -> None:
    """The new identity is given, and waited for, the right to connect to what the derived rules lead to."""
    with legacy_world(tmp_path, _with_registry()) as world:
        deployment = _deploy(world)
        document = world.get(world.plan.target)
        rules = document["properties"]["managedNetwork"]["outboundRules"]
        given, principal = _roles(world), document["identity"]["principalId"]
        again = world.carry_out("assign_role")
        for step in build_reversal(world.plan, Reversal(purge=True)):
            TASKS[step.kind].fn(step, world.run)
        assert _roles(world) == set()
    assert given == {(scope, APPROVER, principal) for scope in (REGISTRY, STORAGE, CONTAINERS)}
    assert {(o.status, o.message) for o in again} == {("already_done", "it may do that already")}
    assert deployment["properties"]["provisioningState"] == "Succeeded"
    assert deployment["properties"]["model"] == MODEL
    reached = {
        (rule["destination"]["serviceResourceId"].lower(), rule["destination"]["subresourceTarget"])
        for rule in rules.values()
        if rule["type"] == "PrivateEndpoint" and rule["category"] == "UserDefined"
    }
    assert reached == {
        (REGISTRY.lower(), "amlregistry"),
        (STORAGE.lower(), "blob"),
        (CONTAINERS.lower(), "registry"),
    }


def test_deployment_of_a_private_registrys_assets_fails_without_the_rules(tmp_path: Path) -> None:
    """What the rules are for: the sandbox refuses, as Azure does, what no rule leads to."""
    with legacy_world(tmp_path, _with_registry()) as world:
        file = world.folder / "migration.yaml"
        text = file.read_text().replace(
            "  outbound_rules:", "  derive_outbound_rules: false\n  outbound_rules:"
        )
        file.write_text(text)
        plan = make_plan(world.folder)
        assert "no rule is made for: private endpoint to amlregistry of contosohub" in plan.model_dump_json()
        with pytest.raises(VnetferryError, match=r"hubstore|contosohub"):
            _deploy(World(world.sandbox, world.folder, plan))


def test_read_inventory_finds_a_registry_in_another_subscription(tmp_path: Path) -> None:
    with legacy_world(tmp_path, _with_registry()) as world:
        assert any("registry contosohub" in w.text for w in world.plan.warnings)
        assert SOURCE.subscription_id not in REGISTRY
