"""Migrations of two workspaces on the same storage, registry, vault, network and zones do each other no harm."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.flows.legacy_world import EXAMPLE, World, differences, legacy_world, make_plan, state_of
from tests.flows.processes import Batch, step_processes
from tests.flows.two_workspaces import ENDPOINTS, OTHER_SOURCE, two_workspaces
from vnetferry.models.plan import Plan

pytestmark = [pytest.mark.xdist_group("two-workspaces"), pytest.mark.whole]
# Whichever private endpoint is made first gets the first free address.
_ADDRESS = re.compile(r"10\.40\.1\.\d+")


@pytest.fixture(scope="module")
def processes() -> Iterator[Batch]:
    with step_processes() as run:
        yield run


@contextmanager
def both(folder: Path) -> Iterator[tuple[World, World]]:
    """A sandbox with both workspaces, and a plan for each."""
    with legacy_world(folder / "one", two_workspaces()) as one:
        yield one, World(one.sandbox, folder / "other", _plan_other(folder / "other"))


def _plan_other(folder: Path) -> Plan:
    config = (EXAMPLE / "migration.yaml").read_text()
    config = config.replace("workspace: ws-legacy", f"workspace: {OTHER_SOURCE.name}").replace(
        "ws-secure", "ws-safe"
    )
    for name in ENDPOINTS:
        config = config.replace(f"    {name}: requests", f"    other-{name}: requests")
    folder.mkdir()
    shutil.copytree(EXAMPLE / "requests", folder / "requests")
    (folder / "migration.yaml").write_text(config)
    return make_plan(folder)


def _apart_from_addresses(state: Mapping[str, str]) -> dict[str, str]:
    return {key: _ADDRESS.sub("<address>", text) for key, text in state.items()}


def _sources(*worlds: World) -> dict[str, str]:
    """The documents of both sources, as the sandbox holds them."""
    held = worlds[0].sandbox.world.documents.below("/")
    own = tuple(world.plan.source.key for world in worlds)
    return {d["id"]: json.dumps(d, sort_keys=True) for d in held if d["id"].lower().startswith(own)}


def test_migrations_of_two_workspaces_at_once_end_as_one_after_the_other(
    processes: Batch, tmp_path: Path
) -> None:
    with both(tmp_path / "in-turn") as (one, other):
        assert (processes(one, {}), processes(other, {})) == ([0], [0])
        in_turn = _apart_from_addresses(state_of(one))
    with both(tmp_path / "at-once") as (one, other):
        before = _sources(one, other)
        assert processes(one, {}, {"plan_file": str(other.plan_file)}) == [0, 0]
        assert differences(_apart_from_addresses(state_of(one)), in_turn) == []
        assert _sources(one, other) == before
        for world in (one, other):
            shares = {step.resource: step.spec["traffic"] for step in world.plan.of_kind("set_traffic")}
            assert len(shares) == len(ENDPOINTS)
            assert {new: world.get(new)["properties"]["traffic"] for new in shares} == shares
            assert (world.folder / "handoff.json").is_file()
