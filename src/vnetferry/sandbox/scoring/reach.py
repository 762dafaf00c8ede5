"""Whether a deployment can fetch what it is made of: its network lets it out, and the resource lets it in.

A resource with public access disabled lets nobody in but by private endpoint, whatever an outbound rule says: a
service tag that covers all registries does not open one. A firewall with rules is not judged here: what it makes of
the service's own machines is not documented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vnetferry.sandbox import doors
from vnetferry.sandbox.dns import public
from vnetferry.sandbox.scoring.egress import network_of
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World


def obstacle(world: World, deployment: Json, host: str) -> str | None:
    """Why the deployment does not reach a host by HTTPS, or None."""
    vantage, refuse = network_of(world, deployment)
    owner = public.owner_of(world, host)
    if (why := refuse(host, 443)) or owner is None:
        return why
    door = doors.find_door(world, vantage, host)
    if door.kind == "private" or (door.kind == "public" and not _is_closed(owner[0])):
        return None
    return door.reason or (
        f"{host}:443 is not reachable: '{owner[0]['name']}' has public network access disabled, and the deployment's "
        "network has no private endpoint to it whose connection is Approved."
    )


def _is_closed(resource: Json) -> bool:
    return str((resource.get("properties") or {}).get("publicNetworkAccess")).lower() == "disabled"
