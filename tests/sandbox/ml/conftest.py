"""A workspace for the tests, made or adopted, and the real SDK to speak to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.identity import EnvironmentCredential

from tests.sandbox.ml.workspace_world import SUBSCRIPTION, WORKSPACE, Arm, Start, associated, workspace_body
from vnetferry.sandbox.server import Sandbox


@pytest.fixture
def start(sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox]) -> Start:
    """Start a sandbox that holds these resources and be in it; Azure's time flies."""

    def begin(resources: list[dict[str, Any]], **scenario: Any) -> Sandbox:
        described = {"resources": resources, "runtime": "echo", **scenario}
        return enter_sandbox(sandbox_factory(described, time_scale=20_000))

    return begin


@pytest.fixture
def arm(start: Start) -> Arm:
    """A sandbox with the associated resources of a workspace, and no workspace."""
    start(associated())
    return Arm()


@pytest.fixture
def made(arm: Arm) -> Arm:
    """The same with a workspace `wsone` in it, without a managed network."""
    arm.done("PUT", WORKSPACE, workspace_body())
    return arm


@pytest.fixture
def client() -> Callable[[], MLClient]:
    """The real SDK in the workspace `wsone`."""
    return lambda: MLClient(EnvironmentCredential(), SUBSCRIPTION, "rg", "wsone")
