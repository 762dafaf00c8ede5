"""Asking a person before anything is changed."""

from __future__ import annotations

import sys

import click

from vnetferry.errors import ApprovalNeeded


def require_someone(*, yes: bool) -> None:
    """Raise ApprovalNeeded when nobody could say yes later: before anything is read, not after."""
    if not yes:
        _require_terminal("Run it from a terminal, or with --yes when you have read the plan.")


def require_yes(question: str, *, yes: bool) -> None:
    """Go on when `--yes` was given or the person at the terminal says so; raises ApprovalNeeded otherwise."""
    require_someone(yes=yes)
    if yes:
        return
    if not click.confirm(question, default=False):
        raise ApprovalNeeded("nothing was changed", remedy="Run it again when you want it.")


def require_name(name: str, why: str, *, yes: bool) -> None:
    """Go on when the person at the terminal types `name`, or `--yes` was given; raises ApprovalNeeded otherwise.

    In: why: a sentence that says what is at stake.
    """
    require_someone(yes=yes)
    if yes:
        return
    typed = click.prompt(f"{why} Type the workspace's name ({name}) to go on")
    if typed.strip() != name:
        raise ApprovalNeeded(
            f"'{typed}' is not '{name}'; nothing was deleted", remedy="Run it again when you want it."
        )


def _require_terminal(remedy: str) -> None:
    if not sys.stdin.isatty():
        raise ApprovalNeeded("nobody is at the terminal to approve", remedy=remedy)
