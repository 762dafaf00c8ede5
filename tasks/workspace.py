"""The target workspace, and what it stands on."""

from __future__ import annotations

from tasks.documents import outcome_of
from tasks.step import step_task
from vnetferry.gateway import associated, storage_services, workspaces
from vnetferry.gateway.azure import Azure
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run


@step_task()
def create_associated(step: Step, run: Run, azure: Azure) -> Outcome:
    """Create a resource that the target workspace is to stand on."""
    return outcome_of(step, associated.create_associated(azure, step.resource, step.body, run.tags))


@step_task()
def set_storage_service(step: Step, run: Run, azure: Azure) -> Outcome:
    """Set what the source's storage account has on one of its services on the target's."""
    written = storage_services.set_storage_service(azure, step.resource, step.body, run.tags, **step.spec)
    return outcome_of(step, written)


@step_task()
def create_workspace(step: Step, run: Run, azure: Azure) -> Outcome:
    """Create the target workspace with its network and all outbound rules in one request."""
    return outcome_of(step, workspaces.create_workspace(azure, step.resource, step.spec, run.tags))
