"""Undoing a migration: callers first, then what was made, last made first.

An undo that fails is stuck: it says what is left in which state and which commands take it away, and everything that
does not depend on it goes on. Running again goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from tasks.assets import source_of
from tasks.handoff import told_at
from tasks.scoring import live_traffic
from tasks.step import step_task
from vnetferry.errors import NotOurs, RollBackRefused, UndoStuck, VnetferryError
from vnetferry.gateway import api_versions, assets, associated, endpoints, locks, metrics, removal
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.documents import Written
from vnetferry.gateway.poll import state_of
from vnetferry.models.base import digest
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import ENDPOINT, WORKSPACE
from vnetferry.models.outcome import Outcome, Status
from vnetferry.models.plan import Step
from vnetferry.models.run import Run

_LONGEST_LOOK_S = 900


@step_task()
def require_way_back(step: Step, run: Run, azure: Azure) -> Outcome:
    """Raise RollBackRefused unless every endpoint that goes has one in the source that takes its callers.

    Raises: NotOurs too, when another hand made the target: then nothing in it was made by this plan.
    """
    removal.find_ours(azure, run.target, run.tags, "workspace")
    there = [
        pair for pair in step.spec["endpoints"] if endpoints.find_endpoint(azure, ResourceId(pair["target"]))
    ]
    reasons = [reason for pair in there for reason in _no_way_back(azure, ResourceId(pair["source"]))]
    if reasons:
        raise RollBackRefused(
            f"{run.source.name} cannot take its callers back: {'; '.join(reasons)}",
            resource=str(run.source),
            remedy="What was retired cannot be brought back: keep the new endpoints (--keep NAME), or delete them "
            "yourself.",
        )
    return _outcome(step, "done", f"{len(there)} endpoint(s) to take back")


def _no_way_back(azure: Azure, source: ResourceId) -> list[str]:
    found = endpoints.find_endpoint(azure, source)
    if found is None:
        return [f"endpoint {source.name} is gone"]
    state = str(found["properties"].get("provisioningState") or "")
    return [] if state.lower() == "succeeded" else [f"endpoint {source.name} is {state}"]


@step_task()
def require_left(step: Step, run: Run, azure: Azure) -> Outcome:
    """Raise RollBackRefused while Azure counts requests to an endpoint that goes, since callers were told of it."""
    told = told_at(azure, run.target)
    watched = [ResourceId(text) for text in step.spec["endpoints"]]
    there = [e for e in watched if (found := endpoints.find_endpoint(azure, e)) and live_traffic(found)]
    if told is None or not there:
        return _outcome(step, "done", "no caller was told of them")
    if step.spec["callers"] == "drop":
        return _outcome(step, "skipped", "callers that still use them are dropped, as asked")
    soak_h: float = step.spec["soak_h"]
    while asked := _last_asked(azure, there, soak_h, told):
        if step.spec["callers"] == "refuse":
            raise _still_called(asked, soak_h, run)
        free_at = max(asked.values()) + timedelta(hours=soak_h)
        azure.clock.sleep(min((free_at - azure.clock.now()).total_seconds(), _LONGEST_LOOK_S) + 1)
    return _outcome(step, "done", f"no request to {len(there)} endpoint(s) for {soak_h:g} h")


def _last_asked(
    azure: Azure, watched: Sequence[ResourceId], soak_h: float, told: datetime
) -> dict[str, datetime]:
    """Endpoint -> when it was last asked within the soak; our own requests came before callers were told."""
    asked = {e.name: metrics.requests_since(azure, e, soak_h, told) for e in watched}
    return {name: max(at for at, _ in found) for name, found in asked.items() if found}


def _still_called(asked: dict[str, datetime], soak_h: float, run: Run) -> RollBackRefused:
    names = ", ".join(f"{name} (last at {at:%F %T} UTC)" for name, at in sorted(asked.items()))
    return RollBackRefused(
        f"callers still use {names}; they were pointed back, and nothing was removed",
        resource=str(run.target),
        remedy=f"Run it again once they have left for {soak_h:g} h; or with --wait, which waits for that; or with "
        "--drop-callers, which does not care.",
    )


@step_task()
def remove_resource(step: Step, run: Run, azure: Azure) -> Outcome:
    """Delete a resource that the plan made."""
    return _undo(step, azure, lambda: removal.remove(azure, step.resource, run.tags))


@step_task()
def remove_associated(step: Step, run: Run, azure: Azure) -> Outcome:
    """Delete what the plan made for the target to stand on, once no workspace does."""
    purge: bool = step.spec["purge"]
    return _undo(
        step, azure, lambda: associated.remove_associated(azure, step.resource, run.tags, purge=purge)
    )


@step_task()
def remove_asset(step: Step, run: Run, azure: Azure) -> Outcome:
    """Delete an asset's version, and the content that was copied for it."""
    body, field = step.spec["body"], tuple(step.spec["content_field"].split("."))
    content = field if step.spec["content"] else None
    copied = assets.CopiedContent(source_of(step), body, content, str(step.spec.get("content_root", "")))
    return _undo(step, azure, lambda: assets.remove_asset(azure, step.resource, copied, run.tags))


