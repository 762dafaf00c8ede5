"""Which assets the endpoints use, and where the content of an asset lies."""

from __future__ import annotations

import re

from vnetferry.errors import ConfigError
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import ENVIRONMENT, Document
from vnetferry.plan.scope import Scope

_DATASTORE_URI = re.compile(r"^azureml://(?:.*/)?datastores/([^/]+)/paths/", re.IGNORECASE)


def references(deployment: Document) -> list[str]:
    """The code, environment and model that a deployment names, as it names them."""
    code = deployment.get("codeConfiguration", {}).get("codeId")
    named = (code, deployment.get("environmentId"), deployment.get("model"))
    return [reference for reference in named if isinstance(reference, str) and reference]


def used_assets(scope: Scope) -> list[Document]:
    """The asset versions of the source that the endpoints use, sorted by id."""
    found: dict[ResourceId, Document] = {}
    for deployment in scope.all_deployments:
        for reference in references(deployment):
            asset = scope.remap.asset(reference)
            if asset and not is_curated(asset):
                found[asset] = _require(scope, asset, deployment)
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
