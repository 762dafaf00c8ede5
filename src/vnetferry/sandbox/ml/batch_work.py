"""Jobs, schedules, batch endpoints and their deployments: what a scenario holds of them, to be read.

Nothing of it runs, and nothing makes or changes it. The sizes of pages and the words of refusals are assumed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from vnetferry.sandbox.errors import service_error
from vnetferry.sandbox.ml.asset_lists import invalid, viewed
from vnetferry.sandbox.ml.scope import WORKSPACE, child_id, page, row
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response, copied, read_count

_PAGE = 100
Sift = Callable[[Call, list[Json]], list[Json]]


@dataclass(frozen=True)
class _Collection:
    """Documents of one kind.

    group: of the operations' names. path: of the collection. right: before `/read`.
    size:  the query's name for the size of a page; "" where there is none.
    """

    group: str
    path: str
    right: str
    sift: Sift
    size: str = ""
    note: str = ""


def operations() -> list[Operation]:
    """List and get of each kind."""
    return [each for kind in _COLLECTIONS for each in _rows(kind)]


def _rows(kind: _Collection) -> list[Operation]:
    right = f"{kind.right}/read"
    listed = "; ".join(filter(None, (kind.note, f"pages of {_PAGE} are assumed")))
    return [
        row(f"{kind.group}_List", "GET", kind.path, partial(_list, kind), right, note=listed),
        row(f"{kind.group}_Get", "GET", f"{kind.path}/{{name}}", partial(_get, kind), right),
    ]


async def _list(kind: _Collection, call: Call) -> Response:
    below = call.request.segments[8:]
    if len(below) > 1:
        _require(call, "/".join(below[:-1]), kind)
    found = call.world.documents.collection(child_id(call, *below))
    return page(call, kind.sift(call, found), _size(call, kind.size))


async def _get(kind: _Collection, call: Call) -> Response:
    return Response(200, copied(_require(call, "/".join(call.request.segments[8:]), kind)))


def _require(call: Call, place: str, kind: _Collection) -> Json:
    document = call.world.documents.get(child_id(call, place))
    if document is None:
        raise service_error(404, "UserError", f"{kind.group}: '{place}' was not found.")
    return document


def _size(call: Call, name: str) -> int:
    word = call.request.query.get(name, str(_PAGE)) if name else str(_PAGE)
    wanted = read_count(word)
    if not wanted:
        raise invalid(name, word)
    return min(wanted, _PAGE)


def _all(_call: Call, documents: list[Json]) -> list[Json]:
    return documents


def _jobs(call: Call, documents: list[Json]) -> list[Json]:
    """Those of a type and with a tag, archived or not as asked; newest first."""
    query = call.request.query
    found = viewed(call, documents)
    if kind := query.get("jobtype"):
        found = [job for job in found if str(job["properties"].get("jobType")).lower() == kind.lower()]
    if tag := query.get("tag"):
        found = [job for job in found if tag in (job["properties"].get("tags") or {})]
    return sorted(found, key=_made_at, reverse=True)


def _schedules(call: Call, documents: list[Json]) -> list[Json]:
    """Those that `listViewType` asks for; without it, those that are enabled."""
    view = call.request.query.get("listviewtype", "EnabledOnly").lower()
    if view not in ("enabledonly", "disabledonly", "all"):
        raise invalid("listViewType", view)
    if view == "all":
        return documents
    enabled = view == "enabledonly"
    return [each for each in documents if bool(each["properties"].get("isEnabled", True)) == enabled]


def _made_at(document: Json) -> str:
    return str((document.get("systemData") or {}).get("createdAt", ""))


_BATCH = f"{WORKSPACE}/batchEndpoints"
_COLLECTIONS = (
    _Collection("Jobs", f"{WORKSPACE}/jobs", "workspaces/jobs", _jobs, note="`properties` is not looked at"),
    _Collection("Schedules", f"{WORKSPACE}/schedules", "workspaces/schedules", _schedules),
    _Collection("BatchEndpoints", _BATCH, "workspaces/batchEndpoints", _all, "count"),
    _Collection(
        "BatchDeployments",
        _BATCH + "/{endpoint}/deployments",
        "workspaces/batchEndpoints/deployments",
        _all,
        "$top",
    ),
)
