"""Workspaces: created, read, changed, deleted and recovered.

Making, changing and deleting are long-running: the answer is 202 without a body, and the state changes when
the operation ends. What a request asks for is checked whole before anything begins.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.bodies import require_tags
from vnetferry.sandbox.arm.private_links import adopt_connections
from vnetferry.sandbox.arm.providers import require_offered
from vnetferry.sandbox.arm.regions import require_region
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml import endpoints, managed_network, soft_delete
from vnetferry.sandbox.ml.furnishing import assign_roles, furnish
from vnetferry.sandbox.ml.identity import require_assignable, resolve_identity
from vnetferry.sandbox.ml.managed_network import network_of, rules_of
from vnetferry.sandbox.ml.online_quotas import limit_of
from vnetferry.sandbox.ml.scope import (
    WORKSPACE,
    WORKSPACE_TYPE,
    WORKSPACES,
    created,
    modified,
    page,
    require_idle,
    require_workspace,
    row,
    workspace_id,
)
from vnetferry.sandbox.ml.workspace_documents import Birth, new_workspace, shown
from vnetferry.sandbox.ml.workspace_fields import CHANGEABLE, CREATE, UPDATE
from vnetferry.sandbox.ml.workspace_rules import (
    bad_request,
    require_changeable,
    require_creatable,
    require_name,
    require_primary_identity,
    require_unchanged,
)
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_CREATE_S, _UPDATE_S, _DELETE_S = 40.0, 30.0, 60.0
_PAGE = 50
# Members of `properties` that a change does not copy as they are.
_APART = {"managedNetwork", "encryption", "featureStoreSettings", "v1LegacyMode"}
# Documented: half an hour to an hour, or more, until a change of the legacy mode takes effect.
_LEGACY_MODE_S = 1800.0


def operations() -> list[Operation]:
    """The workspace's own operations; its actions are in workspace_actions."""
    right = "workspaces"
    everywhere = f"/subscriptions/{{subscriptionId}}/providers/{WORKSPACE_TYPE}"
    note = "deletes endpoints and computes with it, as soft deletion documents"
    return [
        row("Workspaces_Get", "GET", WORKSPACE, _get, f"{right}/read", evidence="recorded"),
        row("Workspaces_CreateOrUpdate", "PUT", WORKSPACE, _put, f"{right}/write"),
        row(
            "Workspaces_Update",
            "PATCH",
            WORKSPACE,
            _patch,
            f"{right}/write",
            evidence="recorded",
            note="GET shows a new v1LegacyMode when it takes effect: assumed",
        ),
        row(
            "Workspaces_Delete",
            "DELETE",
            WORKSPACE,
            _delete,
            f"{right}/delete",
            evidence="recorded",
            note=note,
        ),
        row("Workspaces_ListByResourceGroup", "GET", WORKSPACES, _list, f"{right}/read"),
        row("Workspaces_ListBySubscription", "GET", everywhere, _list_everywhere, f"{right}/read"),
    ]


def adopt(world: World, document: Json) -> None:
    """Take a workspace as GET returned it: it is answered as it is, unknown members included."""
    workspace = deepcopy(document)
    workspace.setdefault("properties", {})
    workspace["properties"].setdefault("workspaceId", str(uuid.uuid4()))
    workspace["properties"].setdefault("provisioningState", "Succeeded")
    network_of(workspace).setdefault("isolationMode", "Disabled")
    managed_network.adopt_rules(world, workspace)
    adopt_connections(world, workspace)
    world.documents.put(workspace)


async def _get(call: Call) -> Response:
    return Response(200, shown(call.world, require_workspace(call)))


async def _list(call: Call) -> Response:
    found = call.world.documents.collection("/".join(call.request.segments))
    return page(call, [shown(call.world, each) for each in found], _PAGE)


async def _list_everywhere(call: Call) -> Response:
    scope = f"/subscriptions/{call.params['subscriptionId']}"
    found = call.world.documents.below(scope, WORKSPACE_TYPE)
    return page(call, [shown(call.world, each) for each in found], _PAGE)


