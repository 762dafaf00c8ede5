"""What every step has: two lines in the audit file, whatever it comes to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.step import carry_out
from vnetferry.gateway.azure import Azure, _connect
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run
from vnetferry.report.audit import read
from vnetferry.sandbox.environment import REMOVED
from vnetferry.sandbox.scenario import Scenario
from vnetferry.sandbox.server import running

WORKSPACE = ResourceId.workspace("s", "rg", "ws")
STEP = Step(id="soak", kind="soak", title="wait", resource=WORKSPACE, duration_s=1)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A run whose audit file names who is signed in to a sandbox."""
    with (
        running(Scenario(runtime="echo"), time_scale=60.0) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in REMOVED:
            patch.delenv(name, raising=False)
        for name, value in sandbox.env("internet").items():
            patch.setenv(name, value)
        _connect.cache_clear()
        audit_file = str(tmp_path / "audit.jsonl")
        yield Run(plan="p", source=WORKSPACE, target=WORKSPACE, folder=str(tmp_path), audit_file=audit_file)
    _connect.cache_clear()


def test_carry_out_unexpected_error_is_audited_without_its_text(run: Run) -> None:
    def act(step: Step, run: Run, azure: Azure) -> Outcome:
        del step, run, azure
        raise ValueError("hunter2")

    with pytest.raises(ValueError, match="hunter2"):
        carry_out(act, STEP, run)

    started, failed = read(Path(run.audit_file))
    assert (started.event, failed.event) == ("started", "failed")
    assert started.actor == failed.actor != ""
    assert failed.message == "unexpected ValueError"
