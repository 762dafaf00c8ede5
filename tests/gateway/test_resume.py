"""What a killed run leaves behind is picked up and not done twice, against a sandbox with slow operations."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from vnetferry.errors import OperationFailed
from vnetferry.gateway import api_versions, endpoints, workspaces
from vnetferry.gateway.azure import Azure, _connect, connect
from vnetferry.gateway.workspaces import _submit
from vnetferry.models.ids import ResourceId
from vnetferry.sandbox.environment import REMOVED
from vnetferry.sandbox.scenario import DEFAULT_SUBSCRIPTION, Fault, Scenario
from vnetferry.sandbox.server import running

TAGS = {"vnetferry-plan": "plan1", "vnetferry-source": "/subscriptions/s/old"}
WORKSPACE = ResourceId.workspace(DEFAULT_SUBSCRIPTION, "rg", "ws-killed")
WORKSPACE_S = 3600.0
FAULTS = (
    Fault(
        match="PUT */onlineEndpoints/unlucky",
        kind="lro_failure",
        body={"error": {"code": "InternalServerError", "message": "try again"}},
    ),
    # Whoever looks for it at once does not see it yet.
    Fault(match="PUT */workspaces/ws-raced-*", times=2, kind="stale_read", reads=1),
)


@pytest.fixture(scope="module")
def azure() -> Iterator[Azure]:
    scenario = Scenario(faults=FAULTS, runtime="echo", durations_s={"Workspaces_CreateOrUpdate": WORKSPACE_S})
    with running(scenario, time_scale=3600.0) as sandbox, pytest.MonkeyPatch.context() as patch:
        for name in REMOVED:
            patch.delenv(name, raising=False)
        for name, value in sandbox.env("internet").items():
            patch.setenv(name, value)
        _connect.cache_clear()
        azure = connect()
        azure.arm.put(str(WORKSPACE.group_id), api_versions.RESOURCES, {"location": "westeurope"})
        yield azure
    _connect.cache_clear()


@pytest.fixture(scope="module")
def workspace(azure: Azure) -> ResourceId:
    """Created by a run that was killed while the template ran, and by one after it."""
    _submit(azure, WORKSPACE, _spec(), TAGS)
    workspaces.create_workspace(azure, WORKSPACE, _spec(), TAGS)
    return WORKSPACE


def _spec() -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("storage_account", "key_vault", "container_registry", "application_insights"), ""
    )
    base = {"isolation_mode": "AllowInternetOutbound", "firewall_sku": "Basic", "outbound_rules": {}}
    return {**base, "associated": nothing, "public_network_access": "Disabled", "location": "westeurope"}


def _templates(azure: Azure) -> list[str]:
    path = f"{WORKSPACE.group_id}/providers/Microsoft.Resources/deployments"
    return [str(found["name"]) for found in azure.arm.list(path, api_versions.TEMPLATES)]


def test_create_workspace_while_a_template_runs_waits_for_it(azure: Azure, workspace: ResourceId) -> None:
    assert len(_templates(azure)) == 1
    assert workspaces.find_workspace(azure, workspace) is not None


def test_provision_network_by_two_at_once_is_active_for_both(azure: Azure, workspace: ResourceId) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(workspaces.provision_network, azure, workspace) for _ in range(2)]

    assert [run.result().after["properties"]["managedNetwork"]["status"]["status"] for run in runs] == [
        "Active"
    ] * 2


def test_create_endpoint_by_two_at_once_is_there_for_both(azure: Azure, workspace: ResourceId) -> None:
    endpoint = workspace.child("onlineEndpoints", "twice-made")
    body = {
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "properties": {"authMode": "Key"},
    }

    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(endpoints.create_endpoint, azure, endpoint, body, None, TAGS) for _ in range(2)]

    states = [run.result().after["properties"]["provisioningState"] for run in runs]
    assert states == ["Succeeded", "Succeeded"]


def test_create_endpoint_failed_once_is_mended_by_running_again(azure: Azure, workspace: ResourceId) -> None:
    endpoint = workspace.child("onlineEndpoints", "unlucky")
    body = {
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "properties": {"authMode": "Key"},
    }
    with pytest.raises(OperationFailed, match="try again") as caught:
        endpoints.create_endpoint(azure, endpoint, body, None, TAGS)

    assert caught.value.retryable
    assert endpoints.create_endpoint(azure, endpoint, body, None, TAGS).changed
    document = endpoints.find_endpoint(azure, endpoint)
    assert document is not None
    assert document["properties"]["provisioningState"] == "Succeeded"


@pytest.mark.parametrize(
    ("name", "since_s"), [("ws-raced-running", 0.0), ("ws-raced-ended", WORKSPACE_S + 600)]
)
def test_create_workspace_that_another_run_began_unseen_is_waited_for(
    azure: Azure, workspace: ResourceId, name: str, since_s: float
) -> None:
    known = azure.arm.get(workspace, api_versions.ML)["properties"]
    raced = ResourceId.workspace(DEFAULT_SUBSCRIPTION, "rg", name)
    properties = {name: known[name] for name in ("storageAccount", "keyVault", "applicationInsights")}
    properties |= {
        "publicNetworkAccess": "Disabled",
        "managedNetwork": {"isolationMode": "AllowInternetOutbound"},
    }
    body = {"location": "westeurope", "identity": {"type": "SystemAssigned"}, "properties": properties}
    azure.arm.put(raced, api_versions.ML, {**body, "tags": TAGS})
    azure.clock.sleep(since_s)

    written = workspaces.create_workspace(azure, raced, _spec(), TAGS)

    assert written.after["properties"]["provisioningState"] == "Succeeded"
    assert written.after["tags"].items() >= TAGS.items()
