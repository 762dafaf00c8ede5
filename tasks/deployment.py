"""Deployments of the target."""

from __future__ import annotations

from tasks.assets import source_of
from tasks.documents import outcome_of
from tasks.kept import kept_variables
from tasks.step import step_task
from vnetferry.gateway import deployments
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.kept_secrets import read_variables
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run


@step_task(tags=("aml-deploy",))
def create_deployment(step: Step, run: Run, azure: Azure) -> Outcome:
    """Create a deployment at 0 % traffic and wait until its server is ready.

    Environment variables that look like secrets are not in the plan; they go from the source straight to the target.
    """
    kept = kept_variables(step, run, azure) if step.spec.get("vault") else _secret_variables(step, azure)
    body = _with_variables(step.body, kept)
    autoscaled = bool(step.spec.get("autoscaled"))
    written = deployments.create_deployment(
        azure,
        step.resource,
        _with_instances(body, step, azure) if autoscaled else body,
        run.tags,
        autoscaled=autoscaled,
        roles=[ResourceId(text) for text in step.spec.get("roles", ())],
    )
    return outcome_of(step, written)


def _with_instances(body: Json, step: Step, azure: Azure) -> Json:
    """The body with as many instances as the source has now, which its autoscale setting may have changed."""
    source = deployments.find_deployment(azure, source_of(step)) or {}
    return {**body, "sku": {**(body.get("sku") or {}), **(source.get("sku") or {})}}


def _secret_variables(step: Step, azure: Azure) -> dict[str, str]:
    names = step.spec["secret_variables"]
    return read_variables(azure, source_of(step), names) if names else {}


def _with_variables(body: Json, variables: dict[str, str]) -> Json:
    if not variables:
        return body
    properties = body["properties"]
    merged = {**(properties.get("environmentVariables") or {}), **variables}
    return {**body, "properties": {**properties, "environmentVariables": merged}}