async def _put(call: Call) -> Response:
    body = CREATE.read(call.json())
    body["tags"] = require_tags(body.get("tags"))
    workspace = call.world.documents.get(workspace_id(call))
    if workspace is not None:
        return _change(call, workspace, body)
    if soft_delete.find_deleted(call.world, workspace_id(call)) is not None:
        return _recover(call, body)
    return _create(call, body)


async def _patch(call: Call) -> Response:
    workspace = require_workspace(call)
    body = UPDATE.read(call.json())
    if "tags" in body:
        body["tags"] = require_tags(body["tags"])
    return _change(call, workspace, body)


async def _delete(call: Call) -> Response:
    world, identifier = call.world, workspace_id(call)
    purge = _is_purge(call)
    workspace = world.documents.get(identifier)
    if workspace is None:
        return _purge_deleted(call, identifier) if purge else Response(204)
    require_idle(world, workspace["id"])
    workspace["properties"]["provisioningState"] = "Deleting"

    async def finish() -> None:
        await endpoints.discard_all(world, workspace["id"])
        soft_delete.remove(world, workspace, purge=purge)

    return _begin(call, workspace, _DELETE_S, finish)


def _create(call: Call, body: Json) -> Response:
    world, identifier = call.world, workspace_id(call)
    name = identifier.rpartition("/")[2]
    require_name(name)
    location = require_region(body.get("location"), WORKSPACE_TYPE)
    require_offered(call.world, workspace_id(call), location)
    _require_room(world, identifier.rpartition("/")[0])
    require_creatable(world, call.params["subscriptionId"], body)
    require_assignable(call, body["identity"])
    tenant = call.request.principal.tenant_id if call.request.principal else ""
    birth = Birth(
        id=identifier,
        location=location,
        tenant_id=tenant,
        identity=resolve_identity(world, body["identity"], None, tenant),
        system_data=created(world, call.request.principal),
        guid=str(uuid.uuid4()),
        time=world.clock.stamp(),
    )
    workspace = new_workspace(birth, body)
    wanted = body["properties"].get("managedNetwork") or {}
    managed_network.require_change(world, workspace, wanted)
    world.documents.put(workspace)

    async def finish() -> None:
        furnish(world, workspace)
        managed_network.apply_change(world, workspace, wanted, {}, call.request.principal)
        await _provision_if_asked(call, workspace, body["properties"])
        workspace["properties"]["provisioningState"] = "Succeeded"

    return _begin(call, workspace, _CREATE_S, finish)


def _require_room(world: World, workspaces: str) -> None:
    """A group has so many workspaces, those below this path; the quota `workspacesPerGroup` sets another limit.

    Source: manage and increase quotas for Azure Machine Learning; code and text are assumed.
    """
    limit = limit_of(world, "workspacesPerGroup")
    count = len(world.documents.collection(workspaces))
    if count >= limit:
        message = (
            f"Creating the resource of type '{WORKSPACE_TYPE}' would exceed the quota of '{limit}' resources of type "
            f"'{WORKSPACE_TYPE}' per resource group. The current resource count is '{count}', please delete some "
            "resources of this type before creating a new one."
        )
        raise AzureError(409, "ResourceQuotaExceeded", message)


def _recover(call: Call, body: Json) -> Response:
    world, identifier = call.world, workspace_id(call)
    if not body["properties"].get("allowRecoverSoftDeletedWorkspace"):
        raise bad_request(
            "Soft-deleted workspace exists. Please purge or recover it. https://aka.ms/wsoftdelete"
        )
    workspace = soft_delete.recover(world, identifier)
    workspace["properties"]["provisioningState"] = "Creating"

    async def finish() -> None:
        assign_roles(world, workspace)
        workspace["properties"]["provisioningState"] = "Succeeded"

    return _begin(call, workspace, _CREATE_S, finish)


