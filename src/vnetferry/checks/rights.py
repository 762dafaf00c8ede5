"""What permissions grant, and which actions a migration needs on which scope.

Source: Permissions - List For Resource (a permission grants its actions without its notActions; dataActions alone
        count on data planes); Manage access to Azure Machine Learning workspaces.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from vnetferry.models.base import Json
from vnetferry.models.ids import ML

SOURCE_ACTIONS = (
    f"{ML}/workspaces/read",
    f"{ML}/workspaces/onlineEndpoints/read",
    f"{ML}/workspaces/onlineEndpoints/listKeys/action",
)
# What is copied from a source into another workspace.
COPIED_ACTIONS = (
    f"{ML}/workspaces/datastores/listSecrets/action",
    f"{ML}/workspaces/connections/listsecrets/action",
)
TARGET_ACTIONS = (
    f"{ML}/workspaces/write",
    f"{ML}/workspaces/provisionManagedNetwork/action",
    f"{ML}/workspaces/outboundRules/write",
    f"{ML}/workspaces/codes/versions/write",
    f"{ML}/workspaces/data/write",
    f"{ML}/workspaces/data/versions/write",
    f"{ML}/workspaces/environments/write",
    f"{ML}/workspaces/environments/versions/write",
    f"{ML}/workspaces/models/write",
    f"{ML}/workspaces/models/versions/write",
    f"{ML}/workspaces/datastores/write",
    f"{ML}/workspaces/connections/write",
    f"{ML}/workspaces/onlineEndpoints/write",
    f"{ML}/workspaces/onlineEndpoints/deployments/write",
    f"{ML}/workspaces/privateEndpointConnections/write",
    f"{ML}/workspaces/privateEndpointConnectionsApproval/action",
    "Microsoft.Resources/deployments/write",
)
CONVERSION_ACTIONS = (
    f"{ML}/workspaces/write",
    f"{ML}/workspaces/provisionManagedNetwork/action",
    f"{ML}/workspaces/outboundRules/write",
    f"{ML}/workspaces/onlineEndpoints/write",
    f"{ML}/workspaces/onlineEndpoints/delete",
    f"{ML}/workspaces/onlineEndpoints/deployments/write",
    f"{ML}/workspaces/computes/write",
    f"{ML}/workspaces/computes/delete",
    f"{ML}/workspaces/computes/stop/action",
    f"{ML}/workspaces/privateEndpointConnectionsApproval/action",
)
# On the vault that keeps endpoints' secrets while they are deleted; data actions.
SECRET_ACTIONS = tuple(
    f"Microsoft.KeyVault/vaults/secrets/{what}" for what in ("getSecret/action", "setSecret/action", "delete")
)
WAY_IN_ACTIONS = (
    "Microsoft.Network/privateEndpoints/write",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups/write",
)
SUBNET_ACTIONS = ("Microsoft.Network/virtualNetworks/subnets/join/action",)
ZONE_ACTIONS = ("Microsoft.Network/privateDnsZones/join/action",)
IDENTITY_ACTIONS = ("Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",)


def approval_actions(kind: str) -> tuple[str, ...]:
    """What approving a private endpoint of the managed network on a resource of this type needs (FACTS 2.4)."""
    return (f"{kind}/privateEndpointConnections/read", f"{kind}/privateEndpointConnectionsApproval/action")


def grants(permissions: Iterable[Json], action: str, *, data: bool = False) -> bool:
    """Whether any of the permissions grants the action, on the data plane if `data`."""
    allowed, withheld = ("dataActions", "notDataActions") if data else ("actions", "notActions")
    return any(_named(p.get(allowed), action) and not _named(p.get(withheld), action) for p in permissions)


def _named(patterns: Iterable[str] | None, action: str) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns or ())
