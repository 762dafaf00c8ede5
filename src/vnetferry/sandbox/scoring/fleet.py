"""Every deployment's server: started when it is deployed, or first asked if the scenario brought it.

- A deployment that is updated keeps answering with its old server until its operation succeeds; then the new
  one, prepared meanwhile, takes over.
- Not more servers start at once than the machine has cores, and one.
- Everything that was started is gone after `close`, and after the death of the sandbox (see launcher.py).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import httpx

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.scoring import echo
from vnetferry.sandbox.scoring.container import build
from vnetferry.sandbox.scoring.meter import Meter
from vnetferry.sandbox.scoring.process import ServerProcess, launch
from vnetferry.sandbox.scoring.specification import Limits, parse_duration_s, read_limits
from vnetferry.sandbox.scoring.traffic import Splitter
from vnetferry.sandbox.wire import Json, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_MAX_START_S = 180.0
# Headers between the front door and its client, which a server must neither see nor set.
_HOP_HEADERS = frozenset(
    (
        "authorization",
        "connection",
        "content-length",
        "date",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


@dataclass
class _Server:
    process: ServerProcess
    root: Path
    initializer_log: str
    pending: int = 0


@dataclass(frozen=True)
class _Failure:
    """Why a deployment did not come up: how far it came (`ModelDownload`, …), and what each container wrote."""

    stage: str
    logs: dict[str, str]


class Fleet:
    """The scoring processes of one sandbox.

    runtime: "inference-server" runs the deployments' own code; "echo" answers without any process.
    folder:  for the containers' files; made when needed, emptied as deployments stop.
    """

    def __init__(self, runtime: Literal["inference-server", "echo"], folder: Path) -> None:
        self._echo = runtime == "echo"
        self._folder = folder
        self._servers: dict[str, _Server] = {}
        self._failures: dict[str, _Failure] = {}
        self._prepared: dict[str, _Server] = {}
        self._starting: dict[str, asyncio.Task[_Server]] = {}
        self._preparing: dict[str, asyncio.Task[_Server]] = {}
        self._background: set[asyncio.Task[Any]] = set()
        self._splitters: dict[str, Splitter] = {}
        self._slots = asyncio.Semaphore((os.cpu_count() or 1) + 1)
        self._world: World | None = None
        self.meter = Meter()

    def bind(self, world: World) -> None:
        """Give the fleet the world that its deployments live in; once, before anything else."""
        self._world = world

    async def prepare(self, deployment_id: str, document: Json) -> None:
        """Bring up a server for the deployment as it will be (`document`); nobody is answered by it yet.

        Raises: AzureError `ResourceNotReady` (the server did not come up), `BadArgument` (code or model
                missing), `OperationCanceled` (the deployment was stopped meanwhile).
        """
        if self._echo:
            return
        key = _key(deployment_id)
        await self._tracked(self._preparing, key, self._start_preparing(key, document))

    async def promote(self, deployment_id: str) -> None:
        """Let the prepared server answer from now on, and end the one before it."""
        key = _key(deployment_id)
        self._failures.pop(key, None)
        if server := self._prepared.pop(key, None):
            await self._install(key, server)

    def keep_failure(self, deployment_id: str, stage: str, reason: str) -> None:
        """Remember where the deployment stopped on its way to a running container; its logs tell."""
        written = {"storageinitializer": reason + "\n"} if stage == "ModelDownload" else {}
        self._failures[_key(deployment_id)] = _Failure(stage, {"inferenceserver": reason + "\n", **written})

    def forget_failure(self, deployment_id: str) -> None:
        """The deployment is well again."""
        self._failures.pop(_key(deployment_id), None)

    def failed_stage(self, deployment_id: str) -> str | None:
        """Where the deployment's last start stopped, or None."""
        failure = self._failures.get(_key(deployment_id))
        return failure.stage if failure else None

    async def drop_prepared(self, deployment_id: str) -> None:
        """End the server that is prepared, or being prepared, for an operation that failed; none is fine."""
        key = _key(deployment_id)
        await _cancel(self._preparing.pop(key, None))
        if server := self._prepared.pop(key, None):
            await self._discard(server)

    async def stop(self, deployment_id: str) -> None:
        """End the deployment's servers, those that it has and those it is getting, and forget its logs."""
        key = _key(deployment_id)
        await _cancel(self._starting.pop(key, None))
        self._failures.pop(key, None)
        await self.drop_prepared(key)
        if server := self._servers.pop(key, None):
            await self._discard(server)

    async def stop_below(self, scope: str) -> None:
        """Stop every deployment under an id, such as a workspace that is deleted."""
        prefix = _key(scope).rstrip("/") + "/"  # "" is everything
        known = {*self._servers, *self._prepared, *self._starting, *self._preparing}
        await asyncio.gather(*(self.stop(key) for key in known if key.startswith(prefix)))

    async def score(self, deployment_id: str, request: Request) -> Response:
        """The deployment's answer to a scoring request, or the front end's: 408, 424 or 429.

        A server that is not running yet (a scenario's), or no longer, is started first; that does not count
        against the request's time-out.
        """
        limits = read_limits(self._bound.documents.require(deployment_id))
        if self._echo:
            return echo.answer(deployment_id, request)
        try:
            server = await self._running(deployment_id)
        except AzureError as err:
            return _model_error(502, err.message)
        return await self._pass_on(server, request, limits)

    def logs(self, deployment_id: str, container: str = "InferenceServer") -> str:
        """What a container (`InferenceServer` or `StorageInitializer`) of the deployment wrote.

        After a start that failed, what was written then, even if an older server still answers.
        """
        key = _key(deployment_id)
        if failure := self._failures.get(key):
            return failure.logs.get(container.lower(), "")
        if self._echo:
            return echo.logs()
        server = self._servers.get(key)
        return _logs_of(server).get(container.lower(), "") if server else ""

    def requests_per_minute(
        self, endpoint_id: str, start: datetime, end: datetime
    ) -> list[tuple[datetime, float]]:
        """Scoring requests per minute of Azure's time in [start, end); minutes without any are left out."""
        return self.meter.per_minute(endpoint_id, start, end)

    def splitter(self, endpoint_id: str) -> Splitter:
        """What divides an endpoint's traffic."""
        return self._splitters.setdefault(_key(endpoint_id), Splitter())

    def in_background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something whose end nobody waits for, such as a mirrored request."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """Stop everything."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.stop_below("")

    @property
    def _bound(self) -> World:
        if self._world is None:
            raise RuntimeError("Fleet.bind must be called before the fleet is used")
        return self._world

    async def _pass_on(self, server: _Server, request: Request, limits: Limits) -> Response:
        if server.pending >= limits.pending:
            return _refusal(429, "too many pending requests, retry later")
        server.pending += 1
        try:
            return await asyncio.wait_for(_ask(server.process, request), limits.timeout_s)
        except asyncio.TimeoutError:
            return _refusal(
                408, f"upstream request timeout: the model took longer than {limits.timeout_s:g} s"
            )
        except httpx.TransportError:
            return _model_error(502, "the model's container closed the connection")
        finally:
            server.pending -= 1

    async def _running(self, deployment_id: str) -> _Server:
        """The deployment's server, started if it has none that lives; however many ask, it starts once."""
        key = _key(deployment_id)
        server = self._servers.get(key)
        if server is None or not server.process.is_alive:
            server = await self._started(key)
        return server

    async def _started(self, key: str) -> _Server:
        """Start a server for the deployment as it is, or wait for the one that is starting."""
        if starting := self._starting.get(key):
            return await asyncio.shield(starting)
        document = self._bound.documents.require(key)
        return await self._tracked(self._starting, key, self._start_serving(key, document))

    async def _tracked(
        self, tasks: dict[str, asyncio.Task[_Server]], key: str, start: Coroutine[Any, Any, _Server]
    ) -> _Server:
        """A new server, whose start `stop` can cancel while it is among `tasks`.

        It goes on when who asks for it goes away, as the container would.
        """

        def forget(done: asyncio.Task[_Server]) -> None:
            if tasks.get(key) is done:
                del tasks[key]
            if not done.cancelled():
                done.exception()  # nobody may be left to take it

        task = asyncio.create_task(start)
        tasks[key] = task
        task.add_done_callback(forget)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError as err:
            if not task.cancelled():
                raise
            raise AzureError(
                409, "OperationCanceled", "The deployment was deleted while it started."
            ) from err

    async def _start_serving(self, key: str, document: Json) -> _Server:
        server = await self._start(document)
        await self._install(key, server)
        return server

    async def _start_preparing(self, key: str, document: Json) -> _Server:
        server = await self._start(document)
        await self._put(self._prepared, key, server)
        return server

    async def _start(self, document: Json) -> _Server:
        async with self._slots:
            return await self._launch(document)

    async def _install(self, key: str, server: _Server) -> None:
        self._failures.pop(key, None)
        await self._put(self._servers, key, server)

    async def _put(self, place: dict[str, _Server], key: str, server: _Server) -> None:
        """Put it where `stop` finds it: from its start to its end, somebody has a server."""
        previous, place[key] = place.get(key), server
        if previous:
            await self._discard(previous)

    async def _launch(self, document: Json) -> _Server:
        root = self._folder / uuid.uuid4().hex
        try:
            container = await build(self._bound, document, root)
            server = _Server(await launch(container.launch), root, container.log)
        except AzureError as err:
            logs = {"storageinitializer": err.message + "\n"}
            self._failures[_key(document["id"])] = _Failure("ModelDownload", logs)
            await asyncio.to_thread(shutil.rmtree, root, ignore_errors=True)
            raise
        return await self._settle(document, server)

    async def _settle(self, document: Json, server: _Server) -> _Server:
        """The server once it is ready; otherwise it is taken down and its logs are kept."""
        ready = False
        try:
            ready = await server.process.wait_ready(_start_s(document))
        finally:
            if not ready:
                await self._discard(server)
        if not ready:
            self._failures[_key(document["id"])] = _Failure("UserContainerStart", _logs_of(server))
            raise _not_ready(document)
        return server

    async def _discard(self, server: _Server) -> None:
        await server.process.stop()
        await asyncio.to_thread(shutil.rmtree, server.root, ignore_errors=True)


