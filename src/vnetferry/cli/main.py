"""`vnetferry`: finds a command by name and imports its module only when it is asked for.

Errors of ours become one sentence on stderr and their exit code: 1 failed, 2 bad usage or configuration, 3 a
person is needed, 4 the plan is stale; 130 after Ctrl-C. Any other error is one sentence too, and 1.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec

import click

from vnetferry import __version__

# Name -> module in this package (with a click command called `command`) and its line in `vnetferry --help`.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Write a commented migration.yaml, asking for what it needs."),
    "inventory": ("inventory", "Show what a workspace holds and what it takes to move it."),
    "preflight": ("preflight", "Check that a migration can work, before anything is touched."),
    "plan": ("plan", "Show and write the plan of a migration."),
    "apply": ("apply", "Carry a plan out; run it again to resume."),
    "status": ("status", "Show where every step of a plan stands, read from Azure."),
    "roll-back": ("roll_back", "Undo what a plan made."),
    "retire": ("retire", "Delete the source of a migration, guarded."),
    "secure": ("secure", "Deploy an endpoint into a managed virtual network from SDK v2 YAML."),
    "redeploy": ("redeploy", "Bring a new model version to an endpoint, step by step."),
    "check": ("check", "Check that what was migrated is still isolated and healthy."),
    "diagnose": ("diagnose", "Find out why an endpoint does not work."),
    "snapshot": ("snapshot", "Write a workspace as a scenario for the sandbox."),
    "rehearse": ("rehearse", "Rehearse a whole migration in the sandbox, with a report."),
    "sandbox": ("sandbox", "Run commands against Azure's API on this machine."),
}


# Set, it shows where an unexpected error came from instead of one sentence about it.
DEBUG_VARIABLE = "VNETFERRY_DEBUG"


class LazyGroup(click.Group):
    """A group whose commands are imported when they run; help needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands whose modules exist."""
        return [name for name in COMMANDS if _exists(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported now, or None."""
        if not _exists(cmd_name):
            return None
        command: click.Command = import_module(_module(cmd_name)).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


def _module(name: str) -> str:
    return f"vnetferry.cli.{COMMANDS[name][0]}"


def _exists(name: str) -> bool:
    return name in COMMANDS and find_spec(_module(name)) is not None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vnetferry")
def root() -> None:
    """Move Azure ML managed online endpoints into a workspace with a managed virtual network."""


def main(arguments: list[str] | None = None) -> None:
    """The console script: run one command and exit with its code."""
    from vnetferry.errors import VnetferryError

    try:
        result = root.main(args=arguments, prog_name="vnetferry", standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as err:
        err.show()
        code = 2
    except click.ClickException as err:
        err.show()
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        code = 130
    except VnetferryError as err:
        click.echo(f"vnetferry: {err}", err=True)
        code = err.exit_code
    except BrokenPipeError:
        # Whoever read our output has left; there is nobody to tell. 141 is what shells say for SIGPIPE.
        sys.stderr.close()
        code = 141
    except Exception as err:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        click.echo(f"vnetferry: {describe(err)}", err=True)
        code = 1
    sys.exit(code)


def describe(err: Exception) -> str:
    """One sentence about an error that is not ours: the machine's (a full disk), a library's, or a mistake in here."""
    what = " ".join(str(err).split())[:500] or "no reason given"
    if isinstance(err, OSError) and err.strerror:
        return f"{err.strerror}: {err.filename or 'a file or connection'}. Mend that, and run it again."
    return f"{type(err).__name__}: {what}. Run it with {DEBUG_VARIABLE}=1 to see where, and report it if it stays so."


if __name__ == "__main__":
    main()
