"""Retire the source: wait for silence, check the guards, delete what the configuration allows."""

from __future__ import annotations

from functools import partial

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.graph import carry_out
from tasks.artifacts import publish_steps
from tasks.inventory import open_plan, plan_retirement
from vnetferry.errors import ApprovalNeeded
from vnetferry.models.outcome import Outcome
from vnetferry.models.run import Run


@flow(
    name="retire-workspace",
    flow_run_name="retire {workspace}",
    task_runner=ThreadPoolTaskRunner(max_workers=16),  # type: ignore[arg-type]
)
def retire_workspace(plan_file: str, workspace: str, folder: str = ".") -> list[Outcome]:
    """Delete what a finished migration left behind. What is deleted cannot be brought back.

    Args:
        plan_file: The plan that the migration was carried out by.
        workspace: The name of the source workspace, typed by whoever asks for its end.
        folder: What relative paths in the configuration start from.

    """
    plan = open_plan(plan_file)
    if workspace != plan.source.name:
        raise ApprovalNeeded(
            f"'{workspace}' is not the workspace that this plan leaves",
            resource=str(plan.source),
            remedy=f"Type its name, {plan.source.name}, to approve its end.",
        )
    steps, run = plan_retirement(plan), Run.of(plan, folder, plan_file)
    publish = partial(publish_steps, steps, f"retire-{plan.id}")
    return carry_out(steps, run, plan.config.concurrency.deployments, publish)
