"""What Azure Resource Manager checks before any resource provider sees a request.

The subscription is looked for before rights are; then, in this order: the resource group, the provider's
registration (for writes), locks, and what Azure Policy denies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.locks import TYPE as LOCKS
from vnetferry.sandbox.arm.locks import refuse_locked
from vnetferry.sandbox.arm.policy.judge import require_request_allowed
from vnetferry.sandbox.arm.providers import require_registered
from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_GROUP = "Microsoft.Resources/resourceGroups"


def admit(call: Call) -> None:
    """Raise Azure's refusal, or return; called between the check of rights and the handler."""
    parts = call.path.strip("/").split("/")
    if len(parts) < 2 or parts[0].lower() != "subscriptions":
        return
    if len(parts) > 4 and parts[2].lower() == "resourcegroups":
        group = require_group(call.world, parts[1], parts[3])
        if call.request.method in ("PUT", "PATCH"):
            _require_lasting(group)
    if call.request.method in ("PUT", "PATCH"):
        require_registered(call.world, call.path)
    if call.request.method != "GET":
        _check_locks(call)
    if call.request.method in ("PUT", "PATCH"):
        require_request_allowed(call)


def require_known_subscription(call: Call) -> None:
    """AzureError 404 `SubscriptionNotFound` for a path in a subscription that does not exist, whoever asks."""
    parts = call.path.strip("/").split("/")
    if len(parts) > 1 and parts[0].lower() == "subscriptions":
        require_subscription(call.world, parts[1])


def require_subscription(world: World, subscription_id: str) -> None:
    """AzureError 404 `SubscriptionNotFound` unless the scenario has it."""
    known = {s.lower() for s in world.scenario.subscriptions}
    if subscription_id.lower() not in known:
        message = f"The subscription '{subscription_id}' could not be found."
        raise AzureError(404, "SubscriptionNotFound", message)


def require_group(world: World, subscription_id: str, group: str) -> Json:
    """The group's document; AzureError 404 `ResourceGroupNotFound` when it is absent."""
    document = world.documents.get(f"/subscriptions/{subscription_id}/resourceGroups/{group}")
    if document is None:
        raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")
    return document


def _require_lasting(group: Json) -> None:
    if (group.get("properties") or {}).get("provisioningState") == "Deleting":
        message = (
            f"The resource group '{group['name']}' is in deprovisioning state and cannot perform this "
            "operation."
        )
        raise AzureError(409, "ResourceGroupBeingDeleted", message)


def _check_locks(call: Call) -> None:
    kind = resource_type(call.path).lower()
    if kind != LOCKS.lower():
        refuse_locked(call.world, _target(call), write=call.request.method != "DELETE")


def _target(call: Call) -> str:
    """The resource that a request touches: a POST's path ends with the action's name."""
    return call.path.rpartition("/")[0] if call.request.method == "POST" else call.path
