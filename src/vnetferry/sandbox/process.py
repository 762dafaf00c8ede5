"""Running a command inside a sandbox: its environment, its signals, its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from vnetferry.sandbox.errors import SandboxError

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def run_command(command: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a command to its end; its exit code, or 128 and the signal that ended it, as shells say.

    Signals that arrive meanwhile go on to it. SandboxError when it cannot be started. Main thread only.
    """
    try:
        child = subprocess.Popen(list(command), env=dict(env))
    except OSError as err:
        raise SandboxError(
            f"The command '{command[0]}' cannot be started: {err.strerror}; check its name and its rights."
        ) from err
    with _forwarding(child):
        code = child.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _forwarding(child: subprocess.Popen[bytes]) -> Iterator[None]:
    def forward(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler
        # A terminal sends Ctrl-C to the whole foreground group: the child has it already.
        if child.poll() is None and not (number == signal.SIGINT and os.isatty(0)):
            child.send_signal(number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
