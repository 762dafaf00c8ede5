"""A workspace with one of everything, for tests that read what Azure answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.sandbox.contract.wire_world import MADE
from tests.sandbox.ml.workspace_world import WORKSPACE, Arm, associated, workspace_body
from vnetferry.sandbox.environment import REMOVED
from vnetferry.sandbox.server import Sandbox


@pytest.fixture(scope="module")
def arm(session_sandbox_factory: Callable[..., Sandbox]) -> Iterator[Arm]:
    """A workspace with one of everything."""
    sandbox = session_sandbox_factory({"resources": associated(), "runtime": "echo"}, time_scale=100_000)
    with pytest.MonkeyPatch.context() as patch:
        for name in REMOVED:
            patch.delenv(name, raising=False)
        for name, value in sandbox.env("internet").items():
            patch.setenv(name, value)
        made = Arm()
        made.done("PUT", WORKSPACE, workspace_body())
        for path, body in MADE.items():
            answer = made.send("PUT", f"{WORKSPACE}/{path}", body)
            assert answer.status_code in (200, 201), answer.text()
            if "Azure-AsyncOperation" in answer.headers:
                assert made.finish(answer)["status"] == "Succeeded"
        yield made
