"""A workspace in a real sandbox, whose deployments run their own code, and the SDK to speak to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.identity import EnvironmentCredential

from tests.sandbox.ml.workspace_world import SUBSCRIPTION, WORKSPACE, Arm, associated, workspace_body
from vnetferry.sandbox.server import Sandbox

Client = Callable[..., MLClient]


@pytest.fixture
def workspace(sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox]) -> Client:
    """Make a workspace with these properties and answer the SDK in it; Azure's time flies."""

    def begin(resources: tuple[dict[str, Any], ...] = (), **properties: Any) -> MLClient:
        scenario = {"resources": [*associated(), *resources], "runtime": "inference-server"}
        enter_sandbox(sandbox_factory(scenario, time_scale=20_000))
        Arm().done("PUT", WORKSPACE, workspace_body(**properties))
        return MLClient(EnvironmentCredential(), SUBSCRIPTION, "rg", "wsone")

    return begin
