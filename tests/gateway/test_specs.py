"""Endpoints and deployments from the SDK's and CLI's YAML files, against the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vnetferry.errors import ConfigError
from vnetferry.gateway import endpoints, specs
from vnetferry.gateway.azure import Azure
from vnetferry.models.ids import ResourceId

TAGS = {"vnetferry-plan": "plan1", "vnetferry-source": "/subscriptions/s/old"}
ENDPOINT = "name: from-yaml\nauth_mode: key\npublic_network_access: disabled\n"
DEPLOYMENT = """
name: blue
endpoint_name: from-yaml
model: {path: model/model.pkl}
code_configuration: {code: src, scoring_script: score.py}
environment: {image: "mcr.microsoft.com/azureml/minimal:latest", conda_file: conda.yml}
instance_type: Standard_DS3_v2
instance_count: 1
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder as the article has it: two YAML files, the code, the model and its environment."""
    for name, content in {
        "endpoint.yml": ENDPOINT,
        "deployment.yml": DEPLOYMENT,
        "src/score.py": "def init(): pass\ndef run(data): return data\n",
        "model/model.pkl": "weights",
        "conda.yml": "dependencies: [python=3.11]\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return tmp_path


def test_read_files_are_sorted_whatever_their_order(files: Path) -> None:
    read = specs.read_files([files / "deployment.yml", files / "endpoint.yml"])

    assert read.endpoint.name == "from-yaml"
    assert [deployment.name for deployment in read.deployments] == ["blue"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("endpoint.yml", "name: [", "not YAML"),
        ("endpoint.yml", "- a\n", "no mapping"),
        ("endpoint.yml", "name: x\nauth_mode: key\nno_such_key: 1\n", "no_such_key"),
        ("endpoint.yml", "name: x\nauth_mode: magic\n", "auth_mode"),
        ("deployment.yml", DEPLOYMENT.replace("from-yaml", "another"), "not of 'from-yaml'"),
        ("deployment.yml", DEPLOYMENT.replace("instance_count: 1", "instance_count: many"), "instance_count"),
        ("deployment.yml", ENDPOINT, "2 of the files describe an endpoint"),
    ],
)
def test_read_files_bad_file_is_one_sentence(files: Path, name: str, content: str, says: str) -> None:
    (files / name).write_text(content)

    with pytest.raises(ConfigError) as caught:
        specs.read_files([files / "endpoint.yml", files / "deployment.yml"])

    assert says in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_read_files_missing_file_says_which(files: Path) -> None:
    with pytest.raises(ConfigError, match=r"nobody\.yml.*No such file"):
        specs.read_files([files / "nobody.yml"])


def test_subscription_of_nothing_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_SUBSCRIPTION_ID", raising=False)

    assert specs.subscription_of("configured") == "configured"
    with pytest.raises(ConfigError, match="AZURE_SUBSCRIPTION_ID"):
        specs.subscription_of("")


def test_digest_of_changes_with_the_code_it_names(files: Path) -> None:
    before = specs.digest_of(files / "deployment.yml")
    (files / "src" / "score.py").write_text("def init(): pass\ndef run(data): return 1\n")

    assert specs.digest_of(files / "deployment.yml") != before


def test_create_from_yaml_twice_writes_once(
    azure: Azure, source: ResourceId, files: Path, requests_since: Callable[[], list[Any]]
) -> None:
    endpoint = specs.create_endpoint_from_yaml(azure, source, files / "endpoint.yml", TAGS)
    deployment = specs.create_deployment_from_yaml(azure, source, files / "deployment.yml", TAGS)

    assert endpoint.changed
    assert endpoint.after["properties"]["publicNetworkAccess"] == "Disabled"
    assert deployment.after["properties"]["provisioningState"] == "Succeeded"
    written = len(requests_since())
    assert not specs.create_endpoint_from_yaml(azure, source, files / "endpoint.yml", TAGS).changed
    assert not specs.create_deployment_from_yaml(azure, source, files / "deployment.yml", TAGS).changed
    assert len(requests_since()) == written


def test_create_endpoint_from_changed_yaml_keeps_its_traffic(
    azure: Azure, source: ResourceId, files: Path
) -> None:
    specs.create_endpoint_from_yaml(azure, source, files / "endpoint.yml", TAGS)
    specs.create_deployment_from_yaml(azure, source, files / "deployment.yml", TAGS)
    endpoints.set_traffic(azure, source.child("onlineEndpoints", "from-yaml"), {"blue": 100})
    (files / "endpoint.yml").write_text(ENDPOINT + "description: changed\ntraffic: {blue: 0}\n")

    written = specs.create_endpoint_from_yaml(azure, source, files / "endpoint.yml", TAGS)

    assert written.changed
    assert written.after["properties"]["description"] == "changed"
    assert written.after["properties"]["traffic"] == {"blue": 100}


def test_create_deployment_from_yaml_with_legacy_egress_is_refused(
    azure: Azure, target: ResourceId, files: Path
) -> None:
    (files / "deployment.yml").write_text(DEPLOYMENT + "egress_public_network_access: disabled\n")

    with pytest.raises(ConfigError, match="Take the line out"):
        specs.create_deployment_from_yaml(azure, target, files / "deployment.yml", TAGS)
