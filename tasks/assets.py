"""What deployments are made of: code, environments and models with their content; datastores and connections."""

from __future__ import annotations

from typing import Any

from tasks.documents import outcome_of
from tasks.step import step_task
from vnetferry.gateway import assets, connections, datastores
from vnetferry.gateway.azure import Azure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run


@step_task()
def copy_datastore(step: Step, run: Run, azure: Azure) -> Outcome:
    """Re-create a datastore; its secret goes from the source straight to the target."""
    body = with_property_tags(step.body, run)
    return outcome_of(step, datastores.copy_datastore(azure, source_of(step), step.resource, body))


@step_task()
def copy_connection(step: Step, run: Run, azure: Azure) -> Outcome:
    """Re-create a connection; its credentials go from the source straight to the target."""
    return outcome_of(step, connections.copy_connection(azure, source_of(step), step.resource, step.body))


@step_task()
def copy_code(step: Step, run: Run, azure: Azure) -> Outcome:
    """Copy a code version with its files."""
    return outcome_of(
        step, assets.copy_code(azure, source_of(step), step.resource, with_property_tags(step.body, run))
    )


@step_task()
def copy_environment(step: Step, run: Run, azure: Azure) -> Outcome:
    """Copy an environment version, with its build context where it has one."""
    body = with_property_tags(step.body, run)
    return outcome_of(step, assets.copy_environment(azure, source_of(step), step.resource, body))


@step_task()
def copy_model(step: Step, run: Run, azure: Azure) -> Outcome:
    """Copy a model version with its files."""
    return outcome_of(
        step, assets.copy_model(azure, source_of(step), step.resource, with_property_tags(step.body, run))
    )


def with_property_tags(body: Json, run: Run) -> Json:
    """The body with this plan's tags where datastores and asset versions have theirs: in `properties`."""
    properties: dict[str, Any] = body["properties"]
    return {**body, "properties": {**properties, "tags": {**(properties.get("tags") or {}), **run.tags}}}


def source_of(step: Step) -> ResourceId:
    """The source resource of a step that is made from one."""
    if step.source is None:
        raise ValueError(f"step {step.id} names no source")
    return step.source
