"""A sandbox that holds the example's legacy workspace, and a plan to convert it in place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.flows.legacy_world import EXAMPLE, TIME_SCALE, World, legacy_scenario, legacy_world
from vnetferry.sandbox.scenario import Scenario


@contextmanager
def conversion_world(
    folder: Path, scenario: Scenario | None = None, *, time_scale: float = TIME_SCALE
) -> Iterator[World]:
    """Run a sandbox with the legacy workspace, be in it, and plan its conversion; all until the block ends."""
    config = (EXAMPLE / "in-place.yaml").read_text()
    with legacy_world(folder, scenario or legacy_scenario(), time_scale=time_scale, config=config) as world:
        yield world
