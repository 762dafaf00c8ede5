"""Where assets lie: `azureml://` and blob URIs, in the long form in which the service answers them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from vnetferry.sandbox.errors import AzureError, service_error
from vnetferry.sandbox.ml.scope import in_registry, require_workspace
from vnetferry.sandbox.routes import Call

_SHORT = re.compile(r"azureml://datastores/([^/]+)/paths/(.+)", re.IGNORECASE)
_LONG = re.compile(
    r"azureml://subscriptions/([^/]+)/resource[gG]roups/([^/]+)/(?:providers/Microsoft\.MachineLearningServices/)?"
    r"workspaces/([^/]+)/datastores/([^/]+)/paths/(.+)"
)


def long_uri(call: Call, uri: str) -> str:
    """The URI with its workspace spelled out.

    Raises: AzureError 400 when the service does not know its scheme, or when its datastore is not there.
    """
    if in_registry(call):
        return _require_blob(uri)
    if short := _SHORT.fullmatch(uri):
        workspace = require_workspace(call)["id"].split("/")
        _require_store(call, short.group(1), uri)
        scope = f"subscriptions/{workspace[2]}/resourceGroups/{workspace[4]}/workspaces/{workspace[8]}"
        return f"azureml://{scope}/datastores/{short.group(1)}/paths/{short.group(2)}"
    if long := _LONG.fullmatch(uri):
        subscription, group, name, store, _path = long.groups()
        _require_own(call, (subscription, group, name), uri)
        _require_store(call, store, uri)
        return uri
    if urlsplit(uri).scheme.lower() not in ("https", "wasbs", "abfss", "runs", "azureml"):
        raise _refuse(
            uri, "It must be an azureml:// path of a datastore or of a job, or an https URL of a blob."
        )
    return uri


def _require_blob(uri: str) -> str:
    """A registry has no datastores: what it keeps is named by its blob's address, as recorded."""
    if urlsplit(uri).scheme.lower() != "https":
        raise _refuse(uri, "An asset of a registry must be at an https URL of a blob.")
    return uri


def _require_own(call: Call, scope: tuple[str, ...], uri: str) -> None:
    own = require_workspace(call)["id"].lower().split("/")
    if tuple(part.lower() for part in scope) != (own[2], own[4], own[8]):
        raise _refuse(uri, "It names a datastore of another workspace.")


def _require_store(call: Call, name: str, uri: str) -> None:
    if f"{require_workspace(call)['id']}/datastores/{name}" not in call.world.documents:
        raise _refuse(uri, f"Could not find datastore: {name}.")


def _refuse(uri: str, why: str) -> AzureError:
    return service_error(400, "UserError", f"The asset URI '{uri}' is not valid. {why}")
