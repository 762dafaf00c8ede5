"""The unmodified SDK makes a workspace through its own template."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

# The SDK and what it builds on warn of their own deprecations at import.
pytestmark = pytest.mark.filterwarnings("ignore")
SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
GROUP = {"id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg", "name": "rg", "location": "westeurope"}


@pytest.fixture
def azure(sandbox_factory: Callable[..., Any], enter_sandbox: Callable[..., Any]) -> Any:
    return enter_sandbox(sandbox_factory({"resources": [GROUP], "runtime": "echo"}))


@pytest.fixture
def client(azure: Any) -> Any:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    return MLClient(DefaultAzureCredential(), SUBSCRIPTION, "rg")


def test_begin_create_managed_network_makes_workspace_with_closed_dependencies(
    client: Any, azure: Any
) -> None:
    from azure.ai.ml.constants._workspace import IsolationMode
    from azure.ai.ml.entities import ManagedNetwork, Workspace

    network = ManagedNetwork(isolation_mode=IsolationMode.ALLOW_ONLY_APPROVED_OUTBOUND)
    client.workspaces.begin_create(Workspace(name="ws-secure", managed_network=network)).result()
    made = client.workspaces.get("ws-secure")
    assert made.managed_network.isolation_mode == "AllowOnlyApprovedOutbound"
    assert made.location == "westeurope"
    for linked in (made.storage_account, made.key_vault, made.application_insights):
        assert "/resourcegroups/rg/" in linked.lower()
    storage = azure.world.documents.require(made.storage_account)["properties"]
    assert storage["publicNetworkAccess"] == "Disabled"
    assert storage["networkAcls"]["defaultAction"] == "Deny"


def test_begin_create_refused_workspace_raises_the_resources_own_error(client: Any) -> None:
    from azure.ai.ml.entities import Workspace
    from azure.core.exceptions import HttpResponseError

    missing = f"{GROUP['id']}/providers/Microsoft.KeyVault/vaults/absent"
    with pytest.raises(HttpResponseError) as caught:
        client.workspaces.begin_create(Workspace(name="ws-bad", key_vault=missing)).result()
    assert caught.value.error.code == "DeploymentFailed"
