"""What azure-ai-ml does with assets, deployments, computes and connections: every answer that it gets is read strictly.

The SDK is the real one; what it is answered is looked at on its way, unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    BuildContext,
    CodeConfiguration,
    Environment,
    ManagedOnlineDeployment,
    Model,
    PatTokenConfiguration,
    WorkspaceConnection,
)
from azure.ai.ml.entities._assets._artifacts.code import Code
from azure.identity import EnvironmentCredential
from requests.adapters import HTTPAdapter

from tests.sandbox.contract.strict import faults
from tests.sandbox.contract.wire_world import CODE, ENVIRONMENT, MADE, MODEL
from tests.sandbox.ml.workspace_world import SUBSCRIPTION, WORKSPACE, Arm

pytestmark = pytest.mark.filterwarnings("ignore")
# Below the workspace: method and path, the statuses that the SDK's client accepts, the answer's model ("*": a list).
ANSWERS: dict[str, tuple[set[int], str]] = {
    "GET ": ({200}, "Workspace"),
    r"GET onlineEndpoints/\w+": ({200}, "OnlineEndpoint"),
    r"PUT onlineEndpoints/\w+/deployments/\w+": ({201}, "OnlineDeployment"),
    r"GET onlineEndpoints/\w+/deployments/\w+": ({200}, "OnlineDeployment"),
    r"GET onlineEndpoints/\w+/deployments": ({200}, "OnlineDeployment*"),
    r"DELETE onlineEndpoints/\w+/deployments/\w+": ({202}, ""),
    r"POST onlineEndpoints/\w+/deployments/\w+/getLogs": ({200}, "DeploymentLogs"),
    r"GET models": ({200}, "ModelContainer*"),
    r"GET models/\w+": ({200, 404}, "ModelContainer"),
    r"GET models/\w+/versions": ({200, 404}, "ModelVersion*"),
    r"GET models/\w+/versions/\w+": ({200}, "ModelVersion"),
    r"PUT models/\w+/versions/\w+": ({200, 201}, "ModelVersion"),
    r"GET environments": ({200}, "EnvironmentContainer*"),
    r"GET environments/\w+": ({200, 404}, "EnvironmentContainer"),
    r"GET environments/\w+/versions": ({200, 404}, "EnvironmentVersion*"),
    r"GET environments/\w+/versions/\w+": ({200}, "EnvironmentVersion"),
    r"PUT environments/\w+/versions/\w+": ({200, 201}, "EnvironmentVersion"),
    r"GET codes/[\w-]+/versions": ({200}, "CodeVersion*"),
    r"GET codes/[\w-]+/versions/\w+": ({200}, "CodeVersion"),
    r"PUT codes/[\w-]+/versions/\w+": ({200, 201}, "CodeVersion"),
    r"POST codes/[\w-]+/versions/\w+/startPendingUpload": ({200}, "PendingUploadResponseDto"),
    r"GET datastores": ({200}, "Datastore*"),
    r"GET datastores/\w+": ({200}, "Datastore"),
    r"POST datastores/\w+/listSecrets": ({200}, "DatastoreSecrets"),
    r"GET computes": ({200}, "ComputeResource*"),
    r"GET computes/\w+": ({200}, "ComputeResource"),
    r"DELETE computes/\w+": ({202}, ""),
    r"GET connections": ({200}, "WorkspaceConnectionPropertiesV2BasicResource*"),
    r"GET connections/\w+": ({200}, "WorkspaceConnectionPropertiesV2BasicResource"),
    r"PUT connections/\w+": ({200}, "WorkspaceConnectionPropertiesV2BasicResource"),
    r"DELETE connections/\w+": ({200}, ""),
}
_STATUS = re.compile(r"/locations/\w+/(mfeOperationsStatus|computeOperationsStatus)/")
_USAGES = re.compile(r"/locations/\w+/usages$")


class Exchange(NamedTuple):
    """One request of the SDK, and its answer."""

    method: str
    path: str
    answer: requests.Response


class Files(NamedTuple):
    """What the caller has on disk."""

    model: Path
    code: Path
    conda: Path
    context: Path


def _deployment(name: str, **changes: Any) -> ManagedOnlineDeployment:
    given = {"model": MODEL, "environment": ENVIRONMENT, "instance_type": "Standard_DS3_v2", **changes}
    return ManagedOnlineDeployment(name=name, endpoint_name="scoring", instance_count=1, **given)


def _deploy(client: MLClient, deployment: ManagedOnlineDeployment) -> Any:
    return client.online_deployments.begin_create_or_update(deployment).result()


def _local(client: MLClient, files: Files) -> Any:
    environment = Environment(
        name="local", version="1", image="mcr.microsoft.com/x", conda_file=str(files.conda)
    )
    model = Model(name="local", version="1", path=str(files.model))
    code = CodeConfiguration(code=str(files.code), scoring_script="score.py")
    made = _deployment("local", model=model, environment=environment, code_configuration=code)
    return _deploy(client, made)


def _connection(name: str) -> WorkspaceConnection:
    pat = PatTokenConfiguration(pat="secret")
    return WorkspaceConnection(name=name, type="python_feed", target="https://t", credentials=pat)


CALLS: dict[str, Callable[[MLClient, Files], Any]] = {
    "deployment of ids": lambda c, _: _deploy(
        c,
        _deployment("ids", code_configuration=CodeConfiguration(code=CODE, scoring_script="score.py")),
    ),
    "deployment of names": lambda c, _: _deploy(
        c, _deployment("names", model="azureml:m:1", environment="azureml:e:1")
    ),
    "deployment of what lies here": _local,
    "deployment read": lambda c, _: c.online_deployments.get("ids", "scoring"),
    "deployments listed": lambda c, _: list(c.online_deployments.list("scoring")),
    "logs": lambda c, _: c.online_deployments.get_logs("ids", "scoring", lines=50),
    "logs of the storage initializer": lambda c, _: c.online_deployments.get_logs(
        "ids", "scoring", lines=50, container_type="storage-initializer"
    ),
    "deployment deleted": lambda c, _: c.online_deployments.begin_delete("names", "scoring").result(),
    "model of a folder": lambda c, f: c.models.create_or_update(
        Model(name="mine", version="1", path=str(f.model))
    ),
    "model with a version made up": lambda c, f: c.models.create_or_update(
        Model(name="mine", path=str(f.model))
    ),
    "model in a datastore": lambda c, _: c.models.create_or_update(
        Model(name="mine", version="7", path="azureml://datastores/workspaceblobstore/paths/x")
    ),
    "model read": lambda c, _: c.models.get("mine", version="1"),
    "latest model": lambda c, _: c.models.get("mine", label="latest"),
    "models listed": lambda c, _: list(c.models.list()),
    "versions of a model listed": lambda c, _: list(c.models.list(name="mine")),
    "model archived": lambda c, _: c.models.archive("mine", version="1"),
    "environment of an image": lambda c, f: c.environments.create_or_update(
        Environment(name="mine", version="1", image="mcr.microsoft.com/x", conda_file=str(f.conda))
    ),
    "environment of a build context": lambda c, f: c.environments.create_or_update(
        Environment(name="mine", version="2", build=BuildContext(path=str(f.context)))
    ),
    "environment read": lambda c, _: c.environments.get("mine", version="1"),
    "environments listed": lambda c, _: list(c.environments.list()),
    "versions of an environment listed": lambda c, _: list(c.environments.list(name="mine")),
    "code": lambda c, f: c._code.create_or_update(Code(name="mine", version="1", path=str(f.code))),
    "datastores listed": lambda c, _: list(c.datastores.list()),
    "default datastore": lambda c, _: c.datastores.get_default(),
    "datastore with its secrets": lambda c, _: c.datastores.get("workspaceblobstore", include_secrets=True),
    "computes listed": lambda c, _: list(c.compute.list()),
    "compute read": lambda c, _: c.compute.get("cluster"),
    "compute deleted": lambda c, _: c.compute.begin_delete("leaving").result(),
    "usage": lambda c, _: list(c.compute.list_usage(location="westeurope")),
    "connection made": lambda c, _: c.connections.create_or_update(_connection("feed")),
    "connections listed": lambda c, _: list(c.connections.list()),
    "connection read": lambda c, _: c.connections.get("feed"),
    "connection deleted": lambda c, _: c.connections.delete("gone"),
}

# What others read or delete; done once before them.
FIRST = (
    "deployment of ids",
    "deployment of names",
    "model of a folder",
    "environment of an image",
    "connection made",
)


@pytest.fixture(scope="module")
def exchanges() -> Iterator[list[Exchange]]:
    """Everything that is asked and answered from now on."""
    seen: list[Exchange] = []
    send = HTTPAdapter.send

    def look(self: HTTPAdapter, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        answer = send(self, request, **kwargs)
        assert answer.content is not None  # read now, and kept for the SDK
        url = str(request.url).partition("?")[0]
        seen.append(Exchange(str(request.method), url, answer))
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HTTPAdapter, "send", look)
        yield seen


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("files")
    made = Files(folder / "model", folder / "code", folder / "conda.yml", folder / "context")
    for each in (made.model, made.code, made.context):
        each.mkdir()
    (made.model / "model.bin").write_bytes(b"weights")
    (made.code / "score.py").write_text("def init(): pass\n\n\ndef run(data): return data\n")
    (made.context / "Dockerfile").write_text("FROM scratch\n")
    made.conda.write_text("name: e\nchannels: [conda-forge]\ndependencies: [python=3.10]\n")
    return made


@pytest.fixture(scope="module")
def client(arm: Arm, exchanges: list[Exchange], files: Files) -> MLClient:
    """The SDK in the workspace that has one of everything, and what it reads and deletes."""
    made = MLClient(EnvironmentCredential(), SUBSCRIPTION, "rg", "wsone", show_progress=False)
    for name in FIRST:
        CALLS[name](made, files)
    made.connections.create_or_update(_connection("gone"))
    arm.finish(arm.send("PUT", f"{WORKSPACE}/computes/leaving", MADE["computes/cluster"]))
    return made


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_answer_to_the_sdk_is_one_that_its_models_describe(
    client: MLClient, exchanges: list[Exchange], files: Files, call: Callable[[MLClient, Files], Any]
) -> None:
    exchanges.clear()
    call(client, files)
    asked = [each for each in exchanges if each.path.startswith("https://management.azure.com")]
    assert asked
    assert [complaint for each in asked for complaint in _complaints(each)] == []


def test_upload_looks_first_then_writes_and_marks_it(
    client: MLClient, exchanges: list[Exchange], files: Files
) -> None:
    (files.model / "model.bin").write_bytes(b"other weights")
    exchanges.clear()
    client.models.create_or_update(Model(name="uploaded", version="1", path=str(files.model)))
    sent = [each for each in exchanges if ".blob.core.windows.net" in each.path]
    first = sent[0]
    exchanges.clear()
    client.models.create_or_update(Model(name="uploaded", version="2", path=str(files.model)))
    again = [each for each in exchanges if ".blob.core.windows.net" in each.path]

    assert (first.method, first.answer.status_code) == ("HEAD", 404)
    assert first.answer.headers["x-ms-error-code"] == "BlobNotFound"
    writes = [(each.method, "comp=metadata" in str(each.answer.url)) for each in sent if each.method == "PUT"]
    assert writes == [("PUT", False), ("PUT", True)]
    assert [each.answer.status_code for each in sent if each.method == "PUT"] == [201, 200]
    assert again[0].answer.status_code == 200
    assert again[0].answer.headers["x-ms-meta-upload_status"] == "completed"
    assert not [each for each in again if each.method == "PUT"]


def test_code_that_was_uploaded_is_found_by_its_hash(
    client: MLClient, exchanges: list[Exchange], files: Files
) -> None:
    exchanges.clear()
    client._code.create_or_update(Code(path=str(files.code)))
    looked = [each for each in exchanges if each.path.endswith("/versions")]
    assert [each.answer.status_code for each in looked] == [200]
    query = str(looked[0].answer.url).partition("?")[2]
    assert re.search(r"hash=[0-9a-f]{64}", query)
    assert "hashVersion=202208" in query


def _complaints(exchange: Exchange) -> Iterator[str]:
    where, answer = f"{exchange.method} {exchange.path}", exchange.answer
    below = exchange.path.partition(WORKSPACE)[2].strip("/")
    if WORKSPACE not in exchange.path:
        yield from _beside(exchange)
        return
    row = next((ANSWERS[p] for p in ANSWERS if re.fullmatch(p, f"{exchange.method} {below}")), None)
    if row is None:
        yield f"{where}: no model is given for it"
    elif answer.status_code not in row[0]:
        yield f"{where}: {answer.status_code} {answer.text}"
    elif answer.status_code < 300 and row[1]:
        yield from _unfit(row[1], answer.json())


def _beside(exchange: Exchange) -> Iterator[str]:
    """Operations and usages, which lie in a region."""
    if _USAGES.search(exchange.path):
        yield from _unfit("Usage*", exchange.answer.json())
    elif not _STATUS.search(exchange.path) or exchange.answer.status_code != 200:
        yield f"{exchange.method} {exchange.path}: {exchange.answer.status_code}"


def _unfit(model: str, body: Any) -> Iterator[str]:
    if not model.endswith("*"):
        yield from faults(model, body)
        return
    if body.keys() - {"value", "nextLink"}:
        yield f"{model}: {sorted(body)}"
    for each in body["value"]:
        yield from faults(model.removesuffix("*"), each)
