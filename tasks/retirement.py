"""Retiring the source: only when its callers have left, and only what nothing else needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tasks.documents import outcome_of
from tasks.handoff import told_at, unsaid
from tasks.scoring import live, live_traffic
from tasks.step import log, step_task
from vnetferry.errors import RetireRefused, VerificationFailed
from vnetferry.gateway import computes, dependents, endpoints, locks, metrics, removal, workspaces
from vnetferry.gateway.api_versions import ML
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.documents import delete
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import ROLE_ASSIGNMENT
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run

_DISCONNECTING_S = (30, 60, 120, 240)  # between looks at connections that Azure is removing
_PATIENCE = 3  # soaks in a row that callers may spoil before a person has to look


@step_task()
def soak(step: Step, run: Run, azure: Azure) -> Outcome:
    """Wait until no endpoint of the source has been asked for the set time, by Azure's own count.

    The time begins when callers were told, so what was asked before, by callers and by our own comparison, counts for
    nothing, and a caller that calls once a day has a day to show itself.
    """
    watched = [ResourceId(text) for text in step.spec["endpoints"]]
    soak_h: float = step.spec["soak_h"]
    told = told_at(azure, run.target)
    give_up = azure.clock.now() + timedelta(hours=_PATIENCE * soak_h)
    while (quiet_at := _quiet_at(azure, watched, soak_h, told)) > azure.clock.now():
        if quiet_at > give_up:
            raise RetireRefused(
                f"callers still use {run.source.name}: {'; '.join(still_calling(azure, step, run))}",
                resource=str(run.source),
                remedy="Find them by the endpoint's traffic log, point them to the new URIs, and run retire again.",
            )
        log(f"quiet until {quiet_at:%F %T} UTC if nobody asks any more")
        azure.clock.sleep(min((quiet_at - azure.clock.now()).total_seconds(), 900) + 1)
    return Outcome(
        step=step.id,
        status="done",
        resource=step.resource,
        message=f"no request to {len(watched)} endpoint(s) for {soak_h:g} h",
        facts={"soak_h": soak_h, "endpoints": len(watched)},
    )


def _quiet_at(azure: Azure, watched: Sequence[ResourceId], soak_h: float, told: datetime | None) -> datetime:
    """When the soak is over if nobody asks any more: `soak_h` after the last counted request, or after callers were
    told.
    """
    soaked = timedelta(hours=soak_h)
    begun = told or azure.clock.now() - soaked
    asked = (at for endpoint in watched for at, _ in metrics.requests_since(azure, endpoint, soak_h, told))
    return max(asked, default=begun) + soaked


@step_task()
def require_retirable(step: Step, run: Run, azure: Azure) -> Outcome:
    """Raise RetireRefused unless every moved endpoint serves in the target and nothing holds on to the source."""
    if reasons := objections(azure, step, run):
        raise RetireRefused(
            f"{run.source.name} cannot be retired: {'; '.join(reasons)}",
            resource=str(run.source),
            remedy="Settle each of these and run retire again; nothing was deleted.",
        )
    return Outcome(step=step.id, status="done", resource=step.resource, message="nothing needs it any more")


def objections(azure: Azure, step: Step, run: Run) -> list[str]:
    """Why the source may not be retired, a line each; nothing is written."""
    reasons = [reason for moved in step.spec["moved"] for reason in _not_served(azure, moved, run)]
    reasons += [reason for handoff in step.spec["handoff"] for reason in _not_handed_off(azure, handoff, run)]
    going = [
        ResourceId(text) for text in (*(m["source"] for m in step.spec["moved"]), *step.spec["computes"])
    ]
    held = locks.read_locks_of(azure, run.source, going)
    reasons += [f"the lock '{lock['name']}' is on {_locked(lock, run)}" for lock in held]
    reasons += [r for text in step.spec["computes"] for r in _in_use(azure, ResourceId(text), step, run)]
    if step.spec["delete_workspace"]:
        reasons += _not_moved(azure, step, run)
        reasons += [f"{name} is a project of it" for name in dependents.projects_of(azure, run.source)]
        reasons += [
            f"private endpoint {ResourceId(text).name} leads to it (az network private-endpoint delete --ids {text})"
            for text in dependents.private_endpoints_to(azure, run.source)
        ]
    return reasons


def _locked(lock: Json, run: Run) -> str:
    """What a lock is on, for people."""
    scope = str(lock["id"]).partition("/providers/Microsoft.Authorization/locks/")[0]
    return "it" if scope.lower() in (run.source.key, run.source.group_id.key) else scope.rpartition("/")[2]


def still_calling(azure: Azure, step: Step, run: Run) -> list[str]:
    """Which endpoints were asked within the soak, and when last; nothing is written."""
    told, soak_h = told_at(azure, run.target), step.spec["soak_h"]
    asked = {
        ResourceId(t).name: metrics.requests_since(azure, ResourceId(t), soak_h, told)
        for t in step.spec["endpoints"]
    }
    return [
        f"{name} was asked {sum(count for _, count in found):.0f} times, last at {max(at for at, _ in found):%F %T} UTC"
        for name, found in asked.items()
        if found
    ]


def _in_use(azure: Azure, compute: ResourceId, step: Step, run: Run) -> list[str]:
    """Why a compute may not go: work on it, or endpoints that stay and run on it."""
    work = dependents.work_on(azure, compute)
    going = {ResourceId(moved["source"]).name.lower() for moved in step.spec["moved"]}
    staying = [n for n in dependents.endpoints_on(azure, run.source, compute) if n.lower() not in going]
    return [
        *([f"compute {compute.name} is in use: {work}"] if work else []),
        *(f"endpoint {name} runs on compute {compute.name}" for name in staying),
    ]


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
    """Places that do not tell callers where the endpoints are now."""
    needed = [ResourceId(e["target"]) for e in handoff["entries"] if e["endpoint"] in handoff["needed"]]
    if any(endpoints.find_endpoint(azure, target) is None for target in needed):
        return []  # said already: there is no successor
    return [f"{place} is missing or older" for place in unsaid(azure, run, handoff)]


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


@step_task()
def delete_satellite(step: Step, run: Run, azure: Azure) -> Outcome:
    """Delete a role assignment, an alert or a setting whose endpoint or workspace goes.

    Skipped for a role assignment that the caller has no right to delete: without its identity it is nobody's.
    """
    if step.resource.type.lower() == ROLE_ASSIGNMENT.lower():
        written = removal.remove_role(azure, step.resource)
        command = f"left for somebody who may: az role assignment delete --ids {step.resource}"
        return (
            outcome_of(step, written)
            if written
            else Outcome(step=step.id, status="skipped", resource=step.resource, message=command)
        )
    return outcome_of(step, delete(azure, step.resource))


@step_task()
def require_disconnected(step: Step, run: Run, azure: Azure) -> Outcome:
    """Raise VerificationFailed while a private endpoint connection of a legacy deployment is left.

    Azure removes them with the deployments, some minutes later at times.
    """
    targets = [ResourceId(text) for text in step.spec["targets"]]
    for pause_s in (*_DISCONNECTING_S, None):
        left = [f"{name} on {t.name}" for t in targets for name in dependents.legacy_connections(azure, t)]
        if not left:
            return Outcome(step=step.id, status="done", resource=step.resource, message="none is left")
        if pause_s is not None:
            azure.clock.sleep(pause_s)
    raise VerificationFailed(
        f"private endpoint connections of deleted deployments are left: {', '.join(left)}",
        resource=str(targets[0]),
        remedy="Remove them (az network private-endpoint-connection delete --id …), and run retire again.",
    )


@step_task()
def delete_group(step: Step, run: Run, azure: Azure) -> Outcome:
    """Delete the source's resource group. Raises: RetireRefused while anything else is in it."""
    if left := dependents.others_in_group(azure, step.resource):
        raise RetireRefused(
            f"the resource group {step.resource.name} is kept: it holds {', '.join(left[:5])}"
            + (f" and {len(left) - 5} more" if len(left) > 5 else ""),
            resource=str(step.resource),
            remedy="Move or delete those first, or set retire.delete_resource_group to false.",
        )
    return outcome_of(step, delete(azure, step.resource))
