"""docs/scenario.md names all that a scenario may hold, and what it shows can be loaded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from vnetferry.sandbox.arm.site import routes
from vnetferry.sandbox.ml.instances import LIMITS
from vnetferry.sandbox.scenario import (
    REQUEST_QUOTAS,
    BlobContent,
    DnsServer,
    Fault,
    Scenario,
    ServicePrincipal,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scenario.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("part", [Scenario, Fault, BlobContent, DnsServer, ServicePrincipal])
def test_page_names_every_member(part: Any) -> None:
    assert [name for name in part.model_fields if f"`{name}`" not in TEXT] == []


def test_page_names_every_kind_of_fault_and_limit() -> None:
    kinds = get_args(Fault.model_fields["kind"].annotation)
    counted = {name for name in LIMITS if not name.endswith("Family")} | REQUEST_QUOTAS
    rows = {kind for kind in kinds if f"| `{kind}` |" in TEXT}
    assert rows == set(kinds)
    assert [name for name in counted if f"`{name}`" not in TEXT] == []


@pytest.mark.parametrize("block", BLOCKS)
def test_what_the_page_shows_is_a_scenario(block: str) -> None:
    scenario = Scenario.model_validate(yaml.safe_load(block))
    assert scenario != Scenario()
    assert scenario.durations_s.keys() <= {operation.name for operation in routes().operations}


def test_page_shows_every_part() -> None:
    shown = {name for block in BLOCKS for name in yaml.safe_load(block)}
    assert Scenario.model_fields.keys() - shown == {"dns_servers"}  # shown in the design
