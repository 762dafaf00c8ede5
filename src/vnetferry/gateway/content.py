"""Fetching the content of an asset from blob storage to this machine."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from vnetferry.gateway.azure import Azure
from vnetferry.gateway.blobs import locate, open_container
from vnetferry.gateway.faults import translated
from vnetferry.models.ids import ResourceId


def download_content(azure: Azure, workspace: ResourceId, uri: str, folder: Path) -> dict[str, Path]:
    """Fetch the blob, or all blobs of the folder, that a code, model or context URI points to.

    Out:     "account/container/path" of each blob -> the file it was written to, numbered within `folder`.
    Raises:  NotFound, Rejected for a URI that is no blob storage, PermissionDenied.
    Effects: files in `folder`, named by number so that a blob's name cannot choose where it is written.
    """
    place = locate(azure, workspace, uri)
    account = (urlsplit(place.account_url).hostname or "").split(".")[0]
    container = open_container(azure, workspace, place)
    written: dict[str, Path] = {}
    with translated(uri, "fetching content"):
        for name in container.list_blob_names(name_starts_with=place.path):
            rest = str(name)[len(place.path) :]
            if not rest or rest.startswith("/"):
                path = folder / f"{len(list(folder.iterdir())):05d}{Path(str(name)).suffix[:12]}"
                with path.open("wb") as file:
                    container.download_blob(str(name)).readinto(file)
                written[f"{account}/{place.container}/{name}"] = path
    return written
