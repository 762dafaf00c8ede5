"""Live and mirror traffic: the last thing that changes, after every proof."""

from __future__ import annotations

from tasks.documents import outcome_of
from tasks.step import step_task
from vnetferry.gateway import endpoints
from vnetferry.gateway.azure import Azure
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run


@step_task()
def set_traffic(step: Step, run: Run, azure: Azure) -> Outcome:
    """Set an endpoint's live and mirror traffic in one write, and wait until Azure shows it."""
    written = endpoints.set_traffic(azure, step.resource, step.spec["traffic"], step.spec["mirror"])
    split = ", ".join(f"{name} {pct} %" for name, pct in sorted(step.spec["traffic"].items())) or "none"
    return outcome_of(step, written, message=f"live traffic: {split}", traffic=split)
