"""The example loads, and each of its endpoints answers its callers with the model that the scenario says."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from azure.identity import EnvironmentCredential

from tests.sandbox.scoring_runtime import needs_runtime
from vnetferry.config import load_config
from vnetferry.sandbox import scenario_file
from vnetferry.sandbox.scoring import runtime
from vnetferry.sandbox.server import Sandbox, running

EXAMPLE = Path(__file__).parents[2] / "examples" / "legacy-workspace"
SCENARIO = scenario_file.load("legacy-workspace")
VANTAGE = "vnet-callers"
ENDPOINTS = {"credit": ["blue", "green"], "churn": ["main"], "demand": ["main"]}


@pytest.fixture(scope="module")
def legacy() -> Iterator[Sandbox]:
    with running(SCENARIO, time_scale=60) as sandbox:
        yield sandbox


@pytest.fixture
def entered(legacy: Sandbox, enter_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return enter_sandbox(legacy, VANTAGE)


def endpoint_id(name: str) -> str:
    """The ARM id of an endpoint of the source."""
    source = load_config(EXAMPLE / "migration.yaml").source
    assert source is not None
    return f"{source.id}/onlineEndpoints/{name}"


def secret_of(name: str) -> str:
    """The endpoint's key or token, as ARM hands it out."""
    action = "token" if name == "demand" else "listKeys"
    with EnvironmentCredential() as credential:
        token = credential.get_token("https://management.azure.com/.default").token
    address = f"https://management.azure.com{endpoint_id(name)}/{action}?api-version=2022-02-01-preview"
    answer = requests.post(address, headers={"Authorization": f"Bearer {token}"}, timeout=60).json()
    return str(answer.get("primaryKey") or answer["accessToken"])


def score(name: str, secret: str, body: bytes, deployment: str = "") -> requests.Response:
    chosen = {"azureml-model-deployment": deployment} if deployment else {}
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json", **chosen}
    return requests.post(
        f"https://{name}.westeurope.inference.ml.azure.com/score", body, headers=headers, timeout=120
    )


def request_of(name: str) -> bytes:
    return (EXAMPLE / "requests" / f"{name}.json").read_bytes()


@needs_runtime
def test_each_deployment_answers_its_callers(entered: Sandbox) -> None:
    answers = {}
    for name, deployments in ENDPOINTS.items():
        secret = secret_of(name)
        for deployment in deployments:
            answer = score(name, secret, request_of(name), deployment)
            assert answer.status_code == 200, answer.text
            assert answer.headers["azureml-model-deployment"] == deployment
            answers[f"{name}/{deployment}"] = answer.json()

    assert answers["credit/blue"]["default_probability"] == pytest.approx(
        [0.138344, 0.813650, 0.045519], abs=1e-5
    )
    assert answers["credit/green"]["default_probability"] == pytest.approx(
        [0.149746, 0.837649, 0.055850], abs=1e-5
    )
    assert [customer["action"] for customer in answers["churn/main"]] == [
        "call-customer",
        "none",
        "call-customer",
    ]
    assert answers["demand/main"]["pieces"] == pytest.approx([216.274, 322.186, 178.494], abs=1e-3)


@needs_runtime
def test_credit_splits_its_traffic_nine_to_one(entered: Sandbox) -> None:
    secret = secret_of("credit")

    served = Counter(
        score("credit", secret, request_of("credit")).headers["azureml-model-deployment"] for _ in range(20)
    )

    assert served == {"blue": 18, "green": 2}


def test_endpoint_is_closed_to_the_internet(legacy: Sandbox, enter_sandbox: Callable[..., Sandbox]) -> None:
    enter_sandbox(legacy)

    assert score("credit", secret_of("credit"), request_of("credit")).status_code == 403


def test_endpoint_keeps_the_keys_of_the_scenario(entered: Sandbox) -> None:
    assert secret_of("churn") == "made-up-primary-key-of-churn"


def test_migration_names_what_the_scenario_holds() -> None:
    config, identifiers = (
        load_config(EXAMPLE / "migration.yaml"),
        {r["id"].lower() for r in SCENARIO.resources},
    )

    assert config.source is not None
    assert str(config.source.id).lower() in identifiers
    assert set(config.validation.requests) == set(ENDPOINTS)
    assert config.target.inbound is not None
    assert str(config.target.inbound.subnet_id).lower().partition("/subnets/")[0] in identifiers


def test_scenario_names_each_file_and_asset_that_it_uses() -> None:
    identifiers = {resource["id"] for resource in SCENARIO.resources}
    deployments = [r["properties"] for r in SCENARIO.resources if r["type"].endswith("/deployments")]

    assert all(Path(blob.file or "").is_file() for blob in SCENARIO.blobs.values())
    for properties in deployments:
        used = (properties["model"], properties["environmentId"], properties["codeConfiguration"]["codeId"])
        assert identifiers.issuperset(used)


@needs_runtime
def test_training_again_gives_models_that_answer_alike(tmp_path: Path) -> None:
    program = (
        "import sys, joblib, numpy as np, pathlib\n"
        "here, made = map(pathlib.Path, sys.argv[1:])\n"
        "for file in sorted(here.glob('*.joblib')):\n"
        "    old, new = joblib.load(file), joblib.load(made / file.name)\n"
        "    rows = np.random.default_rng(1).uniform(0, 40, (50, old.n_features_in_))\n"
        "    assert np.allclose(old.predict(rows), new.predict(rows), rtol=1e-6), file\n"
        "    print(file.name)\n"
    )
    python, quiet = str(runtime.find_python()), {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}

    subprocess.run(
        [python, str(EXAMPLE / "train.py"), str(tmp_path)], check=True, env=quiet, capture_output=True
    )
    told = subprocess.run(
        [python, "-c", program, str(EXAMPLE / "models"), str(tmp_path)],
        check=True,
        env=quiet,
        capture_output=True,
        text=True,
    )

    assert told.stdout.split() == [
        "churn.joblib",
        "credit-blue.joblib",
        "credit-green.joblib",
        "demand.joblib",
    ]
