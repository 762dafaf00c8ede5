"""Azure Policy: definitions, sets of them (initiatives), assignments, exemptions, and what would be denied.

What is assigned is enforced by the front door (`policy.judge`). A definition of Azure's own lies in no subscription; a
scenario holds those that it assigns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

from vnetferry.sandbox.absent import not_served
from vnetferry.sandbox.arm import authorization, extension
from vnetferry.sandbox.arm.bodies import require_choice, require_known, require_member, require_object
from vnetferry.sandbox.arm.policy.assignments import (
    ASSIGNMENT,
    DEFINITION,
    EXEMPTION,
    SET,
    moment,
    require_definition,
    require_members,
    resolve,
)
from vnetferry.sandbox.arm.policy.judge import Violation, is_denial, judge
from vnetferry.sandbox.arm.providers import require_registered
from vnetferry.sandbox.arm.shapes import Shape, reader
from vnetferry.sandbox.errors import AzureError, SandboxError
from vnetferry.sandbox.routes import Call, Handler, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_DEFINITIONS = frozenset(
    {"2016-12-01", "2018-03-01", "2018-05-01", "2019-01-01", "2019-06-01", "2019-09-01", "2020-03-01"}
    | {"2020-09-01", "2021-06-01", "2023-04-01", "2024-05-01", "2025-01-01", "2025-03-01"}
)
_ASSIGNMENTS = _DEFINITIONS | {"2022-06-01", "2024-04-01"}
_EXEMPTIONS = frozenset({"2020-07-01-preview", "2022-07-01-preview", "2024-12-01-preview"})
_RESTRICTIONS = frozenset({"2020-07-01", "2022-03-01", "2023-03-01", "2024-10-01"})
_PARAMETERS = {"*": {"type": str, "allowedValues": list}}
_ABOUT = frozenset({"displayName", "description", "metadata", "parameters", "version", "versions"})
_MEMBERS = {
    DEFINITION: _ABOUT | {"policyType", "mode", "policyRule", "externalEvaluationEnforcementSettings"},
    SET: _ABOUT | {"policyType", "policyDefinitions", "policyDefinitionGroups"},
    ASSIGNMENT: frozenset(
        {"displayName", "description", "metadata", "parameters", "policyDefinitionId", "scope", "notScopes"}
        | {"enforcementMode", "nonComplianceMessages", "resourceSelectors", "overrides", "definitionVersion"}
        | {"assignmentType", "instanceId", "latestDefinitionVersion", "effectiveDefinitionVersion"}
    ),
    EXEMPTION: frozenset(
        {
            "displayName",
            "description",
            "metadata",
            "policyAssignmentId",
            "policyDefinitionReferenceIds",
            "expiresOn",
        }
        | {"exemptionCategory", "resourceSelectors", "assignmentScopeValidation"}
    ),
}
_DEFINITION_SHAPE = {"displayName": str, "mode": str, "parameters": _PARAMETERS, "policyRule": dict}
_SET_SHAPE = {
    "displayName": str,
    "parameters": _PARAMETERS,
    "policyDefinitions": [
        {
            "policyDefinitionId": str,
            "policyDefinitionReferenceId": str,
            "parameters": {"*": {"value": object}},
        }
    ],
}
_ASSIGNMENT_SHAPE = {
    "policyDefinitionId": str,
    "displayName": str,
    "parameters": {"*": dict},
    "notScopes": [str],
    "enforcementMode": str,
    "nonComplianceMessages": [{"message": str, "policyDefinitionReferenceId": str}],
}
_EXEMPTION_SHAPE = {
    "policyAssignmentId": str,
    "policyDefinitionReferenceIds": [str],
    "exemptionCategory": str,
    "expiresOn": str,
}
_NOTE = (
    "aliases are read by their form; no management groups, no effects that change a request or make something, no data "
    "plane modes, no current() or count within another: such a definition or assignment is refused (501)"
)
_CHECK_NOTE = (
    "no pendingFields and so no fieldRestrictions; assumed: exemptions count, and what is not given is absent"
)


def operations() -> list[Operation]:
    """Definitions in a subscription, assignments and exemptions at every scope, and the check."""
    return [
        *_definitions("PolicyDefinitions", DEFINITION, _put_definition, _DEFINITION_SHAPE),
        *_definitions("PolicySetDefinitions", SET, _put_set, _SET_SHAPE),
        *_assignments(),
        *extension.operations(
            extension.ExtensionType(
                EXEMPTION,
                "PolicyExemptions",
                _EXEMPTIONS,
                _put_exemption,
                ("", "ForResourceGroup", "ForResource"),
                list=_list,
                shape=_EXEMPTION_SHAPE,
            )
        ),
        _check_row("Subscription", extension.SCOPES[0]),
        _check_row("ResourceGroup", extension.SCOPES[1]),
    ]


def adopt(world: World, document: Json) -> None:
    """Take a definition, a set, an assignment or an exemption of the scenario."""
    if document["type"].lower() == DEFINITION.lower():
        require_definition(document["properties"])
    world.documents.put(document)


def require_sound(world: World) -> None:
    """SandboxError when a set or an assignment of the scenario names what is not there, or lacks a parameter."""
    for document in (*world.documents.below("/", SET), *world.documents.below("/", ASSIGNMENT)):
        _require_enforceable(world, document)


def _require_enforceable(world: World, document: Json) -> None:
    try:
        _require_sound(world, document)
    except AzureError as err:
        raise SandboxError(
            f"The scenario's policy '{document['id']}' cannot be enforced: {err.message}"
        ) from err


def _require_sound(world: World, document: Json) -> None:
    if document["type"].lower() == SET.lower():
        require_members(world, document)
    else:
        resolve(world, document)


def _definitions(group: str, kind: str, put: Handler, shape: Shape) -> list[Operation]:
    at_subscription = f"/{extension.SCOPES[0]}/providers/{kind}"

    def row(name: str, method: str, path: str, handle: Handler, right: str) -> Operation:
        return Operation(f"{group}_{name}", method, path, handle, right and f"{kind}/{right}", _DEFINITIONS)

    one, own = f"{at_subscription}/{{name}}", f"/providers/{kind}"
    read = reader({"properties": shape})
    create = replace(row("CreateOrUpdate", "PUT", one, put, "write"), read_body=read, note=_NOTE)
    return [
        create,
        row("Get", "GET", one, extension.get, "read"),
        row("Delete", "DELETE", one, _delete_definition, "delete"),
        row("List", "GET", at_subscription, extension.list_own, "read"),
        row("GetBuiltIn", "GET", f"{own}/{{name}}", extension.get, ""),
        row("ListBuiltIn", "GET", own, extension.list_own, ""),
    ]


def _assignments() -> list[Operation]:
    rows = extension.operations(
        extension.ExtensionType(
            ASSIGNMENT,
            "PolicyAssignments",
            _ASSIGNMENTS,
            _put_assignment,
            ("", "ForResourceGroup", "ForResource"),
            list=_list,
            shape=_ASSIGNMENT_SHAPE,
        )
    )
    note = "no resourceSelectors, no overrides (501)"
    return [
        replace(row, name="PolicyAssignments_Create", note=note) if row.method == "PUT" else row
        for row in rows
    ]


def _check_row(where: str, scope: str) -> Operation:
    return Operation(
        f"PolicyRestrictions_CheckAt{where}Scope",
        "POST",
        f"/{scope}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions",
        _check,
        "Microsoft.PolicyInsights/checkPolicyRestrictions/read",
        _RESTRICTIONS,
        note=_CHECK_NOTE,
    )


def _properties(call: Call, kind: str) -> Json:
    body = call.json()
    known = {"id", "name", "type", "properties", "location", "identity", "systemData"}
    require_known(body, known, kind.rpartition("/")[2])
    if body.get("identity"):
        raise not_served("identities of policy assignments, which effects that it refuses need")
    properties = require_object(require_member(body, "properties"), "properties")
    require_known(properties, _MEMBERS[kind], f"{kind.rpartition('/')[2]}Properties", "properties")
    return properties


async def _put_definition(call: Call) -> Response:
    properties = {"policyType": "Custom", "mode": "Indexed", **_properties(call, DEFINITION)}
    require_definition(properties)
    return _store(call, DEFINITION, properties, _assignments_of)


async def _put_set(call: Call) -> Response:
    properties = {"policyType": "Custom", **_properties(call, SET)}
    require_member(properties, "policyDefinitions", path="properties")
    return _store(
        call, SET, properties, lambda world, document: [document, *_assignments_of(world, document)]
    )


async def _put_assignment(call: Call) -> Response:
    extension.require_target(call)
    properties = {"enforcementMode": "Default", **_properties(call, ASSIGNMENT)}
    require_member(properties, "policyDefinitionId", path="properties")
    modes = ("Default", "DoNotEnforce")
    properties["enforcementMode"] = require_choice(properties["enforcementMode"], modes, "enforcementMode")
    properties["scope"] = extension.scope_of(call.path)
    return _store(call, ASSIGNMENT, properties, lambda _world, document: [document])


async def _put_exemption(call: Call) -> Response:
    """Whoever exempts must be allowed to write here, and to exempt from the assignment (documented)."""
    extension.require_target(call)
    properties = _properties(call, EXEMPTION)
    if properties.get("resourceSelectors"):
        raise not_served("'resourceSelectors' of policy exemptions")
    category = require_member(properties, "exemptionCategory", path="properties")
    properties["exemptionCategory"] = require_choice(category, ("Waiver", "Mitigated"), "exemptionCategory")
    assignment = call.world.documents.get(
        str(require_member(properties, "policyAssignmentId", path="properties"))
    )
    if assignment is None:
        message = f"The policy assignment '{properties['policyAssignmentId']}' could not be found."
        raise AzureError(404, "PolicyAssignmentNotFound", message)
    action = f"{ASSIGNMENT}/exempt/action"
    authorization.require(call.world, call.request.principal, action, assignment["id"])
    if expires := properties.get("expiresOn"):
        moment(expires)
    document, existed = extension.store(call, EXEMPTION, properties)
    return Response(200 if existed else 201, document)


def _store(
    call: Call, kind: str, properties: Json, depending: Callable[[World, Json], Iterable[Json]]
) -> Response:
    """Keep it if what depends on it is sound with it; else all is as it was."""
    before = call.world.documents.get(call.path)
    document, _ = extension.store(call, kind, properties)
    try:
        for each in depending(call.world, document):
            _require_sound(call.world, each)
    except AzureError:
        call.world.documents.remove(call.path)
        if before:
            call.world.documents.put(before)
        raise
    return Response(201, document)


def _assignments_of(world: World, definition: Json) -> list[Json]:
    """The assignments of a definition or a set, or of a set with the definition."""
    return [each for each in world.documents.below("/", ASSIGNMENT) if _uses(world, each, definition)]


def _uses(world: World, assignment: Json, definition: Json) -> bool:
    assigned = str(assignment["properties"]["policyDefinitionId"]).lower()
    members = (world.documents.get(assigned) or {"properties": {}})["properties"].get(
        "policyDefinitions"
    ) or ()
    known = {assigned, *(str(each.get("policyDefinitionId")).lower() for each in members)}
    return definition["id"].lower() in known


async def _delete_definition(call: Call) -> Response:
    """Refused while it is assigned (the code and the text are assumed)."""
    document = call.world.documents.get(call.path)
    if document and (used := _assignments_of(call.world, document)):
        message = f"The policy definition '{document['id']}' is in use by the assignment '{used[0]['id']}'."
        raise AzureError(409, "PolicyDefinitionInUse", message)
    return await extension.remove(call)


async def _list(call: Call) -> Response:
    """Those on the scope and above it, and without `atScope()` those below it too; with `atExactScope()` its own."""
    scope, kind = extension.scope_of(call.path), call.path.rpartition("/providers/")[2]
    wanted = call.request.query.get("$filter", "").lower()
    if wanted == "atexactscope()":
        return await extension.list_own(call)
    found = {each["id"].lower(): each for each in extension.above(call.world, scope, kind)}
    if wanted != "atscope()":
        found |= {each["id"].lower(): each for each in call.world.documents.below(scope, kind)}
    return Response(200, {"value": deepcopy(list(found.values()))})


async def _check(call: Call) -> Response:
    """What policies deny of a resource that is yet to be made."""
    body = call.json()
    require_known(
        body, {"resourceDetails", "pendingFields", "includeAuditEffect"}, "CheckRestrictionsRequest"
    )
    details = require_object(require_member(body, "resourceDetails"), "resourceDetails")
    require_known(details, {"resourceContent", "apiVersion", "scope"}, "ResourceDetails", "resourceDetails")
    content = require_object(require_member(details, "resourceContent"), "resourceDetails.resourceContent")
    if body.get("pendingFields"):
        raise not_served("'pendingFields' of checkPolicyRestrictions")
    require_registered(call.world, call.path)
    found = judge(call.world, _resource_id(call, content, details), content)
    shown = [each for each in found if is_denial(each) or body.get("includeAuditEffect") is True]
    evaluations = [_evaluation(each) for each in shown]
    return Response(
        200, {"fieldRestrictions": [], "contentEvaluationResult": {"policyEvaluations": evaluations}}
    )


def _resource_id(call: Call, content: Json, details: Json) -> str:
    """The id that a resource will have; one within another needs its `scope`."""
    namespace, *kinds = str(require_member(content, "type", path="resourceContent")).split("/")
    name, scope = str(content.get("name") or ""), str(details.get("scope") or extension.scope_of(call.path))
    if len(kinds) == 1:
        return f"{scope}/providers/{namespace}/{kinds[0]}/{name}"
    if kinds == ["subscriptions", "resourceGroups"]:
        return f"/subscriptions/{call.params['subscriptionId']}/resourceGroups/{name}"
    if not kinds or "/providers/" not in scope.lower():
        message = f"The scope of a resource of type '{content['type']}' must be the resource that it lies in."
        raise AzureError(400, "InvalidRequestContent", message)
    return f"{scope}/{kinds[-1]}/{name}"


def _evaluation(violation: Violation) -> Json:
    assigned, verdict = violation.assigned, violation.verdict
    of_set = {}
    if assigned.policy_set:
        of_set = {
            "policySetDefinitionId": assigned.policy_set["id"],
            "policyDefinitionReferenceId": assigned.reference,
        }
    details = (
        {"reason": verdict.reason} if verdict.reason else {"evaluatedExpressions": list(verdict.conditions)}
    )
    return {
        "policyInfo": {
            "policyDefinitionId": assigned.definition["id"],
            **of_set,
            "policyAssignmentId": assigned.assignment["id"],
        },
        "evaluationResult": "Error" if verdict.reason else "NonCompliant",
        "evaluationDetails": details,
        "effectDetails": {"policyEffect": assigned.effect},
    }
