"""The documented path from SDK/CLI v2 YAML files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import yaml
from prefect import get_run_logger, task

from tasks.documents import outcome_of
from tasks.step import step_task
from vnetferry.errors import ConfigError
from vnetferry.gateway import deployments, specs
from vnetferry.gateway.azure import Azure, connect
from vnetferry.gateway.workspaces import find_workspace
from vnetferry.models.config import MigrationConfig
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run
from vnetferry.plan.secure import SecureFiles, YamlFile, build_secure, secure_target, steps_id

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
    subscription_id = _subscription_of(config)
    secure_files = read_files([Path(folder, name) for name in files]).model_copy(
        update={"request": request, "request_sha256": _digest(folder, request)}
    )
    source = find_workspace(connect(), config.source.id) if config.source else None
    steps = build_secure(config, subscription_id, secure_files, source)
    target, run_id = secure_target(config, subscription_id), steps_id(steps)
    audit = Path(folder, f"secure-{run_id}.audit.jsonl")
    return steps, Run(plan=run_id, source=target, target=target, folder=folder, audit_file=str(audit))


def read_files(paths: list[Path]) -> SecureFiles:
    """Tell the endpoint's file from its deployments', and read their names.

    Raises: ConfigError when a file is no YAML of either, when there is not exactly one endpoint, or no
    deployment.
    """
    deployment_files = [path for path in paths if _names_endpoint(path)]
    endpoint_files = [path for path in paths if path not in deployment_files]
    if len(endpoint_files) != 1 or not deployment_files:
        raise ConfigError(
            f"{len(endpoint_files)} endpoint file(s) and {len(deployment_files)} deployment file(s) are given",
            remedy="Give one endpoint's YAML and at least one deployment's: -f endpoint.yml -f deployment.yml.",
        )
    endpoint = YamlFile(name=str(specs.load_endpoint(endpoint_files[0]).name), path=str(endpoint_files[0]))
    deployments = tuple(_deployment_file(path, endpoint) for path in deployment_files)
    return SecureFiles(endpoint=endpoint, deployments=deployments)


def _deployment_file(path: Path, endpoint: YamlFile) -> YamlFile:
    deployment = specs.load_deployment(path)
    if str(deployment.endpoint_name).lower() != endpoint.name.lower():
        raise ConfigError(
            f"{path} is of endpoint '{deployment.endpoint_name}', not of '{endpoint.name}' in {endpoint.path}",
            resource=str(path),
            remedy="Make the two names the same.",
        )
    return YamlFile(name=str(deployment.name), path=str(path))


def _names_endpoint(path: Path) -> bool:
    """Whether a YAML file is a deployment's: only those say which endpoint they belong to."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as err:
        raise ConfigError(
            f"{path} cannot be read as YAML: {' '.join(str(err).split())}",
            resource=str(path),
            remedy="Check its path.",
        ) from err
    return isinstance(content, dict) and "endpoint_name" in content


def _subscription_of(config: MigrationConfig) -> str:
    subscription_id = (
        config.source.subscription_id if config.source else os.environ.get("AZURE_SUBSCRIPTION_ID", "")
    )
    if not subscription_id:
        raise ConfigError(
            "no subscription is named",
            remedy="Set source.subscription_id, or AZURE_SUBSCRIPTION_ID in the environment.",
        )
    return subscription_id


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
