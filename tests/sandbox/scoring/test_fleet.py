from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sandbox.online_world import MODEL, WORKSPACE, Online, deployment_body, documents, online, texts
from tests.sandbox.scoring_runtime import needs_runtime
from vnetferry.sandbox.errors import AzureError

_SCRIPT = """
import json, os, time
from pathlib import Path

def init():
    print("init of", os.environ["GREETING"])

def run(data):
    order = json.loads(data)
    if "sleep_s" in order:
        time.sleep(order["sleep_s"])
    if "fail" in order:
        raise ValueError("told to")
    folder = Path(os.environ["AZUREML_MODEL_DIR"])
    return {
        "model": (folder / "model" / "weights.bin").read_text(),
        "tail": folder.parts[-4:],
        "greeting": os.environ["GREETING"],
        "pid": os.getpid(),
        "names": sorted(os.environ),
    }
"""


@needs_runtime
def test_deployment_runs_its_own_script_with_its_own_model_and_variables(tmp_path: Path) -> None:
    with online(tmp_path, runtime="inference-server") as az:
        az.upload(_SCRIPT)
        connection = {"id": f"{WORKSPACE}/connections/greeter", "properties": {"target": "hello"}}
        az.world.documents.put(connection)
        az.make_endpoint(properties={"enforce_access_to_default_secret_stores": "enabled"})
        reference = "${{azureml://connections/greeter/target}}"
        made = az.make_deployment(environmentVariables={"GREETING": reference})
        assert made["properties"]["provisioningState"] == "Succeeded"
        az.set_traffic({"blue": 100})
        answer = az.score({})
        said = json.loads(answer.encoded())
        assert answer.status == 200
        assert said["model"] == "weights"
        assert said["tail"] == ["var", "azureml-app", "azureml-models", "m", "1"][-4:]
        assert said["greeting"] == "hello"


@pytest.mark.parametrize("path", ["/../../../escaped", "/var/../../../../escaped", "../../../escaped"])
def test_model_mounted_outside_of_its_container_is_not_written(tmp_path: Path, path: str) -> None:
    inside = tmp_path / "a" / "b" / "c" / "d"
    inside.mkdir(parents=True)
    with online(inside, runtime="inference-server") as az:
        az.upload()
        az.make_endpoint()
        answer = az.send(
            "PUT", "onlineEndpoints/scoring/deployments/blue", deployment_body(modelMountPath=path)
        )
        az.settle()
        assert az.error_of(answer)["code"] == "BadArgument"
        assert "leads out of the container" in az.error_of(answer)["message"]
        assert not list(tmp_path.rglob("escaped"))


