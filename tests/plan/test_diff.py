"""The difference of two plans: property by property, complete, and the same bytes each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import Inventory
from vnetferry.models.plan import Plan
from vnetferry.plan.build import build
from vnetferry.plan.diff import Difference, diff_plans

Configure = Callable[..., MigrationConfig]
Edit = Callable[..., Inventory]
REQUESTS = {"credit": "ab" * 32}


def test_diff_plans_of_one_plan_is_empty(plan: Plan) -> None:
    found = diff_plans(plan, plan)
    assert (found.config, found.steps, found.carry_over, found.costs, found.warnings) == ((), (), (), (), ())


def test_diff_plans_tells_a_changed_property_at_its_path(
    inventory: Inventory, configure: Configure, edit: Edit, plan: Plan
) -> None:
    def change(body: dict[str, Any]) -> None:
        body["properties"]["description"] = "Better than ever"

    new = build(edit(inventory, "credit/deployments/blue", change), configure(), REQUESTS)
    found = diff_plans(plan, new)

    (step,) = found.steps
    assert (step.change, step.what) == ("changed", "create_deployment:credit-v2/blue")
    assert [(p.path, p.after) for p in step.properties] == [
        ("body.properties.description", "Better than ever")
    ]
    (line,) = found.carry_over
    assert line.what.endswith("credit/deployments/blue properties.description")
    assert found.config == found.costs == found.warnings == ()


def test_diff_plans_tells_what_an_excluded_endpoint_takes_along(
    inventory: Inventory, configure: Configure, plan: Plan
) -> None:
    new = build(inventory, configure(endpoints={"exclude": ["churn"]}), REQUESTS)
    found = diff_plans(plan, new)

    assert {"create_endpoint:churn-v2", "create_deployment:churn-v2/main"} <= _named(found.steps, "removed")
    assert not _named(found.steps, "added")
    assert [p.path for p in found.config] == ["endpoints.exclude"]
    instances = next(c for c in found.costs if c.what == "Standard_DS3_v2 instances")
    assert [(p.path, p.before, p.after) for p in instances.properties] == [
        ("after", "4", "3"),
        ("both", "8", "6"),
        ("today", "4", "3"),
    ]
    back = diff_plans(new, plan)
    assert _named(back.steps, "added") == _named(found.steps, "removed")
    assert (back.duration_s_before, back.duration_s_after) == (
        found.duration_s_after,
        found.duration_s_before,
    )


def test_diff_plans_shows_no_secret(
    inventory: Inventory, configure: Configure, edit: Edit, plan: Plan
) -> None:
    def change(body: dict[str, Any]) -> None:
        body["properties"]["environmentVariables"]["API_TOKEN"] = "another-s3cr3t-token-value"

    new = build(edit(inventory, "churn/deployments/main", change), configure(), REQUESTS)
    assert "s3cr3t" not in diff_plans(plan, new).model_dump_json()


def _named(found: tuple[Difference, ...], change: str) -> set[str]:
    return {each.what for each in found if each.change == change}
