"""The real gateway in a real sandbox, one for each module of tests, with two workspaces that share their storage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vnetferry.gateway import api_versions, workspaces
from vnetferry.gateway.azure import Azure, _connect, connect
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.sandbox.environment import REMOVED
from vnetferry.sandbox.server import Sandbox, running

TIME_SCALE = 3600.0
TAGS = {"vnetferry-plan": "plan1", "vnetferry-source": "/subscriptions/s/old"}
RULE = {"type": "FQDN", "category": "UserDefined", "destination": "pypi.example"}


@pytest.fixture(scope="module")
def gateway_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    log = tmp_path_factory.mktemp("gateway") / "requests.jsonl"
    with running(_scenario(), time_scale=TIME_SCALE, request_log=log) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def azure(gateway_sandbox: Sandbox) -> Iterator[Azure]:
    with pytest.MonkeyPatch.context() as patch:
        for name in REMOVED:
            patch.delenv(name, raising=False)
        for name, value in gateway_sandbox.env("internet").items():
            patch.setenv(name, value)
        _connect.cache_clear()
        azure = connect()
        azure.arm.put(
            f"/subscriptions/{_subscription()}/resourceGroups/rg",
            api_versions.RESOURCES,
            {"location": "westeurope"},
        )
        yield azure
    _connect.cache_clear()


@pytest.fixture(scope="module")
def source(azure: Azure) -> ResourceId:
    """A workspace without a managed network, open to the internet."""
    workspace = ResourceId.workspace(_subscription(), "rg", "ws-source")
    workspaces.create_workspace(azure, workspace, spec("Disabled", public="Enabled"))
    return workspace


@pytest.fixture(scope="module")
def target(azure: Azure, source: ResourceId) -> ResourceId:
    """A workspace with a provisioned managed network, on the storage of `source`."""
    workspace = ResourceId.workspace(_subscription(), "rg", "ws-target")
    properties = azure.arm.get(source, api_versions.ML)["properties"]
    associated = {
        "storage_account": properties["storageAccount"],
        "key_vault": properties["keyVault"],
        "container_registry": properties.get("containerRegistry") or "",
        "application_insights": properties["applicationInsights"],
    }
    workspaces.create_workspace(
        azure, workspace, spec("AllowOnlyApprovedOutbound", associated=associated), TAGS
    )
    workspaces.provision_network(azure, workspace)
    return workspace


@pytest.fixture
def requests_since(gateway_sandbox: Sandbox) -> Callable[[], list[Json]]:
    """The requests that changed something since the test began."""
    import json

    path = Path(str(gateway_sandbox.request_log))
    start = path.stat().st_size if path.exists() else 0

    def read() -> list[Json]:
        lines = path.read_bytes()[start:].decode().splitlines()
        return [r for r in map(json.loads, lines) if r["method"] in ("PUT", "PATCH", "DELETE")]

    return read


def spec(mode: str, *, public: str = "Disabled", associated: Json | None = None) -> Json:
    """A `create_workspace` step's spec."""
    nothing = dict.fromkeys(
        ("storage_account", "key_vault", "container_registry", "application_insights"), ""
    )
    return {
        "isolation_mode": mode,
        "firewall_sku": "Basic",
        "outbound_rules": {"package-index": RULE} if mode == "AllowOnlyApprovedOutbound" else {},
        "associated": associated or nothing,
        "public_network_access": public,
        "data_isolation": bool(associated),
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "tags": {"team": "search"},
    }


def _subscription() -> str:
    return os.environ["AZURE_SUBSCRIPTION_ID"]


def _scenario() -> Any:
    from vnetferry.sandbox.scenario import Scenario

    return Scenario.model_validate({"runtime": "echo"})
