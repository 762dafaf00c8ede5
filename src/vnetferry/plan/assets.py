"""Code, environments and models that the endpoints use, and the datastores and connections of the
workspace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import CODE, CONNECTION, DATASTORE, ENVIRONMENT, MODEL, Document
from vnetferry.models.plan import PlanWarning, Step, StepKind
from vnetferry.plan.carry_over import carry_over
from vnetferry.plan.durations import expected_s
from vnetferry.plan.fields import Path, Rule, writable
from vnetferry.plan.parts import Part, attention, join
from vnetferry.plan.references import datastore_of, is_curated, references, used_assets
from vnetferry.plan.scope import Scope
from vnetferry.plan.workspace import workspace_step_id

# A new workspace comes with these; the target's are its own.
SYSTEM_DATASTORES = {
    "workspaceblobstore",
    "workspacefilestore",
    "workspaceartifactstore",
    "workspaceworkingdirectory",
}
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
_REGISTRY_URI = re.compile(r"^azureml://registries/([^/]+)/", re.IGNORECASE)
# Azure's own registries, which every workspace reaches through its required rules.
_SYSTEM_REGISTRIES = {"azureml", "azureml-meta", "azureml-msr", "azure-openai-v2", "huggingface"}


def asset_steps(scope: Scope, deployment: Document) -> tuple[str, ...]:
    """The ids of the steps that copy what a deployment uses."""
    found = (scope.remap.asset(reference) for reference in references(deployment))
    return tuple(_step_id(asset) for asset in found if asset and not is_curated(asset))


def plan_assets(scope: Scope) -> Part:
    """Copy each version that an endpoint uses, once."""
    return join([*(_copy_asset(scope, document) for document in used_assets(scope)), _registries(scope)])


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
        spec={"content": "" if stays else uri, "content_field": ".".join(field) if uri and not stays else ""},
        depends_on=(workspace_step_id(scope), *_store_steps(scope, uri)),
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
        duration_s=expected_s(kind),
    )
    carried = carry_over(document, target, body)
    return Part((step,), carried.carry_over, carried.warnings)


def _registries(scope: Scope) -> Part:
    return Part(warnings=tuple(_registry_warnings(scope)))


def _registry_warnings(scope: Scope) -> Iterator[PlanWarning]:
    users: dict[str, list[str]] = {}
    for deployment in scope.all_deployments:
        for reference in references(deployment):
            match = _REGISTRY_URI.match(reference)
            if match and match.group(1).lower() not in _SYSTEM_REGISTRIES:
                users.setdefault(match.group(1), []).append(f"{deployment.id.parent.name}/{deployment.name}")
    for registry, names in sorted(users.items()):
        text = (
            f"{', '.join(sorted(set(names)))} take assets from registry {registry}. When it is not public, add "
            "private_endpoint rules to the registry (amlregistry), to its storage account (blob) and to its container "
            "registry (registry) to target.outbound_rules."
        )
        yield attention(f"azureml://registries/{registry}", text)
