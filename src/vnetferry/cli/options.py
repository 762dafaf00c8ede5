"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def config_option(command: F) -> F:
    """`-c migration.yaml`."""
    return click.option(
        "-c",
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        default=Path("migration.yaml"),
        show_default=True,
        help="The migration's configuration.",
    )(command)


def json_option(command: F) -> F:
    """`--json`, for every command that prints a table."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")(command)
