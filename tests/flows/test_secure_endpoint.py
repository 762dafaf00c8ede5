"""The documented path from YAML files: done once, nothing to do twice, and refused in one sentence where it must be."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from flows.secure_endpoint import secure_endpoint
from tests.flows.legacy_world import EXAMPLE, TARGET, World, legacy_scenario, legacy_world
from tests.flows.preflight_bench import FEATURES, STORAGE
from vnetferry.config import load_config
from vnetferry.errors import ConfigError
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.plan.approvals import APPROVER
from vnetferry.sandbox.scenario import Scenario

pytestmark = [
    pytest.mark.xdist_group("prefect"),
    pytest.mark.usefixtures("prefect_server"),
    pytest.mark.filterwarnings(
        "ignore:unclosed:ResourceWarning"
    ),  # the SDK never closes what it uploads with
]
ENDPOINT = {
    "$schema": "https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json",
    "name": "shelf-life",
    "auth_mode": "key",
    "public_network_access": "disabled",
    "tags": {"team": "planning"},
}
DEPLOYMENT = {
    "$schema": "https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json",
    "name": "blue",
    "endpoint_name": "shelf-life",
    "model": {"path": "model.joblib"},
    "code_configuration": {"code": "src", "scoring_script": "score.py"},
    "environment": {"image": "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cpu-inference:latest"},
    "instance_type": "Standard_DS3_v2",
    "instance_count": 1,
}


class Secured(NamedTuple):
    """A world in which the same files were applied twice."""

    world: World
    first: list[Outcome]
    second: list[Outcome]
    changes_of_second: list[str]


def _write(folder: Path, **deployment: object) -> list[str]:
    """The two files, and what they name, in `folder`; their paths."""
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src" / "score.py").write_bytes((EXAMPLE / "src" / "demand" / "score.py").read_bytes())
    (folder / "model.joblib").write_bytes((EXAMPLE / "models" / "demand.joblib").read_bytes())
    (folder / "endpoint.yml").write_text(yaml.safe_dump(ENDPOINT))
    (folder / "deployment.yml").write_text(yaml.safe_dump({**DEPLOYMENT, **deployment}))
    return ["endpoint.yml", "deployment.yml"]


def _secure(world: World, files: list[str]) -> list[Outcome]:
    config = load_config(world.folder / "migration.yaml")
    outcomes: list[Outcome] = secure_endpoint(config, files, "requests/demand.json", str(world.folder))
    return outcomes


def _with_features() -> Scenario:
    """The example beside another storage account."""
    scenario = legacy_scenario()
    account = copy.deepcopy(next(d for d in scenario.resources if d["id"] == STORAGE))
    account.update(id=FEATURES, name="stfeatures")
    account["properties"].pop("privateEndpointConnections")
    return scenario.model_copy(update={"resources": (*scenario.resources, account)})


def _connected_to_features() -> str:
    """The example's configuration with a private endpoint rule that leads there."""
    config = yaml.safe_load((EXAMPLE / "migration.yaml").read_text())
    destination = {"service_resource_id": FEATURES, "subresource_target": "blob"}
    rule = {"name": "features", "type": "private_endpoint", "destination": destination}
    config["target"]["outbound_rules"].append(rule)
    return yaml.safe_dump(config)


@pytest.fixture(scope="module")
def secured(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with legacy_world(
        tmp_path_factory.mktemp("secured"), _with_features(), config=_connected_to_features()
    ) as world:
        files = _write(world.folder)
        first = _secure(world, files)
        seen = len(world.requests())
        yield Secured(world, first, _secure(world, files), world.changes(since=seen))


def test_secure_endpoint_every_step_is_done(secured: Secured) -> None:
    assert {o.status for o in secured.first} == {"done"}
    kinds = {o.step.partition(":")[0] for o in secured.first}
    assert kinds >= {"provision_network", "apply_deployment", "probe_isolation", "set_traffic", "read_logs"}


def test_secure_endpoint_is_as_its_files_say(secured: Secured) -> None:
    endpoint = secured.world.get(TARGET.child("onlineEndpoints", "shelf-life"))
    assert endpoint["properties"]["publicNetworkAccess"] == "Disabled"
    assert endpoint["properties"]["traffic"] == {"blue": 100}
    assert endpoint["tags"]["team"] == "planning"
    deployment = secured.world.get(TARGET.child("onlineEndpoints", "shelf-life").child("deployments", "blue"))
    assert deployment["properties"]["instanceType"] == "Standard_DS3_v2"
    network = secured.world.get(TARGET)["properties"]["managedNetwork"]
    assert network["status"]["status"] == "Active"


def test_secure_endpoint_may_approve_what_its_network_connects_to(secured: Secured) -> None:
    """Azure approves by itself only on what the workspace stands on: the identity is given the right before."""
    (approval,) = (o for o in secured.first if o.step.startswith("assign_role:"))
    assert approval.resource
    assigned = secured.world.get(approval.resource)["properties"]
    assert assigned["roleDefinitionId"].endswith(APPROVER[0])
    assert assigned["principalId"] == secured.world.get(TARGET)["identity"]["principalId"]
    account = secured.world.get(ResourceId(FEATURES))["properties"]
    (connection,) = account["privateEndpointConnections"]
    assert connection["properties"]["privateLinkServiceConnectionState"]["status"] == "Approved"


def test_secure_endpoint_isolation_is_proven_from_both_vantages(secured: Secured) -> None:
    probe = next(o for o in secured.first if o.step.startswith("probe_isolation:"))
    assert probe.facts == {"reached_from": ["vnet-callers"], "refused_from": ["internet"]}


def test_secure_endpoint_second_time_changes_nothing(secured: Secured) -> None:
    assert len(secured.second) == len(secured.first)
    assert secured.changes_of_second == []


def test_secure_endpoint_egress_setting_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with legacy_world(tmp_path) as world:
        files = _write(world.folder, egress_public_network_access="disabled")

        with pytest.raises(ConfigError, match=r"deployment\.yml sets egress_public_network_access") as caught:
            _secure(world, files)

        assert caught.value.exit_code == 2
        assert "\n" not in str(caught.value)
        assert world.changes() == []
