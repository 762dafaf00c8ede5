"""Content in blob storage: where a URI points to, and how to get in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.storage.blob import ContainerClient

from vnetferry.errors import Rejected
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.datastores import read_datastores, read_secrets
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

_DATASTORE = re.compile(r"azureml://(?:.*/)?datastores/(?P<name>[^/]+)/paths/(?P<path>.+)", re.IGNORECASE)
_RUN = re.compile(r"(?:azureml://(?:.*/)?jobs/|runs:/)(?P<run>[^/]+)/(?P<path>.+)", re.IGNORECASE)
_RUN_PATH = re.compile(r"outputs/artifacts/(?:paths/)?", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """A path in a container: of one blob, or of a folder. `datastore` is the one it is known by."""

    account_url: str
    container: str
    path: str
    datastore: ResourceId | None = None

    @property
    def url(self) -> str:
        """The https URI of the path."""
        return f"{self.account_url}/{self.container}/{self.path}"


def locate(azure: Azure, workspace: ResourceId, uri: str) -> Place:
    """Where a code, model or context URI points to, in any of Azure ML's spellings.

    Raises: Rejected for a URI that is no blob storage; NotFound when its datastore is gone.
    """
    if match := _DATASTORE.fullmatch(uri):
        return place_in(azure, workspace.child("datastores", match["name"]), match["path"])
    if match := _RUN.fullmatch(uri):
        path = f"ExperimentRun/dcid.{match['run']}/{_RUN_PATH.sub('', match['path'], count=1)}"
        return place_in(azure, workspace.child("datastores", "workspaceartifactstore"), path)
    parts = urlsplit(uri)
    container, _, path = unquote(parts.path).strip("/").partition("/")
    if parts.scheme != "https" or ".blob." not in (parts.hostname or "") or not path:
        raise Rejected(
            f"'{uri.split('?', maxsplit=1)[0]}' is not a path in blob storage",
            resource=str(workspace),
            remedy="Register the asset from blob storage, and name that version in the deployment.",
        )
    return Place(f"https://{parts.hostname}", container, path)


def place_in(azure: Azure, datastore: ResourceId, path: str) -> Place:
    """A path in a datastore. Raises: Rejected when that is no blob container."""
    properties = azure.arm.get(datastore, api_versions.ML)["properties"]
    if not properties.get("containerName"):
        kind = properties.get("datastoreType")
        remedy = "Register the asset from blob storage, and name that version in the deployment."
        raise Rejected(f"the datastore is {kind}, not blob storage", resource=str(datastore), remedy=remedy)
    return Place(_account_url(properties), properties["containerName"], path.strip("/"), datastore)


def open_container(azure: Azure, workspace: ResourceId, place: Place) -> ContainerClient:
    """A client for the container: with its datastore's secret, or as ourselves if access is by identity."""
    datastore = place.datastore or _datastore_for(azure, workspace, place)
    secrets = read_secrets(azure, datastore) if datastore else None
    return ContainerClient(place.account_url, place.container, credential=_credential(azure, place, secrets))


def _account_url(datastore: Json) -> str:
    return f"https://{datastore['accountName']}.blob.{datastore.get('endpoint') or 'core.windows.net'}"


def _datastore_for(azure: Azure, workspace: ResourceId, place: Place) -> ResourceId | None:
    """The datastore that opens the place: of its container, else one whose account key opens them all."""
    same_account = [
        store
        for store in read_datastores(azure, workspace)
        if store["properties"].get("containerName") and _account_url(store["properties"]) == place.account_url
    ]
    same_account.sort(key=lambda store: store["properties"]["containerName"] != place.container)
    for store in same_account:
        kind = (store["properties"].get("credentials") or {}).get("credentialsType")
        if store["properties"]["containerName"] == place.container or kind == "AccountKey":
            return workspace.child("datastores", store["name"])
    return None


def _credential(azure: Azure, place: Place, secrets: Json | None) -> Any:
    if secrets and secrets.get("key"):
        account = (urlsplit(place.account_url).hostname or "").split(".")[0]
        return AzureNamedKeyCredential(account, secrets["key"])
    if secrets and secrets.get("sasToken"):
        return AzureSasCredential(secrets["sasToken"])
    return azure.credential
