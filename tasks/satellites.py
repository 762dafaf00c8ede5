"""What hangs on the target and its endpoints: roles, diagnostic settings, alerts, autoscale settings."""

from __future__ import annotations

from tasks.assets import source_of
from tasks.documents import outcome_of
from tasks.step import step_task
from vnetferry.errors import VnetferryError
from vnetferry.gateway import monitors, roles
from vnetferry.gateway.azure import Azure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run


@step_task()
def assign_role(step: Step, run: Run, azure: Azure) -> Outcome:
    """Give a role to a new identity, whose principal is read from what wears it, or to whom it had on the source.

    Skipped when that is somebody who is not in the directory any more: their role on the source is a leftover.
    """
    holder = step.spec["holder"]
    principal = step.spec["principal"] or roles.read_principal(azure, ResourceId(holder))
    if roles.is_needless(azure, step.resource, principal, step.spec.get("needless_with", ())):
        text = "it may do that already"
        return Outcome(step=step.id, status="already_done", message=text, resource=step.resource)
    try:
        written = roles.assign_role(azure, step.resource, step.body, principal)
    except VnetferryError as err:
        if holder or err.code != "PrincipalNotFound":
            raise
        text = f"principal {principal} is not in the directory any more"
        return Outcome(step=step.id, status="skipped", message=text, resource=step.resource)
    return outcome_of(step, written, principal=principal)


@step_task()
def create_diagnostic_setting(step: Step, run: Run, azure: Azure) -> Outcome:
    """Send a resource's logs and metrics where the source's go."""
    return outcome_of(step, monitors.create_diagnostic_setting(azure, step.resource, _whole(step, azure)))


@step_task()
def create_alert(step: Step, run: Run, azure: Azure) -> Outcome:
    """Make a metric alert or a log alert that watches the target as the source's watches the source."""
    return outcome_of(step, monitors.create_monitor(azure, step.resource, _whole(step, azure), run.tags))


@step_task()
def create_autoscale_setting(step: Step, run: Run, azure: Azure) -> Outcome:
    """Let autoscale decide how many instances a new deployment has, as it does for the source's."""
    return outcome_of(step, monitors.create_monitor(azure, step.resource, _whole(step, azure), run.tags))


def _whole(step: Step, azure: Azure) -> Json:
    """The step's body with what may be secret in it, such as the addresses of webhooks, from the source."""
    return monitors.with_secrets(azure, step.body, source_of(step), step.spec["secrets"])
