"""The roles that Azure gives a new endpoint's own identity, so that its deployments can fetch their parts.

Images from the workspace's registry, models and code from its storage account; every other right is for the
user to give, and user-assigned identities get none. Source: authenticate clients for online endpoints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vnetferry.sandbox.ml.furnishing import role_assignment
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
_BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"


def assign_roles(world: World, workspace: Json, endpoint: Json) -> None:
    """Give the endpoint's system-assigned identity, if it has one, its two roles; repeatable."""
    principal = (endpoint.get("identity") or {}).get("principalId")
    properties = workspace["properties"]
    granted = (
        (properties.get("containerRegistry"), _ACR_PULL),
        (properties.get("storageAccount"), _BLOB_READER),
    )
    for scope, role in granted:
        if principal and scope:
            world.documents.put(role_assignment(world, scope, role, principal))
