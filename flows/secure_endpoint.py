"""The documented path: workspace, network, endpoint, deployment, smoke test, traffic, logs."""

from __future__ import annotations

from functools import partial

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.graph import carry_out
from tasks.artifacts import publish_steps
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
    return carry_out(steps, run, config.concurrency.deployments, partial(publish_steps, steps, run.plan))
