"""Role assignments: making them once, and knowing how old they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import isodate  # type: ignore[import-untyped]
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

from vnetferry.checks.rights import grants
from vnetferry.errors import AzureError, Conflict, NotFound, PermissionDenied
from vnetferry.gateway.api_versions import AUTHORIZATION, api_version
from vnetferry.gateway.arm import Answer
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.documents import Written
from vnetferry.gateway.rbac import permissions_of
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

_PROVIDER = "providers/Microsoft.Authorization/roleAssignments"
# A new identity is unknown to parts of the directory for seconds, at times for minutes.
_ATTEMPTS, _PAUSE_S = 20, 15.0


def read_principal(azure: Azure, holder: ResourceId) -> str:
    """The object id of a resource's system-assigned identity. Raises: NotFound when there is none (yet)."""
    identity = azure.arm.get(holder, api_version(holder.type)).get("identity") or {}
    if not identity.get("principalId"):
        raise NotFound(
            f"'{holder.name}' has no identity of its own to give a role to",
            resource=str(holder),
            remedy="Look at its identity in the portal; it is part of what the plan makes.",
        )
    return str(identity["principalId"])


def assign_role(azure: Azure, assignment: ResourceId, body: Json, principal: str) -> Written:
    """Give a principal a role, once: an equal assignment under whatever name counts.

    In:      body: the PUT body without the principal.
    Raises:  PermissionDenied, saying what to type, when the caller may not; NotFound when the principal is not in the
             directory, even after some minutes; Rejected for a role that cannot be assigned there.
    Effects: at most one PUT; before it a DELETE, when the name is held by an assignment to an identity that was ours
             and exists no more (its endpoint was made anew). Assignments cannot be changed.
    """
    wanted = {"properties": {**body["properties"], "principalId": principal}}
    if equal := _equal(azure, assignment, wanted):
        return Written(False, equal, equal)
    before = azure.arm.find(assignment, AUTHORIZATION)
    if before is not None:
        azure.arm.delete(assignment, AUTHORIZATION)
    try:
        answer = _put(azure, assignment, wanted)
    except Conflict as err:
        if err.code != "RoleAssignmentExists":
            raise
        return Written(False, before, _equal(azure, assignment, wanted) or wanted)
    except PermissionDenied as err:
        err.remedy = _command(assignment, wanted)
        raise
    return Written(True, before, dict(answer.body), answer.request_id)


def is_needless(azure: Azure, assignment: ResourceId, principal: str, actions: Sequence[str]) -> bool:
    """Whether a principal's roles on the assignment's scope let it do all of `actions` already; never without any."""
    if not actions:
        return False
    try:
        held = permissions_of(azure, principal, ResourceId(_scope(assignment)))
    except (PermissionDenied, NotFound):
        return False  # who may not look may yet be allowed to give it
    return all(grants(held, action) for action in actions)


def assignments_of(
    azure: Azure, subscription_id: str, principal: str, *, by_groups: bool = False
) -> list[Json]:
    """A principal's assignments on a subscription, above it and in it; none when the caller may not see them.

    In: by_groups: also those that it has because it is in a group.
    """
    query = {"$filter": f"assignedTo('{principal}')" if by_groups else f"principalId eq '{principal}'"}
    try:
        return list(azure.arm.list(f"/subscriptions/{subscription_id}/{_PROVIDER}", AUTHORIZATION, query))
    except (PermissionDenied, NotFound):
        return []


def made_at(assignment: Json) -> datetime | None:
    """When an assignment was made; None when its document does not say."""
    return moment((assignment.get("properties") or {}).get("createdOn"))


def role_of(assignment: Json) -> str:
    """The GUID of an assignment's role, in lower case."""
    return _role(assignment.get("properties") or {})


def moment(text: object) -> datetime | None:
    """A point in time as Azure writes it; None for anything else."""
    try:
        at: datetime = isodate.parse_datetime(str(text))
    except (ValueError, isodate.ISO8601Error):
        return None
    return at if at.tzinfo else None


def _equal(azure: Azure, assignment: ResourceId, wanted: Json) -> Json | None:
    """An assignment of the same role to the same principal on the same scope, under the same condition."""
    return next(
        (
            item
            for item in _at_scope(azure, assignment, wanted)
            if _is_same(item["properties"], wanted["properties"])
        ),
        None,
    )


def _at_scope(azure: Azure, assignment: ResourceId, wanted: Json) -> Iterator[Json]:
    """The principal's assignments on just that scope: lists hold those above and below it too."""
    scope = _scope(assignment)
    query = {"$filter": f"principalId eq '{wanted['properties']['principalId']}'"}
    for item in azure.arm.list(f"{scope}/{_PROVIDER}", AUTHORIZATION, query):
        if str(item["properties"].get("scope") or "").rstrip("/").lower() == scope.lower():
            yield item


def _scope(assignment: ResourceId) -> str:
    return assignment.text[: assignment.text.lower().rindex(f"/{_PROVIDER}".lower())]


def _is_same(held: Json, wanted: Json) -> bool:
    return _role(held) == _role(wanted) and (held.get("condition") or None) == (
        wanted.get("condition") or None
    )


def _role(properties: Json) -> str:
    return str(properties.get("roleDefinitionId")).rpartition("/")[2].lower()


def _put(azure: Azure, assignment: ResourceId, wanted: Json) -> Answer:
    attempts = Retrying(
        sleep=azure.clock.sleep,
        wait=wait_fixed(_PAUSE_S),
        stop=stop_after_attempt(_ATTEMPTS),
        retry=retry_if_exception(lambda err: isinstance(err, AzureError) and err.code == "PrincipalNotFound"),
        reraise=True,
    )
    answer: Answer = attempts(azure.arm.put, assignment, AUTHORIZATION, wanted)
    return answer


def _command(assignment: ResourceId, wanted: Json) -> str:
    """What someone with the right may type instead; running again finds it done."""
    properties = wanted["properties"]
    kind = properties.get("principalType", "ServicePrincipal")
    return (
        "Have it given by someone who may (az role assignment create --assignee-object-id "
        f"{properties['principalId']} --assignee-principal-type {kind} --role {_role(properties)} --scope "
        f"{_scope(assignment) or '/'}), and run again."
    )
