"""A registry's assets by the SDK: found by discovery, uploaded, written, listed, archived, shared, downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from azure.ai.ml import MLClient, load_component
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import BuildContext, Data, Environment, Model
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import EnvironmentCredential

from tests.sandbox.ml.registry_world import NAME, registry, registry_client
from tests.sandbox.ml.workspace_world import SUBSCRIPTION, WORKSPACE, Arm, Start, associated, workspace_body

_COMPONENT = """
name: train
version: "1"
type: command
command: python train.py
code: ./src
environment: azureml://registries/contosoreg/environments/env/versions/1
"""


@pytest.fixture
def inside(start: Start) -> MLClient:
    """The SDK in the registry of a fresh sandbox, which has a workspace `wsone` beside it."""
    start([*associated(), registry()])
    Arm().done("PUT", WORKSPACE, workspace_body())
    return registry_client()


def _weights(folder: Path) -> str:
    (folder / "model").mkdir()
    (folder / "model" / "weight.txt").write_text("3")
    return str(folder / "model")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's own download
def test_model_in_a_registry_by_the_sdk(inside: MLClient, tmp_path: Path) -> None:
    asked = Model(name="m", version="1", path=_weights(tmp_path), type=AssetTypes.CUSTOM_MODEL)
    made = inside.models.create_or_update(asked)
    assert made.id == f"azureml://registries/{NAME}/models/m/versions/1"
    assert made.path.startswith("https://conto1.blob.core.windows.net/contosoreg-")
    second = inside.models.create_or_update(Model(name="m", path=made.path))
    assert second.version == "2"
    assert inside.models.get("m", label="latest").version == "2"
    assert sorted(each.version for each in inside.models.list("m")) == ["1", "2"]
    assert [each.name for each in inside.models.list()] == ["m"]
    inside.models.download("m", "1", str(tmp_path / "back"))
    assert next((tmp_path / "back").rglob("weight.txt")).read_text() == "3"


def test_model_of_a_registry_archived_and_restored_by_the_sdk(inside: MLClient, tmp_path: Path) -> None:
    made = inside.models.create_or_update(Model(name="m", version="1", path=_weights(tmp_path)))
    inside.models.create_or_update(Model(name="m", version="2", path=made.path))
    inside.models.archive("m", "1")
    assert [each.version for each in inside.models.list("m")] == ["2"]
    inside.models.restore("m", "1")
    assert len(list(inside.models.list("m"))) == 2
    inside.models.archive("m")
    assert list(inside.models.list()) == []


def test_environment_in_a_registry_by_the_sdk(inside: MLClient, tmp_path: Path) -> None:
    conda = tmp_path / "conda.yml"
    conda.write_text("channels:\n  - conda-forge\ndependencies:\n  - python=3.11\n")
    asked = Environment(name="env", version="1", image="mcr.microsoft.com/x:1", conda_file=str(conda))
    made = inside.environments.create_or_update(asked)
    assert made.id == f"azureml://registries/{NAME}/environments/env/versions/1"
    assert inside.environments.get("env", label="latest").conda_file["channels"] == ["conda-forge"]
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "Dockerfile").write_text("FROM scratch\n")
    built = Environment(name="built", version="1", build=BuildContext(path=str(tmp_path / "context")))
    assert inside.environments.create_or_update(built).build.path.startswith("https://conto1.blob.")
    assert sorted(each.name for each in inside.environments.list()) == ["built", "env"]
    inside.environments.archive("env", "1")
    assert list(inside.environments.list("env")) == []


def test_data_in_a_registry_by_the_sdk(inside: MLClient, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n")
    asked = Data(name="rows", version="1", path=str(file), type=AssetTypes.URI_FILE)
    assert inside.data.create_or_update(asked).path.endswith("/rows.csv")
    assert inside.data.get("rows", label="latest").version == "1"
    assert [each.name for each in inside.data.list()] == ["rows"]


def test_component_in_a_registry_by_the_sdk_brings_its_code(inside: MLClient, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("print(1)\n")
    (tmp_path / "train.yml").write_text(_COMPONENT)
    inside.environments.create_or_update(Environment(name="env", version="1", image="mcr.microsoft.com/x:1"))
    made = inside.components.create_or_update(load_component(tmp_path / "train.yml"))
    assert made.id == f"azureml://registries/{NAME}/components/train/versions/1"
    code = inside.components.get("train", "1").code
    assert code.startswith(f"azureml://registries/{NAME}/codes/")
    assert [each.version for each in inside.components.list("train")] == ["1"]


def test_component_in_a_workspace_by_the_sdk(
    inside: MLClient, client: Callable[[], MLClient], tmp_path: Path
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("print(1)\n")
    (tmp_path / "train.yml").write_text(_COMPONENT)
    own = client()
    own.components.create_or_update(load_component(tmp_path / "train.yml"))
    assert own.components.get("train", "1").code.startswith("/subscriptions/")
    assert [each.name for each in own.components.list()] == ["train"]
    own.components.archive("train", "1")
    assert list(own.components.list("train")) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's own download
def test_model_shared_with_a_registry_by_the_sdk_is_a_copy(
    inside: MLClient, client: Callable[[], MLClient], tmp_path: Path
) -> None:
    own = client()
    made = own.models.create_or_update(Model(name="m", version="3", path=_weights(tmp_path), description="d"))
    names = {"share_with_name": "shared", "share_with_version": "7", "registry_name": NAME}
    shared = own.models.share("m", "3", **names)
    assert shared.id == f"azureml://registries/{NAME}/models/shared/versions/7"
    assert (shared.description, shared.path.startswith("https://conto1.blob.")) == ("d", True)
    assert own.models.get("m", "3").path == made.path
    inside.models.download("shared", "7", str(tmp_path / "back"))
    assert next((tmp_path / "back").rglob("weight.txt")).read_text() == "3"


def test_environment_and_data_shared_with_a_registry_by_the_sdk(
    inside: MLClient, client: Callable[[], MLClient], tmp_path: Path
) -> None:
    own = client()
    own.environments.create_or_update(Environment(name="env", version="1", image="mcr.microsoft.com/x:1"))
    names = {"share_with_version": "1", "registry_name": NAME}
    shared = own.environments.share("env", "1", share_with_name="env", **names)
    assert shared.image == "mcr.microsoft.com/x:1"
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n")
    own.data.create_or_update(Data(name="rows", version="1", path=str(file), type=AssetTypes.URI_FILE))
    assert own.data.share("rows", "1", share_with_name="rows", **names).path.endswith("/rows.csv")
    assert inside.data.get("rows", "1").type == "uri_file"


def test_asset_absent_from_a_registry_is_not_found_by_the_sdk(inside: MLClient) -> None:
    with pytest.raises(ResourceNotFoundError) as raised:
        inside.models.get("nobody", "1")
    says = f"Could not find asset with ID: azureml://registries/{NAME}/models/nobody/versions/1"
    assert says in str(raised.value)


def test_registry_seen_from_a_workspaces_region_by_the_sdk(inside: MLClient) -> None:
    inside.environments.create_or_update(Environment(name="env", version="1", image="mcr.microsoft.com/x:1"))
    seen = MLClient(
        EnvironmentCredential(), SUBSCRIPTION, "rg", registry_name=NAME, workspace_reference="wsone"
    )
    assert [each.name for each in seen.environments.list()] == ["env"]
