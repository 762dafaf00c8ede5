"""Managed identities of ML resources: what a body may say, and the principals that Azure answers."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.authorization import allowed
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml.fields import Field, Kind, anything, object_of, one_of, text
from vnetferry.sandbox.routes import Call
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_ASSIGN = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
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
        identity["principalId"] = (before or {}).get("principalId") or str(uuid.uuid4())
        identity["tenantId"] = tenant_id
    if "UserAssigned" in kind:
        identity["userAssignedIdentities"] = _assigned(world, wanted.get("userAssignedIdentities"), before)
    return identity


def require_assignable(call: Call, wanted: Json | None) -> None:
    """AzureError 403 `LinkedAuthorizationFailed` unless the caller may assign every identity that the body names."""
    for identifier, value in ((wanted or {}).get("userAssignedIdentities") or {}).items():
        if value is not None and not _may_assign(call, identifier):
            raise _unlinked(call, identifier)


def _may_assign(call: Call, identifier: str) -> bool:
    principal = call.request.principal
    return principal is not None and allowed(call.world, principal.object_id, _ASSIGN, identifier)


def _unlinked(call: Call, identifier: str) -> AzureError:
    oid = call.request.principal.object_id if call.request.principal else ""
    message = (
        f"The client '{oid}' with object id '{oid}' has permission to perform action '{call.operation.action}' "
        f"on scope '{call.path}'; however, it does not have permission to perform action(s) '{_ASSIGN}' on "
        f"the linked scope(s) '{identifier}' (respectively) or the linked scope(s) are invalid."
    )
    return AzureError(403, "LinkedAuthorizationFailed", message)


def principals(identity: Json | None) -> list[str]:
    """The object ids that a resource acts as."""
    found = identity or {}
    own = [found["principalId"]] if found.get("principalId") else []
    assigned = (found.get("userAssignedIdentities") or {}).values()
    return [*own, *(each["principalId"] for each in assigned if each.get("principalId"))]


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
