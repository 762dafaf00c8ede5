"""Sandboxes for every test: real ones, on ephemeral ports, stopped when the test (or the session) ends.

A test that changes state takes `sandbox` or `sandbox_factory`; one that only reads may share
`shared_sandbox`. `enter_sandbox` points the process's environment at one, as `vnetferry sandbox run` does for
its command.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from vnetferry.sandbox.environment import REMOVED
from vnetferry.sandbox.scenario import Scenario
from vnetferry.sandbox.server import Sandbox, running


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: a test waits for its sandbox's clock about a quarter of its time."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    """What is there by now stays until the end: garbage collections, of which some tests make one, pass it over."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything must run (VNETFERRY_REQUIRE_SERVICES), a test that skips for want of something has failed."""
    report = yield
    if report.skipped and "VNETFERRY_REQUIRE_SERVICES" in os.environ and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"{item.nodeid} must run here: {report.longrepr}"
    return report


class SandboxFactory(Protocol):
    """Starts a sandbox; the scenario is a value, a mapping as scenario.yaml has it, or nothing (empty)."""

    def __call__(
        self,
        scenario: Scenario | dict[str, Any] | None = None,
        *,
        time_scale: float = 600.0,
        request_log: Path | None = None,
    ) -> Sandbox: ...


def _factory(stack: ExitStack) -> SandboxFactory:
    def start(
        scenario: Scenario | dict[str, Any] | None = None,
        *,
        time_scale: float = 600.0,
        request_log: Path | None = None,
    ) -> Sandbox:
        value = Scenario.model_validate(scenario) if isinstance(scenario, dict) else scenario
        return stack.enter_context(running(value, time_scale=time_scale, request_log=request_log))

    return start


@pytest.fixture
def sandbox_factory() -> Iterator[SandboxFactory]:
    with ExitStack() as stack:
        yield _factory(stack)


@pytest.fixture(scope="session")
def session_sandbox_factory() -> Iterator[SandboxFactory]:
    with ExitStack() as stack:
        yield _factory(stack)


@pytest.fixture(scope="session")
def shared_sandbox(session_sandbox_factory: SandboxFactory) -> Sandbox:
    """One empty subscription for all tests that only read or that make names of their own."""
    return session_sandbox_factory({"runtime": "echo"})


@pytest.fixture
def enter_sandbox(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sandbox]:
    """Set this process's environment to be in a sandbox, until the test ends."""

    def enter(sandbox: Sandbox, vantage: str = "internet") -> Sandbox:
        for name in REMOVED:
            monkeypatch.delenv(name, raising=False)
        for name, value in sandbox.env(vantage).items():
            monkeypatch.setenv(name, value)
        return sandbox

    return enter


@pytest.fixture
def sandbox(
    sandbox_factory: SandboxFactory, enter_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> Sandbox:
    """A fresh empty subscription with a request log, which the test is already in. Deployments echo."""
    return enter_sandbox(sandbox_factory({"runtime": "echo"}, request_log=tmp_path / "requests.jsonl"))
