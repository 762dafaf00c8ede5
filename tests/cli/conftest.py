"""The example workspace in a sandbox, and a way to run commands in it as a person would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Change, Shell, changed
from vnetferry.gateway.azure import _connect
from vnetferry.sandbox.environment import REMOVED
from vnetferry.sandbox.scenario_file import load
from vnetferry.sandbox.server import Sandbox

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "legacy-workspace"
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def example_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("example") / "requests.jsonl"


@pytest.fixture(scope="session")
def example_sandbox(session_sandbox_factory: Callable[..., Sandbox], example_log: Path) -> Sandbox:
    """The example workspace, which the commands of these tests only read."""
    scenario = load(str(EXAMPLE / "scenario.yaml")).model_copy(update={"runtime": "echo"})
    return session_sandbox_factory(scenario, request_log=example_log)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the example's configuration and requests."""
    shutil.copy(EXAMPLE / "migration.yaml", tmp_path)
    shutil.copytree(EXAMPLE / "requests", tmp_path / "requests")
    return tmp_path


@pytest.fixture
def vnetferry(folder: Path) -> Command:
    """Run a command in `folder`, in a sandbox when one is given; its answer, whatever the exit code."""

    def run(*arguments: str, sandbox: Sandbox | None = None) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items() if name not in REMOVED}
        paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        env = {**own, **(sandbox.env() if sandbox else {}), "PYTHONPATH": paths, "COLUMNS": "140"}
        command = [sys.executable, "-m", "vnetferry.cli.main", *arguments]
        return subprocess.run(
            command,
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    return run


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    """A folder with the example's configuration, in no sandbox."""
    shutil.copy(EXAMPLE / "migration.yaml", tmp_path)
    shutil.copytree(EXAMPLE / "requests", tmp_path / "requests")
    yield Shell(tmp_path, monkeypatch, capsys)
    _connect.cache_clear()


@pytest.fixture
def shell_in(
    shell: Shell, sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox]
) -> Callable[..., Shell]:
    """The same in a sandbox of its own, whose scenario is the example after these changes."""

    def enter(*changes: Change) -> Shell:
        sandbox = sandbox_factory(changed(*changes), request_log=shell.folder / "requests.jsonl")
        enter_sandbox(sandbox, "vnet-callers")
        return shell

    return enter
