"""Endpoints that are not as the example's: closed to nobody, without traffic or requests, or on Kubernetes.

And what the commands say of a migration before, during and after it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import LEGACY, ML, SECURE, SUBSCRIPTION, Json, changed, document, with_values
from vnetferry.sandbox.environment import inherited
from vnetferry.sandbox.server import Sandbox, running

ROOT = Path(__file__).parents[2]
TARGET = f"{SECURE}/{ML}/ws-secure"
CONFIG = f"""
source: {{subscription_id: {SUBSCRIPTION.rpartition("/")[2]}, resource_group: rg-legacy, workspace: ws-legacy}}
target: {{workspace: ws-secure, resource_group: rg-secure, isolation_mode: allow_internet_outbound}}
endpoints: {{public_network_access: enabled}}
"""


class Person:
    """Somebody who types commands in a folder, at a machine in the internet."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self._folder = folder
        inside = {**sandbox.env(), "PREFECT_HOME": str(folder / "prefect"), "COLUMNS": "140"}
        inside["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        self._env = inherited(os.environ, inside)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "vnetferry.cli.main", *arguments],
            cwd=self._folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def see(self, *arguments: str) -> Any:
        """What a command prints, which must be JSON and nothing else, with no word on stderr."""
        return _ended(self.begin(*arguments, "--json"))


def _ended(command: subprocess.Popen[str]) -> Any:
    out, err = command.communicate()
    assert (command.returncode, err) == (0, "")
    return json.loads(out)


def _kubernetes(data: Json) -> None:
    """A twin of demand on attached Kubernetes compute, with its deployment."""
    for ending in ("/onlineEndpoints/demand", "/onlineEndpoints/demand/deployments/main"):
        text = json.dumps(document(data, ending)).replace("onlineEndpoints/demand", "onlineEndpoints/on-k8s")
        twin = json.loads(text.replace('"demand"', '"on-k8s"').replace("https://demand.", "https://on-k8s."))
        if ending.endswith("main"):
            twin["properties"] |= {"endpointComputeType": "Kubernetes", "egressPublicNetworkAccess": None}
        else:
            twin["properties"]["compute"] = f"{LEGACY}/{ML}/ws-legacy/computes/aks"
        data["resources"].append(twin)


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    """In a sandbox whose source has an open endpoint, one without traffic, and one on Kubernetes."""
    (tmp_path / "migration.yaml").write_text(CONFIG)
    scenario = changed(
        with_values("/onlineEndpoints/churn", traffic={}),
        with_values("/onlineEndpoints/demand", publicNetworkAccess="Enabled"),
        _kubernetes,
    )
    with running(scenario, time_scale=600, request_log=tmp_path / "requests.jsonl") as sandbox:
        yield Person(tmp_path, sandbox)


@pytest.mark.whole
def test_unusual_endpoints_move_and_every_command_tells_of_it_in_json(person: Person, tmp_path: Path) -> None:
    assert {d["id"].rpartition("/")[2] for d in person.see("inventory")["documents"]} >= {"on-k8s", "churn"}
    assert "blocks" not in {finding["severity"] for finding in person.see("preflight")}
    plan = person.see("plan")
    assert [w for w in plan["warnings"] if "on-k8s" in w["text"] and w["kind"] == "cannot_carry"]
    assert _states(person) == {"missing", "not proven", "see there"}

    applying = person.begin("apply", "plan.json", "--yes", "--json")
    during = _states_during(person, applying)
    ended = {outcome["step"]: outcome for outcome in _ended(applying)}

    assert {"missing", "done"} <= during
    idle = {step for step, outcome in ended.items() if outcome["status"] == "already_done"}
    assert idle == {"set_traffic:churn-v2"}
    assert {outcome["status"] for outcome in ended.values()} == {"already_done", "done", "skipped"}
    assert ended["smoke_test:credit-v2/blue"]["status"] == "skipped"
    assert "no scoring request" in ended["smoke_test:credit-v2/blue"]["message"]
    assert ended["probe_isolation:demand-v2"]["facts"]["reached_from"][0] == "internet"
    after = Counter(s["state"] for s in person.see("status", "plan.json"))
    assert set(after) <= {"done", "not proven", "see there"}, after
    handed = json.loads((tmp_path / "handoff.json").read_text())["endpoints"]
    assert sorted(entry["endpoint"] for entry in handed) == ["churn", "credit", "demand"]


def _states(person: Person) -> set[str]:
    return {standing["state"] for standing in person.see("status", "plan.json")}


def _states_during(person: Person, applying: subprocess.Popen[str]) -> set[str]:
    """The states that `status` shows once something has been made and `apply` still runs."""
    seen: set[str] = set()
    while applying.poll() is None and "done" not in seen:
        seen = _states(person)
        time.sleep(0.2)
    return seen
