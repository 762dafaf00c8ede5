"""Identities that a workspace and what is in it wear, and every role assignment that names them or their scopes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from vnetferry.gateway import api_versions
from vnetferry.gateway.readings import Readings, identified
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document

_PROVIDER = "providers/Microsoft.Authorization"


def worn_identities(documents: Iterable[Document]) -> list[ResourceId]:
    """The user-assigned identities that documents wear, sorted."""
    worn = {ResourceId(name) for document in documents for name in _user_assigned(document)}
    return sorted(worn)


def read_role_assignments(
    readings: Readings, workspace: ResourceId, scopes: Iterable[ResourceId], wearers: Iterable[Document]
) -> list[Document]:
    """Role assignments at or below the workspace and the scopes, and those to the wearers' identities at every
    scope of every subscription that the caller sees; with the definitions of the custom roles that they give.
    """
    principals = {principal.lower() for wearer in wearers for principal in _principals(wearer)}
    found = [
        *_below(readings, [workspace, *scopes]),
        *_to_principals(readings, workspace, principals),
        *_elsewhere(readings, workspace.subscription_id, principals),
    ]
    assignments = {document.id: document for document in identified(found)}
    return [*assignments.values(), *_custom_roles(readings, workspace, assignments.values())]


def _below(readings: Readings, scopes: list[ResourceId]) -> Iterator[Json]:
    """Lists at a scope also hold what is inherited from above, which stays where it is."""

    def read(scope: ResourceId) -> list[Json]:
        items = readings.items(f"{scope}/{_PROVIDER}/roleAssignments", api_versions.AUTHORIZATION)
        return [item for item in items if f"{_scope(item)}/".startswith(f"{scope.key}/")]

    return chain.from_iterable(readings.each(read, scopes))


def _to_principals(readings: Readings, workspace: ResourceId, principals: set[str]) -> Iterator[Json]:
    """Of the whole subscription; of the workspace's group alone when the caller may not list more."""
    scopes = (f"/subscriptions/{workspace.subscription_id}", str(workspace.group_id))

    def read(principal: str) -> list[Json]:
        query = {"$filter": f"principalId eq '{principal}'"}
        whole, group = (f"{scope}/{_PROVIDER}/roleAssignments" for scope in scopes)
        found = readings.attempt(
            lambda: list(readings.azure.arm.list(whole, api_versions.AUTHORIZATION, query)), whole
        )
        return readings.items(group, api_versions.AUTHORIZATION, query) if found is None else found

    return chain.from_iterable(readings.each(read, sorted(principals)))


def _elsewhere(readings: Readings, own_subscription: str, principals: set[str]) -> Iterator[Json]:
    """In other subscriptions: one list of each, because there may be more subscriptions than assignments."""

    def read(subscription: str) -> list[Json]:
        path = f"/subscriptions/{subscription}/{_PROVIDER}/roleAssignments"
        items = readings.items(path, api_versions.AUTHORIZATION)
        return [i for i in items if str((i.get("properties") or {}).get("principalId")).lower() in principals]

    others = (
        [s for s in readings.subscriptions if s.lower() != own_subscription.lower()] if principals else []
    )
    return chain.from_iterable(readings.each(read, others))


def _custom_roles(
    readings: Readings, workspace: ResourceId, assignments: Iterable[Document]
) -> list[Document]:
    """Built-in roles are everywhere, so they are left out."""
    given = {str(a.get("roleDefinitionId")).lower() for a in assignments}
    names = {definition.rpartition("/")[2] for definition in given}
    own = f"/subscriptions/{workspace.subscription_id}".lower()
    others = {"/".join(d.split("/")[:3]) for d in given if d.startswith("/subscriptions/")} - {own}

    def read(scope: str) -> list[Json]:
        query = {"$filter": "type eq 'CustomRole'"}
        return readings.items(f"{scope}/{_PROVIDER}/roleDefinitions", api_versions.AUTHORIZATION, query)

    found = identified(chain.from_iterable(readings.each(read, [str(workspace), *sorted(others)])))
    return [d for d in found if d.name.lower() in names and d.get("type") == "CustomRole"]


def _principals(wearer: Document) -> Iterator[str]:
    identity = wearer.body.get("identity") or {}
    worn = (identity.get("userAssignedIdentities") or {}).values()
    for held in (identity, *worn):
        if principal := (held or {}).get("principalId"):
            yield str(principal)


def _user_assigned(document: Document) -> list[str]:
    return list((document.body.get("identity") or {}).get("userAssignedIdentities") or {})


def _scope(assignment: Json) -> str:
    return str((assignment.get("properties") or {}).get("scope") or "").lower()
