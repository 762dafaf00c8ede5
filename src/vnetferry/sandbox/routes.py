"""The table of ARM operations: what each answers to, and which right it needs.

A service module has a function `operations() -> list[Operation]`; `arm/site.py` gathers them, and COVERAGE.md is made
from the same table, so that neither can say what the other does not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

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


class _Row(NamedTuple):
    """An operation, its place in the table, and where its path has which names."""

    number: int
    operation: Operation
    names: tuple[tuple[int, str], ...]


@dataclass
class _Branch:
    """What may follow a beginning of a path: literals in lower case, None for a name. `rows` end here."""

    onward: dict[str | None, _Branch] = field(default_factory=dict)
    rows: list[_Row] = field(default_factory=list)


class Routes:
    """Finds the operation of a method and path: a tree of their segments, which costs what a path is long."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.operations = tuple(operations)
        self._root = _Branch()
        for number, operation in enumerate(self.operations):
            self._plant(number, operation)

    def matching(self, segments: tuple[str, ...]) -> list[tuple[Operation, dict[str, str]]]:
        """Every operation on that path, whatever its method, in the order of the table."""
        branches = [self._root]
        for segment in segments:
            keys = (segment.lower(), None)
            branches = [branch.onward[key] for branch in branches for key in keys if key in branch.onward]
        rows = sorted((row for branch in branches for row in branch.rows), key=lambda row: row.number)
        return [(row.operation, {name: segments[at] for at, name in row.names}) for row in rows]

    def _plant(self, number: int, operation: Operation) -> None:
        branch, names = self._root, []
        for at, part in enumerate(operation.path.strip("/").split("/")):
            is_name = part.startswith("{")
            if is_name:
                names.append((at, part[1:-1]))
            branch = branch.onward.setdefault(None if is_name else part.lower(), _Branch())
        branch.rows.append(_Row(number, operation, tuple(names)))
