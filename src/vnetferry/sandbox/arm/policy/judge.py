"""What Azure Policy denies: a resource as it is asked for, before any resource provider sees it.

Source: public reports of `RequestDisallowedByPolicy` and `InvalidTemplateDeployment`; Azure Policy effects (deny); the
name of the managed network's own connections: Workspace managed virtual network isolation (limitations).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.policy.assignments import ASSIGNMENT, Assigned, in_force
from vnetferry.sandbox.arm.policy.rules import Subject, Verdict, evaluate
from vnetferry.sandbox.arm.template.scope import Scope
from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.routes import Call
    from vnetferry.sandbox.world import World

_GROUP = "Microsoft.Resources/subscriptions/resourceGroups"
# Types within others that have tags and a location, which policies of the mode Indexed look at.
_TRACKED_CHILDREN = frozenset(
    f"microsoft.machinelearningservices/workspaces/{kind}"
    for kind in ("onlineendpoints", "onlineendpoints/deployments", "batchendpoints", "computes")
)


@dataclass(frozen=True)
class Violation:
    """One policy that a resource does not comply with."""

    assigned: Assigned
    verdict: Verdict


def judge(world: World, resource_id: str, content: Json) -> list[Violation]:
    """The policies whose rules hold, whatever their effect, for a resource of this content, a PUT's body."""
    kind = _policy_type(resource_id)
    if not _is_governed(world) or kind.lower() == "microsoft.resources/deployments":
        return []  # what a template makes is judged by itself
    named = {"id": resource_id, "type": kind, **_names(resource_id)}
    resource = {**{k: v for k, v in content.items() if k not in named}, **named}
    return [
        Violation(assigned, verdict)
        for assigned in in_force(world, resource_id)
        if assigned.effect != "Disabled" and _is_looked_at(assigned, resource_id)
        for verdict in [evaluate(_rule(assigned), _subject(world, resource_id, resource, assigned))]
        if verdict.holds
    ]


def denials(world: World, resource_id: str, content: Json) -> list[Violation]:
    """Those that Azure refuses the resource for; a rule that cannot be evaluated denies, as documented."""
    return [each for each in judge(world, resource_id, content) if is_denial(each)]


def is_denial(violation: Violation) -> bool:
    """Whether Azure refuses what violates so."""
    return violation.assigned.effect == "Deny" or bool(violation.verdict.reason)


def require_allowed(world: World, resource_id: str, content: Json) -> None:
    """AzureError 403 `RequestDisallowedByPolicy` when a policy denies the resource."""
    if found := denials(world, resource_id, content):
        raise disallowed(resource_id, found)


def require_request_allowed(call: Call) -> None:
    """The same of what a PUT or a PATCH asks for: of a PATCH, what comes of it."""
    if not _is_governed(call.world):
        return
    content, before = call.json(), call.world.documents.get(call.path)
    if call.request.method == "PATCH" and before is not None:
        content = _merged(before, content)
    require_allowed(call.world, call.path, content)


def require_connection_allowed(world: World, target_id: str, endpoint_id: str, *, approved: bool) -> None:
    """The same of the connection that a private endpoint makes on its target."""
    state = "Approved" if approved else "Pending"
    content = {
        "properties": {
            "privateEndpoint": {"id": endpoint_id},
            "privateLinkServiceConnectionState": {"status": state},
        }
    }
    name = endpoint_id.rpartition("/")[2]
    require_allowed(world, f"{target_id}/privateEndpointConnections/{name}", content)


def require_template_allowed(world: World, wanted: Iterable[tuple[str, Json]]) -> None:
    """AzureError 400 `InvalidTemplateDeployment` when a policy denies any of a template's resources (id, body)."""
    if not _is_governed(world):
        return
    refusals = [
        disallowed(resource_id, found).error()
        for resource_id, content in wanted
        if (found := denials(world, resource_id, content))
    ]
    if refusals:
        message = "The template deployment failed because of policy violation. Please see details for more information."
        raise AzureError(400, "InvalidTemplateDeployment", message, details=refusals)


def disallowed(resource_id: str, violations: list[Violation]) -> AzureError:
    """Azure's refusal."""
    name = resource_id.rpartition("/")[2]
    reasons = [reason for each in violations for reason in _messages(each.assigned)]
    if reasons:
        why = f"Reasons: '{'; '.join(reasons)}'. See error details for policy resource IDs."
    else:
        identifiers = json.dumps([_identifiers(each.assigned) for each in violations], separators=(",", ":"))
        why = f"Policy identifiers: '{identifiers}'."
    error = AzureError(403, "RequestDisallowedByPolicy", f"Resource '{name}' was disallowed by policy. {why}")
    info = [{"type": "PolicyViolation", "info": _info(each)} for each in violations]
    error.members = {"target": name, "additionalInfo": info}
    return error


