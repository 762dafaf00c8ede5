import subprocess
import sys
from importlib.util import find_spec

import click
import pytest
from click.testing import CliRunner

from vnetferry.cli import main as cli
from vnetferry.errors import ApprovalNeeded, ConfigError, PlanStale, VnetferryError

# What help must not import: each of these costs from a tenth of a second to several.
HEAVY = ("azure", "prefect", "pydantic", "cryptography", "uvicorn", "yaml", "rich", "httpx")


def test_help_lists_the_commands_that_exist_and_no_others() -> None:
    text = CliRunner().invoke(cli.root, ["--help"]).output
    section = text.partition("Commands:")[2]
    listed = {line.split()[0] for line in section.splitlines() if line.startswith("  ") and line[2] != " "}
    assert listed == {n for n, (m, _) in cli.COMMANDS.items() if find_spec(f"vnetferry.cli.{m}")}
    assert "sandbox" in listed


def test_help_imports_nothing_heavy() -> None:
    script = f"""if True:
        import sys
        from vnetferry.cli.main import main
        try:
            main(["--help"])
        except SystemExit:
            pass
        found = set({HEAVY!r}) & set(sys.modules)
        assert not found, found
    """
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [n for n, (m, _) in cli.COMMANDS.items() if find_spec(f"vnetferry.cli.{m}")])
def test_every_command_can_be_loaded_and_has_help(name: str) -> None:
    done = CliRunner().invoke(cli.root, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Usage: ")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (VnetferryError("It failed", remedy="Try again."), 1),
        (ConfigError("It is bad"), 2),
        (ApprovalNeeded("Nobody said yes"), 3),
        (PlanStale("It changed"), 4),
    ],
)
def test_error_of_ours_is_one_sentence_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: VnetferryError, code: int
) -> None:
    _raise_in_a_command(monkeypatch, error)
    with pytest.raises(SystemExit) as ended:
        cli.main(["fail"])
    assert ended.value.code == code
    assert capsys.readouterr().err == f"vnetferry: {error}\n"


def test_interrupt_exits_130(monkeypatch: pytest.MonkeyPatch) -> None:
    _raise_in_a_command(monkeypatch, KeyboardInterrupt())
    with pytest.raises(SystemExit) as ended:
        cli.main(["fail"])
    assert ended.value.code == 130


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], []])
def test_bad_usage_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "Usage:" in capsys.readouterr().err


def test_exit_code_of_a_command_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    @click.pass_context
    def leave(ctx: click.Context) -> None:
        ctx.exit(5)

    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: leave)
    with pytest.raises(SystemExit) as ended:
        cli.main(["leave"])
    assert ended.value.code == 5


def _raise_in_a_command(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    @click.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: fail)
