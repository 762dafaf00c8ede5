"""Code, models, environments and data, as the SDK registers them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import BuildContext, Data, Environment, Model
from azure.ai.ml.entities._assets import Code
from azure.core.exceptions import ResourceNotFoundError

from tests.sandbox.ml.workspace_world import STORAGE, WORKSPACE, Arm, Start, associated

CONDA = "channels:\n  - conda-forge\ndependencies:\n  - python=3.11\n"
URI = "azureml://datastores/workspaceblobstore/paths/m"
# Nine lists, each of ten times the one before.
_BOMB = "a0: &a0 [x]\n" + "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's own download
def test_model_by_the_sdk_is_uploaded_and_numbered(
    made: Arm, client: Callable[[], MLClient], tmp_path: Path
) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"weights")
    models = client().models
    first = models.create_or_update(Model(name="m", path=str(file), type=AssetTypes.CUSTOM_MODEL))
    second = models.create_or_update(Model(name="m", path=str(file), description="again"))
    assert (first.version, second.version) == ("1", "2")
    assert first.path.startswith("azureml://subscriptions/")
    assert models.get("m", label="latest").description == "again"
    assert sorted(each.version for each in models.list("m")) == ["1", "2"]
    models.download("m", "1", str(tmp_path / "back"))
    assert next((tmp_path / "back").rglob("model.bin")).read_bytes() == b"weights"


def test_model_archived_by_the_sdk_leaves_the_list_of_active(
    made: Arm, client: Callable[[], MLClient]
) -> None:
    for version in ("1", "2"):
        made.send("PUT", f"{WORKSPACE}/models/m/versions/{version}", {"properties": {"modelUri": URI}})
    client().models.archive("m", "1")
    assert [each.version for each in client().models.list("m")] == ["2"]
    client().models.restore("m", "1")
    assert len(list(client().models.list("m"))) == 2


def test_model_absent_is_not_found_in_the_services_words(made: Arm, client: Callable[[], MLClient]) -> None:
    with pytest.raises(ResourceNotFoundError):
        client().models.get("nobody", "1")
    answer = made.send("GET", f"{WORKSPACE}/models/nobody")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (404, "UserError")
    assert error["details"][0]["code"] == "ModelNotFound"
    assert error["details"][0]["message"] == "Model container with name: nobody not found."


def test_model_version_is_201_when_new_and_200_when_it_was_there(made: Arm) -> None:
    path, body = f"{WORKSPACE}/models/m/versions/1", {"properties": {"modelUri": URI, "tags": {"a": "b"}}}
    new = made.send("PUT", path, body)
    location = f"https://management.azure.com{path}?api-version=2024-10-01"
    assert (new.status_code, new.headers["Location"]) == (201, location)
    assert made.send("PUT", path, {"properties": {"modelUri": URI, "tags": {"c": "d"}}}).status_code == 200
    assert made.get(path)["properties"]["tags"] == {"c": "d"}


def test_model_version_moved_is_a_conflict(made: Arm) -> None:
    path = f"{WORKSPACE}/models/m/versions/1"
    made.send("PUT", path, {"properties": {"modelUri": URI}})
    status, _, message = made.refused("PUT", path, {"properties": {"modelUri": URI + "2"}})
    assert status == 409
    assert "modelUri cannot be changed" in message


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        ({}, "modelUri of a model version is required"),
        ({"modelUri": "ftp://x/y"}, "is not valid"),
        ({"modelUri": "azureml://datastores/nowhere/paths/m"}, "Could not find datastore: nowhere."),
        ({"modelUri": URI, "modelType": "gguf"}, "custom_model, mlflow_model, triton_model"),
        ({"modelUri": URI, "mountPath": "/m"}, "Could not find member 'mountPath'"),
        ({"modelUri": URI, "tags": {"deep": {}}}, "map of strings"),
    ],
)
def test_model_version_unfit_is_refused(made: Arm, properties: dict[str, Any], says: str) -> None:
    path = f"{WORKSPACE}/models/m/versions/1"
    status, code, message = made.refused("PUT", path, {"properties": properties})
    assert (status, code) == (400, "UserError")
    assert says in message
    assert made.send("GET", f"{WORKSPACE}/models/m").status_code == 404


def test_model_versions_are_paged_and_ordered(made: Arm) -> None:
    for version in range(1, 5):
        made.send("PUT", f"{WORKSPACE}/models/m/versions/{version}", {"properties": {"modelUri": URI}})
    query = {"$top": "3", "$orderBy": "createdtime desc"}
    first = made.get(f"{WORKSPACE}/models/m/versions", **query)
    assert [each["name"] for each in first["value"]] == ["4", "3", "2"]
    rest = made.get(f"{WORKSPACE}/models/m/versions", **query, **{"$skip": "3"})
    assert "$skip=3" in first["nextLink"]
    assert [each["name"] for each in rest["value"]] == ["1"]
    assert made.get(f"{WORKSPACE}/models/m")["properties"]["nextVersion"] == "5"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's own download
def test_code_by_the_sdk_is_uploaded_once(made: Arm, client: Callable[[], MLClient], tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "score.py").write_text("def init(): pass\n")
    codes = client()._code
    first = codes.create_or_update(Code(name="c", version="1", path=str(tmp_path / "src")))
    again = codes.create_or_update(Code(name="c", version="2", path=str(tmp_path / "src")))
    assert (first.version, again.version) == ("1", "1")
    answered = made.get(f"{WORKSPACE}/codes/c/versions/1")["properties"]
    assert ".blob.core.windows.net" in answered["codeUri"]
    codes.download("c", "1", str(tmp_path / "back"))
    assert next((tmp_path / "back").rglob("score.py")).read_text() == "def init(): pass\n"


def test_code_upload_is_offered_on_the_default_container(made: Arm) -> None:
    body = {"pendingUploadType": "TemporaryBlobReference"}
    answer = made.send("POST", f"{WORKSPACE}/codes/c/versions/1/startPendingUpload", body).json()
    reference = answer["blobReferenceForConsumption"]
    assert reference["storageAccountArmId"] == STORAGE
    assert reference["credential"]["credentialType"] == "SAS"
    assert ":443/azureml-blobstore-" in reference["blobUri"]


def test_code_upload_to_a_datastore_of_unknown_group_is_to_the_workspaces_account(start: Start) -> None:
    store = {
        "datastoreType": "AzureBlob",
        "accountName": "stone",
        "containerName": "blobs",
        "isDefault": True,
    }
    adopted = {"id": WORKSPACE, "location": "westeurope", "properties": {"storageAccount": STORAGE}}
    place = {"id": f"{WORKSPACE}/datastores/workspaceblobstore", "properties": store}
    start([*associated(), adopted, place])
    body = {"pendingUploadType": "TemporaryBlobReference"}
    answer = Arm().send("POST", f"{WORKSPACE}/codes/c/versions/1/startPendingUpload", body)
    assert answer.status_code == 200
    assert answer.json()["blobReferenceForConsumption"]["storageAccountArmId"] == STORAGE


def test_environment_by_the_sdk_comes_back_with_conda_as_json(
    made: Arm, client: Callable[[], MLClient], tmp_path: Path
) -> None:
    file = tmp_path / "conda.yml"
    file.write_text(CONDA)
    asked = Environment(name="e", version="1", image="mcr.microsoft.com/x:1", conda_file=str(file))
    client().environments.create_or_update(asked)
    answered = made.get(f"{WORKSPACE}/environments/e/versions/1")["properties"]
    assert json.loads(answered["condaFile"])["dependencies"] == ["python=3.11"]
    assert (answered["environmentType"], answered["osType"]) == ("UserCreated", "Linux")
    assert client().environments.get("e", label="latest").conda_file["channels"] == ["conda-forge"]


def test_environment_from_a_build_context_by_the_sdk(
    made: Arm, client: Callable[[], MLClient], tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    asked = Environment(name="e", version="1", build=BuildContext(path=str(tmp_path)))
    client().environments.create_or_update(asked)
    assert (
        made.get(f"{WORKSPACE}/environments/e/versions/1")["properties"]["build"]["dockerfilePath"]
        == "Dockerfile"
    )


def test_environment_sent_again_as_read_is_unchanged(made: Arm) -> None:
    path = f"{WORKSPACE}/environments/e/versions/1"
    made.send("PUT", path, {"properties": {"image": "x:1", "condaFile": CONDA}})
    before = made.get(path)["properties"]
    assert made.send("PUT", path, {"properties": before}).status_code == 200
    assert made.get(path)["properties"] == before


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        ({}, "either an image or a build context"),
        ({"image": "x", "build": {"contextUri": "https://x"}}, "not both"),
        ({"image": "x", "condaFile": "a: [b"}, "not valid YAML"),
        ({"image": "x", "condaFile": "text"}, "not a conda specification"),
        ({"image": "x", "condaFile": "a: &a [*a]"}, "with its aliases written out"),
        ({"image": "x", "condaFile": _BOMB}, "with its aliases written out"),
        ({"image": "x", "condaFile": "a: " + "[" * 200_000}, "deeper than 100 levels"),
        ({"image": "x", "condaFile": "2020-01-01: x"}, "not valid YAML: keys must be"),
        ({"image": "x", "condaFile": "a: .nan"}, "not valid YAML: Out of range float"),
        ({"image": "x", "condaFile": "a: 0x" + "f" * 9_000}, "not valid YAML: Exceeds the limit"),
        ({"image": "x", "inferenceConfig": {"scoringRoute": {"path": "/s"}}}, "Required property 'port'"),
    ],
)
def test_environment_unfit_is_refused(made: Arm, properties: dict[str, Any], says: str) -> None:
    path = f"{WORKSPACE}/environments/e/versions/1"
    status, _, message = made.refused("PUT", path, {"properties": properties})
    assert status == 400
    assert says in message


def test_environment_of_a_curated_ones_name_is_refused(made: Arm) -> None:
    body = {"properties": {"image": "x:1"}}
    status, _, message = made.refused("PUT", f"{WORKSPACE}/environments/AzureML-mine/versions/1", body)
    assert status == 400
    assert message.startswith("Environment name can not start with the prefix AzureML.")


def test_environment_absent_is_not_found_in_the_services_words(made: Arm) -> None:
    _, _, message = made.refused("GET", f"{WORKSPACE}/environments/nobody")
    assert message == "No environment exists for name: nobody, version: , label: "


def test_data_by_the_sdk(made: Arm, client: Callable[[], MLClient], tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n")
    asked = Data(name="d", version="1", path=str(file), type=AssetTypes.URI_FILE)
    client().data.create_or_update(asked)
    assert client().data.get("d", "1").type == "uri_file"


def test_asset_in_absent_workspace_is_refused(arm: Arm) -> None:
    path = f"{WORKSPACE}/models/m/versions/1"
    assert arm.refused("PUT", path, {"properties": {"modelUri": URI}})[1] == "ParentResourceNotFound"


def test_asset_version_deleted_is_gone_and_deleting_it_again_is_204(made: Arm) -> None:
    path = f"{WORKSPACE}/models/m/versions/1"
    made.send("PUT", path, {"properties": {"modelUri": URI}})
    assert [made.send("DELETE", path).status_code for _ in range(2)] == [200, 204]


def test_asset_adopted_is_answered_as_it_was(start: Start) -> None:
    version = {
        "id": f"{WORKSPACE}/models/m/versions/7",
        "name": "7",
        "type": "Microsoft.MachineLearningServices/workspaces/models/versions",
        "properties": {"modelUri": "azureml://x", "modelType": "custom_model", "ofTomorrow": 1},
        "systemData": {"createdAt": "2024-01-01T00:00:00Z"},
    }
    workspace = {"id": WORKSPACE, "location": "westeurope", "properties": {"storageAccount": STORAGE}}
    start([*associated(), workspace, version])
    arm = Arm()
    assert arm.get(f"{WORKSPACE}/models/m/versions/7") == version
    container = arm.get(f"{WORKSPACE}/models/m")["properties"]
    assert (container["latestVersion"], container["nextVersion"]) == ("7", "8")
