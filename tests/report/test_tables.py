"""Golden files: what a person sees before saying yes. Set VNETFERRY_GOLDEN=write to renew them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from vnetferry.models.finding import Finding
from vnetferry.models.inventory import STORAGE_ACCOUNT, Document, Inventory
from vnetferry.models.plan import Plan
from vnetferry.plan.build import build
from vnetferry.plan.diff import diff_plans
from vnetferry.report.diff_table import diff_table
from vnetferry.report.findings_table import findings_table
from vnetferry.report.inventory_rows import Row, inventory_rows
from vnetferry.report.inventory_table import effort_table, inventory_table
from vnetferry.report.plan_table import plan_table

GOLDEN = Path(__file__).with_name("golden")


def _text(renderable: RenderableType) -> str:
    console = Console(width=120, force_terminal=False, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _check(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("VNETFERRY_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize(("name", "verbose"), [("plan.txt", False), ("plan_verbose.txt", True)])
def test_plan_table_is_what_people_have_approved(plan: Plan, name: str, verbose: bool) -> None:
    _check(name, _text(plan_table(plan, verbose=verbose)))


def test_inventory_table_is_what_people_have_approved(inventory: Inventory, plan: Plan) -> None:
    requests = {inventory.endpoints[0].id.key: 12345.0}
    counted = inventory.model_copy(update={"requests": requests, "unread": ("role assignments: forbidden",)})
    _check("inventory.txt", _text(inventory_table(counted)) + _text(effort_table(inventory, plan.config)))


def test_findings_table_shows_evidence_remedy_and_a_sum() -> None:
    finding = Finding(
        check="key_vault",
        severity="blocks",
        resource="/subscriptions/s/resourceGroups/r/providers/Microsoft.KeyVault/vaults/kv",
        evidence="its bypass is None",
        remedy="az keyvault update",
        source="https://learn.microsoft.com",
    )
    text = _text(findings_table([finding]))
    assert "vaults kv" in text
    assert "az keyvault update" in text
    assert "1 blocking, 0 warnings" in text
    assert _text(findings_table([])) == "Nothing blocks.\n"


def test_inventory_rows_count_the_services_of_an_account_as_one(inventory: Inventory) -> None:
    account = next(d for d in inventory.documents if d.type == STORAGE_ACCOUNT)
    kinds = ("blobServices", "queueServices", "managementPolicies")
    ids = [account.id.child(kind, "default") for kind in kinds]
    made = [Document(id=each, body={"id": str(each)}) for each in ids]
    rows = inventory_rows(inventory.model_copy(update={"documents": (*inventory.documents, *made)}))
    assert Row("Resources", "Services of storage", 3, f"3 on {account.name}") in rows
    assert not [row for row in rows if row.what.startswith("storageAccounts/")]


def test_diff_table_is_what_people_have_approved(inventory: Inventory, plan: Plan) -> None:
    endpoints = plan.config.endpoints.model_copy(update={"exclude": ("churn",)})
    target = plan.config.target.model_copy(update={"firewall_sku": "standard"})
    config = plan.config.model_copy(update={"endpoints": endpoints, "target": target})
    new = build(inventory, config, {"credit": "ab" * 32})
    text = _text(diff_table(diff_plans(plan, new))).replace(plan.id, "<old>").replace(new.id, "<new>")
    _check("plan_diff.txt", text)
    assert "is the same plan" in _text(diff_table(diff_plans(plan, plan)))
