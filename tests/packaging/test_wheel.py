"""The wheel, installed in an empty environment and used from an empty folder.

Its dependencies are lent by the environment that runs the tests (through a .pth file), so what is proved is what the
wheel itself carries; `.ci/run` proves the installation with dependencies, from the lock file.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from vnetferry.sandbox.environment import inherited
from vnetferry.sandbox.scenario_file import load
from vnetferry.sandbox.server import Sandbox

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples" / "legacy-workspace"
pytestmark = pytest.mark.xdist_group("wheel")


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel and nothing of the checkout."""

    bin: Path
    site_packages: Path
    before: frozenset[str]

    def run(
        self, *command: str, folder: Path, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in (env or inherited({}, {})).items() if name != "PYTHONPATH"}
        program = [str(self.bin / command[0]), *command[1:]]
        return subprocess.run(program, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(out),
        str(REPOSITORY),
    ]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("vnetferry-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    site_packages = Path(sysconfig.get_path("purelib", "posix_prefix", {"base": str(folder)}))
    lent = sysconfig.get_path("purelib")
    # Plain paths only: `site.addsitedir` would follow the checkout's own .pth file.
    (site_packages / "lent.pth").write_text(f"{lent}\n")
    before = frozenset(entry.name for entry in site_packages.iterdir())
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(folder / "bin" / "python"),
        "--disable-pip-version-check",
    ]
    install = [*pip, "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return Installed(folder / "bin", site_packages, before)


def test_wheel_installed_adds_vnetferry_alone(installed: Installed) -> None:
    added = {entry.name for entry in installed.site_packages.iterdir()} - installed.before
    assert {name for name in added if not name.endswith(".dist-info")} == {"vnetferry"}


def test_wheel_carries_no_bytecode_and_no_generated_file(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".log"))]


def test_wheel_carries_flows_tasks_and_the_example(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    project = "vnetferry/_project"
    for folder in ("flows", "tasks", "deployments", "examples/legacy-workspace"):
        here = {
            f"{project}/{folder}/{file.relative_to(REPOSITORY / folder)}"
            for file in (REPOSITORY / folder).rglob("*")
            if file.is_file() and "__pycache__" not in file.parts
        }
        assert here <= names
    assert f"{project}/prefect.yaml" in names


def test_wheel_modules_come_from_the_wheel(installed: Installed, tmp_path: Path) -> None:
    program = (
        "import vnetferry, vnetferry.cli.project as p; p.enter_project(); import flows, tasks;"
        "print(vnetferry.__file__, flows.__file__, tasks.__file__, sep='\\n')"
    )
    done = installed.run("python", "-c", program, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(Path(line).is_relative_to(installed.site_packages) for line in done.stdout.split())


def test_wheel_command_shows_help_in_an_empty_folder(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("vnetferry", "--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "plan" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_wheel_command_plans_the_example(
    installed: Installed, sandbox_factory: Callable[..., Sandbox], tmp_path: Path
) -> None:
    scenario = load(str(EXAMPLE / "scenario.yaml")).model_copy(update={"runtime": "echo"})
    sandbox = sandbox_factory(scenario, time_scale=3600)
    env = inherited({"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, sandbox.env("vnet-callers"))
    config = installed.site_packages / "vnetferry/_project/examples/legacy-workspace/migration.yaml"
    out = tmp_path / "plan.json"
    done = installed.run("vnetferry", "plan", "-c", str(config), "-o", str(out), folder=tmp_path, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"create_deployment"' in out.read_text()
