"""What the caller and the identities may do, asked before it is tried."""

from __future__ import annotations

from collections.abc import Iterable

from vnetferry.checks.rights import grants
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

_AUTHORIZATION = "providers/Microsoft.Authorization"


def missing_actions(
    azure: Azure, scope: ResourceId, actions: Iterable[str], *, data: bool = False
) -> list[str]:
    """Those of `actions` (`data`: data actions) that the caller's roles at the scope do not grant, in their order.

    Raises: NotFound when the scope does not exist.
    """
    permissions = list(azure.arm.list(f"{scope}/{_AUTHORIZATION}/permissions", api_versions.AUTHORIZATION))
    return [action for action in actions if not grants(permissions, action, data=data)]


def permissions_of(azure: Azure, principal: str, scope: ResourceId) -> list[Json]:
    """What a principal's roles at the scope, its own and inherited ones, grant: permissions as roles list them."""
    roles = {str(held["properties"]["roleDefinitionId"]) for held in _assignments(azure, principal, scope)}
    definitions = [azure.arm.get(role, api_versions.AUTHORIZATION) for role in sorted(roles)]
    return [permission for d in definitions for permission in d["properties"].get("permissions") or ()]


def find_assignment(azure: Azure, principal: str, scope: ResourceId, role: str) -> Json | None:
    """The assignment of a role (its GUID) to a principal at a scope, made there or above; None when there is none."""
    held = (
        each
        for each in _assignments(azure, principal, scope)
        if str(each["properties"]["roleDefinitionId"]).lower().endswith(f"/{role.lower()}")
    )
    return next(held, None)


def _assignments(azure: Azure, principal: str, scope: ResourceId) -> list[Json]:
    """Source: List Azure role assignments (assignedTo includes those that it has through groups)."""
    query = {"$filter": f"assignedTo('{principal}')"}
    path = f"{scope}/{_AUTHORIZATION}/roleAssignments"
    found = azure.arm.list(path, api_versions.AUTHORIZATION, query)
    return [each for each in found if _reaches(str(each["properties"].get("scope")), scope)]


def _reaches(assigned: str, scope: ResourceId) -> bool:
    """Whether an assignment at one scope holds at another: Azure lists those below the latter too."""
    return f"{scope.key}/".startswith(f"{assigned.rstrip('/').lower()}/")
