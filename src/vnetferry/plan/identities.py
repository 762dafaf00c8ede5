"""Who resources act as, when users made their identities."""

from __future__ import annotations

from collections.abc import Iterator

from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document, Inventory


def user_assigned(inventory: Inventory, document: Document) -> Iterator[tuple[ResourceId, str]]:
    """The user-assigned identities that a resource wears, and their principals, as far as they are known."""
    worn = (document.body.get("identity") or {}).get("userAssignedIdentities") or {}
    for text, shown in worn.items():
        identity = ResourceId(text)
        known = inventory.find(identity).get("principalId") if identity in inventory else None
        if principal := str(known or (shown or {}).get("principalId") or ""):
            yield identity, principal


def acting_identity(inventory: Inventory) -> list[tuple[ResourceId, str]]:
    """The user-assigned identity that a workspace without one of its own acts as, and its principal; none otherwise."""
    workspace = inventory.workspace
    kind = str((workspace.body.get("identity") or {}).get("type", "SystemAssigned"))
    if "systemassigned" in kind.lower():
        return []
    primary = str(workspace.get("primaryUserAssignedIdentity", "")).lower()
    worn = list(user_assigned(inventory, workspace))
    return [each for each in worn if each[0].key == primary] or worn[:1]
