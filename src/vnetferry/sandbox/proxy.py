"""The sandbox's ways in: HTTP proxies on loopback, a port per vantage, that end TLS for Azure's public hosts.

A client says `CONNECT host:443`; the proxy answers for that host itself, with a certificate of the sandbox's
CA, and hands the connection to the site. No byte is ever forwarded: what is not Azure's, or what the vantage
may not reach, is refused with one sentence. Only 127.0.0.1 is listened on.

A proxy resolves names in its clients' place, so a host that has no address in the vantage's network, or at
whose address nobody is, gets no tunnel: 502 or 504, which clients take for a failed connection. Where a real
connection would be waited for, it is told at once.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from vnetferry.sandbox.ca import CertificateAuthority
from vnetferry.sandbox.doors import Door
from vnetferry.sandbox.hosts import service_of
from vnetferry.sandbox.world import Refuse

LOOPBACK = "127.0.0.1"
_MAX_HEAD_BYTES = 16 * 1024
# Clients keep connections for minutes; Azure's front doors drop idle ones after about this long.
_KEEP_ALIVE_S = 120
_HANDSHAKE_S = 30.0
# Linux's option to confirm at once what came in. Python's HTTP clients behind a proxy send a body once the head before
# it is confirmed, which Linux otherwise puts off for 40 ms. It wears off, so it is set anew each time.
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)
# What a proxy answers when it finds no way to a host, and what it calls that (RFC 9209, 2.3).
_NO_WAY = {"unresolved": (502, "dns_error"), "unanswered": (504, "connection_timeout")}
_CONNECT = re.compile(r"^CONNECT (?P<host>[A-Za-z0-9._-]{1,253}):(?P<port>\d{1,5}) HTTP/1\.[01]$")


# Where a connection to a host arrives from a vantage.
FindDoor = Callable[[str, str], Door]
# Told of what was refused: vantage, method, host (or the line's target), status.
LogRefusal = Callable[[str, str, str, int], None]


@dataclass(frozen=True)
class Connection:
    """What is known of a connection before its first request; `abort` cuts it without an answer."""

    vantage: str
    host: str
    door: Door
    abort: Callable[[], None]


class Proxies:
    """All proxy ports of one sandbox, and the connections through them."""

    def __init__(
        self,
        site: Callable[..., Awaitable[None]],
        ca: CertificateAuthority,
        log: LogRefusal,
        find_door: FindDoor,
    ) -> None:
        self.config = Config(
            site,
            http=HttpToolsProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
        )
        self.config.load()
        self.state = ServerState()
        self.ca = ca
        self.log = log
        self.find_door = find_door
        self.tunnels: set[Tunnel] = set()
        self._ports: dict[str, int] = {}
        self._servers: dict[str, asyncio.Server] = {}
        self._opening = asyncio.Lock()

    async def open(self, vantage: str, refuse: Refuse, sock: socket.socket | None = None) -> int:
        """The port of a vantage, opened at first use; `refuse` says why a host may not be reached from it.

        sock: a socket that is bound already; None for any free port.
        """
        async with self._opening:
            if vantage not in self._ports:
                place = {"sock": sock} if sock else {"host": LOOPBACK, "port": 0}
                loop = asyncio.get_running_loop()
                server = await loop.create_server(lambda: Tunnel(self, vantage, refuse), **place)
                self._servers[vantage] = server
                self._ports[vantage] = server.sockets[0].getsockname()[1]
            return self._ports[vantage]

    async def close_vantage(self, vantage: str) -> None:
        """Close a vantage's port, and cut the connections through it."""
        self._ports.pop(vantage, None)
        if server := self._servers.pop(vantage, None):
            server.close()
        for tunnel in [tunnel for tunnel in self.tunnels if tunnel.vantage == vantage]:
            tunnel.abort()

    async def close(self) -> None:
        """Stop listening, cut every connection, and end the requests under way."""
        for server in self._servers.values():
            server.close()
        for tunnel in list(self.tunnels):
            tunnel.abort()
        tasks = list(self.state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Turns of the loop in which TCP and then TLS tell their protocols that they are closed.
        for _ in range(3):
            await asyncio.sleep(0)


class Tunnel(asyncio.Protocol):
    """One client connection until it is TLS: reads the CONNECT, then hands over."""

    def __init__(self, proxies: Proxies, vantage: str, refuse: Refuse) -> None:
        self._proxies = proxies
        self.vantage = vantage
        self._refuse = refuse
        self._head = b""
        self._transport: asyncio.Transport | None = None
        self._handover: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP gives no other
        self._transport = transport
        self._proxies.tunnels.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the connection if TLS has not taken it over."""
        if self._handover is None:
            self._proxies.tunnels.discard(self)

    def abort(self) -> None:
        """Cut the connection, whoever has it."""
        if self._transport is not None:
            self._transport.abort()
        if self._handover is not None:
            self._handover.cancel()

    def data_received(self, data: bytes) -> None:
        """Collect the request's head; a client sends nothing more before it has its answer."""
        self._head += data
        if len(self._head) > _MAX_HEAD_BYTES:
            self._answer(431, f"The request's head is longer than {_MAX_HEAD_BYTES} bytes.")
        elif b"\r\n\r\n" in self._head and self._handover is None:
            self._decide(self._head.split(b"\r\n", 1)[0].decode("latin-1"))

    def _decide(self, line: str) -> None:
        found = _CONNECT.match(line)
        if found is None:
            self._answer(*_not_connect(line))
            return
        host, port = found["host"].lower().rstrip("."), int(found["port"])
        # The vantage's own network speaks first: what its rules forbid never gets as far as Azure.
        reason = self._refuse(host, port) or refusal(host, port)
        if reason:
            self._answer(403, reason)
            return
        door = self._proxies.find_door(self.vantage, host)
        if door.kind in _NO_WAY:
            status, error = _NO_WAY[door.kind]
            rcode = f'; rcode="{door.rcode}"' if door.rcode else ""
            self._answer(status, f"{door.reason}.", f"proxy-status: vnetferry; error={error}{rcode}\r\n")
            return
        self._handover = asyncio.get_running_loop().create_task(self._hand_over(host, door))
        self._handover.add_done_callback(lambda _: None)

    async def _hand_over(self, host: str, door: Door) -> None:
        transport = self._transport
        if transport is None:
            return
        site = _SiteProtocol(
            self._proxies, transport.get_extra_info("socket"), lambda: self._proxies.tunnels.discard(self)
        )
        context = self._proxies.ca.context_for(host)
        transport.write(b"HTTP/1.1 200 Connection Established\r\n\r\n")
        try:
            secure = await asyncio.get_running_loop().start_tls(
                transport, site, context, server_side=True, ssl_handshake_timeout=_HANDSHAKE_S
            )
        except (OSError, ssl.SSLError, asyncio.TimeoutError):
            secure = None
        if secure is None:
            # The client gave up or does not trust the CA; it says so itself, in its own words.
            self._proxies.tunnels.discard(self)
            transport.abort()
            return
        site.app_state["connection"] = Connection(self.vantage, host, door, transport.abort)
        site.connection_made(secure)

    def _answer(self, status: int, sentence: str, headers: str = "") -> None:
        body = (sentence + "\n").encode()
        method, _, target = self._head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        self._proxies.log(self.vantage, method[:16], target.split(" ")[0].partition("?")[0][:300], status)
        # Most clients show a refused tunnel's reason and drop its body, so the sentence stands in both.
        head = (
            f"HTTP/1.1 {status} {ascii(sentence)[1:-1]}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(body)}\r\n{headers}connection: close\r\n\r\n"
        )
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(head.encode() + body)
            self._transport.close()


class _SiteProtocol(HttpToolsProtocol):
    """uvicorn's protocol, made before its connection is secure: early data waits for `connection_made`."""

    def __init__(self, proxies: Proxies, sock: Any, on_lost: Callable[[], None]) -> None:
        super().__init__(proxies.config, proxies.state, {})
        self._early: bytes | None = b""
        self._is_lost = False
        self._on_lost = on_lost
        self._socket = sock

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TLS gives no other
        if self._is_lost:
            return
        super().connection_made(transport)
        early, self._early = self._early, None
        if early:
            super().data_received(early)

    def data_received(self, data: bytes) -> None:
        if _QUICKACK is not None:
            with suppress(OSError):  # the client may have gone by now
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        if self._early is not None:
            self._early += data
        else:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._on_lost()
        if self._early is None:
            super().connection_lost(exc)


def refusal(host: str, port: int) -> str | None:
    """Why the sandbox has no such host and port, as one sentence with what to do; None when it has."""
    what = f"The vnetferry sandbox refuses {host}:{port}"
    if service_of(host) is None:
        return (
            f"{what}: it stands in for Azure's public hosts and lets nothing else out; run what needs that "
            "host outside the sandbox, or add the host to NO_PROXY."
        )
    return None if port == 443 else f"{what}: Azure serves this host on port 443 only; use https."


def _not_connect(line: str) -> tuple[int, str]:
    method, _, rest = line.partition(" ")
    if re.match(r"^[A-Z]+ https?://", line):
        target = rest.partition(" ")[0].partition("?")[0]
        return 403, (
            f"The vnetferry sandbox refuses {method} {target}: it serves Azure's hosts over TLS alone and "
            "lets nothing else out; use https with an Azure host, or add the host to NO_PROXY."
        )
    return (
        400,
        "This is the proxy of a vnetferry sandbox; set HTTPS_PROXY to this address instead of opening it.",
    )
