"""Endpoints of the target."""

from __future__ import annotations

from tasks.assets import source_of
from tasks.documents import outcome_of
from tasks.kept import kept_keys
from tasks.step import step_task
from vnetferry.errors import NotFound
from vnetferry.gateway import endpoints
from vnetferry.gateway.azure import Azure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run


def read_endpoint(azure: Azure, endpoint: ResourceId) -> Json:
    """The endpoint's document. Raises: NotFound."""
    document = endpoints.find_endpoint(azure, endpoint)
    if document is None:
        raise NotFound(f"the endpoint '{endpoint.name}' does not exist", resource=str(endpoint), status=404)
    return document


@step_task()
def create_endpoint(step: Step, run: Run, azure: Azure) -> Outcome:
    """Create an endpoint without traffic; a key-authenticated one gets the source's keys.

    The keys live in this function alone: they are read, sent, and in no value that leaves it. In place they come from
    where they were kept, and the name may be refused for a while.
    """
    if "vault" in step.spec:
        keys = kept_keys(step, run, azure)
        written = endpoints.recreate_endpoint(azure, step.resource, step.body, keys, run.tags)
    else:
        keys = endpoints.read_keys(azure, source_of(step)) if step.spec["copy_keys"] else None
        written = endpoints.create_endpoint(azure, step.resource, step.body, keys, run.tags)
    old = read_endpoint(azure, source_of(step))
    return outcome_of(
        step,
        written,
        source_uri=old["properties"].get("scoringUri") or "",
        target_uri=written.after["properties"].get("scoringUri") or "",
        auth_mode=written.after["properties"]["authMode"],
        keys="carried over" if keys else "none",
    )
