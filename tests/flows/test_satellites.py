"""A migration of a workspace with everything that may hang on it: all of it is there afterwards, once, and holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest
import requests
import yaml
from requests.adapters import HTTPAdapter

from tasks.steps import TASKS
from tests.flows.legacy_world import (
    SOURCE,
    TARGET,
    Json,
    World,
    changes_something,
    inside,
    legacy_world,
    make_plan,
    prepare_folder,
)
from tests.flows.satellite_world import (
    ANALYST,
    BLUE,
    ELSEWHERE,
    GROUP,
    HOOK,
    LOGS,
    READER,
    SECRETS_USER,
    VAULT,
    assignment,
    principal,
    satellite_scenario,
)
from tests.flows.test_least_rights import scenario_with
from vnetferry.errors import PermissionDenied
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import connect
from vnetferry.gateway.inventory import read_inventory
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.plan.retire import build_retirement
from vnetferry.plan.reverse import Reversal, build_reversal
from vnetferry.plan.satellites import orphans
from vnetferry.plan.stale import changes
from vnetferry.sandbox.arm.authorization import allowed
from vnetferry.sandbox.ml.managed_network import PROVISION
from vnetferry.sandbox.server import running

pytestmark = pytest.mark.xdist_group("satellites")
NEW_CREDIT = TARGET.child("onlineEndpoints", "credit-v2")
NEW_BLUE = NEW_CREDIT.child("deployments", "blue")
SATELLITES = ("assign_role", "create_diagnostic_setting", "create_alert", "create_autoscale_setting")
APPROVER = "b556d68e-0be0-4f35-a333-ad7ee1ce17ea"
GET_SECRET = "Microsoft.KeyVault/vaults/secrets/getSecret/action"


class Moved(NamedTuple):
    """A world after a migration and a second application of its plan."""

    world: World
    first: list[Outcome]
    second: list[Outcome]
    changes_of_second: list[str]


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    with legacy_world(tmp_path_factory.mktemp("satellites"), satellite_scenario()) as world:
        first = world.carry_out()
        _scale(world, 4)
        seen = len(world.requests())
        yield Moved(world, first, world.carry_out(), world.changes(since=seen))


def _scale(world: World, instances: int) -> None:
    """What autoscale does."""
    arm = connect().arm
    answer = arm.patch(NEW_BLUE, api_versions.ML, {"sku": {"name": "Default", "capacity": instances}})
    arm.wait(answer, "deployment")


def _roles_of(world: World, principal: str) -> set[tuple[str, str]]:
    """(scope, role) of every assignment to a principal."""
    found = [
        d["properties"]
        for d in world.sandbox.world.documents.below("/", "Microsoft.Authorization/roleAssignments")
    ]
    return {
        (p["scope"], p["roleDefinitionId"].rpartition("/")[2]) for p in found if p["principalId"] == principal
    }


def _own(world: World, resource: ResourceId) -> str:
    return str(world.get(resource)["identity"]["principalId"])


def _made(world: World, kind: str) -> list[Json]:
    """What the plan's steps of a kind made."""
    return [world.get(step.resource) for step in world.plan.steps if step.kind == kind]


def test_satellites_are_made_once_and_let_be_the_second_time(moved: Moved) -> None:
    assert {step.kind for step in moved.world.plan.steps} >= set(SATELLITES)
    assert {o.status for o in moved.first} == {"done"}
    assert {o.status for o in moved.second} == {"already_done"}
    assert moved.changes_of_second == []


def test_new_identities_have_the_roles_of_the_old_ones_at_every_scope(moved: Moved) -> None:
    world = moved.world
    old, new = _own(world, BLUE.parent), _own(world, NEW_CREDIT)
    assert _roles_of(world, old) >= {(VAULT, SECRETS_USER), (GROUP, READER), (ELSEWHERE, READER)}
    assert _roles_of(world, old) == _roles_of(world, new)
    assert (ELSEWHERE, READER) in _roles_of(world, _own(world, TARGET))


def test_new_endpoints_identity_may_read_the_vault_as_the_old_one(moved: Moved) -> None:
    held, new = moved.world.sandbox.world, _own(moved.world, NEW_CREDIT)
    assert allowed(held, new, GET_SECRET, VAULT, data=True)
    assert moved.world.get(NEW_BLUE)["properties"]["environmentVariables"]["DB_PASSWORD"].startswith(
        "${{keyvault:"
    )


def test_deployment_whose_role_is_not_known_yet_is_made_again(tmp_path: Path) -> None:
    """A deployment takes eight minutes of Azure's, and the role to read its secret a quarter of an hour."""
    scenario = satellite_scenario(durations_s={PROVISION: 60})
    with legacy_world(tmp_path, scenario, time_scale=120) as world:
        wanted = _with_all_before(world, f"create_deployment:{NEW_CREDIT.name}/{NEW_BLUE.name}")
        outcomes = [TASKS[step.kind].fn(step, world.run) for step in wanted]
        writes = [line.split()[0] for line in world.changes(taken=True) if line.endswith(str(NEW_BLUE))]
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert writes[:3] == ["PUT", "DELETE", "PUT"]


