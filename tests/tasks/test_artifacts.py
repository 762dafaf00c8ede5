"""What is shown in Prefect is comfort."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from tasks.artifacts import Progress, publish_steps
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step

STEP = Step(
    id="read_logs:a",
    kind="read_logs",
    title="read the logs of a",
    resource=ResourceId.workspace("s", "rg", "ws"),
    duration_s=1,
)
DONE = Outcome(step=STEP.id, status="done")


@pytest.fixture
def unreachable_server() -> Iterator[None]:
    """Prefect's API at a port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}):
        yield


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged; Prefect's loggers do not hand their records up."""
    logger = logging.getLogger("prefect.vnetferry")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


@pytest.mark.filterwarnings("ignore:.*outside of a flow or task run:FutureWarning")
@pytest.mark.usefixtures("unreachable_server")
def test_artifacts_that_prefect_does_not_take_stop_nothing(said: pytest.LogCaptureFixture) -> None:
    with Progress((STEP,), key="progress-x") as progress:
        progress.step_ended(STEP, DONE)
    publish_steps([STEP], "x", [DONE])

    assert {r.getMessage() for r in said.records} == {"Prefect did not take an artifact: ConnectError"}
    assert len(set(map(id, said.records))) == 2
