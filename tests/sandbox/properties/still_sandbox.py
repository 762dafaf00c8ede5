"""A sandbox whose time stands still until the test lets it pass: what overlaps is the test's choice.

Requests go through the whole site, as if a proxy had handed them over, on one loop in this thread: the same
sequence of requests and pauses always leads to the same state.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import itertools
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vnetferry.sandbox.clock import Clock
from vnetferry.sandbox.doors import Door
from vnetferry.sandbox.entra import Identity
from vnetferry.sandbox.proxy import Connection
from vnetferry.sandbox.scenario import Scenario
from vnetferry.sandbox.server import Server, Settings
from vnetferry.sandbox.wire import INTERNET, Principal

ARM = "management.azure.com"
# Making keys is what costs most in starting a sandbox.
_IDENTITY = Identity()
_TURNS = 20
# For whom the tokens of the data planes are, by the domains of their hosts.
_AUDIENCES = {
    "blob.core.windows.net": "https://storage.azure.com",
    "vault.azure.net": "https://vault.azure.net",
}


class StillClock(Clock):
    """Azure's time, moved by hand."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self._now_s = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def real_elapsed_s(self) -> float:
        return self._now_s

    async def sleep(self, azure_s: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now_s + azure_s, next(self._order), woken))
        await woken

    async def pass_time(self, azure_s: float) -> None:
        """Let time pass, and everything happen that was waiting for it, in its order."""
        end_s = self._now_s + azure_s
        await _take_turns()
        while self._sleepers and self._sleepers[0][0] <= end_s:
            self._now_s, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            await _take_turns()
        self._now_s = end_s


@dataclass(frozen=True)
class Answer:
    """One response: header names are lower case."""

    status: int
    headers: dict[str, str]
    raw: bytes = field(repr=False)

    @property
    def body(self) -> Any:
        """The JSON of the body; None when there is none."""
        return json.loads(self.raw) if self.raw else None


class StillSandbox:
    """One sandbox and the loop that it lives on. Make, use, `close`.

    parent: where its folder is made.
    """

    def __init__(self, scenario: Scenario, parent: Path | None = None) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock = StillClock()
        self._folder = Path(tempfile.mkdtemp(prefix="vnetferry-still-", dir=parent))
        self._server = Server(Settings(scenario), self._folder, self.clock)
        self.world = self._server.world
        self.world.identity = _IDENTITY
        self.loop.run_until_complete(self._server.start())
        self._tokens: dict[tuple[Principal, str], str] = {}

    def close(self) -> None:
        self.loop.run_until_complete(self._server.close())
        self.loop.close()
        shutil.rmtree(self._folder)

    def send(
        self,
        method: str,
        target: str,
        body: Any = None,
        principal: Principal | None = None,
        host: str = ARM,
        **headers: str,
    ) -> Answer:
        """One request of a principal (the scenario's own client by default).

        headers: further ones, or others; `_` stands for `-` in their names.
        """
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        token = self._token(
            principal or _IDENTITY.client, _AUDIENCES.get(host.partition(".")[2], f"https://{ARM}")
        )
        sent = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        sent |= {"x-ms-version": "2023-11-03"} if ".blob." in host else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.loop.run_until_complete(self._send(method, target, sent, content, host))

    def pass_time(self, azure_s: float) -> None:
        """Let Azure's time pass."""
        self.loop.run_until_complete(self.clock.pass_time(azure_s))

    def digest(self) -> str:
        """What the sandbox holds, as one value: documents, secrets, names and blobs."""
        world = self.world
        held: list[Any] = [world.documents._by_id, asdict(world.secrets), world.endpoint_names._owners]
        held += [f"{place}{container}" for place, container in world.blobs._containers.items()]
        return hashlib.sha256(json.dumps(held, default=repr).encode()).hexdigest()

    def _token(self, principal: Principal, audience: str) -> str:
        key = (principal, audience)
        if key not in self._tokens:
            self._tokens[key] = _IDENTITY.issue(principal, audience)
        return self._tokens[key]

    async def _send(
        self, method: str, target: str, headers: dict[str, str], content: bytes, host: str
    ) -> Answer:
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            "state": {"connection": Connection(INTERNET, host, Door("public"), lambda: None)},
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._server.site(scope, receive, send)
        start, end = sent
        found = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], found, end["body"])


async def _take_turns() -> None:
    """Let every task run that can, and those that it lets run."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