def _is_governed(world: World) -> bool:
    """Whether any policy is assigned: without one, nothing needs to be looked at."""
    return bool(world.documents.below("/", ASSIGNMENT))


def _policy_type(resource_id: str) -> str:
    kind = resource_type(resource_id)
    return _GROUP if kind == "Microsoft.Resources/resourceGroups" else kind


def _names(resource_id: str) -> Json:
    parts = resource_id.rpartition("/providers/")[2].split("/")
    return {"name": parts[-1], "fullName": "/".join(parts[2::2]) or parts[-1]}


def _rule(assigned: Assigned) -> Json:
    rule: Json = assigned.definition["properties"]["policyRule"]
    return rule


def _subject(world: World, resource_id: str, resource: Json, assigned: Assigned) -> Subject:
    parts = resource_id.strip("/").split("/")
    subscription = {"id": f"/subscriptions/{parts[1]}", "subscriptionId": parts[1]}
    group = world.documents.get("/".join(parts[:4])) or {}
    return Subject(resource, Scope(subscription, deepcopy(group), {}, parameters=assigned.parameters))


def _is_looked_at(assigned: Assigned, resource_id: str) -> bool:
    """Whether a policy's mode has it look at such a resource: Indexed, at what has tags and a location."""
    if str(assigned.definition["properties"].get("mode") or "Indexed").lower() == "all":
        return True
    kind = resource_type(resource_id).lower()
    is_direct = resource_id.lower().count("/providers/") == 1 and kind.count("/") == 1
    is_extension = kind.startswith("microsoft.authorization/") or kind.endswith("/diagnosticsettings")
    return kind in _TRACKED_CHILDREN or (is_direct and not is_extension)


def _merged(before: Json, change: Json) -> Json:
    merged = {**before, **change}
    if isinstance(change.get("properties"), dict):
        merged["properties"] = {**(before.get("properties") or {}), **change["properties"]}
    return merged


def _messages(assigned: Assigned) -> list[str]:
    """The reasons that an assignment has been given to tell, for all its policies or for one of a set."""
    return [
        str(each.get("message"))
        for each in assigned.assignment["properties"].get("nonComplianceMessages") or ()
        if str(each.get("policyDefinitionReferenceId", assigned.reference)).lower()
        == assigned.reference.lower()
    ]


def _title(document: Json) -> str:
    return str(document["properties"].get("displayName") or document["name"])


def _identifiers(assigned: Assigned) -> Json:
    named = {"policyAssignment": assigned.assignment, "policyDefinition": assigned.definition}
    if assigned.policy_set:
        named["policySetDefinition"] = assigned.policy_set
    return {kind: {"name": _title(document), "id": document["id"]} for kind, document in named.items()}


def _info(violation: Violation) -> Json:
    """`PolicyViolation`, as the refusals that are public show it."""
    assigned = violation.assigned
    assignment, definition = assigned.assignment, assigned.definition
    of_set = {}
    if assigned.policy_set:
        of_set = {
            "policySetDefinitionDisplayName": _title(assigned.policy_set),
            "policySetDefinitionId": assigned.policy_set["id"],
            "policySetDefinitionName": assigned.policy_set["name"],
            "policyDefinitionReferenceId": assigned.reference,
        }
    return {
        "policyDefinitionDisplayName": _title(definition),
        "evaluationDetails": _details(violation.verdict),
        "policyDefinitionId": definition["id"],
        "policyDefinitionName": definition["name"],
        "policyDefinitionEffect": assigned.effect,
        **of_set,
        "policyAssignmentId": assignment["id"],
        "policyAssignmentName": assignment["name"],
        "policyAssignmentDisplayName": _title(assignment),
        "policyAssignmentScope": assignment["id"].rpartition("/providers/")[0],
        "policyAssignmentParameters": assignment["properties"].get("parameters") or {},
    }


def _details(verdict: Verdict) -> Json:
    """A refusal writes kinds and operators with a capital."""
    if verdict.reason:
        return {"reason": verdict.reason}
    capital = ("expressionKind", "operator")
    shown = [
        {k: f"{v[0].upper()}{v[1:]}" if k in capital else v for k, v in each.items()}
        for each in verdict.conditions
    ]
    return {"evaluatedExpressions": shown}
