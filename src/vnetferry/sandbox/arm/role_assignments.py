"""Microsoft.Authorization: role assignments and definitions at any scope, and a caller's own permissions."""

from __future__ import annotations

import re
from copy import deepcopy

from vnetferry.sandbox.arm import authorization, extension, tracked
from vnetferry.sandbox.arm.bodies import require_choice, require_known, require_member, require_object
from vnetferry.sandbox.arm.roles import BUILT_IN, BY_ID, Role
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

TYPE = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"
_ASSIGNMENT_VERSIONS = frozenset(
    {"2015-07-01", "2018-01-01-preview", "2018-09-01-preview", "2020-03-01-preview", "2020-04-01-preview"}
    | {"2020-08-01-preview", "2020-10-01-preview", "2022-04-01"}
)
_DEFINITION_VERSIONS = frozenset({"2015-07-01", "2018-01-01-preview", "2022-04-01", "2022-05-01-preview"})
_PERMISSION_VERSIONS = _DEFINITION_VERSIONS
_GUID = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
_PRINCIPALS = ("User", "Group", "ServicePrincipal", "ForeignGroup", "Device")
_FILTER = re.compile(
    r"^(?:(?P<at>atScope\(\))|(?:principalId eq '(?P<principal>[^']*)')|(?:assignedTo\('(?P<to>[^']*)'\)))$"
)


def operations() -> list[Operation]:
    """Assignments, definitions and permissions at every scope."""
    titles = ("ForSubscription", "ForResourceGroup", "ForScope")
    assignments = extension.ExtensionType(
        TYPE,
        "RoleAssignments",
        _ASSIGNMENT_VERSIONS,
        _put,
        titles,
        list=_list,
        remove=_delete,
        get=_get,
        shape=dict.fromkeys(("roleDefinitionId", "principalId", "principalType", "condition"), str),
    )
    definitions = extension.ExtensionType(
        DEFINITION,
        "RoleDefinitions",
        _DEFINITION_VERSIONS,
        _put_definition,
        get=_get_definition,
        list=_list_definitions,
        shape={
            "roleName": str,
            "assignableScopes": [str],
            "permissions": [
                {name: [str] for name in ("actions", "notActions", "dataActions", "notDataActions")}
            ],
        },
    )
    permissions = [
        Operation(
            "Permissions_List",
            "GET",
            f"/{scope}/providers/Microsoft.Authorization/permissions",
            _permissions,
            "Microsoft.Authorization/permissions/read",
            _PERMISSION_VERSIONS,
        )
        for scope in extension.SCOPES
    ]
    return [*extension.operations(assignments), *extension.operations(definitions), *permissions]


async def _put(call: Call) -> Response:
    """Make an assignment. It cannot be changed afterwards, and the same one cannot be made twice."""
    scope, body = extension.scope_of(call.path), call.json()
    require_known(
        body, {"id", "name", "type", "scope", "location", "properties"}, "RoleAssignmentCreateParameters"
    )
    properties = require_object(body.get("properties"), "properties")
    known = {
        "roleDefinitionId",
        "principalId",
        "principalType",
        "scope",
        "description",
        "condition",
        "conditionVersion",
    }
    require_known(
        properties, known | {"canDelegate", "delegatedManagedIdentityResourceId"}, "Properties", "properties"
    )
    if not _GUID.match(call.params["name"]):
        message = (
            f"The role assignment ID '{call.params['name']}' is not valid. The role assignment ID must be "
            "a GUID."
        )
        raise AzureError(400, "InvalidRoleAssignmentId", message)
    role = _require_role(call, properties)
    principal = str(require_member(properties, "principalId", "BadRequest", "properties"))
    if not _GUID.match(principal):
        raise AzureError(
            400,
            "InvalidPrincipalId",
            f"A valid principal ID must be provided for role assignment: '{principal}'.",
        )
    _require_new(call, scope, role, principal, properties)
    who = call.request.principal.object_id if call.request.principal else ""
    now = call.world.clock.stamp()
    written = {
        "roleDefinitionId": _definition_id(call, role),
        "principalId": principal,
        "principalType": require_choice(
            properties.get("principalType", "ServicePrincipal"), _PRINCIPALS, "principalType"
        ),
        "scope": scope,
        "condition": properties.get("condition"),
        "conditionVersion": properties.get("conditionVersion"),
        "description": properties.get("description"),
        "createdOn": now,
        "updatedOn": now,
        "createdBy": who,
        "updatedBy": who,
    }
    document, _ = extension.store(call, TYPE, written)
    return Response(201, document)


def _require_role(call: Call, properties: Json) -> Role:
    definition = str(require_member(properties, "roleDefinitionId", "BadRequest", "properties"))
    role = authorization.find_role(call.world, definition)
    if role is None:
        name = definition.rpartition("/")[2]
        message = f"The specified role definition with ID '{name}' does not exist."
        raise AzureError(404, "RoleDefinitionDoesNotExist", message)
    return role


