"""The run that README shows is of the example as it is: its counts are those of the plan."""

from __future__ import annotations

import re
from pathlib import Path

from tests.flows.legacy_world import EXAMPLE, ROOT, legacy_world
from vnetferry.plan.render import carried_summary, documents_summary
from vnetferry.sandbox.scenario_file import load


def test_counts_in_the_readme_are_those_of_the_example(tmp_path: Path) -> None:
    with legacy_world(tmp_path, load(str(EXAMPLE / "scenario.yaml"))) as world:
        plan = world.plan
    shown = re.sub(r"\s+", " ", (ROOT / "README.md").read_text())
    counted = (
        f"{len(plan.steps)} steps. Properties: {carried_summary(plan)}. Documents: {documents_summary(plan)}."
    )
    assert counted in shown
