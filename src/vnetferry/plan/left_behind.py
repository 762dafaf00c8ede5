"""What the source holds and the migration does not move, and what cannot be taken back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import (
    BATCH_ENDPOINT,
    CODE,
    COMPONENT,
    COMPUTE,
    DATA,
    ENVIRONMENT,
    JOB,
    LOCK,
    MODEL,
    SCHEDULE,
    Document,
)
from vnetferry.models.plan import CarryOver, PlanWarning
from vnetferry.plan.parts import attention, cannot_carry
from vnetferry.plan.scope import Scope
from vnetferry.plan.workspace import workspace_step_id

NAMED_MAX = 5
# Full type, lower case -> what it is called, and what to do about it.
_NOT_MOVED = {
    COMPUTE.lower(): ("computes", "Make those that are still needed in the new workspace."),
    BATCH_ENDPOINT.lower(): (
        "batch endpoints",
        "Make them again in the new workspace; their jobs run on its computes.",
    ),
    DATA.lower(): (
        "data assets",
        "Register those that are needed in the new workspace.",
    ),
    COMPONENT.lower(): ("components", "Register those that are needed in the new workspace."),
    JOB.lower(): (
        "running jobs",
        "Let them end, or start them again in the new workspace, before the source is retired.",
    ),
    SCHEDULE.lower(): (
        "schedules",
        "Make them again in the new workspace.",
    ),
    LOCK.lower(): (
        "locks",
        "Lock the new resources after the migration; a lock before it stops the managed network.",
    ),
}


def remedy_of(kind: str) -> str:
    """What to do about resources of a full type (lower case) that stay; "" for a type that is not in the table."""
    return _NOT_MOVED[kind][1] if kind in _NOT_MOVED else ""


def left_behind(scope: Scope, stays: Iterable[CarryOver]) -> list[PlanWarning]:
    """A warning for each kind of resource that stays in the source.

    In: stays: the lines about whole documents.
    """
    dropped = {entry.source for entry in stays if entry.disposition == "dropped"}
    return [*_by_kind(scope, dropped), *_unused_assets(scope, dropped)]


def irreversible(scope: Scope) -> list[PlanWarning]:
    """What cannot be taken back once done, each with the step from which on it cannot."""
    config, target = scope.config, scope.target
    endpoints = [e.name for e in scope.endpoints]
    count = f"{len(endpoints)} endpoints" if len(endpoints) > 1 else f"endpoint {endpoints[0]}"
    whole = f", and then {scope.inventory.source.name} itself" if config.retire.delete_workspace else ""
    network = (
        f"The managed network of {target.name} cannot be switched off, nor its isolation loosened, afterwards; "
        "only deleting the workspace takes it back."
    )
    name = (
        f"A deleted workspace keeps its name for 14 days unless it is purged, so {target.name} cannot be made "
        "again at once under that name."
    )
    retire = f"vnetferry retire, which is asked for by itself, deletes {count} of the source for good{whole}."
    made = workspace_step_id(scope)
    return [
        PlanWarning(kind="irreversible", resource=str(target), text=network, step=made),
        PlanWarning(kind="irreversible", resource=str(target), text=name, step=made),
        PlanWarning(kind="irreversible", resource=str(scope.inventory.source), text=retire),
    ]


def _by_kind(scope: Scope, dropped: set[ResourceId]) -> Iterator[PlanWarning]:
    for kind, (noun, remedy) in _NOT_MOVED.items():
        found = tuple(d for d in scope.inventory.of_type(kind) if d.id in dropped)
        if found:
            yield cannot_carry(scope.inventory.source, f"Not moved: {_listed(noun, found)}. {remedy}")


def _unused_assets(scope: Scope, dropped: set[ResourceId]) -> Iterator[PlanWarning]:
    for kind, noun in ((MODEL, "models"), (ENVIRONMENT, "environments"), (CODE, "code versions")):
        found = tuple(d for d in scope.inventory.of_type(kind) if d.id in dropped)
        if found:
            text = f"No endpoint that moves uses {_listed(noun, found)}. They stay in the source; copy what is needed."
            yield cannot_carry(scope.inventory.source, text)


def _listed(noun: str, documents: tuple[Document, ...]) -> str:
    names = [_name(d) for d in documents[:NAMED_MAX]]
    more = f" and {len(documents) - NAMED_MAX} more" if len(documents) > NAMED_MAX else ""
    return f"{len(documents)} {noun if len(documents) > 1 else noun.removesuffix('s')} ({', '.join(names)}{more})"


def _name(document: Document) -> str:
    versioned = document.type.lower().endswith("/versions")
    return f"{document.id.parent.name}/{document.name}" if versioned else document.name


def unread(scope: Scope) -> list[PlanWarning]:
    """A warning for each thing of the source that the caller may not read."""
    notes = getattr(scope.inventory, "unread", ())
    return [
        attention(scope.inventory.source, f"Could not be read, so nothing is planned for it: {n}.")
        for n in notes
    ]
