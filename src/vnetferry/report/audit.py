"""The audit file: one JSON line for each thing a step did, beside the plan.

Each line is on the disk before `append` returns. A line that a crash tore is skipped when reading and does
not spoil the next one; any other line that is no audit line is an error, because someone else wrote it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from pydantic import ValidationError

from vnetferry.errors import ConfigError
from vnetferry.models.outcome import AuditLine


def audit_path(plan_path: Path) -> Path:
    """Where the audit file of a plan lies: `plan.json` -> `plan.audit.jsonl`."""
    return plan_path.with_name(f"{plan_path.stem}.audit.jsonl")


def append(path: str | Path, line: AuditLine) -> None:
    """Write one line and flush it to the disk.

    Effects: one append. Lines of several threads and processes never mix: each is a single write to a file
             opened
             for appending. Readable by the owner alone, because it names resources and people.
    """
    text = line.model_dump_json().encode() + b"\n"
    handle = _open(path)
    try:
        os.write(handle, (b"\n" if _is_torn(handle) else b"") + text)
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> tuple[AuditLine, ...]:
    """All whole lines, oldest first; none when the file does not exist.

    Raises: ConfigError when the file cannot be read or a whole line is not an audit line.
    """
    if not path.exists():
        return ()
    try:
        content = path.read_bytes()
    except OSError as err:
        raise _refuse(path, "read", err) from None
    numbered = enumerate(content.split(b"\n"), start=1)
    return tuple(line for number, raw in numbered if (line := _parse(path, number, raw)))


def require_usable(path: Path) -> None:
    """Raise ConfigError unless the audit file, if there is one, is one, and can be appended to."""
    read(path)
    is_new = not path.exists()
    os.close(_open(path))
    if is_new:
        path.unlink()


def _open(path: str | Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as err:
        raise _refuse(path, "written", err) from None


def _refuse(path: str | Path, what: str, err: OSError) -> ConfigError:
    remedy = "It lies beside the plan: move the plan to a folder that can be written to, or the file away."
    return ConfigError(f"the audit file {path} cannot be {what}: {err.strerror}", remedy=remedy)


def _is_torn(handle: int) -> bool:
    size = os.fstat(handle).st_size
    return size > 0 and os.pread(handle, 1, size - 1) != b"\n"


def _parse(path: Path, number: int, raw: bytes) -> AuditLine | None:
    try:
        data = json.loads(raw)
    except ValueError:  # empty, or torn by a crash
        return None
    try:
        return AuditLine.model_validate(data)
    except ValidationError:
        remedy = "Move the file away; the state of every step is in Azure, not in it."
        raise ConfigError(f"{path}, line {number} is not a line of an audit file", remedy=remedy) from None
