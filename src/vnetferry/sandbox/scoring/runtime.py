"""The scoring runtime: a virtual environment with Azure's inference server, scikit-learn, joblib and numpy.

It is apart from vnetferry's own environment because that server's pins conflict with Prefect's. It is
looked for at `VNETFERRY_RUNTIME`, else in `.runtime/` of the repository that this file belongs to, else in
the user's cache folder. `python -m vnetferry.sandbox.scoring.runtime` makes it there from
runtime-requirements.txt, whose hashes are checked; a complete one is left alone, and one that was made from
other requirements is made again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("runtime-requirements.txt")
_STAMP = ".vnetferry-requirements"


class RuntimeMissing(Exception):
    """There is no complete scoring runtime; the message says how to make one."""


def locate() -> Path:
    """Where the runtime is, or would be made."""
    chosen = os.environ.get("VNETFERRY_RUNTIME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    repository = Path(__file__).parents[4]
    if (repository / "pyproject.toml").is_file() and (repository / "src" / "vnetferry").is_dir():
        return repository / ".runtime"
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "vnetferry" / f"runtime-{sys.version_info.major}.{sys.version_info.minor}"


def find_python() -> Path:
    """The runtime's Python.

    RuntimeMissing when it is not there, or not what runtime-requirements.txt says.
    """
    place = locate()
    if not _is_complete(place):
        raise RuntimeMissing(
            f"The scoring runtime at {place} is missing or out of date. "
            "Make it with: python -m vnetferry.sandbox.scoring.runtime"
        )
    return _python(place)


def install() -> Path:
    """Make the runtime unless it is complete.

    Return its folder. subprocess.CalledProcessError when pip fails.
    """
    place = locate()
    if not _is_complete(place):
        shutil.rmtree(place, ignore_errors=True)
        venv.create(place, with_pip=True)
        command = [str(_python(place)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, "--require-hashes", "-r", str(REQUIREMENTS)], check=True)
        (place / _STAMP).write_text(_fingerprint())
    return place


def _is_complete(place: Path) -> bool:
    stamp = place / _STAMP
    return _python(place).exists() and stamp.is_file() and stamp.read_text() == _fingerprint()


def _fingerprint() -> str:
    return hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()


def _python(place: Path) -> Path:
    return place / "bin" / "python"


if __name__ == "__main__":
    install()
