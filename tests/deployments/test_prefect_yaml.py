"""What prefect.yaml and the files in deployments/ promise, read without a server."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from prefect import Flow
from prefect.events import DeploymentEventTrigger
from prefect.events.schemas.automations import AutomationCore

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())
DEPLOYMENTS: list[dict[str, Any]] = PROJECT["deployments"]
TRIGGERS = [trigger for deployment in DEPLOYMENTS for trigger in deployment.get("triggers", [])]


def load_flow(entrypoint: str) -> Flow[..., Any]:
    module, name = entrypoint.rsplit(".", 1)
    flow = getattr(import_module(module), name)
    assert isinstance(flow, Flow)
    return flow


def flow_files() -> list[str]:
    """The flows of the folder: every file that holds a @flow of the file's own name."""
    stems = [file.stem for file in (REPOSITORY / "flows").glob("*.py") if file.stem != "__init__"]
    return [stem for stem in stems if isinstance(getattr(import_module(f"flows.{stem}"), stem, None), Flow)]


def test_prefect_yaml_has_a_deployment_of_every_flow() -> None:
    entrypoints = {deployment["entrypoint"] for deployment in DEPLOYMENTS}
    assert entrypoints == {f"flows.{stem}.{stem}" for stem in flow_files()}


def test_prefect_yaml_schedules_are_inactive_until_wanted() -> None:
    schedules = [schedule for deployment in DEPLOYMENTS for schedule in deployment.get("schedules", [])]
    assert schedules
    assert [schedule["active"] for schedule in schedules] == [False] * len(schedules)


def test_prefect_yaml_retirement_has_neither_schedule_nor_trigger() -> None:
    retire = next(d for d in DEPLOYMENTS if d["entrypoint"].startswith("flows.retire_workspace."))
    assert "schedules" not in retire
    assert "triggers" not in retire


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: trigger["expect"][0])
def test_prefect_yaml_trigger_has_no_key_that_prefect_would_drop(trigger: dict[str, Any]) -> None:
    known = set(DeploymentEventTrigger.model_fields)
    assert trigger.keys() <= known
    DeploymentEventTrigger.model_validate(trigger)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["entrypoint"])
def test_prefect_yaml_trigger_gives_every_required_parameter(deployment: dict[str, Any]) -> None:
    schema = load_flow(deployment["entrypoint"]).parameters
    for trigger in deployment.get("triggers", []):
        given = set(trigger["parameters"])
        assert set(schema.required) <= given <= set(schema.properties)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["entrypoint"])
def test_flow_parameters_give_a_form_with_help(deployment: dict[str, Any]) -> None:
    properties = load_flow(deployment["entrypoint"]).parameters.properties
    assert all(field.get("description") for field in properties.values())


def test_process_pool_lets_no_run_choose_its_command() -> None:
    template = json.loads((REPOSITORY / "deployments" / "process-pool.json").read_text())
    assert template["job_configuration"]["command"] is None
    assert "command" not in template["variables"]["properties"]
    jsonschema.Draft202012Validator.check_schema(template["variables"])


def test_automations_are_what_prefect_understands() -> None:
    automations = yaml.safe_load((REPOSITORY / "deployments" / "automations.yaml").read_text())["automations"]
    assert [AutomationCore.model_validate(automation).name for automation in automations]
