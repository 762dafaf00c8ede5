"""Role assignments: which of them a migration makes again, for whom, and on what.

Azure assigns some roles by itself when it makes a workspace or an endpoint with a system-assigned identity. The new
ones get theirs in the same way, so those are not made twice. Everybody else's assignments on the source workspace
and on endpoints that move, and whatever was given to the identities that are replaced, on any scope, get a twin.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import NamedTuple

from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import COMPUTE, ROLE_ASSIGNMENT, ROLE_DEFINITION, Document
from vnetferry.models.plan import PlanWarning, Step
from vnetferry.plan.associated import associated_resources, associated_step_id, replaced_by
from vnetferry.plan.carry_over import carry_over
from vnetferry.plan.durations import expected_s
from vnetferry.plan.field_rules import Path, Rule
from vnetferry.plan.fields import writable
from vnetferry.plan.identities import user_assigned
from vnetferry.plan.moved import Moved, scope_text
from vnetferry.plan.parts import Part, attention, cannot_carry, join
from vnetferry.plan.scope import Scope

_CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
_METRICS_WRITER = "635dd51f-9968-44d3-b7fb-6d9a6bd613ae"
# What the roles that are met most are called, for people.
_NAMES = {
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "ea01e6af-a1c1-4350-9563-ad00f8c72ec5": "Azure Machine Learning Workspace Connection Secrets Reader",
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
    "f6c7c914-8db3-469d-8ca1-694a8f32e121": "AzureML Data Scientist",
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "b556d68e-0be0-4f35-a333-ad7ee1ce17ea": "Azure AI Enterprise Network Connection Approver",
    _CONTRIBUTOR: "Contributor",
    _METRICS_WRITER: "AzureML Metrics Writer",
}
# Role -> what Azure assigns it on to the identity of an endpoint ("": the workspace itself).
# Source: Authentication and authorization for online endpoints.
_TO_ENDPOINTS = {
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": ("containerRegistry",),
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": ("storageAccount",),
    _METRICS_WRITER: ("",),
}
# The same for the identity of a workspace ("group": its resource group).
# Source: Set up authentication between Azure ML and other services; Manage access to workspaces.
_TO_WORKSPACES = {
    _CONTRIBUTOR: ("", "group", "storageAccount", "keyVault", "containerRegistry", "applicationInsights"),
    "b78c5d69-af96-48a3-bf8d-a8b4d589de94": ("", "group"),  # Azure AI Administrator, in Contributor's place
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": ("storageAccount",),
    "69566ab7-960f-475b-8e7c-b3118f30c6bd": ("storageAccount",),  # Storage File Data Privileged Contributor
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": ("keyVault",),
}
_KINDS = ("User", "Group", "ServicePrincipal", "ForeignGroup", "Device")
_NEW_PRINCIPAL = Rule("remake", "the new identity's principal, which is known once it exists")


class Twin(NamedTuple):
    """One assignment that is made again.

    scope:  what it will be on, an id; "" for the tenant's root.
    holder: the target endpoint or workspace whose own new identity gets it; None: the principal stays the same.
    anew:   whether that scope is made anew in the place of what the source's is on.
    """

    source: Document
    scope: str
    holder: ResourceId | None
    anew: bool = False

    @property
    def resource(self) -> ResourceId:
        """Its id. The name is a GUID that follows from what it is, so running again finds it."""
        what = f"{self.source.id.key}#{self.scope.lower()}#{self.holder.key if self.holder else ''}"
        return ResourceId(f"{self.scope}/providers/{ROLE_ASSIGNMENT}/{uuid.uuid5(uuid.NAMESPACE_URL, what)}")

    @property
    def role(self) -> str:
        """The GUID of its role, in lower case."""
        return _role(self.source)


def plan_roles(scope: Scope, moved: Moved) -> Part:
    """A step for each role assignment that is made again."""
    found = twins(scope, moved)
    notes = (*_warnings(scope, moved), *_unassignable(scope, found))
    return join([*_planned(scope, moved, found), Part(warnings=notes)])


def twins(scope: Scope, moved: Moved) -> tuple[Twin, ...]:
    """The assignments that must be made again, sorted by the id of the source's."""
    associated = {str(scope.target).lower(), *(each.lower() for each in associated_resources(scope).values())}
    replaced = replaced_by(scope)
    found = (
        each
        for d in scope.inventory.of_type(ROLE_ASSIGNMENT)
        for each in (
            _twin(scope, moved, associated, d),
            _twin_on_new(scope, moved, replaced.get(scope_text(d).lower()), d),
        )
    )
    return tuple(twin for twin in found if twin)


