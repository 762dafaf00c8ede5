"""The name servers' ports: UDP on loopback, one for each vantage."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from vnetferry.sandbox.dns import messages, resolver
from vnetferry.sandbox.dns.answers import Found

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_LOOPBACK = "127.0.0.1"
_log = logging.getLogger(__name__)


class NameServers:
    """All name servers of one sandbox."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._transports: list[asyncio.DatagramTransport] = []

    async def open(self, vantages: Iterable[str]) -> dict[str, str]:
        """Open a port for each vantage: name -> `127.0.0.1:port`. SandboxError for unsound DNS servers."""
        resolver.require_sound(self._world)
        return {vantage: await self._open(vantage) for vantage in vantages}

    async def _open(self, vantage: str) -> str:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _NameServer(self._world, vantage), local_addr=(_LOOPBACK, 0)
        )
        self._transports.append(transport)
        host, port = transport.get_extra_info("sockname")
        return f"{host}:{port}"

    async def close(self) -> None:
        """Close every port."""
        for transport in self._transports:
            transport.abort()
        await asyncio.sleep(0)  # a turn of the loop, in which the sockets close


class _NameServer(asyncio.DatagramProtocol):
    def __init__(self, world: World, vantage: str) -> None:
        self._world = world
        self._vantage = vantage
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # No check by class: before Python 3.12, asyncio's own UDP transport does not say that it is one.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        try:
            reply = messages.answer(data, self._resolve)
        except Exception:  # noqa: BLE001 - a defect must not leave a client waiting
            _log.exception("The sandbox's name server of %s failed", self._vantage)
            reply = messages.failure(data)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)

    def _resolve(self, name: str, follows: bool) -> Found:
        return resolver.resolve(self._world, self._vantage, name, follows=follows)
