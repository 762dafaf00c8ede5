"""A model that others published, behind our own score.py, answers after a migration as it is documented to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox.scoring_runtime import needs_runtime
from vnetferry.sandbox import scenario_file
from vnetferry.sandbox.environment import inherited
from vnetferry.sandbox.scenario import BlobContent, Scenario
from vnetferry.sandbox.server import Sandbox, running

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT.parent / "shared" / "azureml-examples"
MODEL = "sklearn_regression_model.pkl"
ANSWER = [11055.977245525679, 4503.079536107787]
KEY = "made-up-primary-key-of-regression"

# Made with scikit-learn 0.24, which the pickle remembers: newer ones read it with a warning.
SCORE = f'''
import json
import os
from pathlib import Path

import joblib
import numpy

model = None


def init():
    global model
    model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"]) / "{MODEL}")


def run(raw_data):
    rows = json.loads(raw_data)["data"]
    return model.predict(numpy.array(rows)).tolist()
'''
CONFIG = """
source: {{subscription_id: {subscription}, resource_group: rg-legacy, workspace: ws-legacy}}
target:
  workspace: ws-secure
  resource_group: rg-secure
  inbound: {{subnet_id: {subnet}}}
validation: {{requests: {{regression: {request}}}}}
"""


pytestmark = [
    pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published model is not beside this repository"),
    needs_runtime,
]


def test_published_model_answers_as_documented_after_its_migration(tmp_path: Path) -> None:
    scenario = _legacy_endpoint(tmp_path)
    _write_config(tmp_path, scenario)
    with running(scenario, time_scale=600) as sandbox:
        before = _score(sandbox, "regression")
        _vnetferry(sandbox, tmp_path, "plan")
        ended = json.loads(_vnetferry(sandbox, tmp_path, "apply", "plan.json", "--yes", "--json"))
        after = _score(sandbox, "regression-v2")

    assert {outcome["status"] for outcome in ended} == {"done"}
    compared = next(o for o in ended if o["step"] == "compare_answers:regression-v2")
    assert compared["message"] == "1 deployment(s) answer as before"
    assert before == ANSWER
    assert after == ANSWER


def _legacy_endpoint(folder: Path) -> Scenario:
    """The example with one endpoint, `regression`, which serves the published model with our code."""
    (folder / "score.py").write_text(SCORE)
    example = scenario_file.load("legacy-workspace")
    data: dict[str, Any] = json.loads(_renamed(json.dumps(example.model_dump(mode="json"))))
    data["resources"] = [d for d in data["resources"] if not _is_another_endpoint(d["id"])]
    endpoint = next(d for d in data["resources"] if d["id"].endswith("/onlineEndpoints/regression"))
    endpoint["properties"]["authMode"] = "Key"
    data["endpoint_keys"] = {endpoint["id"]: {"primaryKey": KEY, "secondaryKey": f"{KEY}-2"}}
    for place in [place for place in data["blobs"] if place.endswith(MODEL)]:
        data["blobs"][place] = BlobContent(file=str(PUBLISHED / MODEL)).model_dump()
    for place in [place for place in data["blobs"] if place.endswith("/demand/score.py")]:
        data["blobs"][place] = BlobContent(file=str(folder / "score.py")).model_dump()
    return Scenario.model_validate(data)


def _renamed(text: str) -> str:
    """The example's endpoint `demand` as `regression`, and its model's file as the published one."""
    folder = "5bf0935e798001d53e180feef34052ff3edba6a2b7752c75c4de3e06d0ce5010"
    for old, new in (
        ("onlineEndpoints/demand", "onlineEndpoints/regression"),
        ('"name": "demand"', '"name": "regression"'),
        ("https://demand.", "https://regression."),
        (f"{folder}/model.joblib", f"{folder}/{MODEL}"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


def _is_another_endpoint(resource: str) -> bool:
    return any(f"/onlineEndpoints/{name}" in resource for name in ("credit", "churn"))


def _write_config(folder: Path, scenario: Scenario) -> None:
    vnet = next(d for d in scenario.resources if d["id"].endswith("/virtualNetworks/vnet-callers"))
    text = CONFIG.format(
        subscription=scenario.subscriptions[0],
        subnet=f"{vnet['id']}/subnets/snet-endpoints",
        request=json.dumps(str(PUBLISHED / "sample-request.json")),
    )
    (folder / "migration.yaml").write_text(text)


def _vnetferry(sandbox: Sandbox, folder: Path, *arguments: str) -> str:
    """Run a command as its user would; what it prints."""
    inside = {**sandbox.env("vnet-callers"), "PREFECT_HOME": str(folder / "prefect")}
    inside["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "vnetferry.cli.main", *arguments],
        cwd=folder,
        env=inherited(os.environ, inside),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _score(sandbox: Sandbox, endpoint: str) -> Any:
    """What a caller in the VNet is answered, with the key that it has always had."""
    env = sandbox.env("vnet-callers")
    answer = requests.post(
        f"https://{endpoint}.westeurope.inference.ml.azure.com/score",
        (PUBLISHED / "sample-request.json").read_bytes(),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
        proxies={"https": env["HTTPS_PROXY"]},
        verify=env["SSL_CERT_FILE"],
        timeout=120,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()
