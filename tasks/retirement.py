"""Retiring the source: only when its callers have left, and only what nothing else needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tasks.documents import outcome_of
from tasks.handoff import handoff_text, says
from tasks.scoring import live, live_traffic
from tasks.step import step_task
from vnetferry.errors import RetireRefused
from vnetferry.gateway import computes, endpoints, locks, metrics, workspaces
from vnetferry.gateway.api_versions import ML
from vnetferry.gateway.azure import Azure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run

_PATIENCE = 3  # soaks in a row that callers may spoil before a person has to look


@step_task()
def soak(step: Step, run: Run, azure: Azure) -> Outcome:
    """Wait until no endpoint of the source has been asked for the set time, by Azure's own count."""
    watched = [ResourceId(text) for text in step.spec["endpoints"]]
    soak_h: float = step.spec["soak_h"]
    give_up = azure.clock.now() + timedelta(hours=_PATIENCE * soak_h)
    while (quiet_at := _quiet_at(azure, watched, soak_h)) > azure.clock.now():
        if quiet_at > give_up:
            last = quiet_at - timedelta(hours=soak_h)
            raise RetireRefused(
                f"callers still use {run.source.name}: the last request was at {last:%F %T} UTC",
                resource=str(run.source),
                remedy="Find them by the endpoint's traffic log, point them to the new URIs, and run retire again.",
            )
        azure.clock.sleep(min((quiet_at - azure.clock.now()).total_seconds(), 900) + 1)
    return Outcome(
        step=step.id,
        status="done",
        resource=step.resource,
        message=f"no request to {len(watched)} endpoint(s) for {soak_h:g} h",
        facts={"soak_h": soak_h, "endpoints": len(watched)},
    )


def _quiet_at(azure: Azure, watched: Sequence[ResourceId], soak_h: float) -> datetime:
    """When the soak is over if nobody asks any more: `soak_h` after the last counted request."""
    last = [at for endpoint in watched for at, _ in metrics.requests_since(azure, endpoint, soak_h)]
    soaked = timedelta(hours=soak_h)
    return max(last, default=azure.clock.now() - soaked) + soaked


@step_task()
def require_retirable(step: Step, run: Run, azure: Azure) -> Outcome:
    """Raise RetireRefused unless every moved endpoint serves in the target and nothing holds on to the source."""
    reasons = [reason for moved in step.spec["moved"] for reason in _not_served(azure, moved, run)]
    reasons += [reason for handoff in step.spec["handoff"] for reason in _not_handed_off(azure, handoff, run)]
    reasons += [f"the lock '{lock['name']}' is on it" for lock in locks.read_locks(azure, run.source)]
    if step.spec["delete_workspace"]:
        reasons += _not_moved(azure, step, run)
    if reasons:
        raise RetireRefused(
            f"{run.source.name} cannot be retired: {'; '.join(reasons)}",
            resource=str(run.source),
            remedy="Settle each of these and run retire again; nothing was deleted.",
        )
    return Outcome(step=step.id, status="done", resource=step.resource, message="nothing needs it any more")


def _not_served(azure: Azure, moved: Json, run: Run) -> list[str]:
    """Why an endpoint of the source may not go yet; empty when its successor serves as planned."""
    source, target = ResourceId(moved["source"]), ResourceId(moved["target"])
    successor = endpoints.find_endpoint(azure, target)
    if successor is None:
        return [f"{source.name} has no successor {target.name}"]
    if str((successor.get("tags") or {}).get("vnetferry-source", "")).lower() != run.source.key:
        return [f"{target.name} was not made from it"]
    if successor["properties"].get("provisioningState") != "Succeeded":
        return [f"{target.name} is not healthy"]
    return (
        []
        if live_traffic(successor) == live(moved["traffic"])
        else [f"{target.name} does not serve as planned yet"]
    )


def _not_handed_off(azure: Azure, handoff: Json, run: Run) -> list[str]:
    """Files that do not tell callers where the endpoints are now."""
    if any(
        endpoints.find_endpoint(azure, ResourceId(entry["target"])) is None for entry in handoff["entries"]
    ):
        return []  # said already: there is no successor
    text = handoff_text(azure, run, handoff["entries"])
    return [
        f"the handoff file {name} is missing or older"
        for name in handoff["files"]
        if not says(run, name, text)
    ]


def _not_moved(azure: Azure, step: Step, run: Run) -> list[str]:
    moved = {ResourceId(pair["source"]) for pair in step.spec["moved"]}
    left = (ResourceId(e["id"]) for e in azure.arm.list(f"{run.source}/onlineEndpoints", ML))
    return [f"endpoint {endpoint.name} was not moved" for endpoint in left if endpoint not in moved]


@step_task()
def delete_endpoint(step: Step, run: Run, azure: Azure) -> Outcome:
    """Delete an endpoint of the source with its deployments."""
    return outcome_of(step, endpoints.delete_endpoint(azure, step.resource))


@step_task()
def delete_compute(step: Step, run: Run, azure: Azure) -> Outcome:
    """Delete a compute of the source with the machines below it."""
    return outcome_of(step, computes.delete_compute(azure, step.resource))


@step_task()
def delete_workspace(step: Step, run: Run, azure: Azure) -> Outcome:
    """Delete the source workspace; what it is associated with stays."""
    return outcome_of(step, workspaces.delete_workspace(azure, step.resource, purge=step.spec["purge"]))
