"""Asking the callers' own name servers, where VNETFERRY_DNS says how to reach them.

Only they can tell what a network with DNS servers of its own gets for an endpoint's name. They are asked for names of
an endpoint that nobody has: who answers one with an address answers so for every endpoint of the region.
Source: How to use your workspace with a custom DNS server. FACTS 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address

import dns.resolver
from dns.exception import DNSException

from vnetferry.gateway.scoring import places

DNS_VARIABLE = "VNETFERRY_DNS"
_SERVER = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?$")
_NOBODY = "no-such-endpoint-00"
_NO_GUID = "00000000-0000-0000-0000-000000000000"
_PORT, _PATIENCE_S = 53, 5.0


def name_servers() -> dict[str, tuple[str, int]]:
    """Place -> IPv4 address and port of its name server, from VNETFERRY_DNS (`vnet-callers=10.0.0.4,hub=10.1.0.4:53`).

    Raises: ConfigError when it does not read so.
    """
    found = places(DNS_VARIABLE, _SERVER, "the address of a name server", "10.0.0.4:53")
    pairs = {place: value.partition(":") for place, value in found.items()}
    return {place: (address, int(port or _PORT)) for place, (address, _, port) in pairs.items()}


def answers_for_nobody(place: str, location: str) -> tuple[str, ...] | None:
    """What a place's name server answers for endpoints that nobody has: "name -> address" for each that it answers.

    None when it has no name server, or that does not answer at all.
    """
    server = name_servers().get(place)
    if server is None:
        return None
    names = (
        f"{_NOBODY}.{location}.inference.ml.azure.com",
        f"{_NOBODY}.{_NO_GUID}.inference.{location}.privatelink.api.azureml.ms",
    )
    try:
        return tuple(f"{name} -> {address}" for name in names for address in _addresses(*server, name))
    except DNSException:
        return None


def _addresses(server: str, port: int, name: str) -> Iterator[IPv4Address]:
    """The addresses of a name; none when there is no such name. Raises: DNSException when nobody answers."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [server], port
    try:
        answer = resolver.resolve(name, "A", lifetime=_PATIENCE_S, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return
    yield from (IPv4Address(record.address) for record in answer.rrset or ())
