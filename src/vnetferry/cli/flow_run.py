"""Running a flow from the command line: Prefect set up quietly, progress shown while it runs."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from vnetferry.cli.project import add_to_path
from vnetferry.errors import ConfigError
from vnetferry.models.plan import Step

# What shows a run: given its steps and its audit file, a context that shows while it is open.
View = Callable[[tuple[Step, ...], Path], AbstractContextManager[None]]

_QUIET = {
    # What a step came to is shown by our own view; Prefect's lines stay in its own database and UI.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # Prefect's own server starts in 10 to 16 s; slow machines need longer than its default of 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}


@contextmanager
def prefect_ready() -> Iterator[None]:
    """Make `flows` and `tasks` importable, and Prefect quiet unless the environment says otherwise.

    Prefect reads its settings when it is imported, so nothing may import it before. Without PREFECT_API_URL (or a
    profile that has one) Prefect starts a server of its own for this process; its records stay in PREFECT_HOME.
    """
    add_to_path()
    _require_home()
    added = {name: value for name, value in _QUIET.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _require_home() -> None:
    """Raise ConfigError when PREFECT_HOME cannot hold Prefect's records: its server would start in vain for minutes."""
    home = os.environ.get("PREFECT_HOME")
    if not home:
        return
    try:
        Path(home).expanduser().mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise ConfigError(
            f"PREFECT_HOME, {home}, cannot be made: {err.strerror}",
            remedy="Unset it, or set it to a folder that can be written to.",
        ) from None


@contextmanager
def no_view(steps: tuple[Step, ...], audit_file: Path) -> Iterator[None]:  # noqa: ARG001 - a `View`
    """Show nothing."""
    yield


@contextmanager
def live_view(steps: tuple[Step, ...], audit_file: Path) -> Iterator[None]:
    """Show which steps run, wait and have ended, until the block ends.

    A terminal gets a picture that changes in place; anything else gets a line for each step that starts or ends.
    """
    from vnetferry.cli.live import show_lines, show_picture

    show = show_picture if sys.stdout.isatty() else show_lines
    stop = threading.Event()
    thread = threading.Thread(target=show, args=(steps, audit_file, stop), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
