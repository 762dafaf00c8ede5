from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.sandbox.online_world import MODEL, Online, deployment_body, documents, online
from tests.sandbox.scoring_runtime import needs_runtime
from vnetferry.sandbox.wire import Json

_BLUE = "onlineEndpoints/scoring/deployments/blue"
_TRAINED = Path(__file__).parents[3] / "examples" / "legacy-workspace" / "models" / "demand.joblib"
_SKLEARN = (
    "flavors:\n  python_function: {loader_module: mlflow.sklearn}\n  sklearn: {pickled_model: model.pkl}\n"
)
_NO_CODE: Json = {"codeConfiguration": None, "environmentId": None}


@needs_runtime
def test_sklearn_model_without_code_is_scored_in_the_services_own_form(tmp_path: Path) -> None:
    with online(tmp_path, runtime="inference-server", held=_held()) as az:
        _upload(az, _SKLEARN)
        az.make_endpoint()
        made = az.make_deployment(**_NO_CODE)
        assert made["properties"]["provisioningState"] == "Succeeded"
        rows = [[0.0, 1.0, 0.0, 0.0, 8.5], [0.0, 1.0, 1.0, 1.0, 24.0]]
        plain = az.score({"input_data": rows}, azureml_model_deployment="blue")
        split = az.score({"input_data": {"data": rows, "index": [0, 1]}}, azureml_model_deployment="blue")
        assert plain.status == split.status == 200
        predicted = json.loads(plain.encoded())
        assert len(set(predicted)) == 2
        assert json.loads(split.encoded()) == predicted
        assert az.score({"data": rows}, azureml_model_deployment="blue").status == 424


@pytest.mark.parametrize(
    ("described", "code", "says"),
    [
        ("flavors: {pytorch: {model_data: data}}\n", "NotImplemented", "this one has pytorch"),
        ("flavors: {sklearn: {pickled_model: ../../x}}\n", "NotImplemented", "scikit-learn flavor only"),
        ("]", "BadArgument", "no MLmodel file"),
        (None, "BadArgument", "no MLmodel file"),
    ],
)
def test_model_that_cannot_be_run_says_so(
    tmp_path: Path, described: str | None, code: str, says: str
) -> None:
    with online(tmp_path, runtime="inference-server", held=_held()) as az:
        _upload(az, described)
        az.make_endpoint()
        answer = az.send("PUT", _BLUE, deployment_body(**_NO_CODE))
        az.settle()
        assert az.error_of(answer)["code"] == code
        assert says in az.error_of(answer)["message"]


def test_container_without_code_or_mlflow_model_is_not_run(tmp_path: Path) -> None:
    with online(tmp_path, runtime="inference-server") as az:
        az.make_endpoint()
        answer = az.send("PUT", _BLUE, deployment_body(codeConfiguration=None))
        az.settle()
        error = az.error_of(answer)
        assert error["code"] == "NotImplemented"
        assert "runtime: echo" in error["message"]


def _held() -> list[Json]:
    held = documents()
    next(document for document in held if document["id"] == MODEL)["properties"]["modelType"] = "mlflow_model"
    return held


def _upload(az: Online, described: str | None) -> None:
    az.world.blobs.ensure_container("stlegacy", "blobs")
    az.world.blobs.put("stlegacy", "blobs", "LocalUpload/h/model/model.pkl", _TRAINED.read_bytes())
    if described is not None:
        az.world.blobs.put("stlegacy", "blobs", "LocalUpload/h/model/MLmodel", described.encode())
