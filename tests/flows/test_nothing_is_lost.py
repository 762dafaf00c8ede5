"""Whatever a source holds: where the target differs, the plan had announced it, and drops have known reasons alone.

`VNETFERRY_EXAMPLES=200 pytest tests/flows/test_nothing_is_lost.py` tries more, and others each time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.flows.any_associated import standing_on_any
from tests.flows.any_scenario import convertible_scenarios, scenarios, selections
from tests.flows.any_surroundings import surrounded
from tests.flows.drops import REASONS, REASONS_IN_PLACE, REASONS_OF_SOME
from tests.flows.legacy_world import EXAMPLE, SOURCE, TIME_SCALE, World, inside, make_plan, prepare_folder
from tests.flows.losses import documents_about, documents_beneath, losses, secrets_of
from tests.flows.unknown_members import UNKNOWN, flagged, untold, with_unknown
from vnetferry.config import load_config
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document, Inventory
from vnetferry.models.plan import Plan
from vnetferry.plan.build import build
from vnetferry.sandbox.scenario import Scenario
from vnetferry.sandbox.server import running

Json = dict[str, Any]
EXAMPLES = os.environ.get("VNETFERRY_EXAMPLES", "")
# Few, and the same each time; a number that is asked for is drawn anew.
_DRAWN = settings(
    max_examples=int(EXAMPLES or "6"),
    derandomize=not EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # A smaller example takes a hundred migrations to find.
    phases=[Phase.explicit, Phase.reuse, Phase.generate] if EXAMPLES else [Phase.explicit, Phase.generate],
)

_STRATEGIES = ("share", "create")
_some_endpoints = scenarios().flatmap(lambda scenario: st.tuples(st.just(scenario), selections(scenario)))
_documents = scenarios().flatmap(lambda scenario: surrounded(list(scenario.resources)))


@_DRAWN
@given(scenarios())
def test_migration_of_any_scenario_loses_nothing_unannounced(scenario: Scenario) -> None:
    with _planned_world(scenario, "migration.yaml") as world:
        before = documents_about(world)
        world.carry_out()
        assert {source: world.get(source) for source in before} == before, "the source changed"
        assert losses(world, before, set(REASONS)) == []
        assert secrets_of(world, world.plan.target, before) == secrets_of(world, world.plan.source, before)


@_DRAWN
@given(_some_endpoints)
def test_migration_of_some_endpoints_loses_nothing_unannounced(drawn: tuple[Scenario, Json]) -> None:
    """Some endpoints stay, and those that move have names by a rule of one's own."""
    scenario, chosen = drawn
    with _planned_world(scenario, "migration.yaml", endpoints=chosen) as world:
        before = documents_about(world)
        world.carry_out()
        assert {source: world.get(source) for source in before} == before, "the source changed"
        assert losses(world, before, set(REASONS_OF_SOME)) == []


@_DRAWN
@given(scenarios().flatmap(standing_on_any))
def test_migration_of_any_scenario_onto_what_is_made_anew_loses_nothing_unannounced(
    scenario: Scenario,
) -> None:
    """What the workspace stands on is compared as what is in it."""
    with _planned_world(scenario, "migration.yaml", target={"associated_resources": "create"}) as world:
        before = {**documents_about(world), **documents_beneath(world)}
        world.carry_out()
        assert {source: world.get(source) for source in before} == before, "the source changed"
        assert losses(world, before, set(REASONS)) == []
        assert secrets_of(world, world.plan.target, before) == secrets_of(world, world.plan.source, before)


@_DRAWN
@given(convertible_scenarios())
def test_conversion_in_place_of_any_scenario_loses_nothing_unannounced(scenario: Scenario) -> None:
    with _planned_world(scenario, "in-place.yaml") as world:
        before = documents_about(world)
        secrets = secrets_of(world, SOURCE, before)
        world.carry_out()
        assert losses(world, before, set(REASONS_IN_PLACE)) == []
        assert secrets_of(world, SOURCE, before) == secrets


@_DRAWN
@given(_documents)
def test_plan_of_any_scenario_tells_the_fate_of_members_that_nobody_knows(documents: list[Json]) -> None:
    """In any object of a document: flagged, and carried in what is written or left out. Azure may refuse it by name."""
    inventory = _inventory(map(with_unknown, documents))
    for associated in _STRATEGIES:
        assert untold(_planned(inventory, associated), inventory.documents) == []


@_DRAWN
@given(_documents)
def test_plan_of_any_scenario_knows_every_member_that_azure_defines(documents: list[Json]) -> None:
    found = [flagged(_planned(_inventory(documents), associated)) for associated in _STRATEGIES]
    assert {path for path in set.union(*found) if UNKNOWN not in path} == set()


def _inventory(documents: Iterable[Json]) -> Inventory:
    found = {ResourceId(d["id"]): Document(id=ResourceId(d["id"]), body=d) for d in documents}
    return Inventory(source=SOURCE, documents=(found.pop(SOURCE), *found.values()))


def _planned(inventory: Inventory, associated: str) -> Plan:
    """The plan of the example's configuration. In: associated: target.associated_resources."""
    with tempfile.TemporaryDirectory(prefix="vnetferry-any-") as name:
        _configure(Path(name))
        config = load_config(Path(name) / "migration.yaml")
    target = config.target.model_copy(update={"associated_resources": associated})
    return build(inventory, config.model_copy(update={"target": target}), {})


@contextmanager
def _planned_world(scenario: Scenario, example: str, **sections: Json) -> Iterator[World]:
    """A world with the scenario, and its plan by one of the example's configurations, with these of its sections."""
    with tempfile.TemporaryDirectory(prefix="vnetferry-any-") as name:
        folder = Path(name)
        _configure(folder, example, **sections)
        with running(scenario, time_scale=TIME_SCALE) as sandbox, inside(sandbox):
            yield World(sandbox, folder, make_plan(folder))


def _configure(folder: Path, example: str = "migration.yaml", **sections: Json) -> None:
    """Write a configuration of the example, without requests of endpoints that are not there, as migration.yaml.

    In: sections: members that are other than the example's, by section.
    """
    prepare_folder(folder)
    config = yaml.safe_load((EXAMPLE / example).read_text())
    del config["validation"]["requests"]
    for section, members in sections.items():
        config[section] = {**config.get(section, {}), **members}
    (folder / "migration.yaml").write_text(yaml.safe_dump(config))
