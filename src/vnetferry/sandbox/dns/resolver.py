"""Who is asked for a name from a vantage, and what comes of it.

The internet asks public DNS. A virtual network asks Azure's resolver, or the servers that its `dhcpOptions`
name, in their order until one answers. A server of one's own decides anew at each alias of a chain: records
first, then the most specific conditional forwarder, then public DNS. So a forwarder for
`inference.ml.azure.com` alone does not lead to a private address; one for `api.azureml.ms` does.

A scenario that describes no DNS server at all, such as a snapshot, leaves open what those of its networks answer:
they are taken to forward everything to Azure's resolver, from where every linked zone is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.peerings import are_connected
from vnetferry.sandbox.dns import private, public
from vnetferry.sandbox.dns.answers import Found, Record, closest, failed, longest_suffix
from vnetferry.sandbox.errors import SandboxError
from vnetferry.sandbox.wire import INTERNET, Json

if TYPE_CHECKING:
    from vnetferry.sandbox.scenario import DnsServer
    from vnetferry.sandbox.world import World

AZURE_RESOLVER = IPv4Address("168.63.129.16")
_Ask = Callable[[str], Found]
_MAX_ALIASES = 8
_MAX_FORWARDS = 4
_TTL_S = 3600


def resolve(world: World, vantage: str, name: str, *, follows: bool = True) -> Found:
    """What a client at the vantage gets for a name (lower case, no final dot), with the aliases it follows.

    A client goes to its next server when one does not answer or fails.
    """
    found = failed(f"The virtual network '{vantage}' is gone, or has no DNS server with an IPv4 address.")
    for ask in _servers(world, vantage):
        found = _follow(ask, name) if follows else ask(name)
        if found.status != "failed":
            break
    return found


def require_sound(world: World) -> None:
    """SandboxError when a DNS server of the scenario stands in a network that the scenario has not."""
    for address, server in world.scenario.dns_servers.items():
        if server.network is not None and network_of(world, server.network) is None:
            raise SandboxError(
                f"The scenario's DNS server {address} stands in the virtual network '{server.network}', which the "
                "scenario has not; name one that it has, or leave `network` out for a server outside Azure."
            )


def network_of(world: World, vantage: str) -> Json | None:
    """The virtual network that a vantage (or a name in the scenario) stands for, or None."""
    if held := world.networks.get(vantage):
        return world.documents.get(held)
    networks = world.resources_of("Microsoft.Network/virtualNetworks")
    return next((network for network in networks if network["name"].lower() == vantage.lower()), None)


def _servers(world: World, vantage: str) -> list[_Ask]:
    """Whom a client at the vantage asks, in this order."""
    if vantage == INTERNET:
        return [partial(public.find, world)]
    network = network_of(world, vantage)
    if network is None:
        return []
    given = ((network.get("properties") or {}).get("dhcpOptions") or {}).get("dnsServers")
    addresses = map(_address, given or [AZURE_RESOLVER])
    return [partial(_ask, world, network, address) for address in addresses if address]


def _follow(ask: _Ask, name: str) -> Found:
    """The whole chain of a name, each alias asked of the same server."""
    found, records = ask(name), list[Record]()
    for _ in range(_MAX_ALIASES):
        if found.status == "failed":
            return found
        records += found.records
        if found.alias is None:
            return replace(found, records=tuple(records))
        found = ask(found.alias)
    return failed(f"The aliases of '{name}' lead in a circle, or there are more than {_MAX_ALIASES}.")


def _ask(world: World, origin: Json | None, address: IPv4Address, name: str, forwards: int = 0) -> Found:
    """What the server at an address answers to somebody in the network `origin` (None: outside Azure)."""
    server = world.scenario.dns_servers.get(address)
    if address == AZURE_RESOLVER:
        return _ask_azure(world, origin, name)
    if forwards > _MAX_FORWARDS:
        return failed(
            f"The forwarders for '{name}' lead in a circle, or there are more than {_MAX_FORWARDS}."
        )
    if server is None and address in world.scenario.undescribed_dns_servers:
        return private.find(world, None, name) or public.find(world, name)
    if server is None:
        return public.find(world, name) if address.is_global else failed(_nobody(address))
    if not _is_reachable(world, origin, server):
        return failed(
            f"The DNS server {address} stands in '{server.network}', which is not peered from there."
        )
    return _ask_own(world, server, name, forwards)


def _nobody(address: IPv4Address) -> str:
    return f"No DNS server answers at {address}: describe it in the scenario under `dns_servers`."


def _ask_azure(world: World, origin: Json | None, name: str) -> Found:
    if origin is None:
        return failed(f"{AZURE_RESOLVER} is Azure's resolver: it answers in virtual networks alone.")
    return private.find(world, origin, name) or public.find(world, name)


def _ask_own(world: World, server: DnsServer, name: str, forwards: int) -> Found:
    held = closest({owner: str(address) for owner, address in server.records.items()}, name)
    if held is not None:
        return Found("found", (Record(name, "A", held, _TTL_S),))
    zone = longest_suffix(list(server.forwarders), name)
    if zone is None:
        return public.find(world, name)
    origin = network_of(world, server.network) if server.network else None
    return _ask(world, origin, server.forwarders[zone], name, forwards + 1)


def _is_reachable(world: World, origin: Json | None, server: DnsServer) -> bool:
    """In the same network or a peered one; outside Azure, a gateway is taken to lead there and back."""
    if origin is None or server.network is None:
        return True
    target = network_of(world, server.network)
    return target is not None and (target["id"] == origin["id"] or are_connected(world, origin, target))


def _address(value: object) -> IPv4Address | None:
    try:
        return IPv4Address(str(value))
    except AddressValueError:
        return None
