"""Whether a lock would stop the managed network or the migration's writes."""

from __future__ import annotations

from vnetferry.checks.facts import Facts
from vnetferry.models.base import Json
from vnetferry.models.finding import Finding


def check_locks(facts: Facts) -> list[Finding]:
    """A read-only lock on the target's scope stops everything; a delete lock stops undoing."""
    return [_finding(lock) for lock in facts.locks]


def _finding(lock: Json) -> Finding:
    level = str((lock.get("properties") or {}).get("level", "unknown"))
    scope = str(lock.get("id", "")).partition("/providers/Microsoft.Authorization/locks")[0]
    read_only = level.lower() == "readonly"
    return Finding(
        check="locks",
        severity="blocks" if read_only else "warns",
        resource=scope,
        evidence=f"lock {lock.get('name', '')} of level {level}",
        remedy=(
            f"az lock delete --ids {lock.get('id', '')}"
            if read_only
            else "Expect that what the migration makes there cannot be deleted until the lock is gone."
        ),
        source="https://learn.microsoft.com/azure/machine-learning/how-to-managed-network",
    )
