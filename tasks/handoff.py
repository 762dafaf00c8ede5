"""Telling callers the new URIs: a file that maps old to new."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tasks.endpoint import read_endpoint
from tasks.step import step_task
from vnetferry.errors import ConfigError
from vnetferry.gateway.azure import Azure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run


@step_task()
def hand_off(step: Step, run: Run, azure: Azure) -> Outcome:
    """Write old URI -> new URI of every endpoint to the configured files; what is already so is left alone."""
    content = handoff_text(azure, run, step.spec["entries"])
    written = [name for name in step.spec["files"] if not says(run, name, content)]
    for name in written:
        _write(Path(run.folder, name), content)
    return Outcome(
        step=step.id,
        status="done" if written else "already_done",
        message=f"{len(step.spec['entries'])} endpoint(s) in {', '.join(step.spec['files'])}",
        facts={"files": list(step.spec["files"])},
    )


def handoff_text(azure: Azure, run: Run, entries: list[Json]) -> str:
    """The handoff file's text, the same for the same endpoints. It holds no key."""
    rows = [_row(read_endpoint(azure, ResourceId(e["target"])), e) for e in entries]
    body = {"source": str(run.source), "target": str(run.target), "plan": run.plan, "endpoints": rows}
    return json.dumps(body, indent=2) + "\n"


def says(run: Run, name: str, text: str) -> bool:
    """Whether the handoff file of that name holds exactly this text."""
    path = Path(run.folder, name)
    try:
        return path.is_file() and path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):  # then it tells callers nothing
        return False


def _row(target: Json, entry: Json) -> Json:
    return {
        "endpoint": entry["endpoint"],
        "source_uri": entry["source_uri"],
        "target_endpoint": target["name"],
        "target_uri": target["properties"]["scoringUri"],
        "auth_mode": target["properties"]["authMode"],
    }


def _write(path: Path, content: str) -> None:
    """Write a whole file or nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(content)
        draft.replace(path)
    except OSError as err:
        raise ConfigError(
            f"the handoff file {path} cannot be written: {err.strerror}",
            remedy="Set handoff[].path to a writable place.",
        ) from err