async def _cancel(task: asyncio.Task[_Server] | None) -> None:
    if task:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _ask(process: ServerProcess, request: Request) -> Response:
    headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_HEADERS}
    query = f"?{request.raw_query}" if request.raw_query else ""
    answer = await process.send(request.method, request.path + query, headers, request.body)
    # The client has undone any compression.
    kept = {k: v for k, v in answer.headers.items() if k.lower() not in {*_HOP_HEADERS, "content-encoding"}}
    if answer.is_success or request.path != "/score":
        return Response(answer.status_code, answer.content, kept)
    failed = _model_error(answer.status_code, answer.reason_phrase)
    return Response(failed.status, answer.content, {**kept, **failed.headers})


def _logs_of(server: _Server) -> dict[str, str]:
    return {"inferenceserver": server.process.log(), "storageinitializer": server.initializer_log}


def _start_s(document: Json) -> float:
    """How long readiness may take: as long as the probe tries, in real seconds and within reason."""
    probe = document["properties"].get("readinessProbe") or {}
    delay_s = parse_duration_s(probe.get("initialDelay") or "PT10S") or 10.0
    period_s = parse_duration_s(probe.get("period") or "PT10S") or 10.0
    return min(_MAX_START_S, delay_s + period_s * (probe.get("failureThreshold") or 30))


def _not_ready(document: Json) -> AzureError:
    message = (
        "User container has crashed or terminated. Please see troubleshooting guide, available here: "
        "https://aka.ms/oe-tsg#error-resourcenotready"
    )
    return AzureError(400, "ResourceNotReady", f"{message} (deployment {document['name']})")


def _refusal(status: int, message: str) -> Response:
    return Response(status, {"error": {"code": str(status), "message": message}})


def _model_error(status: int, reason: str) -> Response:
    headers = {"ms-azureml-model-error-statuscode": str(status), "ms-azureml-model-error-reason": reason}
    return Response(
        424, {"error": {"code": "424", "message": f"The model answered {status}: {reason}"}}, headers
    )


def _key(resource_id: str) -> str:
    return "/" + resource_id.strip("/").lower()
