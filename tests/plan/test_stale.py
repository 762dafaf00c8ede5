"""A plan knows when its source is no longer what it was made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vnetferry.models.inventory import Inventory
from vnetferry.models.plan import Plan
from vnetferry.plan.stale import changed_requests, changes

Edit = Callable[..., Inventory]


def test_changes_of_an_unchanged_source_are_none(plan: Plan, inventory: Inventory) -> None:
    assert changes(plan, inventory) == []


def test_changes_that_azure_makes_by_itself_do_not_count(
    plan: Plan, inventory: Inventory, edit: Edit
) -> None:
    def change(body: dict[str, Any]) -> None:
        body["systemData"]["lastModifiedAt"] = "2026-01-01T00:00:00+00:00"
        body["properties"]["properties"]["AzureAsyncOperationUri"] = "https://management.azure.com/other"

    assert changes(plan, edit(inventory, "credit/deployments/blue", change)) == []


def test_changes_of_a_capacity_name_deployment_property_and_both_values(
    plan: Plan, inventory: Inventory, edit: Edit
) -> None:
    def change(body: dict[str, Any]) -> None:
        body["sku"]["capacity"] = 3

    found = changes(plan, edit(inventory, "credit/deployments/blue", change))
    assert found == ["deployment credit/blue changed: sku.capacity was 2, is 3."]


def test_changes_of_traffic_are_seen(plan: Plan, inventory: Inventory, edit: Edit) -> None:
    def change(body: dict[str, Any]) -> None:
        body["properties"]["traffic"] = {"blue": 100}

    found = changes(plan, edit(inventory, "onlineEndpoints/credit", change))
    sentence = (
        "endpoint credit changed: properties.traffic.blue was 90, is 100; "
        "properties.traffic.green was 10, is absent."
    )
    assert found == [sentence]


def test_changes_name_what_is_gone_and_what_is_new(plan: Plan, inventory: Inventory, edit: Edit) -> None:
    def silence(body: dict[str, Any]) -> None:
        body["properties"]["traffic"] = {}

    quiet = edit(inventory, "onlineEndpoints/credit", silence)
    found = changes(plan, edit(quiet, "credit/deployments/green", lambda body: False))
    assert "deployment credit/green is gone." in found
    assert "model credit-green/1 is gone." in found


def test_changes_of_a_secret_do_not_count_and_are_not_shown(
    plan: Plan, inventory: Inventory, edit: Edit
) -> None:
    def change(body: dict[str, Any]) -> None:
        body["properties"]["environmentVariables"]["API_TOKEN"] = "another-secret"

    assert changes(plan, edit(inventory, "churn/deployments/main", change)) == []


def test_changes_that_make_the_plan_impossible_are_a_sentence(
    plan: Plan, inventory: Inventory, edit: Edit
) -> None:
    def change(body: dict[str, Any]) -> None:
        body["properties"]["provisioningState"] = "Failed"

    assert "'credit/blue' is Failed" in changes(plan, edit(inventory, "credit/deployments/blue", change))[0]


def test_changed_requests_names_the_endpoint_whose_file_differs(plan: Plan) -> None:
    assert changed_requests(plan, {"credit": "ab" * 32}) == []
    assert changed_requests(plan, {"credit": "cd" * 32}) == [
        "The request file of endpoint credit has changed."
    ]
