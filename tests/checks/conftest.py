"""Facts of a legacy workspace in good order, for checks to find what a test changes in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vnetferry.checks.facts import Facts
from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import Document, Inventory

INVENTORY = Path(__file__).parents[1] / "plan" / "legacy_inventory.json"
ASSOCIATED = {"container_registry": "crlegacy", "key_vault": "kv-legacy", "storage_account": "stlegacy"}


@pytest.fixture
def facts() -> Callable[..., Facts]:
    """Facts; `change` maps a document's name to a function that edits its body, other arguments are fields."""

    def make(change: dict[str, Callable[[dict[str, Any]], None]] | None = None, **fields: Any) -> Facts:
        data = json.loads(INVENTORY.read_text())
        for document in data["documents"]:
            if edit := (change or {}).get(document["body"]["name"]):
                edit(document["body"])
        inventory = Inventory.model_validate(data)
        found: dict[str, Document] = {d.name: d for d in inventory.documents}
        source = {
            "subscription_id": inventory.source.subscription_id,
            "resource_group": "rg-legacy",
            "workspace": "ws-legacy",
        }
        requests = {"credit": "credit.json", "churn": "churn.json"}
        target = {"workspace": "ws-secure", "image_build_compute": "cpu", **fields.pop("target_config", {})}
        sections = fields.pop("sections", {"validation": {"requests": requests}})
        config = MigrationConfig.model_validate({"source": source, "target": target, **sections})
        associated = {name: found[document] for name, document in ASSOCIATED.items()}
        ready = {"associated": associated, "vantages": ("internet", "vnet-callers")}
        return Facts(inventory=inventory, config=config, **{**ready, **fields})

    return make
