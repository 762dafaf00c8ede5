"""Who there is in the tenant: the clients, every managed identity, and whoever a scenario gives a role.

A managed identity is there as long as its resource is, as in Azure. Of a principal that a scenario's role assignment
names and no identity explains, nothing is known but its id and its kind.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

Kind = Literal["user", "group", "servicePrincipal"]
_USER_ASSIGNED = "microsoft.managedidentity/userassignedidentities"
_KINDS: dict[str, Kind] = {"User": "user", "Group": "group", "ServicePrincipal": "servicePrincipal"}


@dataclass(frozen=True)
class Member:
    """One object of the directory.

    app_id:      of a service principal; "" of others.
    resource_id: whose managed identity it is, or "". is_explicit: it is a resource of its own (user-assigned).
    """

    id: str
    kind: Kind
    name: str
    app_id: str = ""
    resource_id: str = ""
    is_explicit: bool = False

    @property
    def principal_name(self) -> str:
        """What a user signs in as."""
        return f"{self.name}@sandbox.onmicrosoft.com" if self.kind == "user" else ""

    @property
    def names(self) -> tuple[str, ...]:
        """What a service principal is also found by."""
        return (self.app_id,) if self.app_id else ()


def members(world: World) -> dict[str, Member]:
    """Everybody, by object id (lower case)."""
    found: dict[str, Member] = {}
    for member in (_client(world), *_others(world), *_managed(world), *_assigned(world)):
        found.setdefault(member.id.lower(), member)
    return found


def _client(world: World) -> Member:
    client = world.identity.client
    return Member(client.object_id, "servicePrincipal", "vnetferry-sandbox", client.app_id)


def _others(world: World) -> Iterator[Member]:
    for each in world.scenario.principals:
        yield Member(each.object_id, "servicePrincipal", each.app_id, each.app_id)


def _managed(world: World) -> Iterator[Member]:
    for document in world.documents.below("/"):
        if resource_type(document["id"]).lower() == _USER_ASSIGNED:
            yield _user_assigned(document)
        elif principal := (document.get("identity") or {}).get("principalId"):
            yield _system_assigned(document["id"], principal)


def _user_assigned(document: Json) -> Member:
    held = document["properties"]
    return Member(
        held["principalId"], "servicePrincipal", document["name"], held["clientId"], document["id"], True
    )


def _system_assigned(resource_id: str, principal: str) -> Member:
    """Entra alone knows its application's id, so that is made up; it follows from the object id."""
    app_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{principal.lower()}#appId"))
    return Member(principal, "servicePrincipal", _name_of(resource_id), app_id, resource_id)


def _name_of(resource_id: str) -> str:
    """`workspace/onlineEndpoints/endpoint` for a child resource, a top resource's own name."""
    return "/".join(resource_id.strip("/").split("/")[7:])


def _assigned(world: World) -> Iterator[Member]:
    for document in world.scenario.resources:
        held = document.get("properties") or {}
        if "/microsoft.authorization/roleassignments/" in document.get("id", "").lower():
            kind = _KINDS.get(held.get("principalType", "ServicePrincipal"))
            if kind and (principal := held.get("principalId")):
                yield _unexplained(principal, kind)


def _unexplained(principal: str, kind: Kind) -> Member:
    app_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{principal.lower()}#appId"))
    return Member(principal, kind, principal, app_id if kind == "servicePrincipal" else "")
