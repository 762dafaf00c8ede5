"""The managed network, and the way in for callers."""

from __future__ import annotations

from tasks.documents import outcome_of
from tasks.step import step_task
from vnetferry.gateway import network, workspaces
from vnetferry.gateway.azure import Azure
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run


@step_task()
def provision_network(step: Step, run: Run, azure: Azure) -> Outcome:
    """Provision the managed network, wait until it is Active (about half an hour), and name what builds images."""
    written = workspaces.provision_network(azure, step.resource)
    if compute := step.spec.get("image_build_compute"):
        named = workspaces.set_image_build_compute(azure, step.resource, compute)
        written = written._replace(changed=written.changed or named.changed, after=named.after)
    return outcome_of(step, written)


@step_task()
def create_private_endpoint(step: Step, run: Run, azure: Azure) -> Outcome:
    """Create the private endpoint through which callers in a VNet reach the target workspace, and its DNS records."""
    written = network.create_private_endpoint(azure, step.resource, step.body, run.tags)
    network.approve_connection(azure, run.target, step.resource)
    if zones := step.spec["dns_zones"]:
        registered = network.register_dns(azure, step.resource, zones)
        written = written._replace(changed=written.changed or registered.changed)
    return outcome_of(step, written)
