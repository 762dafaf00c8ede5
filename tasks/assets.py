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
    return outcome_of(step, assets.copy_code(azure, *_versions(step, run)))


@step_task()
def copy_environment(step: Step, run: Run, azure: Azure) -> Outcome:
    """Copy an environment version, with its build context where it has one."""
    return outcome_of(step, assets.copy_environment(azure, *_versions(step, run)))


@step_task()
def copy_model(step: Step, run: Run, azure: Azure) -> Outcome:
    """Copy a model version with its files."""
    return outcome_of(step, assets.copy_model(azure, *_versions(step, run)))


@step_task()
def copy_data(step: Step, run: Run, azure: Azure) -> Outcome:
    """Make the data version that a data collector writes to; what it collected before stays where it is."""
    return outcome_of(step, assets.describe(azure, step.resource, with_property_tags(step.body, run)))


@step_task()
def copy_container(step: Step, run: Run, azure: Azure) -> Outcome:
    """Describe what holds the versions of an asset; Azure made it with the first of them."""
    return outcome_of(step, assets.describe(azure, step.resource, step.body))


def _versions(step: Step, run: Run) -> tuple[ResourceId, ResourceId, Json, str]:
    """From which version to which, the body, and the content that this one's lies in."""
    body = with_property_tags(step.body, run)
    return source_of(step), step.resource, body, str(step.spec.get("content_root", ""))


def with_property_tags(body: Json, run: Run) -> Json:
    """The body with this plan's tags where datastores and asset versions have theirs: in `properties`."""
    properties: dict[str, Any] = body["properties"]
    return {**body, "properties": {**properties, "tags": {**(properties.get("tags") or {}), **run.tags}}}


def source_of(step: Step) -> ResourceId:
    """The source resource of a step that is made from one."""
    if step.source is None:
        raise ValueError(f"step {step.id} names no source")
    return step.source