def _with_all_before(world: World, step_id: str) -> list[Step]:
    """A step and all that it depends on, in the plan's order."""
    wanted = {step_id}
    for step in reversed(world.plan.steps):
        wanted |= set(step.depends_on) if step.id in wanted else set()
    return [step for step in world.plan.steps if step.id in wanted]


def test_people_have_on_the_target_what_they_had_on_the_source(moved: Moved) -> None:
    scopes = {scope for scope, _ in _roles_of(moved.world, ANALYST)}
    model = "/models/credit-default"
    old, new = (
        {str(SOURCE), f"{SOURCE}{model}", str(BLUE.parent)},
        {str(TARGET), f"{TARGET}{model}", str(NEW_CREDIT)},
    )
    assert scopes == old | new


def test_autoscale_scales_the_new_deployment_and_is_let_do_so(moved: Moved) -> None:
    (setting,) = _made(moved.world, "create_autoscale_setting")
    assert setting["properties"]["targetResourceUri"] == str(NEW_BLUE)
    assert setting["properties"]["notifications"][0]["webhooks"][0]["serviceUri"] == HOOK
    assert moved.world.get(NEW_BLUE)["sku"]["capacity"] == 4
    assert HOOK not in moved.world.plan_file.read_text()


def test_settings_and_alerts_watch_the_new_resources(moved: Moved) -> None:
    settings = _made(moved.world, "create_diagnostic_setting")
    assert {s["properties"]["workspaceId"] for s in settings} == {LOGS}
    assert len(settings) == 3
    made = _made(moved.world, "create_alert")
    alerts = {a["type"].rpartition("/")[2].lower(): a["properties"] for a in made}
    churn = TARGET.child("onlineEndpoints", "churn-v2")
    assert alerts["metricalerts"]["scopes"] == [str(NEW_CREDIT), str(churn)]
    assert alerts["metricalerts"]["enabled"] is False
    assert "credit-v2" in json.dumps(alerts["scheduledqueryrules"]["criteria"])
    assert alerts["activitylogalerts"]["scopes"] == [str(TARGET.group_id)]
    assert alerts["activitylogalerts"]["condition"]["allOf"][-1]["equals"] == str(NEW_CREDIT)
    rules = {a["name"].rpartition("-")[0]: a["properties"] for a in made if "actionRules" in a["type"]}
    quiet, to_ops = rules["quiet-sundays"], rules["all-to-ops"]
    assert to_ops["scopes"] == [str(TARGET.group_id)]
    assert [c["field"] for c in to_ops["conditions"]] == ["TargetResourceType"]
    assert quiet["scopes"] == [str(NEW_CREDIT)]
    (name,) = quiet["conditions"][0]["values"]
    assert name.startswith("slow credit-")
    assert quiet["schedule"]["recurrences"] == [{"recurrenceType": "Weekly", "daysOfWeek": ["Sunday"]}]


def test_source_is_as_the_plan_found_it_and_knows_its_orphans(moved: Moved) -> None:
    inventory = read_inventory(connect(), SOURCE)
    assert changes(moved.world.plan, inventory) == []
    kinds = [d.type.rpartition("/")[2].lower() for d in orphans(inventory, [SOURCE])]
    assert {kind: kinds.count(kind) for kind in kinds if kind != "roleassignments"} == {
        "diagnosticsettings": 3,
        "autoscalesettings": 1,
        "metricalerts": 1,
        "activitylogalerts": 1,
        "actionrules": 1,
    }


# --- Killed, refused, taken back -----------------------------------------------------------------------------------


class _Killed(BaseException):
    """What nothing catches, as nothing catches SIGKILL."""


@contextmanager
def _dying_after_a_write() -> Iterator[None]:
    send = HTTPAdapter.send

    def send_and_die(
        self: HTTPAdapter, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        answer = send(self, request, **options)
        if changes_something(request.method or "", request.path_url.partition("?")[0]):
            raise _Killed
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HTTPAdapter, "send", send_and_die)
        yield


def test_satellites_killed_after_each_write_are_written_once(tmp_path: Path) -> None:
    with legacy_world(tmp_path, satellite_scenario()) as world:
        for step in world.plan.steps:
            if step.kind in SATELLITES:
                with _dying_after_a_write(), pytest.raises(_Killed):
                    TASKS[step.kind].fn(step, world.run)
            assert TASKS[step.kind].fn(step, world.run).status == (
                "already_done" if step.kind in SATELLITES else "done"
            )
        made = [str(step.resource) for step in world.plan.steps if step.kind in SATELLITES]
        writes = [unquote(line.partition(" ")[2]) for line in world.changes(taken=True)]
    assert {each: writes.count(each) for each in made} == dict.fromkeys(made, 1)


