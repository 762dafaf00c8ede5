"""Outbound rules of a managed network, one by one.

A rule's PUT works on the list of rules as it was when the request came and writes that list back when it
ends. So rules that are put at the same time overwrite each other, as users of the service have found: put
them in one PATCH of the workspace, or one after the other.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from vnetferry.sandbox.errors import account_error
from vnetferry.sandbox.ml.api_versions import MANAGED_NETWORK
from vnetferry.sandbox.ml.managed_network import (
    FIREWALL_S,
    activate,
    as_they_are,
    disconnect,
    has_firewall,
    is_active,
    network_of,
    replace_rules,
    require_network_provider,
    rules_of,
    waiting,
)
from vnetferry.sandbox.ml.network_fields import RULE_BODY
from vnetferry.sandbox.ml.network_rules import new_rule, require_own, require_rule
from vnetferry.sandbox.ml.scope import WORKSPACE, require_workspace, row
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_PATH = f"{WORKSPACE}/outboundRules"
_TYPE = "Microsoft.MachineLearningServices/workspaces/outboundRules"
_RULE_S = 60.0


def operations() -> list[Operation]:
    """List, get, put and delete."""
    one, right, group = f"{_PATH}/{{rule}}", "workspaces/outboundRules", "ManagedNetworkSettingsRule"
    versions = MANAGED_NETWORK
    note = (
        "the PUT's answer is specified, not recorded; assumed: the shape of refusals, which "
        "is that of workspaces, that a service tag without protocol or ports is for all "
        "of them, and that a workspace's body may repeat a rule of category Dependency as it is"
    )
    return [
        row(
            f"{group}_List",
            "GET",
            _PATH,
            _list,
            f"{right}/read",
            api_versions=versions,
            evidence="recorded",
            note="the service's own rules are those recorded in 2023",
        ),
        row(f"{group}_Get", "GET", one, _get, f"{right}/read", api_versions=versions, evidence="recorded"),
        row(f"{group}_CreateOrUpdate", "PUT", one, _put, f"{right}/write", api_versions=versions, note=note),
        row(
            f"{group}_Delete",
            "DELETE",
            one,
            _delete,
            f"{right}/delete",
            api_versions=versions,
            evidence="recorded",
        ),
    ]


def adopt(world: World, document: Json) -> None:
    """Take a rule as a document of its own: it joins its workspace's, where all rules are kept."""
    workspace = world.documents.get(document["id"].rpartition("/outboundRules/")[0])
    if workspace is None:
        world.documents.put(deepcopy(document))
        return
    rules = {document["name"]: deepcopy(document["properties"])} | rules_of(workspace)
    network_of(workspace)["outboundRules"] = rules


async def _list(call: Call) -> Response:
    rules = deepcopy(rules_of(require_workspace(call)))
    listed = [
        {"id": None, "name": name, "type": None, "properties": rule, "systemData": None}
        for name, rule in rules.items()
    ]
    return Response(200, {"value": listed})


async def _get(call: Call) -> Response:
    workspace = require_workspace(call)
    return Response(200, _document(workspace, _require_name(workspace, call.params["rule"])))


async def _put(call: Call) -> Response:
    workspace, world = require_workspace(call), call.world
    name = _find(workspace, call.params["rule"]) or call.params["rule"]
    wanted: Json = RULE_BODY.read(call.json())["properties"]
    mode, caller = network_of(workspace)["isolationMode"], call.request.principal
    snapshot = deepcopy(rules_of(workspace))
    require_rule(world, mode, snapshot, name, wanted)
    if wanted["type"] == "PrivateEndpoint":
        require_network_provider(world, workspace)

    async def finish() -> None:
        rules = {**as_they_are(snapshot, rules_of(workspace)), name: new_rule(wanted)}
        replace_rules(world, workspace, rules)
        if is_active(workspace):
            activate(world, workspace, waiting(workspace), caller)

    needs_firewall = wanted["type"] == "FQDN" and not has_firewall(snapshot) and is_active(workspace)
    operation = world.operations.start(
        "workspace",
        call.operation.name,
        f"{workspace['id']}/outboundRules/{name}",
        workspace["location"],
        default_s=_RULE_S + (FIREWALL_S if needs_firewall else 0),
        finish=finish,
        result=lambda: _document(workspace, _require_name(workspace, name)),
    )
    return world.operations.accepted(operation, call.api_version)


async def _delete(call: Call) -> Response:
    workspace, world = require_workspace(call), call.world
    name = _find(workspace, call.params["rule"])
    if name is None:
        return Response(204)
    require_own(rules_of(workspace), name)
    rules_of(workspace)[name]["status"] = "Deleting"

    async def finish() -> None:
        rule = rules_of(workspace).pop(name, None)
        if rule:
            disconnect(world, workspace, name, rule)

    operation = world.operations.start(
        "workspace",
        call.operation.name,
        f"{workspace['id']}/outboundRules/{name}",
        workspace["location"],
        default_s=_RULE_S,
        finish=finish,
    )
    return world.operations.accepted(operation, call.api_version)


def _find(workspace: Json, name: str) -> str | None:
    """The rule's name as it is stored."""
    return next((known for known in rules_of(workspace) if known.lower() == name.lower()), None)


def _require_name(workspace: Json, name: str) -> str:
    found = _find(workspace, name)
    if found is None:
        raise account_error(
            404, "NotFound", f"Outbound rule '{name}' was not found in workspace '{workspace['name']}'."
        )
    return found


def _document(workspace: Json, name: str) -> Json:
    """One rule as GET answers it: its id is not an ARM id."""
    return {
        "tags": None,
        "location": None,
        "id": f"{workspace['name']}/outboundRules/{name}",
        "name": name,
        "type": _TYPE,
        "properties": deepcopy(rules_of(workspace)[name]),
        "systemData": None,
    }
