"""The table of ARM operations: what each answers to, and which right it needs.

A service module has a function `operations() -> list[Operation]`; `arm/site.py` gathers them, and COVERAGE.md is made
from the same table, so that neither can say what the other does not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from vnetferry.sandbox.wire import Json, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

Evidence = Literal["recorded", "specified", "assumed"]


@dataclass(frozen=True)
class Call:
    """A request that found its operation. `params` are the path's names in the case in which they were sent."""

    request: Request
    world: World
    operation: Operation
    params: dict[str, str]
    api_version: str

    @property
    def path(self) -> str:
        """The request's path, decoded, as an ARM id."""
        return "/" + "/".join(self.request.segments)

    def json(self) -> Json:
        """The body, with the operation's shape; AzureError 400 when it is no such object."""
        body = self.request.json()
        return self.operation.read_body(body) if self.operation.read_body else body


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True)
class Operation:
    """One operation.

    name:         as in Azure's API definition, such as "OnlineEndpoints_CreateOrUpdate".
    path:         with `{names}`; literal segments are compared without regard to case.
    api_versions: those it answers to; empty means any.
    action:       the RBAC action it needs, such as "Microsoft.MachineLearningServices/workspaces/write".
    read_body:    gives a body's members their shape, or refuses it; None takes any object.
    evidence:     how well its answer is known; `note` says what is assumed or missing.
    """

    name: str
    method: str
    path: str
    handle: Handler = field(compare=False)
    action: str = ""
    api_versions: frozenset[str] = frozenset()
    evidence: Evidence = "specified"
    note: str = ""
    read_body: Callable[[Json], Json] | None = field(default=None, compare=False)


class Routes:
    """Finds the operation of a method and path."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.operations = tuple(operations)
        self._by_shape: dict[int, list[tuple[tuple[str, ...], Operation]]] = {}
        for operation in self.operations:
            parts = tuple(p if p.startswith("{") else p.lower() for p in operation.path.strip("/").split("/"))
            self._by_shape.setdefault(len(parts), []).append((parts, operation))

    def matching(self, segments: tuple[str, ...]) -> list[tuple[Operation, dict[str, str]]]:
        """Every operation on that path, whatever its method."""
        lower = tuple(segment.lower() for segment in segments)
        return [
            (operation, {p[1:-1]: s for p, s in zip(parts, segments, strict=True) if p.startswith("{")})
            for parts, operation in self._by_shape.get(len(segments), [])
            if all(p.startswith("{") or p == s for p, s in zip(parts, lower, strict=True))
        ]
