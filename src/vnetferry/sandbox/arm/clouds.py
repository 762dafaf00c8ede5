"""Where a cloud's services are: what clients read before they sign in, so it asks for no token.

Source: the client libraries that read it. The sandbox knows Azure's public cloud alone.
"""

from __future__ import annotations

from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Request, Response

PATH = "/metadata/endpoints"
_VERSIONS = frozenset({"2019-05-01", "2022-09-01", "2023-11-01"})
_LOGIN = "https://login.microsoftonline.com"


def operations() -> list[Operation]:
    """The one row."""
    note = "Azure's public cloud alone; members beyond those that clients were seen to read are left out"
    return [
        Operation(
            "CloudMetadata_ListEndpoints",
            "GET",
            PATH,
            _list,
            api_versions=_VERSIONS,
            evidence="assumed",
            note=note,
        )
    ]


def is_asked(request: Request) -> bool:
    """Whether a request is for this, and so needs no token."""
    return tuple(segment.lower() for segment in request.segments) == ("metadata", "endpoints")


async def _list(_call: Call) -> Response:
    return Response(200, [_public_cloud()])


def _public_cloud() -> Json:
    return {
        "name": "AzureCloud",
        "portal": "https://portal.azure.com",
        "resourceManager": "https://management.azure.com/",
        "authentication": {
            "loginEndpoint": _LOGIN,
            "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "graph": "https://graph.windows.net/",
        "graphAudience": "https://graph.windows.net/",
        "suffixes": {
            "storage": "core.windows.net",
            "keyVaultDns": "vault.azure.net",
            "acrLoginServer": "azurecr.io",
        },
    }
