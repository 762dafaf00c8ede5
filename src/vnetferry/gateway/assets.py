"""Code, models and environments: copying one version with its content into another workspace."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.blobs import Copied, Place, copy_content, locate, open_container, place_in
from vnetferry.gateway.datastores import read_default_datastore
from vnetferry.gateway.documents import Written, ensure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

_NOTHING = Copied(0, 0, 0)


class CopiedAsset(NamedTuple):
    """What copying one version came to."""

    written: Written
    content: Copied

    @property
    def changed(self) -> bool:
        """Whether anything was sent, content or document."""
        return self.written.changed or self.content.sent > 0


def copy_asset(azure: Azure, source: ResourceId, target: ResourceId, body: Json, spec: Json) -> CopiedAsset:
    """Copy one code, model or environment version.

    In:      source, target: ids of the versions; body: the target's PUT body; spec: `content` (the source's URI, or
             "" when nothing is to be copied) and `content_field` (where in the body the target's URI belongs, which
             may hold one already).
    Raises:  NotFound when the content is gone; VerificationFailed; PermissionDenied when storage keeps us out.
    Effects: PUTs of the blobs that are missing, and at most one of the version; versions are immutable in Azure.
    """
    content = str(spec.get("content") or "")
    if not content:
        return CopiedAsset(ensure(azure, target, body, api_versions.ML, kind="document"), _NOTHING)
    field = tuple(str(spec["content_field"]).split("."))
    from_place = locate(azure, _workspace(source), content)
    to_place = _target_place(azure, _workspace(target), _get(body, field), from_place)
    copied = copy_content(
        open_container(azure, _workspace(source), from_place),
        from_place.path,
        open_container(azure, _workspace(target), to_place),
        to_place.path,
    )
    complete = body if _get(body, field) else _with(body, field, to_place.url)
    return CopiedAsset(ensure(azure, target, complete, api_versions.ML, kind="document"), copied)


def _workspace(asset: ResourceId) -> ResourceId:
    """The workspace of `…/workspaces/{w}/models/{n}/versions/{v}`."""
    return asset.parent.parent


def _target_place(azure: Azure, workspace: ResourceId, wanted: str, source: Place) -> Place:
    """Where the content goes: where the body says, else a path of its own in the default datastore.

    The last part of the path stays, because deployments find a model under it.
    """
    if wanted:
        return locate(azure, workspace, wanted)
    default = workspace.child("datastores", read_default_datastore(azure, workspace)["name"])
    origin = hashlib.sha256(source.url.encode()).hexdigest()[:32]
    return place_in(azure, default, f"LocalUpload/{origin}/{source.path.strip('/').rpartition('/')[2]}")


def _get(body: Json, field: tuple[str, ...]) -> str:
    value: Any = body
    for part in field:
        value = value.get(part) if isinstance(value, dict) else None
    return str(value or "")


def _with(body: Json, field: tuple[str, ...], value: str) -> Json:
    head, *rest = field
    return {**body, head: _with(body.get(head) or {}, tuple(rest), value) if rest else value}
