"""Code, models and environments: copying one version with its content into another workspace."""

from __future__ import annotations

import hashlib
from typing import Any

from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.blobs import Place, copy_content, locate, open_container, place_in
from vnetferry.gateway.datastores import read_default_datastore
from vnetferry.gateway.documents import Written, ensure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

Path = tuple[str, ...]
CODE_URI: Path = ("properties", "codeUri")
MODEL_URI: Path = ("properties", "modelUri")
CONTEXT_URI: Path = ("properties", "build", "contextUri")


def copy_code(azure: Azure, source: ResourceId, target: ResourceId, body: Json) -> Written:
    """Copy a code version with its files; see `copy_asset`."""
    return copy_asset(azure, source, target, body, CODE_URI)


def copy_model(azure: Azure, source: ResourceId, target: ResourceId, body: Json) -> Written:
    """Copy a model version with its files; see `copy_asset`."""
    return copy_asset(azure, source, target, body, MODEL_URI)


def copy_environment(azure: Azure, source: ResourceId, target: ResourceId, body: Json) -> Written:
    """Copy an environment version, with its build context where it has one; see `copy_asset`."""
    return copy_asset(azure, source, target, body, CONTEXT_URI)


def copy_asset(azure: Azure, source: ResourceId, target: ResourceId, body: Json, field: Path) -> Written:
    """Copy one version with the content that its document names in `field`.

    In:      source, target: ids of the versions; body: the target's PUT body; without a URI in `field` the
             content gets a path of its own in the target's default datastore.
    Raises:  NotFound when the content is gone; VerificationFailed; PermissionDenied when storage keeps us
             out.
    Effects: PUTs of the blobs that are missing, and at most one of the version; versions are immutable in
             Azure.
    """
    uri = _get(azure.arm.get(source, api_versions.ML), field)
    if not uri:
        return ensure(azure, target, body, kind="document")
    there = locate(azure, _workspace(source), uri)
    here = _target_place(azure, _workspace(target), _get(body, field), there)
    sent = _copy(azure, source, there, target, here)
    complete = body if _get(body, field) else _with(body, field, here.url)
    written = ensure(azure, target, complete, kind="document")
    return written._replace(changed=written.changed or sent > 0)


def _copy(azure: Azure, source: ResourceId, there: Place, target: ResourceId, here: Place) -> int:
    """How many blobs were sent; none when both workspaces use the same storage."""
    if there.url.lower() == here.url.lower():
        return 0
    origin = open_container(azure, _workspace(source), there)
    return copy_content(origin, there.path, open_container(azure, _workspace(target), here), here.path).sent


def _workspace(asset: ResourceId) -> ResourceId:
    """The workspace of `…/workspaces/{w}/models/{n}/versions/{v}`."""
    return asset.parent.parent


def _target_place(azure: Azure, workspace: ResourceId, wanted: str, source: Place) -> Place:
    """Where the content goes: where the body says, else a path that depends on where it comes from alone.

    The last part of the path stays, because deployments find a model under it.
    """
    if wanted:
        return locate(azure, workspace, wanted)
    default = workspace.child("datastores", read_default_datastore(azure, workspace)["name"])
    origin = hashlib.sha256(source.url.encode()).hexdigest()[:32]
    return place_in(azure, default, f"LocalUpload/{origin}/{source.path.strip('/').rpartition('/')[2]}")


def _get(body: Json, field: Path) -> str:
    value: Any = body
    for part in field:
        value = value.get(part) if isinstance(value, dict) else None
    return str(value or "")


def _with(body: Json, field: Path, value: str) -> Json:
    head, *rest = field
    return {**body, head: _with(body.get(head) or {}, tuple(rest), value) if rest else value}
