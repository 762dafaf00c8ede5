"""Long-running operations: they start at once, take Azure's time, and end Succeeded, Failed or Canceled.

Each family has its own status URL and its own words, as recorded from the real service:

    mfe         {L}/mfeOperationsStatus/{oeidp|odidp}:{workspace}:{guid}   Updating -> Succeeded
    workspace   {L}/workspaceOperationsStatus/{id}&type=async              InProgress -> Succeeded
    compute     {L}/computeOperationsStatus/{id}&service=new               InProgress -> Succeeded
    registry    {L}/registryOperationsStatus/{id}&type=async               InProgress -> Succeeded
    network     …/Microsoft.Network/locations/{l}/operations/{id}          InProgress -> Succeeded

where {L} is `/subscriptions/{s}/providers/Microsoft.MachineLearningServices/locations/{location}`. Template deployments
have a family of their own in `arm/deployments.py`; operations of a registry's assets are answered by its data plane
(`ml/registry_plane.py`). The signature in the query is opaque and must come back unchanged.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from vnetferry.sandbox.clock import Clock
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json, Response

Family = Literal["mfe", "workspace", "compute", "registry", "network", "assets"]
Status = Literal["running", "Succeeded", "Failed", "Canceled"]
# What a scenario makes of an operation: it fails with an error, never ends, or takes its course (None).
Fate = AzureError | Literal["stuck"] | None

# How many ended operations are answered for; before them, the oldest are forgotten, or a sandbox that stays up would
# keep them all. Azure forgets them too, and no page says when: this many are more than a client still polls.
_KEPT_ENDED = 10_000
_RUNNING_WORD = {"mfe": "Updating"}
_STATUS_PATH = {
    "mfe": ("mfeOperationsStatus", "mfeOperationResults"),
    "workspace": ("workspaceOperationsStatus", "workspaceOperationsStatus"),
    "compute": ("computeOperationsStatus", "computeOperationsResults"),
    "registry": ("registryOperationsStatus", "registryOperationsStatus"),
    "network": ("operations", "operationResults"),
}
_EXTRA_QUERY = {"workspace": ("&type=async", "&type=location"), "compute": ("&service=new", "&service=new")}
_EXTRA_QUERY["registry"] = _EXTRA_QUERY["workspace"]


@dataclass
class LongOperation:
    """One operation under way or ended.

    name:     the ARM operation ("OnlineDeployments_CreateOrUpdate"), the key of a scenario's `durations_s`.
    result:   called for the body that `Location` answers once it succeeded; None answers an empty 200.
    ended:    set when the status is terminal.
    """

    id: str
    family: Family
    name: str
    resource_id: str
    subscription_id: str
    location: str
    started: str
    status: Status = "running"
    error: Json | None = None
    finished: str = ""
    signature: tuple[str, str] = ("", "")
    result: Callable[[], Json | None] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def urls(self, api_version: str) -> tuple[str, str]:
        """The URLs for `Azure-AsyncOperation` and `Location`; their signatures differ."""
        namespace = "Microsoft.Network" if self.family == "network" else "Microsoft.MachineLearningServices"
        base = f"https://management.azure.com/subscriptions/{self.subscription_id}/providers/{namespace}"
        extra = _EXTRA_QUERY.get(self.family, ("", ""))
        status, location = (
            f"{base}/locations/{self.location}/{word}/{self.id}?api-version={api_version}{query}&{sign}"
            for word, query, sign in zip(_STATUS_PATH[self.family], extra, self.signature, strict=True)
        )
        return status, location

    def status_body(self) -> Json:
        """What the status URL answers, in the family's own words."""
        word = _RUNNING_WORD.get(self.family, "InProgress") if self.status == "running" else self.status
        body: Json = {"status": word}
        if self.status == "Succeeded" and self.family != "mfe":
            body["percentComplete"] = 100.0
        if self.family == "mfe":
            end = self.finished or "0001-01-01T00:00:00+00:00"
            names = {"id": self.id, "name": self.id, "startTime": self.started, "endTime": end}
            body = {**names, "percentComplete": 0.0, **body}
        return {**body, "error": self.error} if self.error else body


class Begun(Protocol):
    """What is known of an operation that begins: the ARM operation's name, and on which resource."""

    @property
    def name(self) -> str:
        """Such as "OnlineDeployments_CreateOrUpdate"."""
        ...

    @property
    def resource_id(self) -> str:
        """Such as "/subscriptions/…"."""
        ...


class Beginning(NamedTuple):
    """One that none of the families below has."""

    name: str
    resource_id: str


