"""The commands that only read: they show, they write their own file, and they change nothing in Azure."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from vnetferry.config import load_config
from vnetferry.plan.files import read_plan
from vnetferry.sandbox.scenario_file import load
from vnetferry.sandbox.server import Sandbox

Command = Callable[..., "subprocess.CompletedProcess[str]"]
_ANSWERED = (
    "/listsecrets",
    "/diagnose",
    "/listnodes",
    "/microsoft.costmanagement/query",
    "/checkpolicyrestrictions",
)


def _changes(log: Path) -> list[str]:
    """Requests that could have changed something: all but reads, sign-ins, and what a POST only asks for."""
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    return [
        f"{e['method']} {e['path']}"
        for e in entries
        if e["method"] not in ("GET", "HEAD")
        and not e["host"].startswith("login.")
        and not e["path"].lower().endswith(_ANSWERED)
    ]


def test_inventory_shows_endpoints_and_effort(vnetferry: Command, example_sandbox: Sandbox) -> None:
    shown = vnetferry("inventory", sandbox=example_sandbox)
    assert shown.returncode == 0, shown.stderr
    assert "3 endpoints with 4 deployments" in shown.stdout


def test_inventory_as_json_holds_every_document_and_no_secret(
    vnetferry: Command, example_sandbox: Sandbox
) -> None:
    shown = vnetferry("inventory", "--json", sandbox=example_sandbox)
    documents = json.loads(shown.stdout)["documents"]
    assert documents[0]["id"].endswith("/workspaces/ws-legacy")
    assert "made-up-primary-key" not in shown.stdout


def test_preflight_of_the_example_blocks_nothing(vnetferry: Command, example_sandbox: Sandbox) -> None:
    shown = vnetferry("preflight", "--json", sandbox=example_sandbox)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert {f["severity"] for f in json.loads(shown.stdout)} <= {"warns", "informs"}


def test_preflight_exits_with_1_when_something_blocks(
    vnetferry: Command, example_sandbox: Sandbox, folder: Path
) -> None:
    path = folder / "migration.yaml"
    path.write_text(path.read_text().replace("resource_group: rg-secure", "resource_group: rg-missing"))
    shown = vnetferry("preflight", sandbox=example_sandbox)
    assert shown.returncode == 1
    assert "az group create" in shown.stdout


def test_plan_shows_and_writes_what_status_then_finds_undone(
    vnetferry: Command, example_sandbox: Sandbox, folder: Path, example_log: Path
) -> None:
    (folder / "plans").mkdir()
    shown = vnetferry("plan", "-o", "plans/one.json", sandbox=example_sandbox)
    assert shown.returncode == 0, shown.stderr
    assert "demand-v2" in shown.stdout
    plan = read_plan(folder / "plans" / "one.json")
    assert plan.step("smoke_test:credit-v2/blue").spec["request"] == "../requests/credit.json"
    standings = json.loads(vnetferry("status", "plans/one.json", "--json", sandbox=example_sandbox).stdout)
    assert {s["state"] for s in standings} == {"missing", "not proven", "see there"}
    assert _changes(example_log) == []


def test_snapshot_is_a_scenario_that_gives_the_same_plan(
    vnetferry: Command, example_sandbox: Sandbox, folder: Path, sandbox_factory: Callable[..., Sandbox]
) -> None:
    shown = vnetferry("snapshot", "-o", "snapshot.yaml", sandbox=example_sandbox)
    assert shown.returncode == 0, shown.stderr
    scenario = load(str(folder / "snapshot.yaml"))
    assert len(scenario.blobs) == 7
    # What the target's private endpoint will be refused without, and what its names will not resolve without.
    kinds = {r["type"].partition("/")[2] for r in scenario.resources if "type" in r}
    assert {"virtualNetworks", "privateDnsZones", "privateDnsZones/virtualNetworkLinks"} <= kinds
    assert "made-up" not in (folder / "snapshot.yaml").read_text()
    vnetferry("plan", "-o", "real.json", sandbox=example_sandbox)
    vnetferry("plan", "-o", "copy.json", sandbox=sandbox_factory(scenario))
    assert read_plan(folder / "real.json").id == read_plan(folder / "copy.json").id


def test_snapshot_never_replaces_a_file(vnetferry: Command, folder: Path) -> None:
    shown = vnetferry("snapshot", "-o", "migration.yaml")
    assert shown.returncode == 2
    assert "migration.yaml exists already" in shown.stderr


@pytest.mark.parametrize("command", ["inventory", "preflight", "plan", "snapshot"])
def test_commands_without_a_configuration_say_how_to_make_one(vnetferry: Command, command: str) -> None:
    shown = vnetferry(command, "-c", "nothing.yaml")
    assert shown.returncode == 2
    assert shown.stderr.strip() == (
        "vnetferry: nothing.yaml does not exist. Run 'vnetferry init' to write one, or name another with -c."
    )


def test_status_without_a_plan_says_how_to_make_one(vnetferry: Command) -> None:
    shown = vnetferry("status", "nothing.json")
    assert shown.returncode == 2
    assert "vnetferry plan" in shown.stderr


def test_init_from_options_writes_a_configuration_that_loads(vnetferry: Command, folder: Path) -> None:
    options = {
        "--subscription-id": "11111111-2222-4333-8444-555555555555",
        "--resource-group": "rg: odd # name",
        "--workspace": "1e5",
        "--rename": "new-{name}",
    }
    shown = vnetferry("init", "-o", "mine.yaml", *(part for pair in options.items() for part in pair))
    assert shown.returncode == 0, shown.stderr
    written = yaml.safe_load((folder / "mine.yaml").read_text())
    assert written["source"] == {
        "subscription_id": "11111111-2222-4333-8444-555555555555",
        "resource_group": "rg: odd # name",
        "workspace": "1e5",
    }
    assert written["target"]["workspace"] == "1e5-secure"
    assert written["endpoints"]["rename"] == "new-{name}"


def test_init_in_place_writes_a_configuration_that_loads_and_asks_for_no_target(
    vnetferry: Command, folder: Path
) -> None:
    given = ("--subscription-id", "s", "--resource-group", "rg", "--workspace", "ws", "--mode", "in_place")

    shown = vnetferry("init", "-o", "mine.yaml", *given)

    assert shown.returncode == 0, shown.stderr
    config = load_config(folder / "mine.yaml")
    assert config.in_place
    assert (config.target.workspace, config.endpoints.public_network_access) == ("ws", "as_is")
    assert config.handoff == ()
    refused = vnetferry("init", "-o", "other.yaml", *given, "--rename", "new-{name}")
    assert refused.returncode == 2
    assert "--rename has no place in place" in refused.stderr


def test_init_never_replaces_a_file(vnetferry: Command, folder: Path) -> None:
    before = (folder / "migration.yaml").read_bytes()
    shown = vnetferry("init", "--resource-group", "a", "--workspace", "b")
    assert shown.returncode == 2
    assert "exists already" in shown.stderr
    assert (folder / "migration.yaml").read_bytes() == before


def test_init_with_an_answer_that_does_not_fit_writes_nothing(vnetferry: Command, folder: Path) -> None:
    given = ("--subscription-id", "s", "--resource-group", "a", "--workspace", "b", "--rename", "fixed")
    shown = vnetferry("init", "-o", "mine.yaml", *given)
    assert shown.returncode == 2
    assert shown.stderr.startswith("vnetferry: the answers do not fit: line ")
    assert "must contain {name}" in shown.stderr
    assert sorted(p.name for p in folder.iterdir()) == ["migration.yaml", "requests"]


def test_init_without_a_terminal_names_the_option_it_lacks(vnetferry: Command) -> None:
    shown = vnetferry("init", "-o", "mine.yaml", "--subscription-id", "s")
    assert shown.returncode == 2
    assert "--resource-group" in shown.stderr
