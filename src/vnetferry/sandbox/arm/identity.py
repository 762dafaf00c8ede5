"""Microsoft.ManagedIdentity/userAssignedIdentities: an object id and a client id for each."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm import tracked
from vnetferry.sandbox.arm.grants import introduce
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"


def operations() -> list[Operation]:
    """User-assigned identities."""
    return tracked.operations(IDENTITY)


def adopt(world: World, document: Json) -> None:
    """Register an identity of the scenario; ids that it does not name follow from its resource id."""
    properties = document.setdefault("properties", {})
    for name in ("principalId", "clientId"):
        properties.setdefault(name, str(uuid.uuid5(uuid.NAMESPACE_URL, f"{document['id'].lower()}#{name}")))
    world.documents.put(document)


def _prepare(call: Call, draft: Json, before: Json | None) -> None:
    tracked.carry(draft, before, "tenantId", "principalId", "clientId")
    tenant = call.request.principal.tenant_id if call.request.principal else ""
    for name, value in (
        ("tenantId", tenant),
        ("principalId", tracked.new_guid()),
        ("clientId", tracked.new_guid()),
    ):
        draft["properties"].setdefault(name, value)
    if before is None:
        introduce(call.world, draft["properties"]["principalId"])


IDENTITY = tracked.TrackedType(
    TYPE,
    "UserAssignedIdentities",
    frozenset(
        {
            "2015-08-31-preview",
            "2018-11-30",
            "2022-01-31-preview",
            "2023-01-31",
            "2023-07-31-preview",
            "2024-11-30",
            "2025-05-31-preview",
        }
    ),
    properties=frozenset({"tenantId", "principalId", "clientId", "isolationScope"}),
    name=r"^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$",
    prepare=_prepare,
)