def role_fate(moved: Moved, assignment: Document) -> Rule:
    """What becomes of an assignment that is not made again."""
    principal = assigned_to(assignment)
    if moved.holder(principal):
        return Rule("remake", "Azure gives the new identity the same role by itself")
    if moved.is_own(principal):
        return Rule("drop", "the identity that has it stays with the source")
    if moved.is_in_source(scope_text(assignment)):
        return Rule("drop", "what it is on stays with the source")
    return Rule("carry", "stays as it is: neither who has it nor what it is on moves")


def assigned_to(assignment: Document) -> str:
    """The principal of a role assignment, in lower case."""
    return str(assignment.get("principalId", "")).lower()


def roles_are_unread(scope: Scope) -> bool:
    """Whether some role assignments could not be read, so that nobody can say which the source's identities have."""
    return any("roleassignments" in what.lower() for what in scope.inventory.unread)


def _twin(scope: Scope, moved: Moved, associated: set[str], assignment: Document) -> Twin | None:
    before, principal = scope_text(assignment), assigned_to(assignment)
    after = moved.target(before)
    if holder := moved.holder(principal):
        twin = Twin(assignment, str(after or before), holder)
        return None if _is_made_by_azure(scope, twin, associated) else twin
    if after and not moved.is_own(principal):
        return Twin(assignment, str(after), None)
    return None


def _twin_on_new(scope: Scope, moved: Moved, new: ResourceId | None, assignment: Document) -> Twin | None:
    """The same on what is made anew, for whoever has it on the source's, which it keeps: images and data stay there."""
    principal = assigned_to(assignment)
    holder = moved.holder(principal)
    if new is None or (moved.is_own(principal) and not holder):
        return None
    twin = Twin(assignment, str(new), holder, anew=True)
    return None if holder and _is_made_by_azure(scope, twin, {new.key}) else twin


def _is_made_by_azure(scope: Scope, twin: Twin, associated: set[str]) -> bool:
    """Whether Azure gives the new identity, by itself, what it gave the old one by itself.

    In: associated: the target and what it uses, ids in lower case.
    """
    role, where = twin.role, scope_text(twin.source)
    if twin.holder == scope.target:
        # It gives the new workspace's identity the same on what the new workspace uses.
        return _is_on(scope, _TO_WORKSPACES.get(role, ()), where)
    if twin.holder and twin.holder.type.lower() == COMPUTE.lower():
        return False  # it has those alone that people gave it
    # An image of the source's registry is pulled from there still, so only an equal right makes this one needless.
    return _is_on(scope, _TO_ENDPOINTS.get(role, ()), where) and twin.scope.lower() in associated


def _is_on(scope: Scope, places: tuple[str, ...], where: str) -> bool:
    """Whether a scope is one of the places at which the source workspace's own things are."""
    workspace = scope.inventory.workspace
    ids = {"": str(workspace.id), "group": str(workspace.id.group_id)}
    return where.lower() in {str(ids.get(p) or workspace.get(p, "-")).lower() for p in places}


def _role(assignment: Document) -> str:
    return str(assignment.get("roleDefinitionId", "")).rpartition("/")[2].lower()


def _planned(scope: Scope, moved: Moved, found: tuple[Twin, ...]) -> Iterator[Part]:
    """Of an assignment that has two twins, the first one's is what becomes of its properties."""
    told: set[ResourceId] = set()
    for twin in found:
        part = _plan_twin(scope, moved, twin)
        yield part._replace(carry_over=()) if twin.source.id in told else part
        told.add(twin.source.id)


