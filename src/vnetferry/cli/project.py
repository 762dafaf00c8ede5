"""Where the Prefect project lies (flows, tasks, prefect.yaml, examples), in a checkout as in a wheel.

A wheel carries them inside the package, because two installed projects that both brought a top-level `flows`
would overwrite each other. They keep their names: `import flows` works once `add_to_path` has been called.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from vnetferry.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parents[1]


def project_root() -> Path:
    """The folder that holds prefect.yaml: `vnetferry/_project` of a wheel, the root of a checkout."""
    carried = _PACKAGE / "_project"
    return carried if carried.is_dir() else _PACKAGE.parents[1]


def add_to_path() -> None:
    """Make `import flows` and `import tasks` find vnetferry's own, whatever else is installed.

    Raises: ConfigError when another project's `flows` or `tasks` has been imported already.
    """
    root = project_root()
    if str(root) not in sys.path[:1]:
        sys.path.insert(0, str(root))
    for package in ("flows", "tasks"):
        _require_ours(package, root)


def enter_project() -> dict[str, str]:
    """Prefect's pull step: a worker finds the flows in its own installation, wherever that is.

    Out: {"directory": where relative paths of entrypoints start from}, as Prefect expects of a pull step.
    """
    add_to_path()
    os.chdir(project_root())
    return {"directory": str(project_root())}


def _require_ours(package: str, root: Path) -> None:
    spec = find_spec(package)
    origin = spec.origin if spec else None
    if origin is None or not Path(origin).resolve().is_relative_to(root):
        raise ConfigError(
            f"Another project's package '{package}' is in the way of vnetferry's own",
            resource=origin or str(root),
            remedy="Run vnetferry in an environment and an interpreter of its own.",
        )
