"""The documented path as steps."""

from __future__ import annotations

from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import Inventory
from vnetferry.plan.secure import SecureFiles, YamlFile, build_secure

FILES = SecureFiles(
    endpoint=YamlFile(name="credit", path="endpoint.yml"),
    deployments=(YamlFile(name="blue", path="blue.yml"),),
)


def _location(config: MigrationConfig, inventory: Inventory) -> str:
    steps = build_secure(config, inventory.source.subscription_id, FILES, inventory.workspace.body)
    return str(next(step for step in steps if step.kind == "create_workspace").spec["location"])


def _config(inventory: Inventory, **target: str) -> MigrationConfig:
    source = {
        "subscription_id": inventory.source.subscription_id,
        "resource_group": inventory.source.resource_group,
        "workspace": inventory.source.name,
    }
    return MigrationConfig.model_validate({"source": source, "target": {"workspace": "ws-secure", **target}})


def test_build_secure_without_a_location_takes_the_sources(inventory: Inventory) -> None:
    """It shares the source's storage, vault and registry, which a workspace in another region would be far from."""
    assert _location(_config(inventory), inventory) == "westeurope"
    assert _location(_config(inventory, location="northeurope"), inventory) == "northeurope"