def _plan_twin(scope: Scope, moved: Moved, twin: Twin) -> Part:
    resource, whole = twin.resource, moved.value(writable(ROLE_ASSIGNMENT, twin.source.body))
    properties = {**whole["properties"], "scope": twin.scope or "/"}
    body = {"properties": {k: v for k, v in properties.items() if k not in ("scope", "principalId")}}
    if twin.holder:
        body["properties"]["principalType"] = "ServicePrincipal"
    elif properties.get("principalType") not in _KINDS:
        body["properties"].pop("principalType", None)
    special: dict[Path, Rule] = {("properties", "principalId"): _NEW_PRINCIPAL} if twin.holder else {}
    step = Step(
        id=f"assign_role:{resource.name}",
        kind="assign_role",
        title=_title(twin),
        resource=resource,
        source=twin.source.id,
        body=body,
        spec={
            "holder": str(twin.holder or ""),
            "principal": "" if twin.holder else assigned_to(twin.source),
            **({"wearers": _wearers(scope, twin)} if twin.anew else {}),
        },
        depends_on=tuple(_needs(moved, twin)),
        undo="delete",
        duration_s=expected_s("assign_role"),
    )
    written: Json = {"properties": {**body["properties"], "scope": properties["scope"]}}
    if not twin.holder:
        written["properties"]["principalId"] = properties.get("principalId")
    carried = carry_over(twin.source, resource, written, special)
    return Part((step,), carried.carry_over, carried.warnings)


def _wearers(scope: Scope, twin: Twin) -> list[str]:
    """The targets of what acts as an identity that users made and that gets the role."""
    inventory, principal = scope.inventory, assigned_to(twin.source)
    sources = (inventory.workspace, *scope.endpoints)
    return [
        str(scope.remap.id(d.id))
        for d in sources
        if principal in {worn.lower() for _, worn in user_assigned(inventory, d)}
    ]


def _title(twin: Twin) -> str:
    role = twin.role
    who = (
        twin.holder.name
        if twin.holder
        else f"{twin.source.get('principalType', 'principal')} {assigned_to(twin.source)[:8]}"
    )
    on = twin.scope.rpartition("/")[2] or "the tenant"
    return f"give {who} {_NAMES.get(role, f'role {role[:8]}')} on {on}"


def _needs(moved: Moved, twin: Twin) -> Iterator[str]:
    """The steps that make the identity, and what the role is on."""
    targets = [twin.holder] if twin.holder else []
    if on := moved.target(scope_text(twin.source)):
        targets.append(on)
    yield from dict.fromkeys(moved.maker(target) for target in targets)
    if twin.anew:
        yield associated_step_id(ResourceId(twin.scope))


def _warnings(scope: Scope, moved: Moved) -> Iterator[PlanWarning]:
    """What of the assignments of others is not made again, and why."""
    others = [d for d in scope.inventory.of_type(ROLE_ASSIGNMENT) if not moved.is_own(assigned_to(d))]
    for assignment in others:
        on = scope_text(assignment)
        if moved.is_in_source(on) and not moved.target(on) and not _stays(scope, on):
            text = "A role is on what does not move; give it again on the target if it is needed."
            yield cannot_carry(assignment.id, text)
    on_group = [d for d in others if moved.group(scope_text(d))]
    if on_group and scope.target.group_id != scope.inventory.source.group_id:
        text = (
            f"{len(on_group)} role assignments on {scope.inventory.source.resource_group} reach the source from above, "
            f"and do not reach {scope.target.resource_group}; give on it those that are needed."
        )
        yield attention(scope.inventory.source, text)


def _unassignable(scope: Scope, found: tuple[Twin, ...]) -> Iterator[PlanWarning]:
    """Custom roles are assigned within their assignable scopes only, and the target may lie outside them."""
    custom = {d.name.lower(): d for d in scope.inventory.of_type(ROLE_DEFINITION)}
    for twin in found:
        role = custom.get(twin.role)
        allowed = (
            [str(each).rstrip("/").lower() for each in role.get("assignableScopes", [])] if role else [""]
        )
        if role and not any(f"{twin.scope.lower()}/".startswith(f"{each}/") for each in allowed):
            text = (
                f"Role {role.get('roleName', role.name)} cannot be assigned on {twin.scope or 'the tenant'}:"
            )
            yield attention(role.id, f"{text} add that to its assignable scopes before applying.")


def _stays(scope: Scope, on: str) -> bool:
    """Whether a scope is an endpoint that is not asked to move, or in one."""
    return any(f"{on.lower()}/".startswith(f"{e.id.key}/") for e in scope.inventory.endpoints)