@needs_runtime
def test_process_sees_the_proxy_and_nothing_of_the_machines_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "not-for-score-py")
    with online(tmp_path, runtime="inference-server") as az:
        az.upload(_SCRIPT)
        az.make_endpoint()
        az.make_deployment(environmentVariables={"GREETING": "hello"})
        names = json.loads(az.score({}, azureml_model_deployment="blue").encoded())["names"]
        assert {"HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "AZUREML_MODEL_DIR", "AML_APP_ROOT"} <= set(names)
        assert "AZURE_CLIENT_SECRET" not in names


@needs_runtime
def test_script_that_fails_at_start_ends_failed_and_its_log_says_why(tmp_path: Path) -> None:
    with online(tmp_path, runtime="inference-server") as az:
        az.upload("raise RuntimeError('no such wheel')")
        az.make_endpoint()
        answer = az.send("PUT", "onlineEndpoints/scoring/deployments/blue", _body())
        az.settle()
        blue = az.get("onlineEndpoints/scoring/deployments/blue")
        assert blue["properties"]["provisioningState"] == "Failed"
        assert az.error_of(answer)["code"] == "ResourceNotReady"
        logs = az.send("POST", "onlineEndpoints/scoring/deployments/blue/getLogs", {"tail": 200}).body
        assert isinstance(logs, dict)
        assert "RuntimeError: no such wheel" in logs["content"]
        with pytest.raises(AzureError) as again:
            az.send("PUT", "onlineEndpoints/scoring/deployments/blue", _body())
        assert "unrecoverable state" in texts(again)


@needs_runtime
def test_logs_of_each_container_and_their_tail(tmp_path: Path) -> None:
    with online(tmp_path, runtime="inference-server") as az:
        az.upload(_SCRIPT)
        az.make_endpoint()
        az.make_deployment(environmentVariables={"GREETING": "hello"})
        path = "onlineEndpoints/scoring/deployments/blue/getLogs"
        server = az.send("POST", path, {"tail": 500}).body
        initializer = az.send("POST", path, {"containerType": "StorageInitializer", "tail": 50}).body
        short = az.send("POST", path, {"tail": 1}).body
        assert isinstance(server, dict)
        assert isinstance(initializer, dict)
        assert isinstance(short, dict)
        assert "init of hello" in server["content"]
        assert "LocalUpload/h/model/weights.bin" in initializer["content"]
        assert "init of hello" not in short["content"]


@needs_runtime
def test_failing_model_answers_424_with_its_own_status(tmp_path: Path) -> None:
    with online(tmp_path, runtime="inference-server") as az:
        az.upload(_SCRIPT)
        az.make_endpoint()
        az.make_deployment(environmentVariables={"GREETING": "hello"})
        answer = az.score({"fail": True}, azureml_model_deployment="blue")
        assert answer.status == 424
        assert answer.headers["ms-azureml-model-error-statuscode"] == "500"
        assert answer.headers["ms-azureml-model-error-reason"] == "INTERNAL SERVER ERROR"


@needs_runtime
def test_model_slower_than_its_timeout_answers_408_and_the_next_one_is_served(tmp_path: Path) -> None:
    with online(tmp_path, runtime="inference-server") as az:
        az.upload(_SCRIPT)
        az.make_endpoint()
        slow = {"requestTimeout": "PT0.5S"}
        az.make_deployment(environmentVariables={"GREETING": "hello"}, requestSettings=slow)
        assert az.score({"sleep_s": 0.8}, azureml_model_deployment="blue").status == 408
        az.run(asyncio.sleep(0.5))
        assert az.score({}, azureml_model_deployment="blue").status == 200


@needs_runtime
def test_more_than_twice_the_concurrency_answers_429(tmp_path: Path) -> None:
    with online(tmp_path, runtime="inference-server") as az:
        az.upload(_SCRIPT)
        az.make_endpoint()
        az.make_deployment(environmentVariables={"GREETING": "hello"})

        async def four() -> list[int]:
            orders = [az.score_later({"sleep_s": 0.3}, azureml_model_deployment="blue") for _ in range(4)]
            return [answer.status for answer in await asyncio.gather(*orders)]

        assert sorted(az.run(four())) == [200, 200, 429, 429]


@needs_runtime
def test_update_serves_until_the_new_server_is_ready_and_then_ends_the_old(tmp_path: Path) -> None:
    with online(tmp_path, runtime="inference-server") as az:
        az.upload(_SCRIPT)
        az.make_endpoint()
        az.make_deployment(environmentVariables={"GREETING": "hello"})
        before = json.loads(az.score({}, azureml_model_deployment="blue").encoded())
        az.send(
            "PUT",
            "onlineEndpoints/scoring/deployments/blue",
            _body(environmentVariables={"GREETING": "salut"}),
        )
        during = json.loads(az.score({}, azureml_model_deployment="blue").encoded())
        az.settle()
        after = json.loads(az.score({}, azureml_model_deployment="blue").encoded())
        assert [before["greeting"], during["greeting"], after["greeting"]] == ["hello", "hello", "salut"]
        assert not _is_alive(before["pid"])


@needs_runtime
def test_update_that_fails_shows_why_and_leaves_the_old_server_answering(tmp_path: Path) -> None:
    with online(tmp_path, runtime="inference-server") as az:
        az.upload(_SCRIPT)
        az.make_endpoint()
        az.make_deployment(environmentVariables={"GREETING": "hello"})
        broken = _body(environmentVariables={"UNGREETED": "1"})
        az.send("PUT", "onlineEndpoints/scoring/deployments/blue", broken)
        az.settle()
        assert (
            az.get("onlineEndpoints/scoring/deployments/blue")["properties"]["provisioningState"] == "Failed"
        )
        logs = az.send("POST", "onlineEndpoints/scoring/deployments/blue/getLogs", {"tail": 200}).body
        assert isinstance(logs, dict)
        assert "KeyError: 'GREETING'" in logs["content"]
        assert json.loads(az.score({}, azureml_model_deployment="blue").encoded())["greeting"] == "hello"


@needs_runtime
def test_update_whose_operation_fails_leaves_the_old_server_answering(tmp_path: Path) -> None:
    with online(tmp_path, runtime="inference-server") as az:
        az.upload(_SCRIPT)
        az.make_endpoint()
        az.make_deployment(environmentVariables={"GREETING": "hello"})
        az.world.operations.fates.append(lambda _begun: AzureError(200, "InternalServerError", "broken"))
        sound = _body(environmentVariables={"GREETING": "salut"})
        answer = az.send("PUT", "onlineEndpoints/scoring/deployments/blue", sound)
        az.settle()
        assert az.error_of(answer)["code"] == "InternalServerError"
        assert json.loads(az.score({}, azureml_model_deployment="blue").encoded())["greeting"] == "hello"


@contextmanager
def _of_the_scenario(folder: Path) -> Iterator[Online]:
    """A sandbox whose scenario holds a deployment, which no server runs yet."""
    with online(folder / "one", runtime="inference-server") as az:
        az.upload(_SCRIPT)
        endpoint = az.make_endpoint()
        deployment = az.make_deployment(environmentVariables={"GREETING": "hello"})
    with online(folder / "two", runtime="inference-server") as az:
        az.upload(_SCRIPT)
        az.adopt(endpoint, deployment)
        yield az


@needs_runtime
def test_deployment_of_the_scenario_starts_with_its_first_request(tmp_path: Path) -> None:
    with _of_the_scenario(tmp_path) as az:

        async def two() -> list[int]:
            orders = [az.score_later({}, azureml_model_deployment="blue") for _ in range(2)]
            return [json.loads(answer.encoded())["pid"] for answer in await asyncio.gather(*orders)]

        first, second = az.run(two())
        assert first == second


@needs_runtime
def test_server_whose_first_caller_went_away_serves_the_next_one_and_ends_with_the_sandbox(
    tmp_path: Path,
) -> None:
    with _of_the_scenario(tmp_path) as az:

        async def leave_while_it_starts() -> int:
            first = asyncio.ensure_future(az.score_later({}, azureml_model_deployment="blue"))
            for _ in range(10):
                await asyncio.sleep(0)
            (starting,) = az.world.fleet._starting.values()
            first.cancel()
            return (await starting).process.pid

        pid = az.run(leave_while_it_starts())
        assert az.score({}, azureml_model_deployment="blue").status == 200
        assert [server.process.pid for server in az.world.fleet._servers.values()] == [pid]
        assert az.world.fleet._starting == {}
    assert not _is_alive(pid)


@needs_runtime
def test_killed_server_is_started_again_by_the_next_request(tmp_path: Path) -> None:
    with online(tmp_path, runtime="inference-server") as az:
        az.upload(_SCRIPT)
        az.make_endpoint()
        az.make_deployment(environmentVariables={"GREETING": "hello"})
        process = next(iter(az.world.fleet._servers.values())).process
        az.run(process.stop())
        assert az.score({}, azureml_model_deployment="blue").status == 200


@needs_runtime
def test_deleting_a_deployment_ends_its_processes(tmp_path: Path) -> None:
    with online(tmp_path, runtime="inference-server") as az:
        az.upload(_SCRIPT)
        az.make_endpoint()
        az.make_deployment(environmentVariables={"GREETING": "hello"})
        pid = json.loads(az.score({}, azureml_model_deployment="blue").encoded())["pid"]
        az.send("DELETE", "onlineEndpoints/scoring/deployments/blue")
        az.settle()
        assert not _is_alive(pid)
        assert list((tmp_path / "fleet").iterdir()) == []


def test_code_that_was_never_uploaded_ends_failed_with_bad_argument(tmp_path: Path) -> None:
    with online(tmp_path, runtime="inference-server") as az:
        az.make_endpoint()
        answer = az.send("PUT", "onlineEndpoints/scoring/deployments/blue", _body())
        az.settle()
        assert az.error_of(answer)["code"] == "BadArgument"
        path = "onlineEndpoints/scoring/deployments/blue/getLogs"
        logs = az.send("POST", path, {"containerType": "StorageInitializer"}).body
        assert isinstance(logs, dict)
        assert "there are no such blobs" in logs["content"]
        assert "ModelDownload: Failed" in logs["content"]


def test_legacy_deployment_cannot_fetch_a_model_from_another_storage_account(tmp_path: Path) -> None:
    held = documents()
    model = next(document for document in held if document["id"] == MODEL)
    model["properties"]["modelUri"] = "https://elsewhere.blob.core.windows.net/models/model"
    with online(tmp_path, runtime="inference-server", held=held) as az:
        az.upload()
        az.make_endpoint()
        answer = az.send(
            "PUT", "onlineEndpoints/scoring/deployments/blue", _body(egressPublicNetworkAccess="disabled")
        )
        az.settle()
        error = az.error_of(answer)
        assert error["code"] == "BadArgument"
        assert "elsewhere.blob.core.windows.net:443 is not reachable" in error["message"]


def test_missing_runtime_says_how_to_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VNETFERRY_RUNTIME", str(tmp_path / "nowhere"))
    with online(tmp_path, runtime="inference-server") as az:
        az.upload()
        az.make_endpoint()
        answer = az.send("PUT", "onlineEndpoints/scoring/deployments/blue", _body())
        az.settle()
        assert "python -m vnetferry.sandbox.scoring.runtime" in az.error_of(answer)["message"]


def _body(**properties: object) -> dict[str, object]:
    variables = {"GREETING": "hello"}
    return deployment_body(**{"environmentVariables": variables, **properties})


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc").is_dir() else True
