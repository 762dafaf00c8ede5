"""Secrets of endpoints that are deleted and made again: kept in the workspace's vault meanwhile, then forgotten.

They live in the functions of this module and of the gateway alone, and in no value that leaves a task.
"""

from __future__ import annotations

from tasks.documents import outcome_of
from tasks.step import step_task
from vnetferry.errors import NotFound, PersonNeeded
from vnetferry.gateway import endpoints, kept_secrets
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.conversion import is_made_by
from vnetferry.gateway.documents import Written, find_settled
from vnetferry.gateway.endpoints import Keys
from vnetferry.gateway.kept_secrets import KeptSecrets, secret_name
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run


@step_task()
def keep_secrets(step: Step, run: Run, azure: Azure) -> Outcome:
    """Keep the keys and secret variables of an endpoint in the vault, and see that they are there."""
    return outcome_of(step, Written(keep(step, run, azure), None, {}))


@step_task()
def forget_secrets(step: Step, run: Run, azure: Azure) -> Outcome:
    """Delete what the vault keeps of this plan, once everything serves again."""
    vault, left, found = step.spec["vault"], [], False
    for endpoint in step.spec["endpoints"]:
        name = secret_name(run.plan, endpoint)
        found = kept_secrets.find_kept(azure, vault, name) is not None or found
        if not kept_secrets.forget(azure, vault, name):
            left.append(name)
    rest = f"; {vault} keeps as deleted until its retention ends: {', '.join(left)}" if left else ""
    return Outcome(
        step=step.id,
        status="done" if found else "already_done",
        resource=step.resource,
        message=f"{len(step.spec['endpoints']) - len(left)} of {len(step.spec['endpoints'])} purged{rest}",
    )


def keep(step: Step, run: Run, azure: Azure) -> bool:
    """Keep what deleting an endpoint would lose; whether anything was written.

    Raises: PersonNeeded when the endpoint is gone and nothing of it was kept.
    """
    vault, name = step.spec["vault"], secret_name(run.plan, step.resource.name)
    endpoint = find_settled(azure, step.resource, "endpoint")
    if endpoint is not None and is_made_by(endpoint, run.tags):
        return False
    live = _read(step, azure) if endpoint is not None else None
    if live is None:
        _require_kept(kept_secrets.find_kept(azure, vault, name), step, name)
        return False
    return kept_secrets.keep(azure, vault, name, live, {**run.tags, "endpoint": step.resource.name})


def _read(step: Step, azure: Azure) -> KeptSecrets | None:
    """The endpoint's secrets; None when another run has deleted it since we looked, which had kept them before."""
    try:
        return kept_secrets.read_secrets(
            azure, step.resource, keys=step.spec["keys"], variables=step.spec["variables"]
        )
    except NotFound:
        return None


def kept_keys(step: Step, run: Run, azure: Azure) -> Keys | None:
    """The keys that an endpoint is made again with; its own when it has been and they are forgotten."""
    if not step.spec["copy_keys"]:
        return None
    kept = _find(step, run, azure, step.resource)
    if kept is None and endpoints.find_endpoint(azure, step.resource) is not None:
        return endpoints.read_keys(azure, step.resource)
    return _require_kept(kept, step, secret_name(run.plan, step.resource.name)).keys


def kept_variables(step: Step, run: Run, azure: Azure) -> dict[str, str]:
    """The secret variables that a deployment is made again with; its own when it has been and they are forgotten."""
    names = step.spec["secret_variables"]
    if not names:
        return {}
    kept = _find(step, run, azure, step.resource.parent)
    if kept is None:
        return kept_secrets.read_variables(azure, step.resource, names)
    return dict(kept.variables[step.resource.name])


def _find(step: Step, run: Run, azure: Azure, endpoint: ResourceId) -> KeptSecrets | None:
    return kept_secrets.find_kept(azure, step.spec["vault"], secret_name(run.plan, endpoint.name))


def _require_kept(kept: KeptSecrets | None, step: Step, name: str) -> KeptSecrets:
    if kept is None:
        raise PersonNeeded(
            f"{step.resource.name} is gone, and {step.spec['vault']} does not hold its secrets",
            resource=str(step.resource),
            remedy=f"Recover the secret (az keyvault secret recover --vault-name {step.spec['vault']} --name {name}), "
            "and run again.",
        )
    return kept
