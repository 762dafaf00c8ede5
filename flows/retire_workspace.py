"""Retire the source: wait for silence, check the guards, delete what the configuration allows."""

from __future__ import annotations

from functools import partial

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.graph import carry_out
from tasks.artifacts import publish_steps
from tasks.inventory import open_plan, plan_retirement
from vnetferry.errors import ApprovalNeeded, ConfigError
from vnetferry.models.outcome import Outcome
from vnetferry.models.run import Run


@flow(
    name="retire-workspace",
    flow_run_name="retire {workspace}",
    task_runner=ThreadPoolTaskRunner(max_workers=16),  # type: ignore[arg-type]
)
def retire_workspace(
    plan_file: str, workspace: str, folder: str = ".", endpoints: list[str] | None = None
) -> list[Outcome]:
    """Delete what a finished migration left behind. What is deleted cannot be brought back.

    Args:
        plan_file: The plan that the migration was carried out by.
        workspace: The name of the source workspace, typed by whoever asks for its end.
        folder: What relative paths in the configuration start from.
        endpoints: Only these, and then neither computes nor the workspace; all endpoints without it.

    """
    plan = open_plan(plan_file)
    if plan.config.in_place:
        raise ConfigError(
            "a workspace that was converted in place is in use, and nothing of it is to be retired"
        )
    if workspace != plan.source.name:
        raise ApprovalNeeded(
            f"'{workspace}' is not the workspace that this plan leaves",
            resource=str(plan.source),
            remedy=f"Type its name, {plan.source.name}, to approve its end.",
        )
    steps, run = plan_retirement(plan, endpoints or []), Run.of(plan, folder, plan_file)
    publish = partial(publish_steps, steps, f"retire-{plan.id}")
    return carry_out(steps, run, plan.config.concurrency.deployments, publish)
