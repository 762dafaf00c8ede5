"""What a plan says that is billed: counts from the documents, and prices only where one is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import Inventory, MonthlyCost
from vnetferry.models.plan import Cost, Plan
from vnetferry.plan.build import build
from vnetferry.plan.render import cost_rows

Configure = Callable[..., MigrationConfig]
REQUESTS = {"credit": "ab" * 32}


def test_build_counts_instances_twice_while_both_sides_run(plan: Plan) -> None:
    instances = _cost(plan, "Standard_DS3_v2 instances")
    assert (instances.today, instances.both, instances.after) == (4, 8, 4)
    assert instances.unit_h is None


def test_build_prices_instances_by_the_last_whole_months_bill(
    inventory: Inventory, configure: Configure
) -> None:
    """Three instances were billed, and the fourth's deployment was not: its price is theirs."""
    bills = (
        _bill("2026-01", "credit", "blue", 1.0),
        _bill("2026-02", "credit", "blue", 418.40),
        _bill("2026-02", "Credit", "GREEN", 209.20),
        MonthlyCost(month="2026-02", resource=inventory.source.key, amount=900, currency="EUR"),
        _bill("2026-03", "credit", "blue", 20.0),
    )
    plan = build(inventory.model_copy(update={"costs": bills}), configure(), REQUESTS)
    found = _cost(plan, "Standard_DS3_v2 instances")
    assert (found.currency, found.unit_h) == ("EUR", round(209.20 / (24 * 28), 6))
    assert "209.20 EUR a month each, as billed in 2026-02" in found.source
    euros, dollars = cost_rows(plan)[-2:]
    assert (euros.today, euros.both, euros.after) == ("1.25 EUR/h", "2.49 EUR/h", "1.25 EUR/h")
    assert dollars.price.startswith("of private endpoints;")


@pytest.mark.parametrize(
    "bills", [[("2026-03", "EUR")], [("2026-02", "EUR"), ("2026-02", "USD"), ("2026-03", "EUR")]]
)
def test_build_knows_no_price_of_a_month_that_runs_or_of_two_currencies(
    inventory: Inventory, configure: Configure, bills: list[tuple[str, str]]
) -> None:
    costs = tuple(_bill(month, "credit", "blue", 9.0, currency) for month, currency in bills)
    plan = build(inventory.model_copy(update={"costs": costs}), configure(), REQUESTS)
    assert _cost(plan, "Standard_DS3_v2 instances").unit_h is None


def _bill(month: str, endpoint: str, deployment: str, amount: float, currency: str = "EUR") -> MonthlyCost:
    return MonthlyCost(
        month=month, endpoint=endpoint, deployment=deployment, amount=amount, currency=currency
    )


def test_build_counts_the_legacy_private_endpoints_and_those_of_the_managed_network(
    inventory: Inventory, plan: Plan
) -> None:
    deployments = [d for e in inventory.endpoints for d in inventory.deployments(e.id)]
    legacy = [d for d in deployments if str(d.get("egressPublicNetworkAccess")).lower() == "disabled"]
    from_registry = [d for d in legacy if "azureml://registries/" in json.dumps(d.body)]
    found = _cost(plan, "private endpoints")
    assert from_registry
    assert found.today == 3 * len(legacy) + 2 * len(from_registry)
    # Azure's own to the workspace, blob, file, vault and registry; the plan's to a datastore and for callers.
    assert found.after == 5 + 1 + 1
    assert found.both == found.today + found.after


@pytest.mark.parametrize(("sku", "price"), [("standard", 1.25), ("basic", None)])
def test_build_prices_only_the_firewall_whose_price_is_known(
    inventory: Inventory, configure: Configure, sku: str, price: float | None
) -> None:
    planned = build(inventory, configure(target={"firewall_sku": sku}), REQUESTS)
    assert _cost(planned, f"Azure Firewall ({sku.capitalize()})").unit_h == price


def test_build_without_fqdn_rules_has_no_firewall(inventory: Inventory, configure: Configure) -> None:
    planned = build(
        inventory, configure(target={"outbound_rules": [], "derive_outbound_rules": False}), REQUESTS
    )
    assert not [cost for cost in planned.costs if "Firewall" in cost.what]


def test_cost_rows_add_up_what_has_a_price(plan: Plan) -> None:
    priced: list[Any] = [c for c in plan.costs if c.unit_h]
    total = cost_rows(plan)[-1]
    assert total.both == f"{sum(c.both * c.unit_h for c in priced):.2f} USD/h"
    assert total.price.startswith("of private endpoints;")


def _cost(plan: Plan, what: str) -> Cost:
    (found,) = (cost for cost in plan.costs if cost.what == what)
    return found
