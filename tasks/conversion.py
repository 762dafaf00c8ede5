"""Converting a workspace in place: its mark, its network, and what is deleted and made again for it."""

from __future__ import annotations

from tasks.documents import outcome_of
from tasks.kept import keep
from tasks.step import step_task
from vnetferry.gateway import computes, conversion, workspaces
from vnetferry.gateway.azure import Azure
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run


@step_task()
def claim_workspace(step: Step, run: Run, azure: Azure) -> Outcome:
    """Mark the workspace as being converted by this plan, before anything else is written."""
    return outcome_of(step, conversion.claim_workspace(azure, step.resource, run.tags))


@step_task()
def take_down_endpoint(step: Step, run: Run, azure: Azure) -> Outcome:
    """Delete an endpoint with its deployments, its secrets kept as they are at this moment; never one made again."""
    if step.spec:
        keep(step, run, azure)
    return outcome_of(step, conversion.remove(azure, step.resource, run.tags))


@step_task()
def take_down_compute(step: Step, run: Run, azure: Azure) -> Outcome:
    """Delete a compute with its machines; never one made again."""
    return outcome_of(step, conversion.remove(azure, step.resource, run.tags, kind="compute"))


@step_task()
def enable_network(step: Step, run: Run, azure: Azure) -> Outcome:
    """Enable the managed network of the workspace, with all outbound rules in one request."""
    return outcome_of(step, conversion.enable_network(azure, step.resource, step.spec))


@step_task()
def create_compute(step: Step, run: Run, azure: Azure) -> Outcome:
    """Make a compute again, stopped if it was, and name it as what builds images if it is to be."""
    written = computes.create_compute(azure, step.resource, step.body, run.tags)
    changed = written.changed
    if step.spec["stop"]:
        changed |= computes.stop_new_instance(azure, step.resource)
    if step.spec["image_build"]:
        changed |= workspaces.set_image_build_compute(azure, run.target, step.resource.name).changed
    return outcome_of(step, written._replace(changed=changed))


@step_task()
def finish_conversion(step: Step, run: Run, azure: Azure) -> Outcome:
    """Mark the workspace as converted."""
    return outcome_of(step, conversion.finish_conversion(azure, step.resource, run.tags))
