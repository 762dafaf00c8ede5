"""Microsoft.Authorization: role assignments and definitions at any scope, and a caller's own permissions."""

from __future__ import annotations

import re
from copy import deepcopy

from vnetferry.sandbox.arm import authorization, extension, grants, tracked
from vnetferry.sandbox.arm.bodies import require_choice, require_known, require_member, require_object
from vnetferry.sandbox.arm.grants import is_replicating
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
# Azure RBAC limits: role assignments per subscription.
_LIMIT = 4000
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
        remove=_delete_definition,
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
    extension.require_target(call)
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
    if not _GUID.fullmatch(call.params["name"]):
        message = (
            f"The role assignment ID '{call.params['name']}' is not valid. The role assignment ID must be "
            "a GUID."
        )
        raise AzureError(400, "InvalidRoleAssignmentId", message)
    role = _require_role(call, properties)
    _require_assignable(call, scope, properties["roleDefinitionId"])
    principal = str(require_member(properties, "principalId", "BadRequest", "properties"))
    if not _GUID.fullmatch(principal):
        raise AzureError(
            400,
            "InvalidPrincipalId",
            f"A valid principal ID must be provided for role assignment: '{principal}'.",
        )
    if before := call.world.documents.get(call.path):
        return _rewrite(before, properties, role, principal)
    _require_new(call, scope, role, principal, properties)
    _require_known(call, principal, properties)
    _require_room(call)
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
        "delegatedManagedIdentityResourceId": properties.get("delegatedManagedIdentityResourceId"),
        "createdOn": now,
        "updatedOn": now,
        "createdBy": who,
        "updatedBy": who,
    }
    document, _ = extension.store(call, TYPE, written)
    grants.grant(call.world, document)
    return Response(201, document)


def _require_role(call: Call, properties: Json) -> Role:
    definition = str(require_member(properties, "roleDefinitionId", "BadRequest", "properties"))
    role = authorization.find_role(call.world, definition)
    if role is None:
        name = definition.rpartition("/")[2]
        message = f"The specified role definition with ID '{name}' does not exist."
        raise AzureError(404, "RoleDefinitionDoesNotExist", message)
    return role


def _require_assignable(call: Call, scope: str, definition_id: str) -> None:
    """A custom role is assigned within its assignable scopes only."""
    definition = authorization.find_definition(call.world, definition_id)
    allowed = definition["properties"].get("assignableScopes") or [] if definition else ["/"]
    if not any(_is_within(scope, each) for each in allowed):
        message = (
            f"The role definition '{definition_id.rpartition('/')[2]}' is not assignable at scope '{scope}': its "
            f"assignable scopes are '{', '.join(allowed)}'."
        )
        raise AzureError(400, "RoleDefinitionNotAssignableAtScope", message)


def _is_within(scope: str, other: str) -> bool:
    return f"{scope.rstrip('/').lower()}/".startswith(f"{other.rstrip('/').lower()}/")


def _users(call: Call, definition_id: str) -> list[Json]:
    """The assignments of a custom role, wherever they are."""
    name = definition_id.rpartition("/")[2].lower()
    return [
        each
        for each in call.world.documents.below("/", TYPE)
        if each["properties"]["roleDefinitionId"].lower().endswith(f"/{name}")
    ]


async def _delete_definition(call: Call) -> Response:
    """A role that is assigned to anybody stays; so do Azure's own."""
    name = call.params["name"].lower()
    if name in BY_ID:
        message = f"The role '{BY_ID[name].name}' is a built-in role and cannot be deleted."
        raise AzureError(400, "CannotDeleteBuiltInRole", message)
    document = call.world.documents.get(call.path)
    if document is None:
        return Response(204)
    if _users(call, call.path):
        message = "There are existing role assignments referencing role."
        raise AzureError(400, "RoleDefinitionHasAssignments", message)
    call.world.documents.remove(call.path)
    return Response(200, document)


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


