"""What policies are assigned: their parameters, the definitions within sets, their effects, and what is exempt.

Source: Azure Policy assignment structure, initiative definition structure, exemption structure. Definitions lie in a
subscription, or are Azure's own; there are no management groups here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from vnetferry.sandbox.absent import not_served
from vnetferry.sandbox.arm import extension
from vnetferry.sandbox.arm.bodies import invalid_content
from vnetferry.sandbox.arm.policy.rules import invalid, require_rule
from vnetferry.sandbox.arm.template.failures import TemplateError
from vnetferry.sandbox.arm.template.functions import to_text
from vnetferry.sandbox.arm.template.scope import Scope
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

DEFINITION = "Microsoft.Authorization/policyDefinitions"
SET = "Microsoft.Authorization/policySetDefinitions"
ASSIGNMENT = "Microsoft.Authorization/policyAssignments"
EXEMPTION = "Microsoft.Authorization/policyExemptions"
# Those that change nothing about a request and what it makes, and deny; what else Azure has is refused.
EFFECTS = ("Deny", "Audit", "AuditIfNotExists", "Disabled", "Manual")
MODES = ("All", "Indexed")


@dataclass(frozen=True)
class Assigned:
    """One definition as an assignment has it.

    policy_set, reference: the set that brings it and its reference there; None and "" for one assigned by itself.
    parameters:            the values of the definition's parameters. effect: one of EFFECTS.
    """

    assignment: Json
    definition: Json
    parameters: Mapping[str, Any]
    effect: str
    policy_set: Json | None = None
    reference: str = ""


def require_definition(properties: Json) -> None:
    """AzureError for a definition that is unsound, or that the sandbox cannot evaluate or carry out."""
    mode = str(properties.get("mode") or "Indexed")
    if mode.lower() not in [each.lower() for each in MODES]:
        raise not_served(f"policies of the mode '{mode}'")
    require_rule(properties.get("policyRule"))
    effect = properties["policyRule"]["then"]["effect"]
    if not effect.startswith("["):
        _effect(effect)


def resolve(world: World, assignment: Json) -> list[Assigned]:
    """What an assignment assigns; AzureError when it names what is not there, or lacks a parameter."""
    properties = assignment["properties"]
    for name in ("resourceSelectors", "overrides"):
        if properties.get(name):
            raise not_served(f"'{name}' of policy assignments")
    found = world.documents.get(str(properties["policyDefinitionId"]))
    if found is None:
        raise _missing(str(properties["policyDefinitionId"]))
    if found["type"].lower() == DEFINITION.lower():
        values = _values(found, properties.get("parameters") or {}, assignment["name"])
        return [_assigned(assignment, found, values)]
    values = _values(found, properties.get("parameters") or {}, assignment["name"])
    return [_member(world, assignment, found, member, values) for member in members(found)]


def members(policy_set: Json) -> list[Json]:
    """The definitions that a set brings, as it names them."""
    return list(policy_set["properties"].get("policyDefinitions") or ())


def require_members(world: World, policy_set: Json) -> None:
    """AzureError unless each definition of a set is there."""
    for member in members(policy_set):
        if str(member.get("policyDefinitionId")) not in world.documents:
            raise _missing(str(member.get("policyDefinitionId")))


def in_force(world: World, resource_id: str) -> Iterator[Assigned]:
    """What is assigned on a resource and above it, enforced, and neither left out nor exempt there."""
    exemptions = list(extension.above(world, resource_id, EXEMPTION))
    for assignment in extension.above(world, resource_id, ASSIGNMENT):
        properties = assignment["properties"]
        if _is_below(resource_id, properties.get("notScopes") or ()):
            continue
        if str(properties.get("enforcementMode", "Default")).lower() == "donotenforce":
            continue
        for each in resolve(world, assignment):
            if not any(_exempts(world, exemption, each) for exemption in exemptions):
                yield each


def _member(
    world: World, assignment: Json, policy_set: Json, member: Json, given: Mapping[str, Any]
) -> Assigned:
    definition = world.documents.get(str(member["policyDefinitionId"]))
    if definition is None:
        raise _missing(str(member["policyDefinitionId"]))
    try:
        parameters = Scope({}, {}, {}, parameters=given).value(member.get("parameters") or {})
    except TemplateError as err:
        raise invalid(str(err)) from err
    values = _values(definition, parameters, assignment["name"])
    reference = str(member.get("policyDefinitionReferenceId") or "")
    return replace(_assigned(assignment, definition, values), policy_set=policy_set, reference=reference)


def _assigned(assignment: Json, definition: Json, values: Mapping[str, Any]) -> Assigned:
    written = definition["properties"]["policyRule"]["then"]["effect"]
    try:
        effect = _effect(Scope({}, {}, {}, parameters=values).value(written))
    except TemplateError as err:
        raise invalid(str(err)) from err
    return Assigned(assignment, definition, values, effect)


def _effect(word: Any) -> str:
    for effect in EFFECTS:
        if effect.lower() == str(word).lower():
            return effect
    raise not_served(f"the policy effect '{to_text(word)}'")


def _values(owner: Json, given: Json, assignment: str) -> dict[str, Any]:
    """The values of the parameters that a definition or a set declares."""
    declared, name = owner["properties"].get("parameters") or {}, owner["name"]
    known = {each.lower(): each for each in declared}
    if undefined := [each for each in given if each.lower() not in known]:
        message = (
            f"The policy assignment '{assignment}' is attempting to assign the parameter(s) '{', '.join(undefined)}' "
            f"which are not defined in the policy definition '{name}'."
        )
        raise AzureError(400, "UndefinedPolicyParameter", message)
    values = {each: entry["defaultValue"] for each, entry in declared.items() if "defaultValue" in entry}
    values |= {known[each.lower()]: _given(each, entry) for each, entry in given.items()}
    if missing := [each for each in declared if each not in values]:
        message = (
            f"The policy assignment '{assignment}' is missing the parameter(s) '{', '.join(missing)}' as defined in "
            f"the policy definition '{name}'."
        )
        raise AzureError(400, "MissingPolicyParameter", message)
    _require_allowed(declared, values, assignment)
    return values


def _given(name: str, entry: Any) -> Any:
    if not isinstance(entry, dict) or "value" not in entry:
        raise invalid(f"the parameter '{name}' has no 'value'.")
    return entry["value"]


def _require_allowed(declared: Json, values: Mapping[str, Any], assignment: str) -> None:
    for name, value in values.items():
        allowed = declared[name].get("allowedValues")
        given = value if isinstance(value, list) else [value]
        if allowed and not all(each in allowed for each in given):
            message = (
                f"The policy assignment '{assignment}' gives the parameter '{name}' the value '{to_text(value)}', "
                f"which is not among those allowed: '{', '.join(map(to_text, allowed))}'."
            )
            raise AzureError(400, "PolicyParameterValueNotAllowed", message)


def _exempts(world: World, exemption: Json, assigned: Assigned) -> bool:
    properties = exemption["properties"]
    if str(properties["policyAssignmentId"]).lower() != assigned.assignment["id"].lower():
        return False
    references = [str(each).lower() for each in properties.get("policyDefinitionReferenceIds") or ()]
    if references and assigned.reference.lower() not in references:
        return False
    expires = properties.get("expiresOn")
    return not expires or moment(str(expires)) > world.clock.now()


def moment(text: str) -> datetime:
    """A time as an exemption writes it, UTC where it does not say; AzureError 400 for what is none."""
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as err:
        raise invalid_content(
            f"Could not convert string to DateTime: {text}. Path 'properties.expiresOn'"
        ) from err
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _is_below(resource_id: str, scopes: Any) -> bool:
    return any(f"{resource_id.lower()}/".startswith(f"{str(scope).lower().rstrip('/')}/") for scope in scopes)


def _missing(definition_id: str) -> AzureError:
    kind = "set definition" if f"/{SET.lower()}/" in definition_id.lower() else "definition"
    code = "PolicySetDefinitionNotFound" if kind.startswith("set") else "PolicyDefinitionNotFound"
    return AzureError(404, code, f"The policy {kind} '{definition_id}' could not be found.")
