"""What `vnetferry sandbox run` and `up` give to programs of a shell: Azure CLI, and curl, which scores an endpoint."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vnetferry.sandbox.scenario_file import load

pytestmark = pytest.mark.xdist_group("clients-shell")

REPOSITORY = Path(__file__).resolve().parents[2]
VNETFERRY = [sys.executable, "-m", "vnetferry.cli.main"]
SCENARIO = "legacy-workspace"
# A token from the login host, the endpoint's URI and key from Resource Manager by that token, and scores by the key:
# the endpoint is private, so the first, from the internet, is refused, and the second, from the callers', is not.
SCORE = r"""
set -eu
arm=https://management.azure.com/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/rg-legacy/providers
endpoint=$arm/Microsoft.MachineLearningServices/workspaces/ws-legacy/onlineEndpoints/credit
member() { "$PYTHON" -c 'import functools, json, sys
print(functools.reduce(lambda value, name: value[name], sys.argv[1].split("."), json.load(sys.stdin)))' "$1"; }
token=$(curl -sSf "https://login.microsoftonline.com/$AZURE_TENANT_ID/oauth2/v2.0/token" \
  -d grant_type=client_credentials -d "client_id=$AZURE_CLIENT_ID" \
  --data-urlencode "client_secret=$AZURE_CLIENT_SECRET" \
  -d scope=https://management.azure.com/.default | member access_token)
uri=$(curl -sSf -H "Authorization: Bearer $token" "$endpoint?api-version=2024-10-01" | member properties.scoringUri)
key=$(curl -sSf -X POST -d '' -H "Authorization: Bearer $token" "$endpoint/listKeys?api-version=2024-10-01" \
  | member primaryKey)
inside=$(printf %s "$VNETFERRY_VANTAGES" | tr , '\n' | sed -n 's/^vnet-callers=//p')
score() { curl -sS -H "Authorization: Bearer $key" -H 'Content-Type: application/json' -o answer.json \
  -w '%{http_code}\n' -d '{"data": [[1, 2]]}' "$@" "$uri"; }
score
score --proxy "$inside"
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    program = str(REPOSITORY / ".clients" / "bin")
    path = os.pathsep.join([program, os.environ["PATH"]])
    source = str(REPOSITORY / "src")
    private = {"PYTHONPATH": source, "XDG_RUNTIME_DIR": str(runtime), "HOME": str(tmp_path)}
    return {**os.environ, **private, "PATH": path, "PYTHON": sys.executable}


def _vnetferry(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*VNETFERRY, *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def exports(env: dict[str, str], tmp_path: Path) -> Iterator[str]:
    scenario = load(SCENARIO).model_copy(update={"runtime": "echo"})
    file = tmp_path / "scenario.yaml"
    file.write_text(scenario.model_dump_json())
    done = _vnetferry(env, "sandbox", "up", "--scenario", str(file), "--time-scale", "5000")
    assert done.returncode == 0, done.stderr
    yield done.stdout
    _vnetferry(env, "sandbox", "down")


def _shell(script: str, env: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    # Settings that would lead past the sandbox: what `up` prints must win over them.
    polluted = {
        **env,
        "ALL_PROXY": "http://127.0.0.1:9",
        "CURL_CA_BUNDLE": "/none",
        "REQUESTS_CA_BUNDLE": "/none",
    }
    return subprocess.run(
        ["sh", "-c", script],
        env=polluted,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_az_works_within_sandbox_run_and_leaves_the_users_own_sign_in_alone(
    az_program: Path, env: dict[str, str], tmp_path: Path
) -> None:
    script = (
        "az login --service-principal -u $AZURE_CLIENT_ID -p $AZURE_CLIENT_SECRET --tenant $AZURE_TENANT_ID -o none"
        " && exec az group show --name rg-legacy --query location --output tsv"
    )
    done = _vnetferry(env, "sandbox", "run", "--scenario", SCENARIO, "--", "sh", "-c", script)
    assert (done.returncode, done.stdout) == (0, "westeurope\n"), done.stderr
    assert not (tmp_path / ".azure").exists()


def test_curl_scores_an_endpoint_with_what_up_prints(
    curl_program: str, env: dict[str, str], exports: str, tmp_path: Path
) -> None:
    done = _shell(f"{exports}\n{SCORE}", env, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["403", "200"]
    assert '"request":{"data":[[1,2]]}' in (tmp_path / "answer.json").read_text()


def test_curl_does_not_get_out_of_the_sandbox(curl_program: str, env: dict[str, str]) -> None:
    done = _vnetferry(env, "sandbox", "run", "--", curl_program, "-sS", "https://example.com/")
    assert done.returncode not in (0, 2), done.stderr
    assert "curl: " in done.stderr