@step_task()
def remove_endpoint(step: Step, run: Run, azure: Azure) -> Outcome:
    """Delete an endpoint that the plan made, with its deployments."""
    made = step.spec["deployments"]
    return _undo(step, azure, lambda: removal.remove_endpoint(azure, step.resource, run.tags, made))


@step_task()
def remove_workspace(step: Step, run: Run, azure: Azure) -> Outcome:
    """Delete the target workspace, and the storage, vault and the like when Azure made them with it."""
    purge: bool = step.spec["purge"]
    outcome = _undo(
        step, azure, lambda: removal.remove_workspace(azure, step.resource, run.tags, purge=purge)
    )
    if step.spec["created"] and outcome.status != "skipped":
        created = removal.remove_created
        gone = _undo(step, azure, lambda: created(azure, step.resource, run.tags))
        outcome = gone if gone.status == "undone" else outcome
    if outcome.status != "undone" or purge:
        return outcome
    kept = f"Azure keeps it, and its name, for 14 days; {_purge_command(step.resource)}"
    return outcome.model_copy(update={"message": "; ".join(filter(None, [kept, outcome.message]))})


def _undo(step: Step, azure: Azure, act: Callable[[], Written]) -> Outcome:
    """What an undo came to; what another hand made is left alone. Raises: UndoStuck."""
    try:
        written = act()
    except NotOurs as err:
        return _outcome(step, "skipped", f"left alone: {err.what}")
    except VnetferryError as err:
        raise _stuck(step, azure, err) from err
    before = digest(written.before) if written.before else ""
    left = f"left for somebody who may: {_roles_command(written.unsettled)}" if written.unsettled else ""
    left = left or written.message
    return _outcome(step, "undone" if written.changed else "already_done", left).model_copy(
        update={"request_id": written.request_id, "before": before}
    )


def _stuck(step: Step, azure: Azure, err: VnetferryError) -> UndoStuck:
    """The first error, what is left in which state, and what to type."""
    state, commands = _left(azure, step.resource)
    remedy = f"{err.remedy} Then run it again, or type: {'; '.join(commands)}".lstrip()
    return UndoStuck(
        f"{step.title}: {err.what.rstrip('.')}. {state}",
        resource=str(step.resource),
        remedy=remedy,
        step=step.id,
        code=err.code,
        request_id=err.request_id,
        retryable=err.retryable,
    )


def _left(azure: Azure, resource: ResourceId) -> tuple[str, list[str]]:
    """What Azure says of a resource now, and the commands that take it away. Never raises what Azure refuses."""
    try:
        document = azure.arm.find(resource, api_versions.api_version(resource.type))
        held = [f"az lock delete --ids {lock['id']}" for lock in locks.read_locks(azure, resource)]
    except VnetferryError as err:
        return f"Its state cannot be read ({err.what.rstrip('.')})", [_delete_command(resource)]
    if document is None:
        return "It is gone, but what goes with it is not", [_delete_command(resource)]
    locked = f", with {len(held)} lock(s) on it" if held else ""
    return f"It is there, {state_of(document)}{locked}", [*held, _delete_command(resource)]


def _delete_command(resource: ResourceId) -> str:
    """What a person types to delete a resource."""
    if resource.type.lower() == ENDPOINT.lower():
        workspace = resource.parent
        return f"az ml online-endpoint delete --name {resource.name} --yes {_in(workspace)}"
    if resource.type.lower() == WORKSPACE.lower():
        return (
            f"az ml workspace delete --name {resource.name} --resource-group {resource.resource_group} --yes"
        )
    return f"az resource delete --ids {resource}"


def _roles_command(assignments: Sequence[str]) -> str:
    return f"az role assignment delete --ids {' '.join(assignments)}"


def _purge_command(workspace: ResourceId) -> str:
    return f"to free it now: {_delete_command(workspace)} --permanently-delete"


def _in(workspace: ResourceId) -> str:
    return f"--workspace-name {workspace.name} --resource-group {workspace.resource_group}"


def _outcome(step: Step, status: Status, message: str) -> Outcome:
    return Outcome(step=step.id, status=status, resource=step.resource, message=message)