def _rewrite(document: Json, properties: Json, role: Role, principal: str) -> Response:
    """The same assignment once more, which templates send again and again; all else would make it another one."""
    held = document["properties"]
    same_role = held["roleDefinitionId"].lower().endswith(role.id)
    if held["principalId"].lower() != principal.lower() or not same_role:
        message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
        raise AzureError(400, "RoleAssignmentUpdateNotPermitted", message)
    held.update({name: properties.get(name) for name in ("description", "condition", "conditionVersion")})
    return Response(200, deepcopy(document))


def _require_known(call: Call, principal: str, properties: Json) -> None:
    """A new identity is unknown for a while, unless the request says what kind of principal it is.

    Source: Troubleshoot Azure RBAC (assigning a role to a new service principal), whose words these are.
    """
    if not properties.get("principalType") and is_replicating(call.world, principal):
        tenant = call.request.principal.tenant_id if call.request.principal else ""
        message = (
            f"Principal {principal.replace('-', '')} does not exist in the directory {tenant}. Check that you have the "
            "correct principal ID. If you are creating this principal and then immediately assigning a role, this "
            "error might be related to a replication delay. In this case, set the role assignment principalType "
            "property to a value, such as ServicePrincipal, User, or Group. See https://aka.ms/docs-principaltype"
        )
        raise AzureError(400, "PrincipalNotFound", message)


def _require_room(call: Call) -> None:
    """A subscription takes so many assignments; a scenario's quota `roleAssignments` sets another limit."""
    limit = call.world.scenario.quotas.get("roleAssignments", _LIMIT)
    subscription = f"/subscriptions/{call.params['subscriptionId']}"
    if sum(1 for _ in call.world.documents.below(subscription, TYPE)) >= limit:
        message = "No more role assignments can be created."
        raise AzureError(400, "RoleAssignmentLimitExceeded", message)


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
    grants.withdraw(call.world, document)
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
    """Built-in roles and the subscription's own; `$filter` picks by `roleName` or by `type`."""
    subscription = f"/subscriptions/{call.params['subscriptionId']}"
    own = deepcopy(call.world.documents.collection(f"{subscription}/providers/{DEFINITION}"))
    found = [*(_built_in(call, role) for role in BUILT_IN), *own]
    asked = call.request.query.get("$filter", "")
    if match := re.match(r"^(roleName|type) eq '([^']*)'$", asked):
        member, wanted = match.groups()
        found = [each for each in found if str(each["properties"].get(member)).lower() == wanted.lower()]
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
    if not _GUID.fullmatch(call.params["name"]) or call.params["name"].lower() in BY_ID:
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
    _require_scopes(call, properties)
    document, _ = extension.store(call, DEFINITION, {"type": "CustomRole", **properties})
    return Response(201, document)


def _require_scopes(call: Call, properties: Json) -> None:
    """Assignable scopes lie in a subscription, and no assignment may be left outside them."""
    scopes = properties["assignableScopes"]
    if not scopes or not all(re.match(r"^/subscriptions/[^/]+", scope, re.IGNORECASE) for scope in scopes):
        message = "The assignable scopes of a custom role are subscriptions, resource groups or resources."
        raise AzureError(400, "InvalidAssignableScope", message)
    for each in _users(call, call.path):
        held = each["properties"]["scope"]
        if not any(_is_within(held, scope) for scope in scopes):
            message = (
                f"Role assignments found under scope '{held}' which is being removed. Removing this scope from the "
                "role will orphan these assignments. Delete these assignments before removing the scope."
            )
            raise AzureError(400, "RoleScopeBeingRemovedContainsAssignments", message)


async def _permissions(call: Call) -> Response:
    principal = call.request.principal
    scope = extension.scope_of(call.path)
    return Response(
        200, {"value": authorization.permissions(call.world, principal.object_id if principal else "", scope)}
    )
