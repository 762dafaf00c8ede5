"""A legacy workspace with two endpoints, as Azure's GETs return it, and a configuration that moves it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import Document, Inventory
from vnetferry.models.plan import Plan
from vnetferry.plan.build import build

SUBNET = (
    "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg-net"
    "/providers/Microsoft.Network/virtualNetworks/vnet-callers/subnets/snet-endpoints"
)
REQUESTS = {"credit": "ab" * 32}


@pytest.fixture(scope="session")
def inventory() -> Inventory:
    return Inventory.model_validate_json(Path(__file__).with_name("legacy_inventory.json").read_text())


@pytest.fixture(scope="session")
def configure(inventory: Inventory) -> Callable[..., MigrationConfig]:
    """A configuration; keyword arguments replace whole sections."""

    def make(**sections: Any) -> MigrationConfig:
        source = {
            "subscription_id": inventory.source.subscription_id,
            "resource_group": "rg-legacy",
            "workspace": "ws-legacy",
        }
        target = {
            "resource_group": "rg-secure",
            "workspace": "ws-secure",
            "inbound": {"subnet_id": SUBNET},
            "outbound_rules": [{"name": "pypi", "type": "fqdn", "destination": "pypi.example.org"}],
        }
        validation = {"requests": {"credit": "requests/credit.json"}}
        data = {"source": source, "target": target, "validation": validation, **sections}
        data["target"] = {**target, **sections.get("target", {})}
        return MigrationConfig.model_validate(data)

    return make


@pytest.fixture(scope="session")
def plan(inventory: Inventory, configure: Callable[..., MigrationConfig]) -> Plan:
    return build(inventory, configure(), REQUESTS)


@pytest.fixture(scope="session")
def edit() -> Callable[..., Inventory]:
    """A copy of an inventory with one document changed by a function, which may return None to remove it."""

    def change(inventory: Inventory, ending: str, how: Callable[[dict[str, Any]], Any]) -> Inventory:
        documents = []
        for document in inventory.documents:
            body = json.loads(json.dumps(document.body))
            kept = True
            if str(document.id).endswith(ending):
                kept = how(body) is not False
            if kept:
                documents.append(Document(id=document.id, body=body))
        return inventory.model_copy(update={"documents": tuple(documents)})

    return change
