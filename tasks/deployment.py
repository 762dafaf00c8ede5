"""Deployments of the target."""

from __future__ import annotations

from tasks.assets import source_of
from tasks.documents import outcome_of
from tasks.step import step_task
from vnetferry.errors import NotFound
from vnetferry.gateway import deployments
from vnetferry.gateway.azure import Azure
from vnetferry.models.base import Json
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run


@step_task(tags=("aml-deploy",))
def create_deployment(step: Step, run: Run, azure: Azure) -> Outcome:
    """Create a deployment at 0 % traffic and wait until its server is ready.

    Environment variables that look like secrets are not in the plan; they go from the source straight to the target.
    """
    body = _with_variables(step.body, _secret_variables(step, azure))
    return outcome_of(step, deployments.create_deployment(azure, step.resource, body, run.tags))


def _secret_variables(step: Step, azure: Azure) -> dict[str, str]:
    names = step.spec["secret_variables"]
    if not names:
        return {}
    document = deployments.find_deployment(azure, source_of(step))
    if document is None:
        raise NotFound("the source deployment does not exist any more", resource=str(step.source), status=404)
    variables = document["properties"].get("environmentVariables") or {}
    return {name: variables[name] for name in names if name in variables}


def _with_variables(body: Json, variables: dict[str, str]) -> Json:
    if not variables:
        return body
    properties = body["properties"]
    merged = {**(properties.get("environmentVariables") or {}), **variables}
    return {**body, "properties": {**properties, "environmentVariables": merged}}
