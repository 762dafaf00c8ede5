"""The firewall that the data planes of storage accounts and key vaults share.

The internet vantage has no address that an IP rule could name, so IP rules admit nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vnetferry.sandbox import doors
from vnetferry.sandbox.dns import resolver
from vnetferry.sandbox.wire import INTERNET, Json, Request

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World


def is_reachable(world: World, request: Request, resource: Json, group_id: str) -> bool:
    """Whether a request may come in: through the resource's own private endpoint, or as its rules let the public.

    Who comes through another resource's private endpoint is kept out, which no source says in so many words.
    """
    door = doors.door_of(world, request)
    if door.kind != "public":
        return door.leads_to(resource["id"], group_id)
    properties = resource.get("properties") or {}
    rules = properties.get("networkAcls") or {}
    if (properties.get("publicNetworkAccess") or "Enabled").lower() != "enabled":
        return False
    default = str(rules.get("defaultAction") or "Allow").lower()
    return default == "allow" or _names_network(world, rules, request.vantage)


def _names_network(world: World, rules: Json, vantage: str) -> bool:
    """Whether a virtual network rule names a subnet of the vantage's VNet."""
    network = None if vantage == INTERNET else resolver.network_of(world, vantage)
    subnets = [str(rule.get("id", "")).lower() for rule in rules.get("virtualNetworkRules") or ()]
    return network is not None and any(s.startswith(f"{network['id'].lower()}/") for s in subnets)
