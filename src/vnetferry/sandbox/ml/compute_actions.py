"""What can be asked of a compute beyond its document: to start and stop, its nodes, its settings.

Starting, stopping and restarting an instance answer 202 with `Azure-AsyncOperation` alone (recorded). What is
not an instance cannot be started; that, and the words of all refusals here, are assumed.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import NamedTuple

from vnetferry.sandbox.errors import service_error
from vnetferry.sandbox.ml.compute_cores import refused_action, require_quota
from vnetferry.sandbox.ml.compute_documents import note_operation
from vnetferry.sandbox.ml.fields import Field, Kind, flag, text
from vnetferry.sandbox.ml.scope import WORKSPACE, child_id, require_idle, require_workspace, row
from vnetferry.sandbox.routes import Call, Handler, Operation
from vnetferry.sandbox.scoring.specification import parse_duration_s
from vnetferry.sandbox.wire import Json, Response

_ONE = f"{WORKSPACE}/computes/{{compute}}"
# As recorded: to stop 60 s; the others are assumed to take as long as starting did, 120 s.
_STOP_S, _START_S = 60.0, 120.0
_IDLE = Kind("IdleShutdownSetting", {"idleTimeBeforeShutdown": Field(text)})
_SSO = Kind("SsoSetting", {"enableSSO": Field(flag, required=True)})
# Source: manage a compute instance (idle shutdown from 15 minutes to 3 days).
_IDLE_S = (15 * 60.0, 3 * 86_400.0)


class _Change(NamedTuple):
    """An operation on an instance: its word, the state while it runs, the state afterwards."""

    word: str
    during: str
    after: str
    default_s: float


_CHANGES = (
    _Change("Start", "Starting", "Running", _START_S),
    _Change("Stop", "Stopping", "Stopped", _STOP_S),
    _Change("Restart", "Restarting", "Running", _START_S),
)


def operations() -> list[Operation]:
    """Actions on one compute."""
    right = "workspaces/computes"
    keys = "no kind of compute that is served has keys: refused in assumed words"
    idle = "15 minutes to 3 days, as documented; the refusal's words are assumed"
    table: tuple[tuple[str, str, Handler, str], ...] = (
        ("ListNodes", "listNodes", _nodes, "idle nodes, as many as a cluster has at least"),
        ("ListKeys", "listKeys", _keys, keys),
        ("UpdateIdleShutdownSetting", "updateIdleShutdownSetting", _set_idle, idle),
        ("EnableSso", "enableSso", _set_sso, ""),
    )
    return [
        *(
            row(
                f"Compute_{change.word}",
                "POST",
                f"{_ONE}/{change.word.lower()}",
                partial(_change, change),
                f"{right}/{change.word.lower()}/action",
                evidence="recorded",
            )
            for change in _CHANGES
        ),
        *(
            row(f"Compute_{name}", "POST", f"{_ONE}/{word}", handle, f"{right}/{word}/action", note=note)
            for name, word, handle, note in table
        ),
    ]


def require_compute(call: Call) -> Json:
    """The compute that the path is in (live); AzureError 404 when it is absent."""
    name = call.params["compute"]
    document = call.world.documents.get(child_id(call, "computes", name))
    if document is None:
        raise service_error(404, "NotFound", f"Compute {name} not found.")
    return document


def require_idle_time(inner: Json) -> None:
    """AzureError 400 for a time before an idle shutdown that is none, too short or too long."""
    time = inner.get("idleTimeBeforeShutdown")
    seconds = parse_duration_s(time) if time else _IDLE_S[0]
    if seconds is None or not _IDLE_S[0] <= seconds <= _IDLE_S[1]:
        raise refused_action(f"idleTimeBeforeShutdown '{time}' must be a duration from PT15M to P3D.")


async def _change(change: _Change, call: Call) -> Response:
    workspace, document = require_workspace(call), _require_instance(call)
    require_idle(call.world, document["id"])
    inner = document["properties"]["properties"]
    if change.word == "Start" and inner.get("releaseQuotaOnStop"):
        require_quota(call.world, document)
    inner["state"] = change.during

    async def finish() -> None:
        note_operation(call.world, document, change.word, change.after)

    operation = call.world.operations.start(
        "compute",
        call.operation.name,
        document["id"],
        workspace["location"],
        default_s=change.default_s,
        finish=finish,
    )
    headers = call.world.operations.headers(operation, call.api_version)
    headers.pop("Location")
    return Response(202, None, headers)


async def _nodes(call: Call) -> Response:
    document = require_compute(call)
    if document["properties"]["computeType"] != "AmlCompute":
        raise refused_action(f"Compute '{document['name']}' is not an AmlCompute and has no nodes.")
    count = int(document["properties"]["properties"].get("currentNodeCount") or 0)
    return Response(200, {"nodes": [_node(document, index) for index in range(count)]})


def _node(document: Json, index: int) -> Json:
    mark = hashlib.sha256(f"{document['id']}/{index}".lower().encode()).hexdigest()
    return {
        "nodeId": f"tvmps_{mark}_d",
        "privateIpAddress": f"10.0.0.{4 + index % 250}",
        "publicIpAddress": None,
        "port": 50000 + index,
        "nodeState": "idle",
        "runId": None,
    }


async def _keys(call: Call) -> Response:
    document = require_compute(call)
    kind = document["properties"]["computeType"]
    raise refused_action(f"Keys cannot be listed for compute '{document['name']}' of type {kind}.")


async def _set_idle(call: Call) -> Response:
    document, setting = _require_instance(call), _IDLE.read(call.json())
    require_idle_time(setting)
    document["properties"]["properties"]["idleTimeBeforeShutdown"] = setting.get("idleTimeBeforeShutdown")
    return Response(200)


async def _set_sso(call: Call) -> Response:
    document, setting = _require_instance(call), _SSO.read(call.json())
    document["properties"]["properties"]["enableSSO"] = setting["enableSSO"]
    return Response(200)


def _require_instance(call: Call) -> Json:
    document = require_compute(call)
    if document["properties"]["computeType"] != "ComputeInstance":
        raise refused_action(f"Compute '{document['name']}' is not a compute instance.")
    return document
