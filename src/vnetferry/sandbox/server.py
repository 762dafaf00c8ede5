"""One sandbox: assembled from a scenario, served from its own thread, gone without a trace when it stops.

with running(scenario, time_scale=60) as sandbox:
    subprocess.run(command, env=os.environ | sandbox.env())
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import shutil
import tempfile
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from vnetferry.sandbox import doors
from vnetferry.sandbox.arm import site as arm
from vnetferry.sandbox.blob import BlobStore
from vnetferry.sandbox.ca import CertificateAuthority
from vnetferry.sandbox.clock import Clock
from vnetferry.sandbox.dns import resolver
from vnetferry.sandbox.dns.server import NameServers
from vnetferry.sandbox.documents import Documents
from vnetferry.sandbox.doors import Door
from vnetferry.sandbox.entra import Identity
from vnetferry.sandbox.environment import environment
from vnetferry.sandbox.errors import SandboxError
from vnetferry.sandbox.faults import Faults
from vnetferry.sandbox.gate import RequestLog
from vnetferry.sandbox.ml import registry_plane
from vnetferry.sandbox.opening import fill, require_distinct_networks
from vnetferry.sandbox.operations import Begun, Fate, LongOperations
from vnetferry.sandbox.proxy import Proxies
from vnetferry.sandbox.scenario import Scenario
from vnetferry.sandbox.scoring.fleet import Fleet
from vnetferry.sandbox.site import Site
from vnetferry.sandbox.vantages import FILE, NETWORK, Ports, Vantages
from vnetferry.sandbox.wire import INTERNET, Request, Response
from vnetferry.sandbox.world import Secrets, World

T = TypeVar("T")
_START_S, _STOP_S = 60.0, 30.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """How a sandbox runs. time_scale: Azure seconds in a real second. request_log: a file to (over)write."""

    scenario: Scenario
    time_scale: float = 1.0
    request_log: Path | None = None


class Server:
    """The parts of one sandbox on the running loop. Make, `start`, `close`.

    clock: Azure's time, where it is not to run by itself at the settings' `time_scale`.
    """

    def __init__(self, settings: Settings, folder: Path, clock: Clock | None = None) -> None:
        scenario, clock = settings.scenario, clock or Clock(settings.time_scale)
        self.log = RequestLog(settings.request_log)
        self.site = Site(self.log)
        self.ca = CertificateAuthority(folder / "ca")
        self.proxies = Proxies(self.site, self.ca, self._log_refusal, self._find_door)
        self.world = World(
            folder=folder,
            clock=clock,
            scenario=scenario,
            documents=Documents(),
            operations=LongOperations(clock, dict(scenario.durations_s)),
            secrets=Secrets(),
            blobs=BlobStore(folder / "blobs", clock),
            fleet=Fleet(scenario.runtime, folder / "scoring"),
            ca_file=self.ca.bundle,
            open_vantage=self.proxies.open,
            identity=Identity(lifetime_s=scenario.token_life_s),
            faults=Faults(scenario.faults, scenario.seed),
        )
        self.name_servers = NameServers(self.world)
        self.vantages = Vantages(folder / FILE, self.world.networks, self._attach, self._detach)

    async def start(self) -> None:
        """Load the scenario, and open the vantages and their name servers."""
        self.log.open()
        self.site.world = self.world
        self.world.fleet.bind(self.world)
        self.world.operations.fates.append(self._fate)
        fill(self.world)
        network_ids = require_distinct_networks(self.world)
        resolver.require_sound(self.world)
        await self.vantages.open(network_ids)
        self.world.documents.watch(NETWORK, self.vantages.follow)

    async def close(self) -> None:
        """Cut every connection and end every process and operation."""
        await self.vantages.close()
        await self.proxies.close()
        await self.name_servers.close()
        await self.world.operations.close()
        await self.world.fleet.close()
        self.log.close()

    async def _attach(self, vantage: str, ports: Ports) -> None:
        await self.proxies.open(vantage, _refuse_nothing, ports.proxy)
        await self.name_servers.open(vantage, ports.udp, ports.tcp)

    async def _detach(self, vantage: str) -> None:
        await self.proxies.close_vantage(vantage)
        await self.name_servers.close_vantage(vantage)

    def _find_door(self, vantage: str, host: str) -> Door:
        try:
            return doors.find_door(self.world, vantage, host)
        except Exception:  # noqa: BLE001 - as the name server itself answers what it cannot read
            _log.exception("The sandbox cannot tell where %s leads from %s", host, vantage)
            return Door(
                "unresolved", f"{host} cannot be resolved from '{vantage}' (SERVFAIL)", rcode="SERVFAIL"
            )

    def _log_refusal(self, vantage: str, method: str, target: str, status: int) -> None:
        request = Request(method, target, "", vantage=vantage)
        self.log.write(self.world.clock.real_elapsed_s(), request, Response(status), 0.0)

    def _fate(self, begun: Begun) -> Fate:
        method, action = _asked_by().get(begun.name, ("PUT", ""))
        return self.world.faults.fate(method, begun.resource_id, action)


def _refuse_nothing(host: str, port: int) -> str | None:  # noqa: ARG001 - a `Refuse`
    return None


@cache
def _asked_by() -> Mapping[str, tuple[str, str]]:
    """By the name of an operation: its method, and what a POST's path ends with."""
    rows = [row for table in (arm.routes(), registry_plane.routes()) for row in table.operations]
    return {
        row.name: (row.method, row.path.rpartition("/")[2] if row.method == "POST" else "") for row in rows
    }


