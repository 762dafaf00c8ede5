"""A sandbox that outlives the command that started it: one per user, found again by a private state file.

The detached process holds a lock on `lock` as long as it lives, so a state file without a held lock is stale,
whatever process has that id by now.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from vnetferry.sandbox.environment import places
from vnetferry.sandbox.errors import SandboxError
from vnetferry.sandbox.vantages import FILE

_START_S, _STOP_S, _LOOK_S = 60.0, 30.0, 0.05


class State(BaseModel):
    """What a detached sandbox says of itself. `env` holds the client's secret: show it only when asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    folder: Path
    scenario: str
    time_scale: float
    request_log: str
    vantages: dict[str, str]
    dns: dict[str, str]
    env: dict[str, str]


def state_folder() -> Path:
    """The user's private folder for it, made if needed; SandboxError when it is not private."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = (
        Path(runtime) / "vnetferry" if runtime else Path(tempfile.gettempdir()) / f"vnetferry-{os.getuid()}"
    )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as err:
        raise SandboxError(
            f"The folder {folder} cannot be made: {err.strerror}; set XDG_RUNTIME_DIR."
        ) from err
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or folder.is_symlink():
        raise SandboxError(f"The folder {folder} is not yours alone; remove it or set XDG_RUNTIME_DIR.")
    return folder


def read_state() -> State | None:
    """The running detached sandbox, or None; what a dead one left behind is removed."""
    folder = state_folder()
    with _lock(folder) as is_free:
        if not is_free:
            file = folder / "state.json"
            return _of_now(State.model_validate_json(file.read_bytes())) if file.exists() else None
        _forget(folder / "state.json")
        return None


def _of_now(state: State) -> State:
    """With the vantages that there are now: networks have come and gone since the start."""
    try:
        found = json.loads((state.folder / FILE).read_text(encoding="utf-8"))
    except OSError:  # it is about to stop
        return state
    vantages = {name: place["proxy"] for name, place in found.items()}
    dns = {name: place["dns"] for name, place in found.items()}
    env = {**state.env, **places(vantages, dns)}
    return state.model_copy(update={"vantages": vantages, "dns": dns, "env": env})


def _forget(file: Path) -> None:
    """Remove the state of a sandbox that was killed, and the private folder that it could not remove itself."""
    if file.exists():
        with suppress(ValueError):
            shutil.rmtree(State.model_validate_json(file.read_bytes()).folder, ignore_errors=True)
        file.unlink(missing_ok=True)


def start(scenario: str, time_scale: float, request_log: Path | None) -> State:
    """Start a detached sandbox and wait until it serves. SandboxError when one is up or it cannot start."""
    folder = state_folder()
    if running := read_state():
        raise SandboxError(
            f"A sandbox is up already (process {running.pid}); use it, or `vnetferry sandbox down` first."
        )
    order = json.dumps(
        {
            "scenario": str(Path(scenario).resolve()) if scenario and Path(scenario).is_file() else scenario,
            "time_scale": time_scale,
            "request_log": str(request_log.resolve()) if request_log else "",
        }
    )
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "vnetferry.sandbox.detached", order],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
    return _await_start(child, folder)


def stop() -> bool:
    """Stop it and wait until it is gone; False when none was up. SandboxError if it stays."""
    state = read_state()
    if state is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_S
    while time.monotonic() < deadline:
        with _lock(state_folder()) as is_free:
            if is_free:
                return True
        time.sleep(_LOOK_S)
    raise SandboxError(f"The sandbox (process {state.pid}) does not stop; end it with `kill -9 {state.pid}`.")


def _await_start(child: subprocess.Popen[bytes], folder: Path) -> State:
    deadline = time.monotonic() + _START_S
    while child.poll() is None and time.monotonic() < deadline:
        state = read_state()
        if state is not None and state.pid == child.pid:
            child.returncode = 0  # it lives on without us: no warning that it was not waited for
            return state
        time.sleep(_LOOK_S)
    if child.poll() is None:
        child.kill()
        child.wait()
    said = (folder / "log").read_text(errors="replace").strip().splitlines()
    raise SandboxError(said[-1] if said else "The sandbox did not start and left no reason; run it in front.")


@contextmanager
def _lock(folder: Path) -> Iterator[bool]:
    """Whether the lock is free; it is held meanwhile if so."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_free = True
        except BlockingIOError:
            is_free = False
        yield is_free
    finally:
        os.close(descriptor)


def main(order: dict[str, Any]) -> int:
    """The detached process: serve until SIGTERM."""
    from vnetferry.sandbox import scenario_file
    from vnetferry.sandbox.scenario import Scenario
    from vnetferry.sandbox.server import running

    # Handlers and no blocked mask: children would inherit a mask, and scoring servers must hear SIGTERM.
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    folder = state_folder()
    with _held(folder) as is_first:
        if not is_first:
            raise SandboxError("A sandbox is up already; stop it with `vnetferry sandbox down`.")
        scenario = scenario_file.load(order["scenario"]) if order["scenario"] else Scenario()
        log = Path(order["request_log"]) if order["request_log"] else None
        with running(scenario, time_scale=order["time_scale"], request_log=log) as sandbox:
            facts = {
                **order,
                "vantages": dict(sandbox.vantages),
                "dns": dict(sandbox.dns),
                "env": sandbox.env(),
            }
            state = State(pid=os.getpid(), folder=sandbox.world.folder, **facts)
            _write_private(folder / "state.json", state.model_dump_json())
            ended.wait()
        (folder / "state.json").unlink(missing_ok=True)
    return 0


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """The lock, tried for a moment: whoever looks at the state holds it for an instant."""
    deadline = time.monotonic() + 2
    while True:
        with _lock(folder) as is_free:
            if is_free or time.monotonic() > deadline:
                yield is_free
                return
        time.sleep(_LOOK_S / 5)


def _write_private(file: Path, text: str) -> None:
    part = file.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
    part.replace(file)


if __name__ == "__main__":
    try:
        sys.exit(main(json.loads(sys.argv[1])))
    except SandboxError as err:
        print(err, file=sys.stderr)  # noqa: T201 - `start` reads it
        sys.exit(1)
