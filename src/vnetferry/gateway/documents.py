"""One step on one document: look, decide, act, look again.

Writing twice writes once: nothing is sent when Azure already holds what is wanted. What another hand made is
never written to. Secrets are sent and never returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from vnetferry.errors import Conflict, NotFound, NotOurs
from vnetferry.gateway.api_versions import api_version
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.difference import differs
from vnetferry.gateway.poll import is_settled, state_of, wait_resource
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.run import PLAN_TAG, SOURCE_TAG

# What another operation holds (a workspace, a subnet, a DNS zone) is asked for again 10, 20, 40, 60, 60 s apart: three
# minutes in all. Source: azure-resource-manager's RetryableErrorDueToAnotherOperation; most writes are shorter.
_ATTEMPTS, _CONFLICT_PAUSE_S, _LONGEST_PAUSE_S = 6, 10.0, 60.0
T = TypeVar("T")


class Written(NamedTuple):
    """What a write came to.

    changed:    whether anything was sent.
    before:     the document before; None when there was none.
    after:      the document as Azure holds it now; {} after a deletion.
    request_id: Azure's id of the write, "" when nothing was sent.
    unsettled:  paths that Azure, after the write, still answers in its own way.
    message:    what a person may want to know of it.
    """

    changed: bool
    before: Json | None
    after: Json
    request_id: str = ""
    unsettled: tuple[str, ...] = ()
    message: str = ""


def ensure(
    azure: Azure,
    resource: ResourceId,
    body: Json,
    *,
    kind: str,
    tags: Mapping[str, str] | None = None,
    secrets: Json | None = None,
) -> Written:
    """Make a resource what `body` says.

    In:      kind: how long it takes (a key of poll.PACES); tags: added to the body's own, and the sign that
             the resource is ours; secrets: properties to send besides, which Azure never answers.
    Raises:  NotOurs when tags are given and the existing resource was not made from the same source by
             vnetferry.
    Effects: at most one PUT; what Azure cannot mend (a deployment that failed, an endpoint that never came
             up) is deleted first if it is ours.
    """
    desired = {**body, "tags": {**(body.get("tags") or {}), **tags}} if tags else body
    return deciding_anew(azure, lambda: _ensure_once(azure, resource, desired, kind, tags, secrets))


def deciding_anew(azure: Azure, attempt: Callable[[], T]) -> T:
    """Look, decide and act; and all of it again when another run began to write the same since we looked.

    In: attempt: waits, before it decides, for the end of what changes the resource.
    """
    attempts = Retrying(
        sleep=azure.clock.sleep,
        wait=wait_exponential(multiplier=_CONFLICT_PAUSE_S, max=_LONGEST_PAUSE_S),
        stop=stop_after_attempt(_ATTEMPTS),
        retry=retry_if_exception(lambda err: isinstance(err, Conflict) and err.retryable),
        reraise=True,
    )
    return attempts(attempt)


def _ensure_once(
    azure: Azure,
    resource: ResourceId,
    desired: Json,
    kind: str,
    tags: Mapping[str, str] | None,
    secrets: Json | None,
) -> Written:
    before = find_settled(azure, resource, kind)
    if before is not None and tags is not None:
        require_ours(before, tags, resource)
    current = before
    if tags is not None and before is not None and is_stillborn(before, kind):
        delete(azure, resource)
        current = None
    if current is not None and state_of(current) == "succeeded" and not _lacks(desired, current):
        return Written(False, before, current)
    answer = azure.arm.put(
        resource, api_version(resource.type), merged(desired, {"properties": secrets} if secrets else {})
    )
    after = azure.arm.wait(answer, kind)
    return Written(True, before, after, answer.request_id, tuple(differs(desired, after)))


def delete(azure: Azure, resource: ResourceId, *, kind: str = "delete", query: Json | None = None) -> Written:
    """Delete a resource and wait until it is gone; absent is done.

    Effects: at most one DELETE, and another when Azure refuses the first because something is changing the resource:
             its deletion, perhaps, by a request whose answer was lost.
    """
    before = azure.arm.find(resource, api_version(resource.type))
    if before is None:
        return Written(False, None, {})
    try:
        return delete_once(azure, resource, before, kind, query)
    except Conflict as err:
        if not err.retryable:
            raise
    left = find_settled(azure, resource, kind)
    return delete_once(azure, resource, left, kind, query) if left else Written(True, before, {})


def delete_once(azure: Azure, resource: ResourceId, before: Json, kind: str, query: Json | None) -> Written:
    """Send one DELETE and wait for its end; what is gone by then is done. Raises: Conflict while it is busy."""
    try:
        answer = azure.arm.delete(resource, api_version(resource.type), query)
    except NotFound:
        return Written(False, before, {})
    azure.arm.wait(answer, kind)
    return Written(True, before, {}, answer.request_id)


def find_settled(azure: Azure, resource: ResourceId, kind: str) -> Json | None:
    """The document once no operation changes it any more; None when there is none."""
    document = azure.arm.find(resource, api_version(resource.type))
    if document is None or is_settled(document):
        return document
    try:
        return wait_resource(azure, resource, api_version(resource.type), kind)
    except NotFound:  # what was changing it was its deletion
        return None


def require_ours(document: Json, tags: Mapping[str, str], resource: ResourceId) -> None:
    """Raise NotOurs unless vnetferry made the resource, from the same source workspace.

    A plan that was made anew (after a quota was raised, say) has another id and goes on with what the first
    one made, so it is the source's tag that must agree when there is one.
    """
    found = document.get("tags") or {}
    if PLAN_TAG not in found:
        who = "exists, and vnetferry did not make it"
    elif str(found.get(SOURCE_TAG, "")).lower() != str(tags.get(SOURCE_TAG, "")).lower():
        who = f"exists, and was made from another source: {found.get(SOURCE_TAG)}"
    else:
        return
    raise NotOurs(
        f"'{resource.name}' {who}",
        resource=str(resource),
        remedy="Choose another name in the configuration, or delete it if nobody needs it.",
    )


def merged(base: Any, extra: Any) -> Any:
    """`base` with the values of `extra` put in at every depth."""
    if not (isinstance(base, Mapping) and isinstance(extra, Mapping)):
        return extra
    return {
        **base,
        **{key: merged(base[key], value) if key in base else value for key, value in extra.items()},
    }


def _lacks(desired: Json, current: Json) -> list[str]:
    """Where Azure does not hold what is wanted. Which of our plans made it does not matter: deployments that serve are
    not rolled for a tag.
    """
    return [path for path in differs(desired, current) if not path.endswith(f"tags.{PLAN_TAG}")]


def is_stillborn(document: Json, kind: str) -> bool:
    """Whether Azure takes no update of it any more. An endpoint that served once is never one."""
    if state_of(document) == "succeeded":
        return False
    return kind in ("deployment", "compute") or (
        kind == "endpoint" and not document["properties"].get("scoringUri")
    )
