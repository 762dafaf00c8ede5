"""Running a flow from the command line: Prefect set up quietly, progress shown while it runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from vnetferry.cli.project import add_to_path

T = TypeVar("T")

_QUIET = {
    # What a step came to is shown by our own progress view; Prefect's lines stay in its own database and UI.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # Prefect's own server starts in 10 to 16 s; slow machines need longer than its default of 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}


@contextmanager
def prefect_ready() -> Iterator[None]:
    """Make `flows` and `tasks` importable, and Prefect quiet unless its environment says otherwise.

    Call it before anything imports Prefect, which reads its settings when imported. Without PREFECT_API_URL (or a
    profile that has one) Prefect starts a server of its own for this process; its records stay in PREFECT_HOME.
    """
    add_to_path()
    added = {name: value for name, value in _QUIET.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def run_quietly(run: Callable[[], T]) -> T:
    """Run a flow; its VnetferryError comes back as it was raised."""
    with prefect_ready():
        return run()
