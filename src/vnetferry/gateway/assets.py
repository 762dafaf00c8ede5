"""Code, models and environments: copying one version with its content into another workspace, and taking it back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from vnetferry.errors import NotFound
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.blobs import Place, locate, open_container, place_in
from vnetferry.gateway.copying import copy_content, remove_copies
from vnetferry.gateway.datastores import read_default_datastore
from vnetferry.gateway.documents import Written, delete, ensure
from vnetferry.gateway.removal import find_ours, remove
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

Path = tuple[str, ...]
CODE_URI: Path = ("properties", "codeUri")
MODEL_URI: Path = ("properties", "modelUri")
CONTEXT_URI: Path = ("properties", "build", "contextUri")


def copy_code(azure: Azure, source: ResourceId, target: ResourceId, body: Json, root: str = "") -> Written:
    """Copy a code version with its files; see `copy_asset`."""
    return copy_asset(azure, source, target, body, CODE_URI, root)


def copy_model(azure: Azure, source: ResourceId, target: ResourceId, body: Json, root: str = "") -> Written:
    """Copy a model version with its files; see `copy_asset`."""
    return copy_asset(azure, source, target, body, MODEL_URI, root)


def copy_environment(
    azure: Azure, source: ResourceId, target: ResourceId, body: Json, root: str = ""
) -> Written:
    """Copy an environment version, with its build context where it has one; see `copy_asset`."""
    return copy_asset(azure, source, target, body, CONTEXT_URI, root)


def describe(azure: Azure, target: ResourceId, body: Json) -> Written:
    """Make a version, or what holds versions, what `body` says; no content is copied. Effects: at most one PUT."""
    return ensure(azure, target, body, kind="document")


def copy_asset(
    azure: Azure, source: ResourceId, target: ResourceId, body: Json, field: Path, root: str = ""
) -> Written:
    """Copy one version with the content that its document names in `field`.

    In:      source, target: ids of the versions; body: the target's PUT body; without a URI in `field` the
             content gets a path of its own in the target's default datastore. root: URI of the content of
             another asset that this one's lies in, "" for none: the two then share their copies.
    Raises:  NotFound when the content is gone; VerificationFailed; PermissionDenied when storage keeps us
             out.
    Effects: PUTs of the blobs that are missing, and at most one of the version; versions are immutable in
             Azure.
    """
    uri = _get(azure.arm.get(source, api_versions.ML), field)
    if not uri:
        return ensure(azure, target, body, kind="document")
    there = locate(azure, _workspace(source), uri)
    whole = locate(azure, _workspace(source), root) if root else there
    here = _target_place(azure, _workspace(target), _get(body, field), there, whole)
    sent, message = _copy(azure, source, there, target, here)
    complete = body if _get(body, field) else _with(body, field, here.url)
    written = ensure(azure, target, complete, kind="document")
    return written._replace(changed=written.changed or sent > 0, message=message)


class CopiedContent(NamedTuple):
    """What a copy was made from: the source's version, the PUT body, its content's field, what that content lies in.

    field: None when the content stays: it was not copied, or another version shares it.
    """

    source: ResourceId
    body: Json
    field: Path | None
    root: str = ""


def remove_asset(azure: Azure, target: ResourceId, copied: CopiedContent, tags: Mapping[str, str]) -> Written:
    """Take back `copy_asset`: delete the version, what the copy wrote of its content, and its container when empty.

    Raises:  NotOurs; PermissionDenied when storage keeps us out.
    Effects: DELETEs of blobs that a copy of ours wrote, under the path that it wrote them to, and no others.
    """
    if azure.arm.find(_workspace(target), api_versions.ML) is None:
        return Written(False, None, {})
    before = find_ours(azure, target, tags, "document")
    deleted = _remove_content(azure, target, copied, copied.field, before) if copied.field else 0
    written = remove(azure, target, tags)
    if written.changed and not list(azure.arm.list(f"{target.parent}/versions", api_versions.ML)):
        delete(azure, target.parent)
    return written._replace(changed=written.changed or deleted > 0)


def _remove_content(
    azure: Azure, target: ResourceId, copied: CopiedContent, field: Path, document: Json | None
) -> int:
    """How many blobs were deleted; none where both workspaces have the content in the same place.

    A copy that was cut off has no version that names its place, which then follows from the source's.
    """
    uri = _get(azure.arm.find(copied.source, api_versions.ML) or {}, field)
    if not uri:
        return 0
    there = locate(azure, _workspace(copied.source), uri)
    whole = locate(azure, _workspace(copied.source), copied.root) if copied.root else there
    wanted = _get(document or {}, field) or _get(copied.body, field)
    try:
        here = _target_place(azure, _workspace(target), wanted, there, whole)
    except NotFound:  # a workspace that never came up has no datastore
        return 0
    if there.url.lower() == here.url.lower():
        return 0
    return remove_copies(open_container(azure, _workspace(target), here), here.path)


def _copy(azure: Azure, source: ResourceId, there: Place, target: ResourceId, here: Place) -> tuple[int, str]:
    """How many blobs were sent, and on which path; none when both workspaces use the same place."""
    if there.url.lower() == here.url.lower():
        return 0, "its content is where both workspaces find it"
    origin = open_container(azure, _workspace(source), there)
    copied = copy_content(origin, there.path, open_container(azure, _workspace(target), here), here.path)
    return copied.sent, copied.message


def _workspace(asset: ResourceId) -> ResourceId:
    """The workspace of `…/workspaces/{w}/models/{n}/versions/{v}`."""
    return asset.parent.parent


def _target_place(azure: Azure, workspace: ResourceId, wanted: str, source: Place, whole: Place) -> Place:
    """Where the content goes: where the body says, else a path that depends on where it comes from alone.

    The last part of the path stays, because deployments find a model under it. In: whole: what `source` lies in.
    """
    if wanted:
        return locate(azure, workspace, wanted)
    default = workspace.child("datastores", read_default_datastore(azure, workspace)["name"])
    path, inside = whole.path.strip("/"), source.path.strip("/")
    origin = hashlib.sha256(whole.url.encode()).hexdigest()[:32]
    return place_in(azure, default, f"LocalUpload/{origin}/{path.rpartition('/')[2]}{inside[len(path) :]}")


def _get(body: Json, field: Path) -> str:
    value: Any = body
    for part in field:
        value = value.get(part) if isinstance(value, dict) else None
    return str(value or "")


def _with(body: Json, field: Path, value: str) -> Json:
    head, *rest = field
    return {**body, head: _with(body.get(head) or {}, tuple(rest), value) if rest else value}
