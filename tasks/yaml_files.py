"""The documented path from SDK/CLI v2 YAML files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from prefect import get_run_logger, task

from tasks.documents import outcome_of
from tasks.step import step_task
from vnetferry.errors import ConfigError
from vnetferry.gateway import deployments, specs
from vnetferry.gateway.azure import Azure, connect
from vnetferry.gateway.network import find_linked_zones
from vnetferry.gateway.workspaces import find_workspace
from vnetferry.models.config import MigrationConfig
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run
from vnetferry.plan.secure import SecureFiles, build_secure, secure_target, steps_id

_LOG_LINES = 50


@task(task_run_name="read the YAML files", tags=["vnetferry"])
def plan_secure(
    config: MigrationConfig, files: list[str], request: str, folder: str
) -> tuple[tuple[Step, ...], Run]:
    """The steps of the documented path for these files, and the run that carries them out."""
    return read_secure_plan(config, files, request, folder)


def read_secure_plan(
    config: MigrationConfig, files: list[str], request: str, folder: str
) -> tuple[tuple[Step, ...], Run]:
    """See `plan_secure`. Raises: ConfigError."""
    subscription_id = specs.subscription_of(config.source.subscription_id if config.source else "")
    found = specs.read_files([Path(folder, name) for name in files])
    secure_files = SecureFiles(
        endpoint=found.endpoint,
        deployments=found.deployments,
        request=request,
        request_sha256=_digest(folder, request),
    )
    source = find_workspace(connect(), config.source.id) if config.source else None
    subnet = config.target.inbound.subnet_id if config.target.inbound else None
    zones = find_linked_zones(connect(), subnet.parent) if subnet else []
    steps = build_secure(config, subscription_id, secure_files, source, zones)
    target, run_id = secure_target(config, subscription_id), steps_id(steps)
    audit = Path(folder, f"secure-{run_id}.audit.jsonl")
    return steps, Run(plan=run_id, source=target, target=target, folder=folder, audit_file=str(audit))


def _digest(folder: str, request: str) -> str:
    if not request:
        return ""
    try:
        return hashlib.sha256(Path(folder, request).read_bytes()).hexdigest()
    except OSError as err:
        raise ConfigError(
            f"the scoring request {Path(folder, request)} cannot be read",
            remedy="Name a JSON file with --request.",
        ) from err


@step_task()
def apply_endpoint(step: Step, run: Run, azure: Azure) -> Outcome:
    """Create the endpoint of a YAML file through the SDK."""
    written = specs.create_endpoint_from_yaml(azure, run.target, Path(step.spec["file"]), run.tags)
    uri = written.after["properties"].get("scoringUri") or ""
    return outcome_of(step, written, message=uri, target_uri=uri)


@step_task(tags=("aml-deploy",))
def apply_deployment(step: Step, run: Run, azure: Azure) -> Outcome:
    """Create the deployment of a YAML file through the SDK, which uploads its code and model."""
    return outcome_of(
        step, specs.create_deployment_from_yaml(azure, run.target, Path(step.spec["file"]), run.tags)
    )


@step_task()
def read_logs(step: Step, run: Run, azure: Azure) -> Outcome:
    """Read the last lines that a deployment's server wrote, into the task run's log and nowhere else."""
    text = deployments.read_logs(azure, step.resource, tail=_LOG_LINES)
    get_run_logger().info("%s", text)
    return Outcome(
        step=step.id,
        status="done",
        resource=step.resource,
        message=f"{len(text.splitlines())} line(s) in the run's log",
    )
