"""`vnetferry plan` with plans that are there: shown again and compared, without Azure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from vnetferry.cli.plan import command
from vnetferry.models.config import MigrationConfig
from vnetferry.models.inventory import Inventory
from vnetferry.plan.build import build
from vnetferry.plan.files import write_plan

INVENTORY = Path(__file__).parents[1] / "plan" / "legacy_inventory.json"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A plan, and one without an endpoint of it."""
    inventory = Inventory.model_validate_json(INVENTORY.read_text())
    folder = tmp_path_factory.mktemp("plans")
    source = {
        "subscription_id": inventory.source.subscription_id,
        "resource_group": "rg-legacy",
        "workspace": "ws-legacy",
    }
    for name, exclude in (("old.json", []), ("new.json", ["churn"])):
        config = {"source": source, "target": {"workspace": "ws-secure"}, "endpoints": {"exclude": exclude}}
        write_plan(build(inventory, MigrationConfig.model_validate(config), {}), folder / name)
    return str(folder / "old.json"), str(folder / "new.json")


def test_plan_of_a_file_shows_it_and_writes_nothing(files: tuple[str, str]) -> None:
    before = Path(files[0]).read_bytes()
    result = CliRunner().invoke(command, [files[0], "--json"])
    assert (result.exit_code, result.stdout.encode()) == (0, before)
    assert "churn-v2" in CliRunner().invoke(command, [files[0], "--verbose"]).stdout


def test_plan_diff_of_two_files_tells_what_was_removed(files: tuple[str, str]) -> None:
    result = CliRunner().invoke(command, [files[1], "--diff", files[0], "--json"])
    steps = json.loads(result.stdout)["steps"]
    assert {"change": "removed", "what": "create_endpoint:churn-v2", "properties": []} in steps
    shown = CliRunner().invoke(command, [files[1], "--diff", files[0]]).stdout
    assert "- create_endpoint:churn-v2" in shown
    assert 'endpoints.exclude: [] -> ["churn"]' in shown


def test_plan_of_a_file_with_a_configuration_is_bad_usage(files: tuple[str, str]) -> None:
    result = CliRunner().invoke(command, [files[0], "-o", "other.json"])
    assert result.exit_code == 2
    assert "leave out --output" in result.output


def test_plan_with_names_that_look_like_markup_shows_them_letter_by_letter(tmp_path: Path) -> None:
    inventory = Inventory.model_validate_json(INVENTORY.read_text())
    for document in inventory.documents:
        if document.id == inventory.endpoints[0].id:
            document.body["tags"] = {"[bold]team": ":ship: [/red]", "[/b]": "plain"}
    subscription_id, group, workspace = (
        inventory.source.subscription_id,
        inventory.source.resource_group,
        inventory.source.name,
    )
    source = {"subscription_id": subscription_id, "resource_group": group, "workspace": workspace}
    config = MigrationConfig.model_validate({"source": source, "target": {"workspace": "ws-secure"}})
    write_plan(build(inventory, config, {}), tmp_path / "plan.json")
    result = CliRunner().invoke(command, [str(tmp_path / "plan.json"), "--verbose"])
    assert result.exit_code == 0
    for shown in ("tags.[bold]team", ":ship: [/red]", "tags.[/b]"):
        assert shown in result.stdout