def _change(call: Call, workspace: Json, body: Json) -> Response:
    world, properties = call.world, body.get("properties") or {}
    require_idle(world, workspace["id"])
    require_unchanged(workspace, body)
    require_changeable(world, workspace, properties)
    wanted = properties.get("managedNetwork") or {}
    managed_network.require_change(world, _with(workspace, properties), wanted)
    require_assignable(call, body.get("identity"))
    tenant = str(workspace["properties"].get("tenantId") or "")
    identity = resolve_identity(world, body.get("identity"), workspace.get("identity"), tenant)
    require_primary_identity(identity, properties)
    rules = deepcopy(rules_of(workspace)) if managed_network.is_managed(workspace) else {}
    workspace["properties"]["provisioningState"] = "Updating"

    async def finish() -> None:
        workspace["identity"] = identity
        if body.get("tags") is not None:
            workspace["tags"] = body["tags"]
        workspace["properties"].update(_copied(workspace, properties))
        _change_legacy_mode(call, workspace, properties)
        managed_network.apply_change(world, workspace, wanted, rules, call.request.principal)
        await _provision_if_asked(call, workspace, properties)
        workspace["systemData"] = modified(world, call.request.principal, workspace.get("systemData"))
        workspace["properties"]["provisioningState"] = "Succeeded"

    extra_s = managed_network.change_s(workspace, wanted)
    return _begin(call, workspace, _UPDATE_S + extra_s, finish)


def _change_legacy_mode(call: Call, workspace: Json, properties: Json) -> None:
    """Let `v1LegacyMode` change when the change takes effect; that GET shows it only then is assumed."""
    wanted, world = properties.get("v1LegacyMode"), call.world
    if wanted is None or wanted == bool(workspace["properties"].get("v1LegacyMode")):
        return

    async def take_effect() -> None:
        await world.clock.sleep(world.scenario.durations_s.get("Workspaces_LegacyMode", _LEGACY_MODE_S))
        workspace["properties"]["v1LegacyMode"] = wanted

    world.operations.spawn(take_effect())


async def _provision_if_asked(call: Call, workspace: Json, properties: Json) -> None:
    """Provision the managed network as part of the workspace's own operation."""
    idle = managed_network.is_managed(workspace) and not managed_network.is_active(workspace)
    if properties.get("provisionNetworkNow") and idle:
        await call.world.clock.sleep(managed_network.provision_s(call.world, workspace))
        managed_network.complete_provisioning(call.world, workspace, call.request.principal)


def _begin(call: Call, workspace: Json, default_s: float, finish: Callable[[], Awaitable[None]]) -> Response:
    world = call.world

    def fail(_error: AzureError) -> None:
        workspace["properties"]["provisioningState"] = "Failed"

    operation = world.operations.start(
        "workspace",
        call.operation.name,
        workspace["id"],
        workspace["location"],
        default_s=default_s,
        finish=finish,
        fail=fail,
        result=lambda: shown(world, workspace) if workspace["id"] in world.documents else None,
    )
    return world.operations.accepted(operation, call.api_version)


def _purge_deleted(call: Call, identifier: str) -> Response:
    """Purge a workspace that was deleted before."""
    deleted = soft_delete.find_deleted(call.world, identifier)
    if deleted is None:
        return Response(204)

    async def finish() -> None:
        soft_delete.forget(call.world, identifier)

    return _begin(call, deleted[0], _DELETE_S, finish)


def _copied(workspace: Json, properties: Json) -> Json:
    """The changes of plain members; an empty or null string takes a value away."""
    before = workspace["properties"]
    changes = {name: properties[name] for name in CHANGEABLE - _APART if name in properties}
    if isinstance(changes.get("networkAcls"), dict):
        changes["networkAcls"] = {**(before.get("networkAcls") or {}), **changes["networkAcls"]}
    if before.get("encryption") and properties.get("encryption"):
        changes["encryption"] = {**before["encryption"], **properties["encryption"]}
    if not changes.get("systemDatastoresAuthMode", "accesskey"):
        changes.pop("systemDatastoresAuthMode")
    emptied = ("imageBuildCompute", "containerRegistry", "applicationInsights")
    return {name: (value or None) if name in emptied else value for name, value in changes.items()}


def _with(workspace: Json, properties: Json) -> Json:
    """The workspace as it will be, for checks."""
    return {**workspace, "properties": {**workspace["properties"], **_copied(workspace, properties)}}


def _is_purge(call: Call) -> bool:
    return call.request.query.get("forcetopurge", "false").lower() == "true"