class LongOperations:
    """All operations of the sandbox; each of `fates` is asked, when one begins, what becomes of it."""

    def __init__(self, clock: Clock, durations_s: dict[str, float]) -> None:
        self._clock = clock
        self._durations_s = durations_s
        self._operations: dict[str, LongOperation] = {}
        self._ended: deque[str] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self.fates: list[Callable[[Begun], Fate]] = []

    def start(  # noqa: PLR0913 - an operation has that many parts, most of them optional
        self,
        family: Family,
        name: str,
        resource_id: str,
        location: str,
        *,
        default_s: float,
        finish: Callable[[], Awaitable[None]],
        fail: Callable[[AzureError], None] | None = None,
        result: Callable[[], Json | None] | None = None,
        prefix: str = "",
    ) -> LongOperation:
        """Begin an operation that takes `durations_s[name]` (else `default_s`) Azure seconds, then runs `finish`.

        finish: applies the new state; an AzureError raised in it ends the operation Failed with that error.
        fail:   called with the error, to mark the resource (`provisioningState: Failed`).
        prefix: of the id, such as "odidp:<workspace guid>:".
        """
        identifier = self._identifier(family, prefix)
        subscription = resource_id.strip("/").split("/")[1]
        operation = LongOperation(
            identifier, family, name, resource_id, subscription, location, self._clock.stamp(), result=result
        )
        operation.signature = (_signature(family), _signature(family))
        self._operations[identifier] = operation
        duration_s = self._durations_s.get(name, default_s)
        self.spawn(self._run(operation, duration_s, self._forced(operation, finish), fail))
        return operation

    def _identifier(self, family: Family, prefix: str) -> str:
        """A GUID or 43 characters of base64url: the workspaces' operations were recorded to have either."""
        is_guid = bool(prefix) or (family == "workspace" and len(self._operations) % 2 == 0)
        return f"{prefix}{uuid.uuid4()}" if is_guid else secrets.token_urlsafe(32)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in the background until it ends or the sandbox does."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(
        self,
        operation: LongOperation,
        duration_s: float,
        finish: Callable[[], Awaitable[None]],
        fail: Callable[[AzureError], None] | None,
    ) -> None:
        try:
            await self._clock.sleep(duration_s)
            await finish()
            operation.status = "Succeeded"
        except AzureError as err:
            operation.error = err.error()
            operation.status = "Failed"
            if fail:
                fail(err)
        except Exception as err:  # noqa: BLE001 - a defect of the sandbox must not leave an operation running for ever
            operation.error = {"code": "InternalServerError", "message": f"Sandbox defect: {err!r}"}
            operation.status = "Failed"
            if fail:
                fail(AzureError(500, "InternalServerError", f"Sandbox defect: {err!r}"))
        finally:
            operation.finished = self._clock.stamp()
            operation.ended.set()
            self._keep_ended(operation)

    def _keep_ended(self, operation: LongOperation) -> None:
        self._ended.append(operation.id)
        if len(self._ended) > _KEPT_ENDED:
            del self._operations[self._ended.popleft()]

    def _forced(
        self, operation: LongOperation, finish: Callable[[], Awaitable[None]]
    ) -> Callable[[], Awaitable[None]]:
        """What ends the operation: its fate, decided now, or else `finish`."""
        fate = self.fate(operation)

        async def meet() -> None:
            await suffer(fate)
            await finish()

        return meet

    def fate(self, begun: Begun) -> Fate:
        """What becomes of an operation that begins, counted by whoever decides it: ask once."""
        return next((fate for decide in self.fates if (fate := decide(begun)) is not None), None)

    def find(self, identifier: str) -> LongOperation | None:
        """The operation of that id; None when there was none, or it ended long ago."""
        return self._operations.get(identifier)

    def running_on(self, resource_id: str) -> LongOperation | None:
        """An operation under way on exactly this resource, or None."""
        key = resource_id.lower()
        for operation in self._operations.values():
            if operation.status == "running" and operation.resource_id.lower() == key:
                return operation
        return None

    def headers(
        self, operation: LongOperation, api_version: str, *, location: str | None = None
    ) -> dict[str, str]:
        """The headers of the answer that started it.

        location: replaces the result's URL, as endpoint and deployment PUTs have it.
        """
        status, result = operation.urls(api_version)
        return {"Azure-AsyncOperation": status, "Location": location or result, **self.pace()}

    def accepted(self, operation: LongOperation, api_version: str) -> Response:
        """202 without a body and with both headers."""
        return Response(202, None, self.headers(operation, api_version))

    def pace(self) -> dict[str, str]:
        """How soon to ask again: 5 s of Azure's time, and at least 50 ms.

        Azure sends no such header (the SDK then waits 30 s or 5 s): in scaled time the SDK would sleep through
        the whole operation. At Azure's own pace there is none.
        """
        if self._clock.scale <= 1:
            return {}
        return {"x-ms-retry-after-ms": str(max(50, round(5000 / self._clock.scale)))}

    async def close(self) -> None:
        """Drop what is still running."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def suffer(fate: Fate) -> None:
    """Raise the error, wait until the sandbox ends, or do nothing."""
    if isinstance(fate, AzureError):
        raise fate
    if fate == "stuck":
        await asyncio.Event().wait()


def _signature(family: Family) -> str:
    """Opaque query parameters; those of endpoints and deployments are about 3 KB, as the service's."""
    certificate = secrets.token_urlsafe(1900 if family == "mfe" else 48)
    values = {"c": certificate, "s": secrets.token_urlsafe(256), "h": secrets.token_urlsafe(32)}
    return "&".join(
        [f"t={secrets.randbelow(10**18)}", *(f"{name}={value}" for name, value in values.items())]
    )
