"""A plan and the audit lines of a run that carried it out without a fault."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import Inventory
from vnetferry.models.outcome import AuditLine, Event
from vnetferry.models.plan import Plan
from vnetferry.plan.build import build

INVENTORY = Path(__file__).parents[1] / "plan" / "legacy_inventory.json"
START = datetime(2026, 3, 1, 9, tzinfo=timezone.utc)


@pytest.fixture(scope="session")
def inventory() -> Inventory:
    return Inventory.model_validate_json(INVENTORY.read_text())


@pytest.fixture(scope="session")
def plan(inventory: Inventory) -> Plan:
    source = inventory.source
    config = {
        "source": {
            "subscription_id": source.subscription_id,
            "resource_group": "rg-legacy",
            "workspace": "ws-legacy",
        },
        "target": {
            "workspace": "ws-secure",
            "resource_group": "rg-secure",
            "outbound_rules": [{"name": "pypi", "type": "fqdn", "destination": "pypi.example.org"}],
        },
        "validation": {"requests": {"credit": "credit.json"}},
    }
    return build(inventory, MigrationConfig.model_validate(config), {"credit": "ab" * 32})


@pytest.fixture(scope="session")
def line(plan: Plan) -> Callable[..., AuditLine]:
    """An audit line `at_s` seconds after the start."""

    def make(step: str, event: Event, at_s: float, message: str = "", **facts: Any) -> AuditLine:
        time = (START + timedelta(seconds=at_s)).isoformat()
        return AuditLine(
            time=time, actor="me", plan=plan.id, step=step, event=event, message=message, facts=facts
        )

    return make


@pytest.fixture(scope="session")
def whole_run(plan: Plan, line: Callable[..., AuditLine]) -> list[AuditLine]:
    """Every step as early as it can be."""
    ends: dict[str, float] = {}
    lines = []
    for step in plan.steps:
        begin = max((ends[d] for d in step.depends_on), default=0.0)
        ends[step.id] = begin + step.duration_s
        lines += [line(step.id, "started", begin), line(step.id, "done", ends[step.id], **_facts(step.kind))]
    return lines


def _facts(kind: str) -> dict[str, Any]:
    if kind == "create_endpoint":
        return {"target_uri": "https://new.westeurope.inference.ml.azure.com/score"}
    if kind == "probe_isolation":
        return {"reached_from": ["vnet-callers"], "refused_from": ["internet"]}
    return {"compared": ["blue=blue", "green=green"]} if kind == "compare_answers" else {}
