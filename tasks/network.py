"""The managed network, and the way in for callers."""

from __future__ import annotations

from tasks.documents import outcome_of
from tasks.step import step_task
from vnetferry.gateway import network, workspaces
from vnetferry.gateway.azure import Azure
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run


@step_task()
def provision_network(step: Step, run: Run, azure: Azure) -> Outcome:
    """Provision the managed network, wait until it is Active (about half an hour), and name what builds images."""
    written = workspaces.provision_network(
        azure, step.resource, roles=[ResourceId(text) for text in step.spec.get("roles", ())]
    )
    if compute := step.spec.get("image_build_compute"):
        named = workspaces.set_image_build_compute(azure, step.resource, compute)
        written = written._replace(changed=written.changed or named.changed, after=named.after)
    return outcome_of(step, written)


@step_task()
def create_private_endpoint(step: Step, run: Run, azure: Azure) -> Outcome:
    """Create the private endpoint through which a VNet reaches the target workspace, or what that stands on; its DNS
    records too.
    """
    written = network.create_private_endpoint(azure, step.resource, step.body, run.tags)
    for connection in step.body["properties"]["privateLinkServiceConnections"]:
        target = ResourceId(connection["properties"]["privateLinkServiceId"])
        network.approve_connection(azure, target, step.resource)
    for group in step.spec["dns_zone_groups"]:
        registered = network.register_dns(azure, step.resource, group)
        written = written._replace(changed=written.changed or registered.changed)
    return outcome_of(step, written)
