"""Content in blob storage: where a URI points to, how to get in, and copying it.

A copy is verified by length and MD5, skips what is there already, and passes through in chunks, so models of
many gigabytes need no memory and a copy that was cut off goes on where it was.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties, ContainerClient, ContentSettings

from vnetferry.errors import NotFound, Rejected, VerificationFailed
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.datastores import read_datastores, read_secrets
from vnetferry.gateway.faults import translated
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

_IN_MEMORY_BYTES = 8 * 1024 * 1024
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


@dataclass(frozen=True)
class Copied:
    """How many blobs there are, how many of them had to be sent, and how many bytes that were."""

    blobs: int
    sent: int
    sent_bytes: int


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


def copy_content(source: ContainerClient, path: str, target: ContainerClient, target_path: str) -> Copied:
    """Copy one blob, or all blobs of a folder.

    Raises: NotFound when there is nothing at `path`; VerificationFailed when a copy is not what was read.
    """
    path, target_path = path.strip("/"), target_path.strip("/")
    with translated(f"{source.url.split('?')[0]}/{path}", "copying content"):
        found = list(_blobs(source, path))
        sent = [_copy_blob(source, blob, target, target_path + blob.name[len(path) :]) for blob in found]
    if not found:
        raise NotFound(
            f"there is nothing at '{path}'",
            resource=source.url.split("?")[0],
            remedy="The asset's content was deleted; register a version that has it.",
        )
    moved = [size for size in sent if size is not None]
    return Copied(len(found), len(moved), sum(moved))


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


def _blobs(container: ContainerClient, path: str) -> Iterator[BlobProperties]:
    """The blob of that very name, and those in the folder of that name; no folder markers."""
    for blob in container.list_blobs(name_starts_with=path, include=["metadata"]):
        rest = blob.name[len(path) :]
        is_folder = (blob.metadata or {}).get("hdi_isfolder") == "true"
        if (not rest or rest.startswith("/")) and not is_folder:
            yield blob


def _copy_blob(
    source: ContainerClient, blob: BlobProperties, target: ContainerClient, name: str
) -> int | None:
    """Copy one blob; how many bytes were sent, None when the same content was there already."""
    client = target.get_blob_client(name)
    there = _properties(client)
    if there is not None and _is_copy(there, blob):
        return None
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as spool:
        md5 = _download(source, blob, spool)
        spool.seek(0)
        settings = ContentSettings(
            content_type=blob.content_settings.content_type, content_md5=bytearray(md5)
        )
        metadata = {"vnetferry_etag": str(blob.etag).strip('"')}
        client.upload_blob(
            spool, length=blob.size, overwrite=True, content_settings=settings, metadata=metadata
        )
    after = _properties(client)
    if after is None or after.size != blob.size or _md5(after) != md5:
        raise VerificationFailed(
            f"the copy of '{blob.name}' is not what was read", resource=client.url.split("?")[0]
        )
    return int(blob.size)


def _download(source: ContainerClient, blob: BlobProperties, spool: IO[bytes]) -> bytes:
    """Write a blob's content to `spool`; its MD5, which is that of the source where the source has one."""
    digest = hashlib.md5(usedforsecurity=False)
    for chunk in source.download_blob(blob.name).chunks():
        digest.update(chunk)
        spool.write(chunk)
    stated = _md5(blob)
    if stated and stated != digest.digest():
        wanted = base64.b64encode(stated).decode()
        raise VerificationFailed(
            f"'{blob.name}' was read with another MD5 than {wanted}", resource=source.url.split("?")[0]
        )
    return digest.digest()


def _is_copy(there: BlobProperties, blob: BlobProperties) -> bool:
    """Whether a blob has the source's content: by MD5, or made from that very version of the source."""
    if there.size != blob.size:
        return False
    if _md5(blob) and _md5(there):
        return _md5(blob) == _md5(there)
    return (there.metadata or {}).get("vnetferry_etag") == str(blob.etag).strip('"')


def _properties(client: Any) -> BlobProperties | None:
    try:
        properties: BlobProperties = client.get_blob_properties()
    except ResourceNotFoundError:
        return None
    return properties


def _md5(blob: BlobProperties) -> bytes:
    return bytes(blob.content_settings.content_md5 or b"")
