"""What the pages show can be typed: commands exist with the options shown, targets and linked files are there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from vnetferry.checks.rights import (
    CONVERSION_ACTIONS,
    SOURCE_ACTIONS,
    SUBNET_ACTIONS,
    TARGET_ACTIONS,
    WAY_IN_ACTIONS,
    ZONE_ACTIONS,
    grants,
)
from vnetferry.cli.main import root
from vnetferry.sandbox.environment import inherited
from vnetferry.sandbox.scenario_file import load
from vnetferry.sandbox.server import Sandbox

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [
    REPOSITORY / "README.md",
    *sorted(REPOSITORY.glob("docs/*.md")),
    *sorted(REPOSITORY.glob("examples/*/README.md")),
]
BLOCK = re.compile(r"^```(?:sh|bash)?\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def shown(program: str) -> list[tuple[str, str]]:
    """(page, line) of every command of `program` in the pages' blocks, without its comment."""
    lines = [
        (page.name, line)
        for page in PAGES
        for block in BLOCK.findall(page.read_text())
        for line in block.splitlines()
    ]
    return [(page, line.split(" #")[0].strip()) for page, line in lines if line.startswith(f"{program} ")]


def test_pages_show_something() -> None:
    assert len(shown("vnetferry")) > 5
    assert len(shown("make")) >= 2


@pytest.mark.parametrize(("page", "line"), shown("vnetferry"))
def test_vnetferry_command_shown_is_understood(page: str, line: str) -> None:
    arguments = shlex.split(line)[1:]
    command: click.Command = root
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), arguments.pop(0))
        assert found is not None, f"{page}: {line}"
        command = found
    command.make_context("vnetferry", arguments)


@pytest.mark.parametrize(("page", "line"), shown("make"))
def test_make_target_shown_exists(page: str, line: str) -> None:
    target = line.split()[1]
    assert re.search(rf"^{target}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE), f"{page}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_to_files(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def test_files_named_in_the_readme_exist() -> None:
    for name in re.findall(
        r"`((?:deployments|examples|docs)/[\w./-]+)`", (REPOSITORY / "README.md").read_text()
    ):
        assert (REPOSITORY / name).exists(), name


@pytest.mark.parametrize("name", ["azure-role.json", "azure-role-vault.json"])
def test_azure_role_is_a_role_definition(name: str) -> None:
    role = json.loads((REPOSITORY / "deployments" / name).read_text())
    assert role["IsCustom"]
    for kind in ("Actions", "DataActions"):
        assert role[kind] == sorted(role[kind], key=str.lower)
        assert "*" not in role[kind]


def test_azure_role_has_all_that_the_preflight_asks_for() -> None:
    role = json.loads((REPOSITORY / "deployments" / "azure-role.json").read_text())
    permission = {"actions": role["Actions"], "notActions": role["NotActions"]}
    asked = {
        *SOURCE_ACTIONS,
        *TARGET_ACTIONS,
        *CONVERSION_ACTIONS,
        *WAY_IN_ACTIONS,
        *SUBNET_ACTIONS,
        *ZONE_ACTIONS,
    }
    assert [action for action in sorted(asked) if not grants([permission], action)] == []


AZ = REPOSITORY / ".clients" / "bin" / "az"


@pytest.mark.az
@pytest.mark.xdist_group("az-docs")
@pytest.mark.skipif(not AZ.exists(), reason="Azure CLI is not installed: make test-clients runs it")
def test_az_commands_shown_run_in_the_example(sandbox_factory: Callable[..., Sandbox]) -> None:
    sandbox = sandbox_factory(load("legacy-workspace").model_copy(update={"runtime": "echo"}), time_scale=600)
    environment = inherited(os.environ, sandbox.env())
    for page, line in shown("az"):
        command = ["sh", "-c", f'"$0"{line.removeprefix("az")}', str(AZ)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, f"{page}: {line}\n{done.stderr}"
