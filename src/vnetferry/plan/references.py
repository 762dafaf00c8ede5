"""Which assets the endpoints use, and where the content of an asset lies."""

from __future__ import annotations

import re

from vnetferry.errors import ConfigError
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import DATASTORE, ENVIRONMENT, Document
from vnetferry.plan.scope import Scope
from vnetferry.plan.uses import collected, references

# A new workspace comes with these; the target's are its own.
SYSTEM_DATASTORES = {
    "workspaceblobstore",
    "workspacefilestore",
    "workspaceartifactstore",
    "workspaceworkingdirectory",
}
_DATASTORE_PATH = re.compile(r"^azureml://(?:.*/)?datastores/([^/]+)/paths/(.+)$", re.IGNORECASE)
_BLOB_URL = re.compile(r"^https://([^./]+)\.blob\.[^/]+/([^?]+)", re.IGNORECASE)
_DATASTORE_URI = re.compile(r"^azureml://(?:.*/)?datastores/([^/]+)/paths/", re.IGNORECASE)


def used_assets(scope: Scope) -> list[Document]:
    """The asset versions of the source that the endpoints use, sorted by id."""
    found: dict[ResourceId, Document] = {}
    for deployment in scope.all_deployments:
        for reference in references(deployment):
            asset = scope.remap.asset(reference)
            if asset and not is_curated(asset):
                found[asset] = _require(scope, asset, deployment)
    return [found[asset] for asset in sorted(found)]


def collected_assets(scope: Scope) -> list[Document]:
    """The data versions of the source that the deployments collect into, as far as they were read, sorted by id."""
    found = {
        asset: scope.inventory.find(asset)
        for deployment in scope.all_deployments
        for uri in collected(deployment).values()
        if (asset := scope.remap.asset(uri)) and asset in scope.inventory
    }
    return [found[asset] for asset in sorted(found)]


def needs_image_build(scope: Scope, deployment: Document) -> bool:
    """Whether Azure must build the deployment's image: its environment is more than a finished image."""
    asset = scope.remap.asset(str(deployment.get("environmentId", "")))
    if asset is None or is_curated(asset):
        return False
    environment = scope.inventory.find(asset)
    return bool(environment.get("condaFile") or environment.get("build"))


def datastore_of(uri: str) -> str:
    """The datastore that a content URI names, "" for any other URI."""
    match = _DATASTORE_URI.match(uri)
    return match.group(1).lower() if match else ""


def content_of(asset: Document) -> str:
    """The URI of an asset version's content, "" for one without."""
    build = asset.get("build", {}).get("contextUri")
    found = asset.get("modelUri") or asset.get("codeUri") or asset.get("dataUri") or build
    return str(found or "")


def content_root(scope: Scope, asset: Document) -> Document | None:
    """The asset whose content is the same, or holds this one's, so that the two share one copy; None when alone.

    The one that holds the most comes first, and of equals the first by id, so that no two wait for each other.
    """
    place = _place(scope, content_of(asset))
    holding = [
        (other_place, other.id, other)
        for other in used_assets(scope)
        if (other_place := _place(scope, content_of(other))) and f"{place}/".startswith(f"{other_place}/")
    ]
    first = min(holding, key=lambda each: (len(each[0]), each[1]), default=None)
    return first[2] if first and first[1] != asset.id else None


def _place(scope: Scope, uri: str) -> str:
    """account/container/path of a content URI, in whichever of the spellings that name one; else the URI."""
    if match := _DATASTORE_PATH.match(uri):
        for store in scope.inventory.of_type(DATASTORE):
            if store.name.lower() == match.group(1).lower() and store.get("containerName"):
                return f"{store.get('accountName')}/{store.get('containerName')}/{match.group(2)}".rstrip("/")
    if match := _BLOB_URL.match(uri):
        return f"{match.group(1).lower()}/{match.group(2)}".rstrip("/")
    return uri.rstrip("/")


def is_curated(asset: ResourceId) -> bool:
    """Whether every workspace has the asset already; people cannot make environments of such a name."""
    return asset.type.lower() == ENVIRONMENT.lower() and asset.parent.name.lower().startswith("azureml-")


def _require(scope: Scope, asset: ResourceId, deployment: Document) -> Document:
    if asset not in scope.inventory:
        raise ConfigError(
            f"deployment '{deployment.id.parent.name}/{deployment.name}' uses an asset that could not be read",
            resource=str(asset),
            remedy="Restore the asset (or the right to read it), or exclude the endpoint.",
        )
    return scope.inventory.find(asset)
