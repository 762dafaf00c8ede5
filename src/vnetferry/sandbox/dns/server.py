"""The name servers' ports on loopback, one for each vantage, over UDP and (for long answers) TCP."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, cast

from vnetferry.sandbox.dns import messages, resolver
from vnetferry.sandbox.dns.answers import Found

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

# How long a TCP connection may stand idle (RFC 7766, 6.2.3, asks for seconds).
_IDLE_S = 10.0
_log = logging.getLogger(__name__)


class NameServers:
    """All name servers of one sandbox."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._datagrams: dict[str, asyncio.DatagramTransport] = {}
        self._streams: dict[str, asyncio.Server] = {}
        self._connections: set[asyncio.StreamWriter] = set()

    async def open(self, vantage: str, udp: socket.socket, tcp: socket.socket) -> None:
        """Serve a vantage on these sockets."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _NameServer(self._world, vantage), sock=udp
        )
        self._datagrams[vantage] = transport
        self._streams[vantage] = await asyncio.start_server(partial(self._serve, vantage), sock=tcp)

    async def close_vantage(self, vantage: str) -> None:
        """Close a vantage's ports."""
        if transport := self._datagrams.pop(vantage, None):
            transport.abort()
        if server := self._streams.pop(vantage, None):
            server.close()

    async def close(self) -> None:
        """Close every port and connection."""
        for vantage in list(self._datagrams):
            await self.close_vantage(vantage)
        for writer in list(self._connections):
            writer.transport.abort()
        await asyncio.sleep(0)  # a turn of the loop, in which the sockets close

    async def _serve(self, vantage: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the queries of one TCP connection, each with its length before it (RFC 1035, 4.2.2)."""
        self._connections.add(writer)
        try:
            while True:
                size = await asyncio.wait_for(reader.readexactly(2), _IDLE_S)
                wire = await asyncio.wait_for(reader.readexactly(int.from_bytes(size, "big")), _IDLE_S)
                reply = answer(self._world, vantage, wire, is_stream=True)
                if reply is None:
                    break
                writer.write(len(reply).to_bytes(2, "big") + reply)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            pass  # the client has gone, or says nothing more
        finally:
            self._connections.discard(writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


class _NameServer(asyncio.DatagramProtocol):
    def __init__(self, world: World, vantage: str) -> None:
        self._world = world
        self._vantage = vantage
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # No check by class: before Python 3.12, asyncio's own UDP transport does not say that it is one.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        reply = answer(self._world, self._vantage, data)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)


def answer(world: World, vantage: str, wire: bytes, *, is_stream: bool = False) -> bytes | None:
    """The vantage's reply to a message, SERVFAIL when it cannot be made; None for what is no query."""

    def resolve(name: str, follows: bool) -> Found:
        return resolver.resolve(world, vantage, name, follows=follows)

    try:
        return messages.answer(wire, resolve, is_stream=is_stream)
    except Exception:  # noqa: BLE001 - a defect must not leave a client waiting
        _log.exception("The sandbox's name server of %s failed", vantage)
        return messages.failure(wire)
