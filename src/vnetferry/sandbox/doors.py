"""Through which door a client comes in: what its own network's DNS answers decides, as in Azure.

A client resolves a host where it stands and connects to the address that it gets:

- a public address leads to the service's door on the internet, whatever private endpoints there are: what has
  public access disabled refuses there;
- a private one leads to the private endpoint that has it, if that lies in the client's network or in one peered
  with it. Who comes in there reaches that endpoint's resource and no other: a DNS server that sends all of a region's
  endpoints to one workspace's private endpoint cuts off those of every other workspace;
- no address: no connection.

The networks that Azure ML keeps around deployments use Azure's DNS with private endpoints of their own. Source:
What is a private endpoint; Azure Private Endpoint DNS; Use your workspace with a custom DNS server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Literal

from vnetferry.sandbox.arm import private_endpoints
from vnetferry.sandbox.arm.peerings import are_connected
from vnetferry.sandbox.arm.private_links import stands
from vnetferry.sandbox.dns import public, resolver
from vnetferry.sandbox.dns.answers import Found
from vnetferry.sandbox.hosts import is_single, service_of
from vnetferry.sandbox.scoring import egress
from vnetferry.sandbox.wire import INTERNET, Json, Request

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

# unresolved: the name has no address there. unanswered: nobody is at the address that it has.
Kind = Literal["public", "private", "unresolved", "unanswered"]
_RCODES = {"no_data": "NOERROR", "no_name": "NXDOMAIN", "failed": "SERVFAIL", "refused": "REFUSED"}


@dataclass(frozen=True)
class Door:
    """Where a connection arrives, or why it does not.

    target_id, group_ids: of a private door: the resource (lower case) and its subresources.
    endpoint_id:          of a private door: its private endpoint.
    rcode:                of an unresolved name: what DNS answered.
    """

    kind: Kind
    reason: str = ""
    target_id: str = ""
    group_ids: tuple[str, ...] = ()
    endpoint_id: str = ""
    rcode: str = ""

    def leads_to(self, target_id: str, group_id: str) -> bool:
        """Whether it is a private door to this subresource of this resource."""
        return (
            self.kind == "private"
            and self.target_id == target_id.lower()
            and group_id.lower() in (group.lower() for group in self.group_ids)
        )


PUBLIC = Door("public")


def find_door(world: World, vantage: str, host: str) -> Door:
    """Where a client at the vantage arrives when it opens a connection to one of Azure's hosts (lower case)."""
    if vantage == INTERNET and is_single(host):
        return PUBLIC  # the whole world's, and most of the traffic: nothing that a document could change
    if egress.is_service_network(vantage):
        return _service_networks_door(world, vantage, host)
    return _door_of(world, vantage, host, resolver.resolve(world, vantage, host))


def door_of(world: World, request: Request) -> Door:
    """The door through which a request came; one that no connection carried comes as a new connection would."""
    host = request.host.lower().partition(":")[0]
    return request.door or find_door(world, request.vantage, host)


def is_open(world: World, door: Door) -> bool:
    """Whether a connection through the door still stands: a private one falls with the approval of its endpoint."""
    return not door.endpoint_id or stands(world, door.target_id, door.endpoint_id)


def _service_networks_door(world: World, vantage: str, host: str) -> Door:
    owner = public.owner_of(world, host)
    endpoint_id = egress.private_endpoint_to(world, vantage, owner[0]["id"], owner[1]) if owner else None
    if owner and endpoint_id:
        target_id = owner[0]["id"].lower()
        return Door("private", target_id=target_id, group_ids=(owner[1],), endpoint_id=endpoint_id)
    return _door_of(world, INTERNET, host, resolver.resolve(world, INTERNET, host))


def _door_of(world: World, vantage: str, host: str, found: Found) -> Door:
    """A client tries the addresses in their order until somebody answers."""
    addresses = [IPv4Address(record.value) for record in found.records if record.kind == "A"]
    if not addresses:
        return _unresolved(vantage, host, found)
    door = PUBLIC
    for address in addresses:
        door = PUBLIC if public.is_front_door(address) else _private_door(world, vantage, host, address)
        if door.kind != "unanswered":
            break
    return door


def _unresolved(vantage: str, host: str, found: Found) -> Door:
    is_unknown = found.status == "no_name" and not found.records and not found.is_private
    if is_unknown and service_of(host) == "absent" and not public.has_pattern(host):
        return PUBLIC  # nobody here knows whether Azure has it: the front door says that the sandbox has not
    rcode = _RCODES.get(found.status, "NOERROR")
    at = found.records[-1].value if found.records else host
    zone = f" in the private DNS zone '{found.zone}'" if found.is_private else ""
    why = found.reason or f"'{at}' has no address{zone}"
    return Door("unresolved", f"{host} cannot be resolved from '{vantage}' ({rcode}): {why}", rcode=rcode)


def _private_door(world: World, vantage: str, host: str, address: IPv4Address) -> Door:
    endpoint = _endpoint_at(world, vantage, host, str(address))
    if endpoint is None:
        why = "no private endpoint has this address in that network or in one peered with it"
        return _unanswered(vantage, host, address, why)
    target_id = private_endpoints.target_of(endpoint)
    groups = tuple(private_endpoints.group_ids(endpoint))
    door = Door("private", target_id=target_id.lower(), group_ids=groups, endpoint_id=endpoint["id"])
    if not is_open(world, door):
        why = f"the connection of private endpoint '{endpoint['name']}' is not approved"
        return _unanswered(vantage, host, address, why)
    return door


def _unanswered(vantage: str, host: str, address: IPv4Address, why: str) -> Door:
    return Door("unanswered", f"{host} is {address} for '{vantage}', where nobody answers: {why}")


def _endpoint_at(world: World, vantage: str, host: str, address: str) -> Json | None:
    """The private endpoint at an address within reach.

    One whose addresses the scenario does not say has those that the names of its resource have.
    """
    unsaid = None
    for endpoint in _within_reach(world, vantage):
        known = private_endpoints.addresses_of(world, endpoint)
        if address in known:
            return endpoint
        if not known and unsaid is None and _is_for(world, endpoint, host):
            unsaid = endpoint
    return unsaid


def _within_reach(world: World, vantage: str) -> Iterator[Json]:
    origin = resolver.network_of(world, vantage)
    if origin is None:
        return
    for endpoint in world.resources_of(private_endpoints.TYPE):
        network_id = private_endpoints.network_id_of(endpoint)
        network = world.documents.get(network_id)
        if network_id.lower() == origin["id"].lower() or (network and are_connected(world, origin, network)):
            yield endpoint


def _is_for(world: World, endpoint: Json, host: str) -> bool:
    owner = public.owner_of(world, host)
    return owner is not None and owner[0]["id"].lower() == private_endpoints.target_of(endpoint).lower()
