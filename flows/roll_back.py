"""Undo a migration: point callers back, then remove what it made, and leave the source as it was.

Running it again resumes it, and once nothing is left it changes nothing.
"""

from __future__ import annotations

from functools import partial

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.graph import carry_out
from tasks.artifacts import publish_steps
from tasks.inventory import open_plan, plan_reversal
from vnetferry.errors import UndoStuck
from vnetferry.models.outcome import Outcome
from vnetferry.models.run import Run
from vnetferry.plan.reverse import Reversal


@flow(
    name="roll-back",
    flow_run_name="roll back {plan_file}",
    task_runner=ThreadPoolTaskRunner(max_workers=16),  # type: ignore[arg-type]
)
def roll_back(plan_file: str, reversal: Reversal | None = None, folder: str = ".") -> list[Outcome]:
    """Take back what a plan made, as far as it was carried out.

    Args:
        plan_file: The plan that the migration was carried out by, or begun.
        reversal: Which endpoints, whether to purge, and what to do about callers; all endpoints without it.
        folder: What relative paths in the configuration start from.

    """
    plan = open_plan(plan_file)
    steps, run = plan_reversal(plan, reversal or Reversal()), Run.of(plan, folder, plan_file)
    publish = partial(publish_steps, steps, f"roll-back-{plan.id}")
    return carry_out(steps, run, plan.config.concurrency.deployments, publish, raise_stuck)


def raise_stuck(errors: list[Exception]) -> None:
    """Raise the first error, with every undo that is stuck told in it."""
    stuck = [error for error in errors if isinstance(error, UndoStuck)]
    others = [error for error in errors if error not in stuck]
    if others or len(stuck) < 2:
        raise errors[0]
    raise UndoStuck(
        f"{len(stuck)} undos are stuck: " + " | ".join(error.what for error in stuck),
        remedy=" | ".join(error.remedy for error in stuck),
        step=stuck[0].step,
        code=stuck[0].code,
        request_id=stuck[0].request_id,
    )
