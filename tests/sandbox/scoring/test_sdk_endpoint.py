"""The article's path with Azure's own SDK: endpoint, upload, deployment, traffic, invoke, logs, deletion."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    CodeConfiguration,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
)
from azure.core.exceptions import HttpResponseError

from tests.sandbox.ml.registry_world import registry, registry_client
from tests.sandbox.ml.workspace_world import WORKSPACE, Arm

_SCRIPT = """
import json, os, urllib.request

def init():
    global weight
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "weight.txt")) as file:
        weight = float(file.read())

def run(data):
    order = json.loads(data)
    if "fetch" in order:
        with urllib.request.urlopen(order["fetch"], timeout=20) as answer:
            return {"status": answer.status}
    return {"result": [weight * value for value in order["data"]]}
"""


def test_secure_path_with_the_sdk(tmp_path: Path, workspace: Callable[..., MLClient]) -> None:
    client = workspace()
    _write_assets(tmp_path)
    client.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name="scoring", auth_mode="key")
    ).result()
    deployment = client.online_deployments.begin_create_or_update(_deployment(tmp_path, "blue")).result()
    assert deployment.provisioning_state == "Succeeded"
    endpoint = client.online_endpoints.get("scoring")
    endpoint.traffic = {"blue": 100}
    client.online_endpoints.begin_create_or_update(endpoint).result()
    (tmp_path / "request.json").write_text(json.dumps({"data": [1, 2]}))
    answer = client.online_endpoints.invoke("scoring", request_file=str(tmp_path / "request.json"))
    assert json.loads(answer) == {"result": [3.0, 6.0]}
    logs = client.online_deployments.get_logs(name="blue", endpoint_name="scoring", lines=100)
    assert "Users's init has completed successfully" in logs
    assert client.online_endpoints.get("scoring").traffic == {"blue": 100}
    client.online_endpoints.begin_delete("scoring").result()
    assert [e.name for e in client.online_endpoints.list()] == []


def test_registrys_model_and_environment_serve_with_the_sdk(
    tmp_path: Path, workspace: Callable[..., MLClient]
) -> None:
    client = workspace((registry(),))
    _write_assets(tmp_path)
    shared = registry_client()
    model = shared.models.create_or_update(Model(name="weights", version="1", path=str(tmp_path / "model")))
    made = shared.environments.create_or_update(
        Environment(name="e", version="1", image="mcr.microsoft.com/x:1")
    )
    _make_endpoint(client)
    deployment = _deployment(tmp_path, "blue")
    deployment.model, deployment.environment = model.id, made.id
    client.online_deployments.begin_create_or_update(deployment).result()
    (tmp_path / "request.json").write_text(json.dumps({"data": [1, 2]}))
    asked = {"deployment_name": "blue", "request_file": str(tmp_path / "request.json")}
    assert json.loads(client.online_endpoints.invoke("scoring", **asked)) == {"result": [3.0, 6.0]}


def test_deployment_before_the_network_is_provisioned_is_refused_and_accepted_after(
    tmp_path: Path, workspace: Callable[..., MLClient]
) -> None:
    client = workspace(managedNetwork={"isolationMode": "AllowOnlyApprovedOutbound"})
    _write_assets(tmp_path)
    _make_endpoint(client)
    with pytest.raises(HttpResponseError) as raised:
        client.online_deployments.begin_create_or_update(_deployment(tmp_path, "blue"))
    assert raised.value.error is not None
    assert raised.value.error.code == "WorkspaceManagedNetworkNotReady"
    Arm().done("POST", f"{WORKSPACE}/provisionManagedNetwork", {"includeSpark": False})
    legacy = _deployment(tmp_path, "blue", egress_public_network_access="disabled")
    with pytest.raises(HttpResponseError, match="no longer supported when your workspace is secured"):
        client.online_deployments.begin_create_or_update(legacy)
    made = client.online_deployments.begin_create_or_update(_deployment(tmp_path, "blue")).result()
    assert made.provisioning_state == "Succeeded"


def test_code_in_a_managed_network_reaches_what_the_rules_cover_and_nothing_else(
    tmp_path: Path, workspace: Callable[..., MLClient]
) -> None:
    client = workspace(managedNetwork={"isolationMode": "AllowOnlyApprovedOutbound"})
    Arm().done("POST", f"{WORKSPACE}/provisionManagedNetwork", {"includeSpark": False})
    _write_assets(tmp_path)
    _make_endpoint(client)
    client.online_deployments.begin_create_or_update(_deployment(tmp_path, "blue")).result()
    keys = "https://login.microsoftonline.com/common/discovery/v2.0/keys"
    assert _fetch(client, tmp_path, keys) == {"status": 200}
    with pytest.raises(HttpResponseError, match="unexpected error occurred in scoring script"):
        _fetch(client, tmp_path, "https://elsewhere.vault.azure.net/secrets")
    logs = client.online_deployments.get_logs(name="blue", endpoint_name="scoring", lines=200)
    assert "no active outbound rule covers it" in logs


def _make_endpoint(client: MLClient) -> None:
    client.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name="scoring", auth_mode="key")
    ).result()


def _fetch(client: MLClient, folder: Path, url: str) -> Any:
    """What the deployment's own code gets from an address."""
    (folder / "fetch.json").write_text(json.dumps({"fetch": url}))
    request = str(folder / "fetch.json")
    return json.loads(client.online_endpoints.invoke("scoring", request_file=request, deployment_name="blue"))


def _write_assets(folder: Path) -> None:
    (folder / "code").mkdir()
    (folder / "code" / "score.py").write_text(_SCRIPT)
    (folder / "model").mkdir()
    (folder / "model" / "weight.txt").write_text("3")


def _deployment(folder: Path, name: str, **fields: Any) -> ManagedOnlineDeployment:
    return ManagedOnlineDeployment(
        name=name,
        endpoint_name="scoring",
        model=Model(path=str(folder / "model"), name="weights", version="1"),
        code_configuration=CodeConfiguration(code=str(folder / "code"), scoring_script="score.py"),
        environment=Environment(
            image="mcr.microsoft.com/azureml/minimal:latest", name="minimal", version="1"
        ),
        instance_type="Standard_DS2_v2",
        instance_count=1,
        **fields,
    )
