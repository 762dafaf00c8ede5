"""Waiting for Azure, knowing how long each kind of operation takes.

An operation is looked at first when the quickest of its kind have ended, then at steps that grow with the
time already waited, never sooner than Azure asks. So hours of waiting cost few requests, and the end is
noticed within a tenth of the duration. A deadline that passes is `OperationTimeout`: Azure may go on, so the
next attempt looks at the resource before it acts. Times are Azure's, in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from vnetferry.errors import NotFound, OperationTimeout
from vnetferry.gateway.faults import error_of_operation, retry_after_s
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

if TYPE_CHECKING:
    from vnetferry.gateway.arm import Answer, Arm
    from vnetferry.gateway.azure import Azure

_TERMINAL = {"succeeded", "failed", "canceled"}
_SHORTEST_STEP_S, _LONGEST_STEP_S = 2.0, 60.0
_LOOKS = 8  # at a resource that a write has just made: 1, 2, 4 … 30 s apart, a minute and a half in all
_STEP_SHARE = 0.1  # each pause is that share of what has been waited already


class Pace(NamedTuple):
    """How long a kind of operation takes: the quickest seen, and when to give up."""

    quickest_s: float
    deadline_s: float


# The quickest are measured (recorded traffic); the deadlines are the longest reported, doubled. Terraform's
# 30 minutes are known to be too short for workspaces with many outbound rules.
PACES: Mapping[str, Pace] = {
    "template": Pace(30, 3600),  # a workspace and what it needs: 47 s measured
    "workspace": Pace(10, 3600),
    "network": Pace(120, 7200),  # 4 min measured, 30 documented, 10 more for the first FQDN rule
    "outbound_rule": Pace(20, 3600),  # each may rebuild the firewall
    "endpoint": Pace(20, 3600),  # 90 s measured
    "traffic": Pace(5, 1800),  # 20 s measured
    "deployment": Pace(60, 7200),  # 7 min measured, 20 with an image build
    "delete": Pace(5, 3600),
    "compute": Pace(30, 3600),
    "private_endpoint": Pace(5, 1800),
    "diagnosis": Pace(5, 1800),
    "document": Pace(1, 900),
}


def pace(kind: str) -> Pace:
    """The pace of a kind; that of plain documents when the kind is unknown."""
    return PACES.get(kind, PACES["document"])


def pauses(quickest_s: float) -> Iterator[float]:
    """How long to wait before each look."""
    waited_s = step_s = max(_SHORTEST_STEP_S, quickest_s) / 2
    yield step_s
    while True:
        step_s = min(_LONGEST_STEP_S, max(_SHORTEST_STEP_S, waited_s * _STEP_SHARE))
        waited_s += step_s
        yield step_s


def wait(arm: Arm, answer: Answer, kind: str, deadline_s: float | None = None) -> Json:
    """What a long-running operation came to.

    In:     answer: of the PUT, PATCH, POST or DELETE that began it; kind: a key of PACES.
    Out:    the resource after a PUT or PATCH; the result of a POST ({} when it has none); {} after a DELETE.
    Raises: OperationFailed (or the class that the code has) when it ended badly; OperationTimeout.
    Source: Track asynchronous Azure operations: Azure-AsyncOperation before Location before
            provisioningState.
    """
    look = _Looks(arm, kind, answer, deadline_s)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    location = headers.get("location", "")
    if operation := headers.get("azure-asyncoperation"):
        _wait_operation(look, operation)
    elif location and answer.status == 202:
        result = _wait_location(look, location)
        if answer.method in ("POST", "DELETE"):
            return result
    return _result(look, location if operation else "")


def wait_resource(azure: Azure, resource: ResourceId, api_version: str, kind: str) -> Json:
    """The document once nothing changes it any more, whoever began it; Failed is a state like any other.

    Raises: NotFound when it is not there (any more); OperationTimeout.
    """
    from vnetferry.gateway.arm import Answer

    start = Answer(200, {}, {}, "PUT", str(resource), api_version)
    return _wait_settled(_Looks(azure.arm, kind, start, None), first=True)


def state_of(document: Mapping[str, Any]) -> str:
    """`properties.provisioningState` in lower case; "succeeded" where Azure sends none."""
    properties = document.get("properties")
    state = properties.get("provisioningState") if isinstance(properties, dict) else None
    return str(state or "Succeeded").lower()


def is_settled(document: Mapping[str, Any]) -> bool:
    """Whether no operation is changing the resource."""
    return state_of(document) in _TERMINAL


class _Looks:
    """The pauses between the looks at one operation, and its deadline."""

    def __init__(self, arm: Arm, kind: str, answer: Answer, deadline_s: float | None) -> None:
        self.arm, self.kind, self.answer = arm, kind, answer
        self._pauses = pauses(pace(kind).quickest_s)
        self._deadline_s = deadline_s if deadline_s is not None else pace(kind).deadline_s
        self._began_s = arm.clock.elapsed_s()
        self._asked_s = retry_after_s(answer.headers) or 0.0

    def rest(self) -> None:
        """Wait until it is time to look. Raises: OperationTimeout when there is no time left."""
        if self.arm.clock.elapsed_s() - self._began_s >= self._deadline_s:
            raise OperationTimeout(
                f"the {self.kind} operation did not end within {self._deadline_s:.0f} s",
                resource=self.answer.path.split("?")[0],
                remedy="Azure may still finish it: look at it in the portal, then run again.",
                retryable=False,
            )
        self.arm.clock.sleep(max(next(self._pauses), self._asked_s))

    def at(self, url: str, api_version: str = "") -> Answer:
        """The answer to a GET, its wish for the next pause noted."""
        answer = self.arm.send("GET", url, api_version)
        self._asked_s = retry_after_s(answer.headers) or 0.0
        return answer

    def resource(self) -> Json:
        return dict(self.at(self.answer.path, self.answer.api_version).body)


def _wait_operation(look: _Looks, url: str) -> None:
    while True:
        look.rest()
        try:
            poll = look.at(url)
        except NotFound:
            return  # operations are forgotten sooner or later; the resource itself tells the rest
        status = str((poll.body or {}).get("status") or "Succeeded").lower()
        if status == "succeeded":
            return
        if status in _TERMINAL:
            raise _failure(look, poll.body, poll.request_id)


def _wait_location(look: _Looks, url: str) -> Json:
    """A POST's or DELETE's result: 202 means that it is not there yet."""
    while True:
        look.rest()
        try:
            poll = look.at(url)
        except NotFound:
            return {}
        if poll.status != 202:
            return poll.body if isinstance(poll.body, dict) else {}


def _result(look: _Looks, location: str) -> Json:
    answer = look.answer
    if answer.method == "POST":
        return _fetch(look, location) if location else answer.body if isinstance(answer.body, dict) else {}
    if answer.method == "DELETE":
        return {}
    document = _wait_written(look, first=not _is_done(answer))
    if state_of(document) != "succeeded":
        raise _failure(look, {"error": _provisioning_error(document)}, answer.request_id)
    return document


def _is_done(answer: Answer) -> bool:
    """Whether the first answer already was the end: no operation, and a settled document."""
    names = {name.lower() for name in answer.headers}
    return "azure-asyncoperation" not in names and bool(answer.body) and is_settled(answer.body)


def _fetch(look: _Looks, location: str) -> Json:
    """The result at the Location of a finished operation; {} where Azure has already forgotten it."""
    try:
        body = look.at(location).body
    except NotFound:
        return {}
    return body if isinstance(body, dict) else {}


def _wait_written(look: _Looks, *, first: bool) -> Json:
    """The document after a write, which Azure may not find for a while although it has just made it."""
    looks = Retrying(
        sleep=look.arm.clock.sleep,
        wait=wait_exponential(multiplier=1, max=30),
        stop=stop_after_attempt(_LOOKS),
        retry=retry_if_exception_type(NotFound),
        reraise=True,
    )
    return looks(_wait_settled, look, first=first)


def _wait_settled(look: _Looks, *, first: bool) -> Json:
    """The document when it is settled; `first`: look before the first pause."""
    document = look.resource() if first else dict(look.answer.body)
    while not is_settled(document):
        look.rest()
        document = look.resource()
    return document


def _provisioning_error(document: Mapping[str, Any]) -> Any:
    properties = document.get("properties") or {}
    fallback = {"code": "", "message": f"its provisioningState is {properties.get('provisioningState')}"}
    return properties.get("error") or properties.get("errors") or fallback


def _failure(look: _Looks, body: Any, request_id: str) -> Exception:
    doing = f"{look.answer.method} ({look.kind})"
    path = look.answer.path.split("?")[0]
    return error_of_operation(body, resource=path, doing=doing, request_id=request_id)
