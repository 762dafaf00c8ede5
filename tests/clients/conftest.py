"""Other clients than the SDK in a sandbox of the example's workspace: Azure CLI as people type it, and curl."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vnetferry.sandbox.environment import inherited
from vnetferry.sandbox.scenario_file import load
from vnetferry.sandbox.server import Sandbox

REPOSITORY = Path(__file__).resolve().parents[2]
SUBSCRIPTION = "/subscriptions/3d5f7a21-8c46-4b0e-9f13-5e2a6c8b0d41"
LEGACY = f"{SUBSCRIPTION}/resourceGroups/rg-legacy"
_PROGRAM = REPOSITORY / ".clients" / "bin" / "az"
# az waits 10 s before it looks whether an approval took effect, and a busy machine is slow to start it.
_TIMEOUT_S = 240


@dataclass(frozen=True)
class Az:
    """Azure CLI, signed in to a sandbox as its service principal."""

    sandbox: Sandbox
    env: dict[str, str]

    def __call__(self, command: str) -> Any:
        """What `az <command>` prints, read as JSON (None: nothing). The test fails with the command if az does."""
        done = self.run(command)
        assert done.returncode == 0, f"az {command}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, command: str, *words: str, code: int = 1) -> None:
        """Assert that az ends with this exit code and says these words, without a traceback."""
        done = self.run(command)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), f"az {command}\n{done.stderr}"
        assert [word for word in words if word not in done.stderr] == [], f"az {command}\n{done.stderr}"

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run `az <command>` to its end."""
        arguments = [str(_PROGRAM), *shlex.split(command)]
        return subprocess.run(
            arguments, env=self.env, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )

    def held(self, resource_id: str) -> Any:
        """The sandbox's own document of a resource, or None."""
        return self.sandbox.world.documents.get(resource_id)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts Azure CLI, before what is marked is chosen."""
    for item in items:
        if "az_program" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.az)


@pytest.fixture(scope="session")
def az_program() -> Path:
    """Azure CLI of `make clients`; a test that asks for it skips where it is not installed."""
    if not _PROGRAM.exists():
        pytest.skip("Azure CLI is not installed: make test-clients runs it")
    return _PROGRAM


@pytest.fixture(scope="module")
def az(az_program: Path, session_sandbox_factory: Callable[..., Sandbox]) -> Az:
    """A sandbox for one file of tests, with Azure CLI signed in."""
    scenario = load("legacy-workspace").model_copy(update={"runtime": "echo"})
    sandbox = session_sandbox_factory(scenario, time_scale=5000)
    signed_in = Az(sandbox, inherited(os.environ, {**sandbox.env(), **quiet()}))
    principal = "-u $AZURE_CLIENT_ID -p $AZURE_CLIENT_SECRET --tenant $AZURE_TENANT_ID"
    for name, value in sandbox.env().items():
        principal = principal.replace(f"${name}", shlex.quote(value))
    (account,) = signed_in(f"login --service-principal {principal}")
    assert account["user"] == {"name": sandbox.env()["AZURE_CLIENT_ID"], "type": "servicePrincipal"}
    return signed_in


def quiet() -> dict[str, str]:
    """Settings that keep az to what it is asked: no extensions, colours or hints."""
    return {"AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no", "AZURE_CORE_NO_COLOR": "true", "PATH": _path()}


def _path() -> str:
    return os.pathsep.join([str(_PROGRAM.parent), os.environ["PATH"]])


@pytest.fixture(scope="session")
def curl_program() -> str:
    """The machine's curl; a test that asks for it skips where there is none."""
    found = shutil.which("curl")
    if found is None:
        pytest.skip("curl is not installed")
    return found
