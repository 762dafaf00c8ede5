"""What can be asked of a workspace beyond its document: keys of what it uses, their resynchronization, a
diagnosis.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.private_links import operations as private_link_operations
from vnetferry.sandbox.errors import account_error
from vnetferry.sandbox.ml.api_versions import PRIVATE_LINKS
from vnetferry.sandbox.ml.diagnosis import GROUPS, diagnose
from vnetferry.sandbox.ml.fields import Field, Kind, anything, object_of
from vnetferry.sandbox.ml.scope import WORKSPACE, WORKSPACE_TYPE, require_idle, require_workspace, row
from vnetferry.sandbox.ml.workspace_documents import shown
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_RESYNC_S, _DIAGNOSE_S = 30.0, 20.0
_DIAGNOSE = Kind(
    "DiagnoseWorkspaceParameters",
    {
        "value": Field(
            object_of(Kind("DiagnoseRequestProperties", {name[:-7]: Field(anything) for name in GROUPS}))
        )
    },
    "BadRequest",
    "account",
)


def operations() -> list[Operation]:
    """Actions on a workspace, and its private endpoint connections."""
    found = "what is looked at, and all codes of findings but CustomDnsInUse, are assumed"
    return [
        row("Workspaces_ListKeys", "POST", f"{WORKSPACE}/listKeys", _list_keys, "workspaces/listKeys/action"),
        row(
            "Workspaces_ListStorageAccountKeys",
            "POST",
            f"{WORKSPACE}/listStorageAccountKeys",
            _list_storage_keys,
            "workspaces/listStorageAccountKeys/action",
        ),
        row(
            "Workspaces_ListNotebookKeys",
            "POST",
            f"{WORKSPACE}/listNotebookKeys",
            _list_notebook_keys,
            "workspaces/listNotebookKeys/action",
        ),
        row(
            "Workspaces_ResyncKeys",
            "POST",
            f"{WORKSPACE}/resyncKeys",
            _resync_keys,
            "workspaces/resyncKeys/action",
            evidence="recorded",
        ),
        row(
            "Workspaces_Diagnose",
            "POST",
            f"{WORKSPACE}/diagnose",
            _diagnose,
            "workspaces/diagnose/action",
            evidence="recorded",
            note=found,
        ),
        *private_link_operations(WORKSPACE_TYPE, "PrivateEndpointConnections", PRIVATE_LINKS),
    ]


async def _list_keys(call: Call) -> Response:
    workspace = require_workspace(call)
    properties, world = workspace["properties"], call.world
    keys: Json = {
        "userStorageKey": _storage_key(world, workspace),
        _account_name(call): properties.get("storageAccount"),
        "appInsightsInstrumentationKey": _instrumentation_key(world, workspace),
        "containerRegistryCredentials": _registry_credentials(world, workspace),
        "notebookAccessKeys": _notebook_keys(workspace),
    }
    return Response(200, keys)


def _account_name(call: Call) -> str:
    """The member that names the account: another one in the api-versions up to 2023-04-01-preview, and in one more."""
    version = call.api_version.lower()
    is_old = version <= "2023-04-01-preview" or version == "2023-10-01"
    return "userStorageResourceId" if is_old else "userStorageArmId"


async def _list_storage_keys(call: Call) -> Response:
    key = _storage_key(call.world, require_workspace(call))
    if key is None:
        raise account_error(400, "UserError", "The workspace's storage account does not permit key access.")
    return Response(200, {"userStorageKey": key})


async def _list_notebook_keys(call: Call) -> Response:
    return Response(200, _notebook_keys(require_workspace(call)))


async def _resync_keys(call: Call) -> Response:
    workspace, world = require_workspace(call), call.world
    require_idle(world, workspace["id"])

    async def finish() -> None:
        return None

    operation = world.operations.start(
        "workspace",
        call.operation.name,
        workspace["id"],
        workspace["location"],
        default_s=_RESYNC_S,
        finish=finish,
        result=lambda: shown(world, workspace),
    )
    return world.operations.accepted(operation, call.api_version)


async def _diagnose(call: Call) -> Response:
    """202 with `Location` alone, as recorded."""
    workspace, world = require_workspace(call), call.world
    if call.request.body:
        _DIAGNOSE.read(call.json())

    async def finish() -> None:
        return None

    operation = world.operations.start(
        "workspace",
        call.operation.name,
        f"{workspace['id']}/diagnose",
        workspace["location"],
        default_s=_DIAGNOSE_S,
        finish=finish,
        result=lambda: {"value": diagnose(world, workspace)},
    )
    headers = world.operations.headers(operation, call.api_version)
    headers.pop("Azure-AsyncOperation")
    return Response(202, None, headers)


def _storage_key(world: World, workspace: Json) -> str | None:
    identifier = workspace["properties"].get("storageAccount") or ""
    document = world.documents.get(identifier) or {}
    if (document.get("properties") or {}).get("allowSharedKeyAccess") is False:
        return None
    return world.secrets.account_keys.get(identifier.rpartition("/")[2])


def _instrumentation_key(world: World, workspace: Json) -> str | None:
    document = world.documents.get(workspace["properties"].get("applicationInsights") or "") or {}
    key = (document.get("properties") or {}).get("InstrumentationKey")
    return str(key) if key else None


def _registry_credentials(world: World, workspace: Json) -> Json | None:
    """The admin user's, when the registry has one."""
    document = world.documents.get(workspace["properties"].get("containerRegistry") or "") or {}
    if not (document.get("properties") or {}).get("adminUserEnabled"):
        return None
    name = document["name"]
    passwords = [
        {"name": which, "value": _derived(workspace, name, which)} for which in ("password", "password2")
    ]
    return {"location": document.get("location"), "username": name, "passwords": passwords}


def _notebook_keys(workspace: Json) -> Json:
    return {
        "primaryAccessKey": _derived(workspace, "notebook", "primary"),
        "secondaryAccessKey": _derived(workspace, "notebook", "secondary"),
    }


def _derived(workspace: Json, *words: str) -> str:
    """A secret-looking value that stays the same for a workspace."""
    seed = "/".join((workspace["properties"]["workspaceId"], *words))
    return base64.b64encode(hashlib.sha256(seed.encode()).digest()).decode()