@dataclass(frozen=True)
class Sandbox:
    """A sandbox that runs in another thread.

    vantages:    name -> proxy URL; `internet` is always there, and every virtual network that exists now.
    dns:         name -> host:port of the vantage's name server (UDP and TCP).
    request_log: the file, or None.
    world:       its state, for tests; touch it through `call` unless it is only read.
    """

    vantages: Mapping[str, str]
    dns: Mapping[str, str]
    request_log: Path | None
    world: World
    loop: asyncio.AbstractEventLoop

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the sandbox's own loop and wait for what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def env(self, vantage: str = INTERNET) -> dict[str, str]:
        """What a client's environment needs to be in here; SandboxError for a vantage that is not there."""
        if vantage not in self.vantages:
            known = ", ".join(self.vantages)
            raise SandboxError(
                f"The sandbox has no vantage '{vantage}': it has {known}. "
                "Name one of them, or add the virtual network to the scenario."
            )
        return environment(self.world, dict(self.vantages), dict(self.dns), vantage)


@contextmanager
def running(
    scenario: Scenario | None = None, *, time_scale: float = 1.0, request_log: Path | None = None
) -> Iterator[Sandbox]:
    """Run a sandbox (an empty subscription by default) while the block lasts.

    Raises: SandboxError, one sentence, when it cannot start as asked.
    """
    if not 0 < time_scale <= 100_000:
        raise SandboxError(
            f"The time scale {time_scale} is not a number above 0 and up to 100000; 60 is a good one."
        )
    settings = Settings(scenario or Scenario(), time_scale, request_log)
    folder = Path(tempfile.mkdtemp(prefix="vnetferry-"))
    ready: concurrent.futures.Future[tuple[Server, asyncio.AbstractEventLoop]]
    ready = concurrent.futures.Future()
    stop = concurrent.futures.Future[None]()
    thread = threading.Thread(
        target=lambda: asyncio.run(_serve(settings, folder, ready, stop)),
        name="vnetferry-sandbox",
        daemon=True,
    )
    thread.start()
    try:
        server, loop = ready.result(timeout=_START_S)
        yield Sandbox(server.vantages.proxies, server.vantages.dns, request_log, server.world, loop)
    finally:
        if not stop.done():
            stop.set_result(None)
        thread.join(timeout=_STOP_S)
        shutil.rmtree(folder, ignore_errors=True)


async def _serve(
    settings: Settings,
    folder: Path,
    ready: concurrent.futures.Future[tuple[Server, asyncio.AbstractEventLoop]],
    stop: concurrent.futures.Future[None],
) -> None:
    try:
        server = Server(settings, folder)
    except Exception as err:  # noqa: BLE001 - carried to the thread that waits for it
        ready.set_exception(_as_sandbox_error(err))
        return
    try:
        await server.start()
        ready.set_result((server, asyncio.get_running_loop()))
        await asyncio.wrap_future(stop)
    except Exception as err:
        if ready.done():
            raise
        ready.set_exception(_as_sandbox_error(err))
    finally:
        await server.close()


def _as_sandbox_error(err: Exception) -> Exception:
    """A file that cannot be written is the user's to mend; anything else is a defect and stays what it is."""
    if isinstance(err, OSError):
        return SandboxError(f"The sandbox cannot start: {err.strerror or err} ({err.filename or 'no file'}).")
    return err
