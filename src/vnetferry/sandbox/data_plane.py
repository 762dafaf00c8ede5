"""What the data planes of storage accounts and key vaults share: whose host it is, and their firewall.

The internet vantage has no address that an IP rule could name, so IP rules admit nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vnetferry.sandbox.arm import network
from vnetferry.sandbox.wire import INTERNET, Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World


def find_named(world: World, kind: str, name: str) -> Json | None:
    """The resource of a globally unique name, in whichever resource group it lies, or None."""
    for subscription in world.scenario.subscriptions:
        for group in world.documents.collection(f"/subscriptions/{subscription}/resourceGroups"):
            found = world.documents.get(f"{group['id']}/providers/{kind}/{name}")
            if found:
                return found
    return None


def is_reachable(world: World, vantage: str, resource: Json, group_id: str) -> bool:
    """Whether the resource's network rules let this vantage in, publicly or by a private endpoint."""
    properties = resource.get("properties") or {}
    rules = properties.get("networkAcls") or {}
    is_public = (properties.get("publicNetworkAccess") or "Enabled").lower() == "enabled"
    if is_public and (rules.get("defaultAction", "Allow") == "Allow" or _names_network(rules, vantage)):
        return True
    return vantage != INTERNET and network.reaches_privately(world, vantage, resource["id"], group_id)


def _names_network(rules: Json, vantage: str) -> bool:
    """Whether a virtual network rule names a subnet of the vantage's VNet."""
    subnets = [str(rule.get("id", "")).lower() for rule in rules.get("virtualNetworkRules") or ()]
    return any(f"/virtualnetworks/{vantage.lower()}/" in subnet for subnet in subnets)