def _require_new(call: Call, scope: str, role: Role, principal: str, properties: Json) -> None:
    for other in call.world.documents.collection(f"{scope}/providers/{TYPE}"):
        held = other["properties"]
        same = held["principalId"].lower() == principal.lower() and held["roleDefinitionId"].lower().endswith(
            role.id
        )
        if same and held.get("condition") == properties.get("condition"):
            message = (
                "The role assignment already exists. The ID of the conflicting role assignment is "
                f"{other['name'].replace('-', '')}."
            )
            raise AzureError(409, "RoleAssignmentExists", message)
    if call.path in call.world.documents:
        message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
        raise AzureError(400, "RoleAssignmentUpdateNotPermitted", message)


def _definition_id(call: Call, role: Role) -> str:
    return f"/subscriptions/{call.params['subscriptionId']}/providers/{DEFINITION}/{role.id}"


async def _get(call: Call) -> Response:
    document = call.world.documents.get(call.path)
    if document is None:
        message = f"The role assignment '{call.params['name']}' is not found."
        raise AzureError(404, "RoleAssignmentNotFound", message)
    return Response(200, deepcopy(document))


async def _delete(call: Call) -> Response:
    document = call.world.documents.get(call.path)
    if document is None:
        return Response(204)
    call.world.documents.remove(call.path)
    return Response(200, document)


async def _list(call: Call) -> Response:
    """Those that hold at the scope; without `atScope()` also those below it."""
    scope, asked = extension.scope_of(call.path), call.request.query.get("$filter", "")
    at_scope, principals = _parse_filter(asked)
    found = list(authorization.assignments_at(call.world, scope))
    if not at_scope:
        found += [a for a in call.world.documents.below(scope) if a.get("type") == TYPE and a not in found]
    wanted = [a for a in found if not principals or a["properties"]["principalId"].lower() in principals]
    return tracked.paged(call, deepcopy(wanted))


def _parse_filter(text: str) -> tuple[bool, set[str]]:
    at_scope, principals = False, set()
    for part in filter(None, re.split(r"\s+and\s+", text.strip())):
        match = _FILTER.match(part)
        if not match:
            message = (
                f"The filter '{text}' is not supported. Supported filters are either 'atScope()' or "
                "'principalId eq' or 'assignedTo()'."
            )
            raise AzureError(400, "UnsupportedQueryFilter", message)
        at_scope = at_scope or bool(match["at"])
        principals |= {(match["principal"] or match["to"]).lower()} if not match["at"] else set()
    return at_scope, principals


def _built_in(call: Call, role: Role) -> Json:
    permission = {
        "actions": list(role.actions),
        "notActions": list(role.not_actions),
        "dataActions": list(role.data),
        "notDataActions": list(role.not_data),
    }
    properties = {
        "roleName": role.name,
        "type": "BuiltInRole",
        "description": "",
        "assignableScopes": ["/"],
        "permissions": [permission],
    }
    return {"id": _definition_id(call, role), "type": DEFINITION, "name": role.id, "properties": properties}


async def _get_definition(call: Call) -> Response:
    name = call.params["name"].lower()
    if name in BY_ID:
        return Response(200, _built_in(call, BY_ID[name]))
    document = call.world.documents.get(call.path)
    if document is None:
        message = f"The specified role definition with ID '{name}' does not exist."
        raise AzureError(404, "RoleDefinitionDoesNotExist", message)
    return Response(200, deepcopy(document))


async def _list_definitions(call: Call) -> Response:
    """Built-in roles and the subscription's own; `$filter=roleName eq '…'` picks one."""
    subscription = f"/subscriptions/{call.params['subscriptionId']}"
    own = deepcopy(call.world.documents.collection(f"{subscription}/providers/{DEFINITION}"))
    found = [*(_built_in(call, role) for role in BUILT_IN), *own]
    asked = call.request.query.get("$filter", "")
    match = re.match(r"^roleName eq '([^']*)'$", asked)
    if match:
        found = [
            definition
            for definition in found
            if definition["properties"]["roleName"].lower() == match[1].lower()
        ]
    return tracked.paged(call, found)


async def _put_definition(call: Call) -> Response:
    """A custom role."""
    body = call.json()
    require_known(body, {"id", "name", "type", "properties"}, "RoleDefinition")
    properties = require_object(body.get("properties"), "properties")
    known = {"roleName", "description", "type", "permissions", "assignableScopes"}
    require_known(properties, known, "RoleDefinitionProperties", "properties")
    for name in ("roleName", "permissions", "assignableScopes"):
        require_member(properties, name, "RoleDefinitionPropertiesInvalid", "properties")
    if not _GUID.match(call.params["name"]) or call.params["name"].lower() in BY_ID:
        message = (
            f"The role definition ID '{call.params['name']}' is not valid: it must be a GUID that no "
            "built-in role has."
        )
        raise AzureError(400, "InvalidRoleDefinitionId", message)
    for permission in properties["permissions"]:
        require_known(
            permission,
            {"actions", "notActions", "dataActions", "notDataActions"},
            "Permission",
            "permissions",
        )
    document, _ = extension.store(call, DEFINITION, {"type": "CustomRole", **properties})
    return Response(201, document)


async def _permissions(call: Call) -> Response:
    principal = call.request.principal
    scope = extension.scope_of(call.path)
    return Response(
        200, {"value": authorization.permissions(call.world, principal.object_id if principal else "", scope)}
    )
