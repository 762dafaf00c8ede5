"""The places that clients can be in: the internet, and every virtual network as long as it exists.

Each has a proxy's port and a name server's. Those of a network that is made later are there before its request is
answered, and stand in `vantages.json` in the sandbox's folder; those of a network that is deleted are closed. The
sockets are made at once, so no client comes too early; the loop takes them over a moment later.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from vnetferry.sandbox.wire import INTERNET

LOOPBACK = "127.0.0.1"
NETWORK = "Microsoft.Network/virtualNetworks"
FILE = "vantages.json"
_TRIES = 20


class Ports(NamedTuple):
    """A vantage's sockets, bound: a proxy's, and a name server's two of the same number."""

    proxy: socket.socket
    udp: socket.socket
    tcp: socket.socket


# Takes over a vantage's sockets, and closes what serves it.
Attach = Callable[[str, Ports], Coroutine[Any, Any, None]]
Detach = Callable[[str], Coroutine[Any, Any, None]]


@dataclass
class Vantages:
    """Which vantages there are, and where.

    networks: vantage -> id of its network (shared with the world). proxies: vantage -> URL.
    dns:      vantage -> host:port of its name server.
    """

    file: Path
    networks: dict[str, str]
    attach: Attach
    detach: Detach
    proxies: dict[str, str] = field(default_factory=dict)
    dns: dict[str, str] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self, network_ids: list[str]) -> None:
        """Open the internet and these networks."""
        self._loop = asyncio.get_running_loop()
        await self.attach(INTERNET, self._announce(INTERNET))
        for network_id in network_ids:
            vantage = self._name(network_id)
            await self.attach(vantage, self._announce(vantage))
        self._write()

    def follow(self, network_id: str, exists: bool) -> None:
        """Open a vantage for a network that is new, or close that of one that is gone."""
        if exists:
            vantage = self._name(network_id)
            self._start(self.attach(vantage, self._announce(vantage)))
        else:
            for vantage in [v for v, held in self.networks.items() if held.lower() == network_id.lower()]:
                self._forget(vantage)
        self._write()

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _name(self, network_id: str) -> str:
        """The network's name, with its resource group's where another has the name already."""
        parts = network_id.strip("/").split("/")
        is_free = parts[-1] not in self.networks and parts[-1] != INTERNET
        vantage = parts[-1] if is_free else f"{parts[3]}/{parts[-1]}"
        self.networks[vantage] = network_id
        return vantage

    def _announce(self, vantage: str) -> Ports:
        ports = _bound()
        self.proxies[vantage] = f"http://{LOOPBACK}:{ports.proxy.getsockname()[1]}"
        self.dns[vantage] = f"{LOOPBACK}:{ports.udp.getsockname()[1]}"
        return ports

    def _forget(self, vantage: str) -> None:
        for held in (self.networks, self.proxies, self.dns):
            held.pop(vantage, None)
        self._start(self.detach(vantage))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Have the loop do it, from whatever thread the document was touched."""
        assert self._loop is not None  # noqa: S101 - networks are followed once the first are open
        self._loop.call_soon_threadsafe(self._run, work)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _write(self) -> None:
        shown = {name: {"proxy": url, "dns": self.dns[name]} for name, url in self.proxies.items()}
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(shown), encoding="utf-8")
        part.replace(self.file)


def _bound() -> Ports:
    """Three sockets on free ports of loopback, the name server's two on the same one."""
    proxy = _listening(0)
    for _ in range(_TRIES):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((LOOPBACK, 0))
        udp.setblocking(False)
        try:
            return Ports(proxy, udp, _listening(udp.getsockname()[1]))
        except OSError:  # somebody has the number for TCP
            udp.close()
    proxy.close()
    raise OSError(None, "no port is free for a name server", LOOPBACK)


def _listening(port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY on what says that it is TCP alone; without it each answer waits for the last one's
    # acknowledgement.
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.bind((LOOPBACK, port))
        found.listen(128)
    except OSError:
        found.close()
        raise
    found.setblocking(False)
    return found
