"""A deployment's code and model on disk, laid out as Azure's containers have them.

Below a root that stands for the container's `/`: the code's folder at `/var/azureml-app/<code folder>`, the
model at `/var/azureml-app/azureml-models/<model>/<version>/<last part of its path>` (or at the deployment's
modelMountPath). The folder is made of blobs: what was never uploaded cannot be served.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml.registry_documents import find_asset
from vnetferry.sandbox.scoring.specification import name_of, workspace_id_of
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.blob.store import Blob, BlobStore
    from vnetferry.sandbox.world import World

APP = "/var/azureml-app"
_BLOB_SUFFIX = ".blob.core.windows.net"


@dataclass(frozen=True)
class BlobPath:
    """A folder or a file in blob storage."""

    account: str
    container: str
    path: str


@dataclass(frozen=True)
class Mount:
    """One asset: where it comes from and where the container sees it."""

    source: BlobPath
    target: str


@dataclass(frozen=True)
class Assets:
    """What a deployment's container holds.

    `variables` are those that the service adds, in the container's paths.
    """

    mounts: tuple[Mount, ...]
    variables: dict[str, str]


def is_mlflow_without_code(world: World, deployment: Json) -> bool:
    """Whether the deployment brings an MLflow model and leaves the scoring to the service."""
    properties = deployment["properties"]
    reference = str(properties.get("model") or "")
    model = world.documents.get(reference) or find_asset(world, reference) or {"properties": {}}
    has_code = bool((properties.get("codeConfiguration") or {}).get("codeId"))
    return not has_code and model["properties"].get("modelType") == "mlflow_model"


def find_assets(world: World, deployment: Json) -> Assets:
    """Where the deployment's code (if it has any) and model are.

    AzureError 400 `BadArgument` for what the sandbox cannot fetch.
    """
    properties = deployment["properties"]
    mounts: list[Mount] = []
    variables: dict[str, str] = {}
    if (properties.get("codeConfiguration") or {}).get("codeId"):
        mounts.append(_code_mount(world, properties))
        variables["AML_APP_ROOT"] = mounts[0].target
        variables["AZUREML_ENTRY_SCRIPT"] = properties["codeConfiguration"]["scoringScript"]
    if properties.get("model"):
        mount = _model_mount(world, properties)
        mounts.append(mount)
        variables["AZUREML_MODEL_DIR"] = mount.target.rpartition("/")[0]
    return Assets(tuple(mounts), variables)


def lay_out(blobs: BlobStore, assets: Assets, root: Path) -> list[str]:
    """Write the assets below `root` (emptied first); return the storage initializer's log. Blocks.

    AzureError 400 `BadArgument` when an asset has no blobs.
    """
    shutil.rmtree(root, ignore_errors=True)
    return [line for mount in assets.mounts for line in _fetch(blobs, mount, root)]


def localize(variables: dict[str, str], root: Path) -> dict[str, str]:
    """Variables whose value is a path in the container, made to point below `root`."""
    inside = (f"{APP}/", "/var/azureml-")
    return {k: f"{root}{v}" if v == APP or v.startswith(inside) else v for k, v in variables.items()}


def resolve(world: World, workspace_id: str, uri: str) -> BlobPath:
    """The blob storage behind an `https:` or `azureml:` URI.

    AzureError 400 `BadArgument` when there is none.
    """
    parts = urlsplit(uri)
    host = parts.hostname or ""
    segments = [unquote(part) for part in parts.path.split("/") if part]
    if parts.scheme == "https" and host.endswith(_BLOB_SUFFIX) and segments:
        return BlobPath(host.removesuffix(_BLOB_SUFFIX), segments[0], "/".join(segments[1:]))
    if parts.scheme == "azureml" and "paths" in segments:
        names = [host, *segments] if host == "datastores" else segments
        end = names.index("paths")
        return _in_datastore(world, workspace_id, names[end - 1], "/".join(names[end + 1 :]))
    raise _unreachable(uri, "it is neither a blob's address nor a path in a datastore")


def _in_datastore(world: World, workspace_id: str, name: str, path: str) -> BlobPath:
    document = world.documents.get(f"{workspace_id}/datastores/{name}")
    properties = document["properties"] if document else {}
    if "accountName" not in properties or "containerName" not in properties:
        raise _unreachable(path, f"the workspace has no blob datastore '{name}'")
    return BlobPath(properties["accountName"], properties["containerName"], path)


def _code_mount(world: World, properties: Json) -> Mount:
    code_id = properties["codeConfiguration"]["codeId"]
    document = world.documents.get(code_id)
    if document is None:
        raise _unreachable(code_id, "no such code version")
    source = resolve(world, workspace_id_of(code_id), document["properties"]["codeUri"])
    return Mount(source, f"{APP}/{name_of(source.path) or source.container}")


def _model_mount(world: World, properties: Json) -> Mount:
    model_id = properties["model"]
    document = world.documents.get(model_id) or find_asset(world, model_id)
    if document is None:
        raise _unreachable(model_id, "no such model version")
    source = resolve(world, workspace_id_of(model_id), document["properties"]["modelUri"])
    name, version = model_id.rstrip("/").split("/")[-3::2]
    folder = properties.get("modelMountPath") or f"{APP}/azureml-models/{name}/{version}"
    return Mount(source, f"{folder.rstrip('/')}/{name_of(source.path)}")


def _fetch(blobs: BlobStore, mount: Mount, root: Path) -> list[str]:
    source = mount.source
    if ".." in Path(mount.target).parts:
        raise _unreachable(mount.target, "it leads out of the container")
    top = root / mount.target.lstrip("/")
    found = blobs.list(source.account, source.container, source.path.rstrip("/"))
    wanted = [(blob, _relative(blob, source)) for blob in found]
    kept = [(blob, relative) for blob, relative in wanted if relative is not None]
    if not kept:
        raise _unreachable(f"{source.account}/{source.container}/{source.path}", "there are no such blobs")
    for blob, relative in kept:
        _write(blob, top, relative)
    return [f"Downloaded {source.container}/{blob.name} ({blob.size_bytes} bytes)" for blob, _ in kept]


def _relative(blob: Blob, source: BlobPath) -> str | None:
    """The blob's path below the asset ("" for the asset itself).

    None when it only shares the beginning of its name.
    """
    rest = blob.name[len(source.path.rstrip("/")) :]
    return rest.lstrip("/") if not rest or rest.startswith("/") or not source.path else None


def _write(blob: Blob, top: Path, relative: str) -> None:
    target = top / relative
    if ".." in Path(relative).parts:
        raise _unreachable(blob.name, "its name leads out of the asset's folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(blob.data)


def _unreachable(what: str, why: str) -> AzureError:
    message = (
        f"User code or model could not be downloaded: '{what}': {why}. "
        "Please check the storage-initializer logs."
    )
    return AzureError(400, "BadArgument", message)
