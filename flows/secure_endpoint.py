"""The documented path: workspace, network, endpoint, deployment, smoke test, traffic, logs."""

from __future__ import annotations

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.graph import first_error, walk_steps
from tasks.artifacts import Progress, publish_steps
from tasks.steps import TASKS
from tasks.yaml_files import plan_secure
from vnetferry.models.config import MigrationConfig
from vnetferry.models.outcome import Outcome


@flow(
    name="secure-endpoint",
    flow_run_name="secure {config.target.workspace}",
    task_runner=ThreadPoolTaskRunner(max_workers=16),  # type: ignore[arg-type]
)
def secure_endpoint(
    config: MigrationConfig, files: list[str], request: str = "", folder: str = "."
) -> list[Outcome]:
    """Create a workspace with a managed network and deploy an endpoint into it.

    Args:
        config: Where to; only `target` is used, and `source` for its subscription and resource group.
        files: SDK/CLI v2 YAML files: one of the endpoint, one or more of its deployments (the first gets the traffic).
        request: A scoring request file for the smoke test.
        folder: What relative paths start from.

    """
    steps, run = plan_secure(config, files, request, folder)
    progress = Progress(steps, key=f"progress-{run.plan}")
    results = walk_steps(
        steps,
        submit=lambda step, after: TASKS[step.kind].submit(step, run, return_state=False, wait_for=after),
        limits={"apply_deployment": config.concurrency.deployments},
        finished=progress.step_ended,
    )
    outcomes = [result for result in results.values() if isinstance(result, Outcome)]
    publish_steps(steps, outcomes, run.plan)
    if error := first_error(results):
        raise error
    return outcomes
