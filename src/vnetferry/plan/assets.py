"""Code, environments and models that the endpoints use, and the datastores and connections of the
workspace.
"""

from __future__ import annotations

from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import CODE, CONNECTION, DATASTORE, ENVIRONMENT, MODEL, Document
from vnetferry.models.plan import Step, StepKind
from vnetferry.plan.carry_over import carry_over
from vnetferry.plan.durations import expected_s
from vnetferry.plan.field_rules import Path, Rule
from vnetferry.plan.fields import writable
from vnetferry.plan.inbound import storage_ways
from vnetferry.plan.parts import Part, join
from vnetferry.plan.references import (
    SYSTEM_DATASTORES,
    content_of,
    content_root,
    datastore_of,
    is_curated,
    used_assets,
)
from vnetferry.plan.scope import Scope
from vnetferry.plan.uses import connections, references
from vnetferry.plan.workspace import workspace_step_id

_KINDS: dict[str, StepKind] = {
    CODE.lower(): "copy_code",
    ENVIRONMENT.lower(): "copy_environment",
    MODEL.lower(): "copy_model",
}
_CONTENT_FIELDS: dict[StepKind, Path] = {
    "copy_code": ("properties", "codeUri"),
    "copy_environment": ("properties", "build", "contextUri"),
    "copy_model": ("properties", "modelUri"),
}


def asset_steps(scope: Scope, deployment: Document) -> tuple[str, ...]:
    """The ids of the steps that copy what a deployment uses; none where it is already."""
    if scope.config.in_place:
        return ()
    found = (scope.remap.asset(reference) for reference in references(deployment))
    # The reference may be spelled in another way than the asset.
    return tuple(_step_id(scope.inventory.find(a).id) for a in found if a and not is_curated(a))


def connection_steps(scope: Scope, deployment: Document) -> tuple[str, ...]:
    """The ids of the steps that make the connections whose secrets Azure injects into a deployment."""
    used = set() if scope.config.in_place else connections(deployment)
    return tuple(
        f"copy_connection:{d.name}" for d in scope.inventory.of_type(CONNECTION) if d.name.lower() in used
    )


def plan_assets(scope: Scope) -> Part:
    """Copy each version that an endpoint uses, once."""
    return join(_copy_asset(scope, document) for document in used_assets(scope))


def plan_stores(scope: Scope) -> Part:
    """Copy the datastores and connections that people made."""
    stores = [d for d in scope.inventory.of_type(DATASTORE) if d.name.lower() not in SYSTEM_DATASTORES]
    copies = [_copy_store(scope, d, "copy_datastore") for d in stores]
    return join(
        [*copies, *(_copy_store(scope, d, "copy_connection") for d in scope.inventory.of_type(CONNECTION))]
    )


def _label(asset: ResourceId) -> str:
    return f"{asset.parent.name}/{asset.name}"


def _step_id(asset: ResourceId) -> str:
    return f"{_KINDS[asset.type.lower()]}:{_label(asset)}"


def _copy_asset(scope: Scope, document: Document) -> Part:
    kind = _KINDS[document.type.lower()]
    target = scope.remap.id(document.id)
    field = _CONTENT_FIELDS[kind]
    uri = _content(document.body, field)
    body = scope.remap.value(writable(document.type, document.body))
    stays = _stays(scope, uri)
    root = None if stays or not uri else content_root(scope, document)
    special: dict[Path, Rule] = {}
    if uri and not datastore_of(uri):
        _remove(body, field)
        special[field] = Rule("remake", "the content is copied; where to, the target workspace decides")
    step = Step(
        id=_step_id(document.id),
        kind=kind,
        title=f"copy {kind.removeprefix('copy_')} {_label(document.id)}",
        resource=target,
        source=document.id,
        body=body,
        spec={
            "content": "" if stays else uri,
            "content_field": ".".join(field) if uri and not stays else "",
            "content_root": content_of(root) if root else "",
        },
        depends_on=(
            workspace_step_id(scope),
            *(storage_ways(scope) if uri and not stays else ()),
            *_store_steps(scope, uri),
            *((_step_id(root.id),) if root else ()),
        ),
        undo="delete",
        duration_s=expected_s(kind),
    )
    carried = carry_over(document, target, body, special)
    return Part((step,), carried.carry_over, carried.warnings)


def _content(body: Json, field: Path) -> str:
    value: object = body
    for part in field:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _remove(body: Json, field: Path) -> None:
    for part in field[:-1]:
        body = body.get(part, {})
    body.pop(field[-1], None)


def _stays(scope: Scope, uri: str) -> bool:
    """Whether the content lies in a datastore that the target shares, so that nothing is copied."""
    return bool(_store_steps(scope, uri))


def _store_steps(scope: Scope, uri: str) -> tuple[str, ...]:
    name = datastore_of(uri)
    known = {d.name.lower(): d.name for d in scope.inventory.of_type(DATASTORE)}
    return (f"copy_datastore:{known[name]}",) if name in known and name not in SYSTEM_DATASTORES else ()


def _copy_store(scope: Scope, document: Document, kind: StepKind) -> Part:
    target = scope.remap.id(document.id)
    body = scope.remap.value(writable(document.type, document.body))
    step = Step(
        id=f"{kind}:{document.name}",
        kind=kind,
        title=f"copy {kind.removeprefix('copy_')} {document.name}",
        resource=target,
        source=document.id,
        body=body,
        spec={"content": ""},
        depends_on=(workspace_step_id(scope),),
        undo="delete",
        duration_s=expected_s(kind),
    )
    carried = carry_over(document, target, body)
    return Part((step,), carried.carry_over, carried.warnings)