def test_role_that_the_caller_may_not_give_is_given_by_somebody_else(tmp_path: Path) -> None:
    """The role that comes with vnetferry gives no roles; for all other satellites it is enough."""
    with legacy_world(tmp_path, scenario_with(satellite_scenario())) as world:
        refused = _refused(world)
        assert {step.kind for step in refused} == {"assign_role"}
        for name, step in zip("89abcdef", refused, strict=False):  # none that is taken
            _give_by_hand(world, step, name)
        again = {outcome.step: outcome.status for outcome in world.carry_out()}
    assert {again[step.id] for step in refused} == {"already_done"}


def _refused(world: World) -> list[Step]:
    """Carry out what can be, and return the steps for which the caller lacks a right, as it is told at once."""
    refused: list[Step] = []
    stopped: set[str] = set()
    for step in world.plan.steps:
        if stopped & set(step.depends_on):
            stopped.add(step.id)
            continue
        try:
            TASKS[step.kind].fn(step, world.run)
        except PermissionDenied as err:
            refused += [step] if "az role assignment create --assignee-object-id" in str(err) else []
            stopped.add(step.id)
    return refused


def _give_by_hand(world: World, step: Step, name: str) -> None:
    holder = step.spec["holder"]
    principal = _own(world, ResourceId(holder)) if holder else step.spec["principal"]
    role = step.body["properties"]["roleDefinitionId"].rpartition("/")[2]
    scope = str(step.resource).partition("/providers/Microsoft.Authorization")[0]
    world.sandbox.world.documents.put(assignment(name, scope, role, principal))


def test_network_waits_until_its_identity_may_approve_connections(tmp_path: Path) -> None:
    """The source's identity may approve on a storage account elsewhere; so may the target's, after a while."""
    account = f"{ELSEWHERE}/providers/Microsoft.Storage/storageAccounts/stelsewhere"
    document = {
        "id": account,
        "name": "stelsewhere",
        "type": "Microsoft.Storage/storageAccounts",
        "location": "westeurope",
        "sku": {"name": "Standard_LRS", "tier": "Standard"},
        "kind": "StorageV2",
        "properties": {"provisioningState": "Succeeded"},
    }
    role = assignment("7", account, APPROVER, principal(SOURCE))
    scenario = satellite_scenario(more=(document, role), durations_s={PROVISION: 60})
    rule = {"name": "elsewhere", "type": "private_endpoint"}
    rule["destination"] = {"service_resource_id": account, "subresource_target": "blob"}  # type: ignore[assignment]
    prepare_folder(tmp_path)
    file = tmp_path / "migration.yaml"
    config = yaml.safe_load(file.read_text())
    config["target"]["outbound_rules"].append(rule)
    file.write_text(yaml.safe_dump(config))
    with running(scenario, time_scale=120, request_log=tmp_path / "r.jsonl") as sandbox, inside(sandbox):
        world = World(sandbox, tmp_path, make_plan(tmp_path))
        for step in _with_all_before(world, f"provision_network:{TARGET.name}"):
            TASKS[step.kind].fn(step, world.run)
        rules = world.get(TARGET)["properties"]["managedNetwork"]["outboundRules"]
        tries = [line for line in world.changes() if line.endswith("/provisionManagedNetwork")]
    assert rules["elsewhere"]["status"] == "Active"
    assert len(tries) > 1


def test_satellites_go_when_the_migration_is_taken_back(tmp_path: Path) -> None:
    with legacy_world(tmp_path, satellite_scenario()) as world:
        before = set(_ids(world))
        world.carry_out()
        for step in build_reversal(world.plan, Reversal(callers="drop")):
            TASKS[step.kind].fn(step, world.run)
        left = [each for each in _ids(world) if each not in before and "/deployments/" not in each]
    assert [each for each in left if any(word in each for word in _HANGING)] == []


def test_satellites_about_the_source_alone_go_when_it_is_retired(tmp_path: Path) -> None:
    """Those of both sides, and the target's own, stay."""
    with legacy_world(tmp_path, satellite_scenario()) as world:
        world.carry_out()
        before = _alerts(world)
        for step in build_retirement(world.plan, read_inventory(connect(), SOURCE)):
            TASKS[step.kind].fn(step, world.run)
        gone = before - _alerts(world)
    assert {each.rpartition("/")[2] for each in gone} == {"slow credit", "credit deleted", "quiet-sundays"}


def _alerts(world: World) -> set[str]:
    return {each for each in _ids(world) if "alerts" in each or "queryrules" in each}


_HANGING = ("roleassignments", "insights", "alertsmanagement")


def _ids(world: World) -> list[str]:
    return [document["id"].lower() for document in world.sandbox.world.documents.below("/")]
