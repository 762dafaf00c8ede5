"""A run gets its name before anything can say what is wrong with its parameters, so the name must never fail."""

from __future__ import annotations

from flows.migrate_workspace import migrate_workspace
from tasks.inventory import take_inventory
from vnetferry.models.config import MigrationConfig, TargetConfig

NO_SOURCE = MigrationConfig(target=TargetConfig(workspace="ws-secure"))


def test_run_name_without_a_source_says_so() -> None:
    assert str(migrate_workspace.flow_run_name).format(config=NO_SOURCE) == "migrate no source to ws-secure"
    assert str(take_inventory.task_run_name).format(config=NO_SOURCE) == "read no source"
