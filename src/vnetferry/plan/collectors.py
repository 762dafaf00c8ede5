"""Data collectors: the data versions that deployments write what they receive and answer to.

The SDK makes them before it makes a deployment; Azure itself does not, so the plan does. Those that are called after
their endpoint are called after the new one. What was collected stays where it is: it is the source's record.
Source: Collect production data from models deployed for real-time inferencing. FACTS 4.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import DATASTORE, Document
from vnetferry.models.plan import PlanWarning, Step
from vnetferry.plan.assets import plan_assets
from vnetferry.plan.carry_over import carry_over
from vnetferry.plan.durations import expected_s
from vnetferry.plan.fields import writable
from vnetferry.plan.parts import Part, attention, join
from vnetferry.plan.references import SYSTEM_DATASTORES, datastore_of
from vnetferry.plan.scope import Scope
from vnetferry.plan.uses import collected, label
from vnetferry.plan.workspace import workspace_step_id

_FOLDER = re.compile(r"/paths/modelDataCollector/([^/]+)/", re.IGNORECASE)


class Collection(NamedTuple):
    """One collection of a deployment: the source's data version (None when it was not read), and the target's."""

    name: str
    deployment: Document
    source: ResourceId
    document: Document | None
    target: ResourceId


def collections(scope: Scope, deployment: Document) -> tuple[Collection, ...]:
    """The collections of a deployment whose data versions lie in the source workspace; none when they stay there."""
    if scope.config.in_place:
        return ()
    found = ((name, scope.remap.asset(uri)) for name, uri in collected(deployment).items())
    return tuple(_collection(scope, deployment, name, asset) for name, asset in found if asset)


def collector_steps(scope: Scope, deployment: Document) -> tuple[str, ...]:
    """The ids of the steps that make what a deployment collects into."""
    return tuple(dict.fromkeys(_step_id(each.target) for each in collections(scope, deployment)))


def plan_collectors(scope: Scope) -> Part:
    """Make each data version that a deployment which moves collects into, once."""
    every = [each for deployment in scope.all_deployments for each in collections(scope, deployment)]
    once = {each.target: each for each in reversed(every)}
    warnings = tuple(_warnings(scope))
    return join([*(_plan(scope, once[target]) for target in sorted(once)), Part(warnings=warnings)])


def copies(scope: Scope) -> Part:
    """Copy each version of an asset that what moves uses or writes to."""
    return join([plan_assets(scope), plan_collectors(scope)])


def _collection(scope: Scope, deployment: Document, name: str, asset: ResourceId) -> Collection:
    document = scope.inventory.find(asset) if asset in scope.inventory else None
    asset = document.id if document else asset  # in its own spelling, whichever the deployment names it in
    endpoint = deployment.id.parent.name
    given = f"{endpoint}-{deployment.name}-{name}".lower() != asset.parent.name.lower()
    called = asset.parent.name if given else f"{scope.remap.endpoints[endpoint]}-{deployment.name}-{name}"
    target = scope.target.child("data", called).child("versions", asset.name)
    return Collection(name, deployment, asset, document, target)


def _step_id(target: ResourceId) -> str:
    return f"copy_data:{target.parent.name}/{target.name}"


def _plan(scope: Scope, each: Collection) -> Part:
    body = _body(scope, each)
    store = datastore_of(body["properties"]["dataUri"])
    own = {d.name.lower() for d in scope.inventory.of_type(DATASTORE)} - SYSTEM_DATASTORES
    step = Step(
        id=_step_id(each.target),
        kind="copy_data",
        title=f"register data {each.target.parent.name}/{each.target.name}",
        resource=each.target,
        source=each.source,
        body=body,
        spec={"content": ""},
        depends_on=(
            workspace_step_id(scope),
            *((f"copy_datastore:{_spelled(scope, store)}",) if store in own else ()),
        ),
        undo="delete",
        duration_s=expected_s("copy_data"),
    )
    carried = carry_over(each.document, each.target, body) if each.document else Part()
    return Part((step,), carried.carry_over, carried.warnings)


def _spelled(scope: Scope, store: str) -> str:
    return next(d.name for d in scope.inventory.of_type(DATASTORE) if d.name.lower() == store)


def _body(scope: Scope, each: Collection) -> Json:
    """The source's, in a folder of the new endpoint's; where it was not read, what the SDK would register."""
    if each.document is None:
        return {"properties": {"dataType": "uri_folder", "dataUri": _default_uri(scope, each)}}
    body: Json = scope.remap.value(writable(each.document.type, each.document.body))
    new = {name.lower(): target for name, target in scope.remap.endpoints.items()}

    def renamed(match: re.Match[str]) -> str:
        return match.group(0).replace(match.group(1), new.get(match.group(1).lower(), match.group(1)))

    properties = body.setdefault("properties", {})
    properties["dataUri"] = _FOLDER.sub(renamed, str(properties.get("dataUri") or _default_uri(scope, each)))
    return body


def _default_uri(scope: Scope, each: Collection) -> str:
    group = f"subscriptions/{scope.target.subscription_id}/resourcegroups/{scope.target.resource_group}"
    folder = f"{scope.remap.endpoints[each.deployment.id.parent.name]}/{each.deployment.name}/{each.name}"
    store = f"azureml://{group}/workspaces/{scope.target.name}/datastores/workspaceblobstore"
    return f"{store}/paths/modelDataCollector/{folder}"


def _warnings(scope: Scope) -> Iterator[PlanWarning]:
    for deployment in scope.all_deployments:
        found = collections(scope, deployment)
        if found:
            names = ", ".join(each.target.parent.name for each in found)
            text = (
                f"{label(deployment)} collects data: its new deployment collects into {names}. What was collected so "
                "far stays in the source's storage; copy it if a monitor needs it."
            )
            yield attention(deployment.id, text)
