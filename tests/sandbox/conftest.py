"""A client in a sandbox that misbehaves as told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.fault_client import Client
from vnetferry.sandbox.server import Sandbox

Start = Callable[..., Client]
# How the log tells of a failure that nobody asked for.
DEFECTS = ("The sandbox failed", "The sandbox's name server")


@pytest.fixture
def client_of(
    sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> Iterator[Start]:
    """Start a sandbox with these faults and other members of a scenario, and a client in it."""
    clients: list[Client] = []

    def make(*faults: dict[str, Any], time_scale: float = 600.0, **scenario: Any) -> Client:
        described = {"faults": faults, "runtime": "echo", **scenario}
        log = tmp_path / "log.jsonl"
        sandbox = enter_sandbox(sandbox_factory(described, request_log=log, time_scale=time_scale))
        clients.append(Client(sandbox))
        return clients[-1]

    yield make
    for client in clients:
        client.session.close()


@pytest.fixture(autouse=True)
def _no_defect(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A 500 of the sandbox's own making fails the test in which it is logged, whatever the test looks at."""
    yield
    told = [record.getMessage() for record in caplog.get_records("call")]
    assert not [message for message in told if message.startswith(DEFECTS)]
