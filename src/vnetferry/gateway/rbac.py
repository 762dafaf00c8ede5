"""What the caller may do, asked before it is tried."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId


def missing_actions(azure: Azure, scope: ResourceId, actions: Iterable[str]) -> list[str]:
    """Those of `actions` that the caller's roles at the scope do not grant, in their order.

    Raises: NotFound when the scope does not exist.
    Source: Permissions - List For Resource: each permission grants its actions without its notActions.
    """
    path = f"{scope}/providers/Microsoft.Authorization/permissions"
    permissions = list(azure.arm.list(path, api_versions.AUTHORIZATION))
    return [
        action for action in actions if not any(_grants(permission, action) for permission in permissions)
    ]


def _grants(permission: Json, action: str) -> bool:
    return _named(permission.get("actions"), action) and not _named(permission.get("notActions"), action)


def _named(patterns: Iterable[str] | None, action: str) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns or ())
