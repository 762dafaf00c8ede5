"""What a conversion in place must know before it deletes: the way to the vault, and the rights to its secrets."""

from __future__ import annotations

from vnetferry.checks.facts import Facts
from vnetferry.checks.rights import SECRET_ACTIONS
from vnetferry.errors import PermissionDenied, VnetferryError
from vnetferry.gateway.azure import actor
from vnetferry.gateway.rbac import missing_actions
from vnetferry.gateway.readings import Readings
from vnetferry.gateway.vault import find_secret
from vnetferry.models.inventory import Document

_POLICIES = ("get", "set", "delete")


def with_conversion(readings: Readings, facts: Facts) -> Facts:
    """The facts of a preflight with those of a conversion; what may not be read is in `readings.unread`."""
    vault = facts.associated.get("key_vault")
    if vault is None:
        return facts
    lacking = readings.attempt(lambda: _missing(readings, vault), f"permissions on {vault.id}")
    missing = {**facts.missing_actions, **({str(vault.id): tuple(lacking)} if lacking else {})}
    return facts.model_copy(update={"missing_actions": missing, "vault_refusal": _refusal(readings, vault)})


def _missing(readings: Readings, vault: Document) -> list[str]:
    """The rights to secrets that the caller lacks; by access policies, those that its own policy lacks, if it has one.

    Rights by a policy of a group that it is in cannot be seen from here.
    """
    if vault.get("enableRbacAuthorization"):
        return missing_actions(readings.azure, vault.id, SECRET_ACTIONS, data=True)
    me = actor(readings.azure).lower()
    own = [p for p in vault.get("accessPolicies", []) if str(p.get("objectId", "")).lower() == me]
    granted = {str(name).lower() for p in own for name in (p.get("permissions") or {}).get("secrets") or ()}
    lacking = [] if not own or "all" in granted else [name for name in _POLICIES if name not in granted]
    return [f"secrets/{name} (access policy)" for name in lacking]


def _refusal(readings: Readings, vault: Document) -> str:
    """Why the vault does not let the caller read a secret (one that is not there); "" when it does."""
    try:
        find_secret(readings.azure, vault.name, "vnetferry-preflight")
    except PermissionDenied as err:
        return err.what
    except VnetferryError as err:
        return f"it does not answer: {err.what}"
    return ""
