"""What starting costs, told by what is imported: the heavy libraries belong to the commands that need them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = {
    "azure",
    "cryptography",
    "fastapi",
    "httpx",
    "msal",
    "prefect",
    "pydantic",
    "requests",
    "rich",
    "uvicorn",
    "yaml",
}
# Runs a statement, then says which modules it has brought in.
LISTING = """\
import json, sys
try:
    {}
except SystemExit:
    pass
sys.stderr.write(json.dumps(sorted(sys.modules)))
"""


def imported_by(statement: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LISTING.format(statement)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stderr))


def test_import_of_the_package_brings_in_nothing_else() -> None:
    baseline = imported_by("pass")
    assert imported_by("import vnetferry") - baseline == {"vnetferry"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_command_line_that_only_tells_imports_nothing_heavy(arguments: list[str]) -> None:
    statement = f"from vnetferry.cli.main import main; sys.argv = ['vnetferry', *{arguments}]; main()"
    tops = {name.split(".")[0] for name in imported_by(statement)}
    assert tops & HEAVY == set()
