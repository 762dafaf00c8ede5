"""A workspace's managed network as a resource of its own, as the API shows it since 2025-12-01: to be read only.

It is the same network that the workspace's document shows in `properties.managedNetwork`.
"""

from __future__ import annotations

from vnetferry.sandbox.documents import not_found
from vnetferry.sandbox.ml.scope import WORKSPACE, WORKSPACE_TYPE, require_workspace, row
from vnetferry.sandbox.ml.workspace_documents import shown
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

_PATH = f"{WORKSPACE}/managedNetworks"
# The only name that there is.
_NAME = "default"
_VERSIONS = frozenset({"2025-12-01"})


def operations() -> list[Operation]:
    """List and get."""
    right, note = "workspaces/managedNetworks/read", "change it by the workspace or its outbound rules"
    rows = (("List", _PATH, _list), ("Get", _PATH + "/{managedNetwork}", _get))
    return [
        row(f"ManagedNetworkSettings_{name}", "GET", path, handle, right, api_versions=_VERSIONS, note=note)
        for name, path, handle in rows
    ]


async def _list(call: Call) -> Response:
    return Response(200, {"value": [_document(call)]})


async def _get(call: Call) -> Response:
    document = _document(call)
    if call.params["managedNetwork"].lower() != _NAME:
        raise not_found(call.path)
    return Response(200, document)


def _document(call: Call) -> Json:
    workspace = shown(call.world, require_workspace(call))
    return {
        "id": f"{workspace['id']}/managedNetworks/{_NAME}",
        "name": _NAME,
        "type": f"{WORKSPACE_TYPE}/managedNetworks",
        "properties": {
            "managedNetwork": workspace["properties"]["managedNetwork"],
            "provisioningState": workspace["properties"]["provisioningState"],
        },
    }
