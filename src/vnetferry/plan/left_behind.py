"""What the source holds and the migration does not move, what both sides cost, and what cannot be taken
back.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnetferry.models.inventory import CODE, COMPUTE, ENVIRONMENT, LOCK, MODEL, ROLE_ASSIGNMENT, Document
from vnetferry.models.plan import PlanWarning
from vnetferry.plan.parts import attention, cannot_carry
from vnetferry.plan.references import used_assets
from vnetferry.plan.roles import lost_assignments
from vnetferry.plan.rules import needs_firewall
from vnetferry.plan.scope import Scope
from vnetferry.plan.workspace import associated_resources, outbound_rules

NAMED_MAX = 5
# Full type, lower case -> what it is called, and what to do about it.
_NOT_MOVED = {
    COMPUTE.lower(): ("computes", "Make those that are still needed in the new workspace."),
    "microsoft.machinelearningservices/workspaces/batchendpoints": (
        "batch endpoints",
        "Make them again in the new workspace; their jobs run on its computes.",
    ),
    "microsoft.machinelearningservices/workspaces/data/versions": (
        "data assets",
        "Register those that are needed in the new workspace.",
    ),
    "microsoft.machinelearningservices/workspaces/schedules": (
        "schedules",
        "Make them again in the new workspace.",
    ),
    ROLE_ASSIGNMENT.lower(): (
        "role assignments",
        "Assign those to the new workspace and endpoints again; it may take an hour until they hold.",
    ),
    "microsoft.insights/autoscalesettings": (
        "autoscale settings",
        "Make them again for the new deployments' ids; until then the instance count is fixed.",
    ),
    "microsoft.insights/metricalerts": ("metric alerts", "Make them again for the new endpoints' ids."),
    "microsoft.insights/scheduledqueryrules": ("log alerts", "Make them again for the new endpoints' ids."),
    "microsoft.insights/diagnosticsettings": (
        "diagnostic settings",
        "Make them again on the new endpoints; logs take up to an hour to appear.",
    ),
    LOCK.lower(): (
        "locks",
        "Lock the new resources after the migration; a lock before it stops the managed network.",
    ),
}


def left_behind(scope: Scope) -> list[PlanWarning]:
    """A warning for each kind of resource that stays in the source."""
    return [*_by_kind(scope), *_unused_assets(scope)]


def costs(scope: Scope) -> list[PlanWarning]:
    """What is billed while both workspaces run."""
    rules, _ = outbound_rules(scope, associated_resources(scope))
    return [*_instances(scope), *_firewall(scope, needs_firewall(rules)), *_private_endpoints(scope)]


def irreversible(scope: Scope) -> list[PlanWarning]:
    """What cannot be taken back once done."""
    text = (
        f"The managed network of {scope.target.name} cannot be switched off, nor its isolation loosened, afterwards; "
        "only deleting the workspace takes it back."
    )
    soft = (
        f"A deleted workspace keeps its name for 14 days unless it is purged, so {scope.target.name} cannot be made "
        "again at once under that name."
    )
    return [
        PlanWarning(kind="irreversible", resource=str(scope.target), text=text),
        PlanWarning(kind="irreversible", resource=str(scope.target), text=soft),
    ]


def _by_kind(scope: Scope) -> Iterator[PlanWarning]:
    for kind, (noun, remedy) in _NOT_MOVED.items():
        found = lost_assignments(scope) if kind == ROLE_ASSIGNMENT.lower() else scope.inventory.of_type(kind)
        if found:
            yield cannot_carry(scope.inventory.source, f"Not moved: {_listed(noun, found)}. {remedy}")


def _unused_assets(scope: Scope) -> Iterator[PlanWarning]:
    used = {d.id for d in used_assets(scope)}
    for kind, noun in ((MODEL, "models"), (ENVIRONMENT, "environments"), (CODE, "code versions")):
        found = tuple(d for d in scope.inventory.of_type(kind) if d.id not in used)
        if found:
            text = f"No endpoint that moves uses {_listed(noun, found)}. They stay in the source; copy what is needed."
            yield cannot_carry(scope.inventory.source, text)


def _listed(noun: str, documents: tuple[Document, ...]) -> str:
    names = [_name(d) for d in documents[:NAMED_MAX]]
    more = f" and {len(documents) - NAMED_MAX} more" if len(documents) > NAMED_MAX else ""
    return f"{len(documents)} {noun if len(documents) > 1 else noun.removesuffix('s')} ({', '.join(names)}{more})"


def _name(document: Document) -> str:
    if document.type.lower() == ROLE_ASSIGNMENT.lower():
        scope = str(document.get("scope", "")).rpartition("/")[2]
        return f"principal {str(document.get('principalId', 'unknown'))[:8]} on {scope or 'an unknown scope'}"
    versioned = document.type.lower().endswith("/versions")
    return f"{document.id.parent.name}/{document.name}" if versioned else document.name


def _instances(scope: Scope) -> Iterator[PlanWarning]:
    by_size: dict[str, int] = {}
    for deployment in scope.all_deployments:
        count = int((deployment.body.get("sku") or {}).get("capacity") or 1)
        size = str(deployment.get("instanceType", "unknown size"))
        by_size[size] = by_size.get(size, 0) + count
    if by_size:
        sizes = ", ".join(f"{count} x {size}" for size, count in sorted(by_size.items()))
        text = f"Until the source is retired these instances run twice: {sizes}."
        yield PlanWarning(kind="cost", resource=str(scope.target), text=text)


def _firewall(scope: Scope, needed: bool) -> Iterator[PlanWarning]:
    if needed:
        text = (
            f"FQDN outbound rules make an Azure Firewall ({scope.config.target.firewall_sku.capitalize()}), billed by "
            "the hour as long as the workspace exists: about 1.25 USD/h for Standard, Basic less; see the price page."
        )
        yield PlanWarning(kind="cost", resource=str(scope.target), text=text)


def _private_endpoints(scope: Scope) -> Iterator[PlanWarning]:
    text = (
        "Each private endpoint costs about 0.01 USD/h and 0.01 USD/GB: those of the managed network are new, "
        "and the legacy deployments' three each go when the source is retired."
    )
    yield PlanWarning(kind="cost", resource=str(scope.target), text=text)


def unread(scope: Scope) -> list[PlanWarning]:
    """A warning for each thing of the source that the caller may not read."""
    notes = getattr(scope.inventory, "unread", ())
    return [
        attention(scope.inventory.source, f"Could not be read, so nothing is planned for it: {n}.")
        for n in notes
    ]
