"""Recorded answers: a file beside the plan with what each deployment of one endpoint answered, byte for byte."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from vnetferry.errors import ConfigError
from vnetferry.whole_file import write_whole


def write_answers(file: Path, plan: str, request_sha256: str, answers: dict[str, bytes]) -> None:
    """Write the whole file or nothing; its owner alone may read it. Raises: ConfigError when it cannot be written."""
    held = {name: base64.b64encode(body).decode() for name, body in answers.items()}
    text = json.dumps({"plan": plan, "request_sha256": request_sha256, "answers": held}, indent=1) + "\n"
    try:
        write_whole(file, text, private=True)
    except OSError as err:
        raise ConfigError(
            f"the answers cannot be written to {file}: {err.strerror}",
            remedy="Make the plan's folder writable, and run again; nothing was deleted.",
        ) from err


def read_answers(file: Path, plan: str, request_sha256: str) -> dict[str, bytes]:
    """Deployment -> what it answered to this plan's request; {} when the file holds nothing of it."""
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        if (held["plan"], held["request_sha256"]) != (plan, request_sha256):
            return {}
        return {name: base64.b64decode(text, validate=True) for name, text in held["answers"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
