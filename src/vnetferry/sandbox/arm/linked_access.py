"""Rights on what a request names besides its own resource: an identity to assign, a subnet to join, keys to send with.

Resource Manager checks them before the resource provider sees the request. Source: public reports of
`LinkedAuthorizationFailed`.
"""

from __future__ import annotations

from vnetferry.sandbox.arm import authorization
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call

ASSIGN_IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
# What a diagnostic setting sends to -> the right to the key that Azure sends with.
SEND_TO = {
    "workspaceId": "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
    "storageAccountId": "Microsoft.Storage/storageAccounts/listKeys/action",
    "eventHubAuthorizationRuleId": "Microsoft.EventHub/namespaces/authorizationRules/listkeys/action",
}
JOIN_SUBNET = "Microsoft.Network/virtualNetworks/subnets/join/action"


def require_linked(call: Call, action: str, linked_id: str) -> None:
    """AzureError 403 `LinkedAuthorizationFailed` unless the caller may do `action` on the linked resource."""
    principal = call.request.principal
    if principal and authorization.allowed(call.world, principal.object_id, action, linked_id):
        return
    message = (
        f"{authorization.named(principal)} has permission to perform action '{call.operation.action}' "
        f"on scope '{call.path}'; however, it does not have permission to perform action(s) '{action}' on "
        f"the linked scope(s) '{linked_id}' (respectively) or the linked scope(s) are invalid."
    )
    raise AzureError(403, "LinkedAuthorizationFailed", message)
