import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = str(Path(__file__).resolve().parents[2] / "src")
VNETFERRY = [sys.executable, "-m", "vnetferry.cli.main"]
CLIENT = """
    import os
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential
    client = MLClient(DefaultAzureCredential(), os.environ["AZURE_SUBSCRIPTION_ID"], "rg-legacy", "ws-legacy")
    print("name:", client.workspaces.get("ws-legacy").name)
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    return {**os.environ, "PYTHONPATH": SOURCE, "XDG_RUNTIME_DIR": str(runtime)}


def _vnetferry(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*VNETFERRY, *arguments], env=env, capture_output=True, text=True, timeout=120, check=False
    )


def _run(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return _vnetferry(env, "sandbox", "run", *arguments)


def test_run_exits_with_the_commands_code(env: dict[str, str]) -> None:
    assert _run(env, "--", sys.executable, "-c", "raise SystemExit(7)").returncode == 7


def test_run_of_a_command_that_a_signal_ends_exits_as_shells_do(env: dict[str, str]) -> None:
    assert _run(env, "--", "sh", "-c", "kill -KILL $$").returncode == 128 + signal.SIGKILL


def test_run_of_a_command_that_does_not_exist_is_one_sentence(env: dict[str, str]) -> None:
    done = _run(env, "--", "no-such-command")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "'no-such-command' cannot be started" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--vantage", "moon", "--", "true"), "no vantage 'moon'"),
        (("--scenario", "nowhere", "--", "true"), "no scenario 'nowhere'"),
        (("--time-scale", "0", "--", "true"), "--time-scale"),
        ((), "CMD"),
        (("--scenaro", "legacy-workspace", "--", "true"), "--scenaro"),
    ],
)
def test_run_with_bad_usage_says_so_and_exits_2(
    env: dict[str, str], arguments: tuple[str, ...], sentence: str
) -> None:
    done = _run(env, *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_run_leaves_the_commands_own_options_to_it(env: dict[str, str]) -> None:
    done = _run(env, sys.executable, "-c", "import sys; print(sys.argv[1:])", "--scenario", "x")
    assert done.stdout == "['--scenario', 'x']\n"


def test_run_gives_the_command_its_vantage_and_nothing_that_leads_past(env: dict[str, str]) -> None:
    script = "import json, os; print(json.dumps(dict(os.environ)))"
    polluted = {**env, "AZURE_AUTHORITY_HOST": "https://elsewhere", "MSI_ENDPOINT": "http://elsewhere"}
    arguments = ("--scenario", "legacy-workspace", "--vantage", "vnet-callers", "--time-scale", "60")
    inside = json.loads(_run(polluted, *arguments, "--", sys.executable, "-c", script).stdout)
    vantages = dict(pair.split("=", 1) for pair in inside["VNETFERRY_VANTAGES"].split(","))
    assert inside["https_proxy"] == inside["HTTPS_PROXY"] == vantages["vnet-callers"]
    assert inside["VNETFERRY_TIME_SCALE"] == "60"
    assert not {"AZURE_AUTHORITY_HOST", "MSI_ENDPOINT"} & inside.keys()


def test_run_lets_the_unmodified_sdk_work_and_logs_its_requests(env: dict[str, str], tmp_path: Path) -> None:
    client, log = tmp_path / "client.py", tmp_path / "requests.jsonl"
    client.write_text(textwrap.dedent(CLIENT))
    arguments = (
        "--scenario",
        "legacy-workspace",
        "--request-log",
        str(log),
        "--",
        sys.executable,
        str(client),
    )
    done = _run(env, *arguments)
    assert "name: ws-legacy" in done.stdout, done.stderr
    operations = [json.loads(line)["operation"] for line in log.read_text().splitlines()]
    assert "Workspaces_Get" in operations


def test_run_forwards_a_signal_to_its_command(env: dict[str, str]) -> None:
    script = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(33)); "
        "print('ready', flush=True); time.sleep(60)"
    )
    command = [*VNETFERRY, "sandbox", "run", "--", sys.executable, "-c", script]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(timeout=60) == 33


@pytest.fixture
def up(env: dict[str, str]) -> Iterator[str]:
    done = _vnetferry(env, "sandbox", "up", "--time-scale", "60")
    assert done.returncode == 0, done.stderr
    yield done.stdout
    _vnetferry(env, "sandbox", "down")


def test_up_prints_an_environment_in_which_a_client_works(
    env: dict[str, str], up: str, tmp_path: Path
) -> None:
    client = tmp_path / "client.py"
    client.write_text(
        "from azure.identity import DefaultAzureCredential\n"
        "token = DefaultAzureCredential().get_token('https://management.azure.com/.default').token\n"
        "print(len(token) > 100)\n"
    )
    script = f"{up}\n{sys.executable} {client}"
    done = subprocess.run(
        ["sh", "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "True\n", done.stderr


def test_up_twice_refuses_and_keeps_the_first(env: dict[str, str], up: str) -> None:
    again = _vnetferry(env, "sandbox", "up")
    assert again.returncode == 2
    assert "up already" in again.stderr
    assert _vnetferry(env, "sandbox", "status").returncode == 0


def test_status_shows_the_sandbox_without_its_secret(env: dict[str, str], up: str) -> None:
    secret = up.split("AZURE_CLIENT_SECRET=")[1].split(maxsplit=1)[0]
    shown = _vnetferry(env, "sandbox", "status", "--json")
    assert json.loads(shown.stdout)["sandbox"]["time_scale"] == 60
    assert secret not in shown.stdout + _vnetferry(env, "sandbox", "status").stdout


def test_state_of_a_detached_sandbox_is_private(env: dict[str, str], up: str) -> None:
    folder = Path(env["XDG_RUNTIME_DIR"]) / "vnetferry"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "state.json").stat().st_mode) == 0o600


def test_down_stops_the_sandbox_and_again_is_no_error(env: dict[str, str], up: str) -> None:
    assert "is down" in _vnetferry(env, "sandbox", "down").stdout
    again = _vnetferry(env, "sandbox", "down")
    assert (again.returncode, again.stdout) == (0, "No sandbox is up.\n")
    assert _vnetferry(env, "sandbox", "status").returncode == 1


def test_status_after_the_sandbox_was_killed_forgets_it(env: dict[str, str], up: str) -> None:
    state = json.loads(_vnetferry(env, "sandbox", "status", "--json").stdout)["sandbox"]
    assert Path(state["folder"]).is_dir()
    os.kill(state["pid"], signal.SIGKILL)
    assert _vnetferry(env, "sandbox", "down").returncode == 0
    assert _vnetferry(env, "sandbox", "status").stdout == "No sandbox is up.\n"
    assert not Path(state["folder"]).exists()


def test_up_with_a_scenario_that_does_not_exist_says_so(env: dict[str, str]) -> None:
    done = _vnetferry(env, "sandbox", "up", "--scenario", "nowhere")
    assert done.returncode == 2
    assert "no scenario 'nowhere'" in done.stderr
