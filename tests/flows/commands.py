"""vnetferry's command as a process of its own, and a search of what it left for secrets."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

COMMAND = (sys.executable, "-m", "vnetferry.cli.main")
# A token's first two parts are JSON objects; signatures in addresses may hold one such beginning by chance.
_JWT = re.compile(rb"eyJ[\w-]+\.eyJ")


class Ended(NamedTuple):
    """A command's exit code and what it said."""

    code: int
    stdout: str
    stderr: str


def run_command(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Ended:
    """Run vnetferry to its end."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def leaks(folder: Path, said: str, secrets: dict[str, str]) -> list[str]:
    """Which secrets, or JSON web tokens, are in which file below `folder`, or in what was said."""
    texts = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    texts["the terminal"] = said.encode()
    patterns = {name: re.compile(re.escape(secret.encode())) for name, secret in secrets.items()}
    looked_for = {**patterns, "a token": _JWT}
    return [
        f"{name} in {place}"
        for place, text in texts.items()
        for name, secret in looked_for.items()
        if secret.search(text)
    ]
