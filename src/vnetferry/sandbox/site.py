"""All hosts as one ASGI application: reads a request whole, passes the gate, asks the host's service.

A request always gets an answer in its service's shape, also when the sandbox itself fails; only a fault that
says so (`reset`, `timeout`) leaves a client without one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from vnetferry.sandbox import blob, data_plane, doors, entra, faults, graph, settings, signin, vault
from vnetferry.sandbox.absent import not_served
from vnetferry.sandbox.arm import site as arm
from vnetferry.sandbox.dns import public
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.gate import RequestLog
from vnetferry.sandbox.hosts import Service, service_of
from vnetferry.sandbox.ml import registry_plane
from vnetferry.sandbox.scenario import Fault
from vnetferry.sandbox.scoring import ingress
from vnetferry.sandbox.wire import Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.proxy import Connection
    from vnetferry.sandbox.world import World

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Service_ = Callable[["World", Request], Awaitable[Response]]

_MIB = 1024 * 1024
# Resource Manager takes 4 MB; Put Blob takes 5000 MiB; the scoring front door judges sizes itself, up to
# here.
_MAX_BODY_BYTES: dict[Service, int] = {
    "arm": 4 * _MIB,
    "entra": _MIB,
    "blob": 5000 * _MIB,
    "vault": _MIB,
    "settings": _MIB,
    "graph": _MIB,
    "scoring": 64 * _MIB,
    "registry": 4 * _MIB,
}
_DRAINED_BYTES = 64 * _MIB
_NO_BODY = frozenset({204, 304})

_log = logging.getLogger(__name__)


class _Client(NamedTuple):
    """The other end of a connection: what it sends, and how to cut it off."""

    receive: Receive
    abort: Callable[[], None]


class Site:
    """The ASGI application; `world` is set once it is assembled (its egress ports need the site to exist)."""

    def __init__(self, log: RequestLog) -> None:
        self.world: World | None = None
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        assert self.world is not None  # noqa: S101 - ports open after the world is made
        connection: Connection = scope["state"]["connection"]
        started = time.perf_counter()
        t = self.world.clock.real_elapsed_s()
        request = _request(scope, connection)
        response = await self._serve(self.world, request, receive, connection)
        self._log.write(t, request, response, (time.perf_counter() - started) * 1000)
        if response.status:
            await _send(response, request.method, send)

    async def _serve(
        self, world: World, request: Request, receive: Receive, connection: Connection
    ) -> Response:
        service = service_of(request.host) or "absent"
        try:
            body = await _read_body(receive, _MAX_BODY_BYTES.get(service, _MIB))
        except AzureError as err:
            return _plain_refusal(err)
        whole = replace(request, body=body)
        if not doors.is_open(world, connection.door):
            return await _cut(_Client(receive, connection.abort), "ConnectionLost")
        fault = world.faults.strike(whole)
        if fault is not None and fault.kind == "expired_token":
            entra.expire(world, whole)  # and then ask the service: it refuses the token in its own words
        elif fault is not None:
            return await _suffer(fault, world, service, whole, _Client(receive, connection.abort))
        return await _answer(world, service, whole)


async def _answer(world: World, service: Service, request: Request) -> Response:
    """What the host's service answers; a plain refusal when even its own envelope fails."""
    try:
        return await _SERVICES[service](world, request)
    except AzureError as err:
        return _plain_refusal(err)
    except Exception as err:  # noqa: BLE001 - a defect must not cut the connection
        _log.exception("The sandbox failed at %s %s%s", request.method, request.host, request.path)
        return _plain_refusal(AzureError(500, "InternalServerError", f"Sandbox defect: {err!r}"))


def _request(scope: Scope, connection: Connection) -> Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    return Request(
        scope["method"],
        connection.host,
        path,
        query,
        headers,
        vantage=connection.vantage,
        door=connection.door,
    )


async def _read_body(receive: Receive, limit: int) -> bytes:
    """The whole body; AzureError 413 when it is longer than `limit` bytes.

    What is too long is read on and dropped for a while: a client that still sends would not see the answer.
    """
    parts: list[bytes] = []
    size, more = 0, True
    while more and size <= limit + _DRAINED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise AzureError(400, "RequestBodyIncomplete", "The request body ended before its stated length.")
        part, more = message.get("body", b""), message.get("more_body", False)
        size += len(part)
        if size <= limit:
            parts.append(part)
        else:
            parts.clear()
    if size > limit:
        raise _too_large(limit)
    return b"".join(parts)


def _too_large(limit: int) -> AzureError:
    message = f"The request content size exceeds the maximum size of {limit // _MIB} MB."
    return AzureError(413, "RequestContentTooLarge", message, headers={"Connection": "close"})


async def _suffer(
    fault: Fault, world: World, service: Service, request: Request, client: _Client
) -> Response:
    """The fault's answer; or none, after the connection was cut or the client gave up."""
    if fault.kind == "answer":
        return faults.answer(fault, service, world.clock.now())
    done = await _answer(world, service, request) if fault.kind == "lost_answer" else None
    return await _cut(client, done.operation if done else "Fault", waits=fault.kind == "timeout")


async def _cut(client: _Client, operation: str, *, waits: bool = False) -> Response:
    """No answer: the connection is cut, or the client waits until it gives up."""
    if not waits:
        client.abort()
    while (await client.receive())["type"] != "http.disconnect":
        pass
    return Response(0, None, {}, operation)


def _plain_refusal(error: AzureError) -> Response:
    return Response(error.status, error.body(), error.response_headers())


async def _absent(world: World, request: Request) -> Response:
    """Not served: but a resource that the caller's network keeps it from refuses before that (assumed: its words)."""
    owner = public.owner_of(world, request.host)
    if owner and not data_plane.is_reachable(world, request, *owner):
        message = (
            f"Public network access is disabled for '{owner[0]['name']}'. Connect through a private endpoint."
        )
        return _plain_refusal(AzureError(403, "Forbidden", message))
    return _plain_refusal(not_served(request.host))


_SERVICES: dict[Service, Service_] = {
    "arm": arm.handle,
    "entra": signin.handle,
    "blob": blob.handle,
    "vault": vault.handle,
    "settings": settings.handle,
    "graph": graph.handle,
    "scoring": ingress.handle,
    "registry": registry_plane.handle,
    "absent": _absent,
}


async def _send(response: Response, method: str, send: Send) -> None:
    body = response.encoded()
    headers = {name.lower(): value for name, value in response.headers.items()}
    if isinstance(response.body, (dict, list)):
        headers.setdefault("content-type", "application/json; charset=utf-8")
    if response.status not in _NO_BODY:
        headers.setdefault("content-length", str(len(body)))
    raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": raw})
    empty = method == "HEAD" or response.status in _NO_BODY
    await send({"type": "http.response.body", "body": b"" if empty else body})
