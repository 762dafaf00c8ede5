"""Managed identities of ML resources: what a body may say, and the principals that Azure answers."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.grants import introduce
from vnetferry.sandbox.arm.linked_access import ASSIGN_IDENTITY, require_linked
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml.fields import Field, Kind, anything, object_of, one_of, text
from vnetferry.sandbox.routes import Call
from vnetferry.sandbox.wire import Json, Principal

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_BOTH = "SystemAssigned,UserAssigned"
_TYPES = one_of("None", "SystemAssigned", "UserAssigned", _BOTH, "SystemAssigned, UserAssigned")

IDENTITY = Kind(
    "ManagedServiceIdentity",
    {
        "type": Field(_TYPES, required=True),
        "userAssignedIdentities": Field(anything),
        "principalId": Field(text, read_only=True),
        "tenantId": Field(text, read_only=True),
    },
)
IDENTITY_FIELD = Field(object_of(IDENTITY))


def resolve_identity(world: World, wanted: Json | None, before: Json | None, tenant_id: str) -> Json | None:
    """The `identity` that Azure answers.

    In:     wanted: as read by IDENTITY; before: the resource's identity so far, whose principal stays.
    Raises: AzureError 400 `FailedIdentityOperation` when a user-assigned identity does not exist.
    """
    if wanted is None:
        return before
    kind = wanted["type"].replace(" ", "")
    if kind == "None":
        return None
    identity: Json = {"type": kind}
    if "SystemAssigned" in kind:
        identity["principalId"] = (before or {}).get("principalId") or introduce(world, str(uuid.uuid4()))
        identity["tenantId"] = tenant_id
    if "UserAssigned" in kind:
        identity["userAssignedIdentities"] = _assigned(world, wanted.get("userAssignedIdentities"), before)
    return identity


def require_assignable(call: Call, wanted: Json | None) -> None:
    """AzureError 403 `LinkedAuthorizationFailed` unless the caller may assign every identity that the body names."""
    for identifier, value in ((wanted or {}).get("userAssignedIdentities") or {}).items():
        if value is not None:
            require_linked(call, ASSIGN_IDENTITY, identifier)


def principals(identity: Json | None) -> list[str]:
    """The object ids that a resource acts as."""
    found = identity or {}
    own = [found["principalId"]] if found.get("principalId") else []
    assigned = (found.get("userAssignedIdentities") or {}).values()
    return [*own, *(each["principalId"] for each in assigned if each.get("principalId"))]


def acting_principal(workspace: Json) -> Principal | None:
    """Who a workspace acts as: its own identity, else its primary user-assigned one."""
    identity = workspace.get("identity") or {}
    primary = str(workspace["properties"].get("primaryUserAssignedIdentity")).lower()
    assigned = identity.get("userAssignedIdentities") or {}
    named = [each["principalId"] for key, each in assigned.items() if key.lower() == primary]
    own = [identity["principalId"]] if identity.get("principalId") else []
    found = next(iter([*own, *named, *principals(identity)]), None)
    return Principal(found, found, "") if found else None


def _assigned(world: World, wanted: Json | None, before: Json | None) -> Json:
    """Those of before, with those of `wanted` added (null removes one)."""
    found = dict((before or {}).get("userAssignedIdentities") or {})
    for identifier, value in (wanted or {}).items():
        if value is None:
            found.pop(identifier, None)
            continue
        document = world.documents.get(identifier)
        if document is None:
            raise _absent(identifier)
        properties = document.get("properties") or {}
        found[identifier] = {key: properties.get(key) for key in ("principalId", "clientId")}
    if not found:
        message = (
            "The user assigned identities property keys are missing. At least one identity id is required."
        )
        raise AzureError(400, "InvalidRequestContent", message)
    return found


def _absent(identifier: str) -> AzureError:
    message = (
        f"Identity operation failed with error 'Failed to perform resource identity operation. "
        f"Status: 'BadRequest'. Response: 'Resource '{identifier}' was not found.''."
    )
    return AzureError(400, "FailedIdentityOperation", message)
