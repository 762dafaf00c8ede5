"""Whether a lock would stop the managed network or the migration's writes."""

from __future__ import annotations

from vnetferry.checks.facts import Facts
from vnetferry.models.base import Json
from vnetferry.models.finding import Finding
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import LOCK

_SOURCE = "https://learn.microsoft.com/azure/machine-learning/how-to-managed-network"


def check_locks(facts: Facts) -> list[Finding]:
    """Any lock on the target's scope stops its managed network, which makes and removes resources there; one that
    makes an associated resource read-only stops the private endpoints to it, and its keys. In place, one on the
    workspace or in it keeps endpoints and computes from being deleted.
    """
    bound = {resource.id for resource in facts.associated.values()}
    shared = [
        document.body
        for document in facts.inventory.of_type(LOCK)
        if _level(document.body) == "readonly" and any(_is_on(_scope(document.body), each) for each in bound)
    ]
    scoped = [lock for lock in facts.locks if not _is_others(facts, _scope(lock).lower())]
    locks = {str(lock.get("id", "")).lower(): lock for lock in (*scoped, *shared)}
    return [_finding(lock) for _, lock in sorted(locks.items())]


def _is_others(facts: Facts, scope: str) -> bool:
    """Whether a lock is on something in the target's group that is not the target, which it does not bind."""
    source, wanted = facts.inventory.source, facts.config.target
    target = ResourceId.workspace(
        source.subscription_id, wanted.resource_group or source.resource_group, wanted.workspace
    )
    return "/providers/" in scope and not f"{scope}/".startswith(f"{target.key}/")


def _finding(lock: Json) -> Finding:
    return Finding(
        check="locks",
        severity="blocks",
        resource=_scope(lock),
        evidence=f"lock {lock.get('name', '')} of level {(lock.get('properties') or {}).get('level', 'unknown')}",
        remedy=f"az lock delete --ids {lock.get('id', '')}",
        source=_SOURCE,
    )


def _level(lock: Json) -> str:
    return str((lock.get("properties") or {}).get("level", "unknown")).lower()


def _scope(lock: Json) -> str:
    return str(lock.get("id", "")).partition("/providers/Microsoft.Authorization/locks")[0]


def _is_on(scope: str, resource: ResourceId) -> bool:
    """Whether a scope is the resource or above it."""
    return f"{resource.key}/".startswith(f"{scope.lower()}/")
