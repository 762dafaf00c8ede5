"""A template's resources: which there are, where they go, and which must wait for which.

Names, conditions, copies and dependencies are worked out at once; bodies only when they are about to be
sent, because they may ask for the state of resources that come before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from itertools import islice
from typing import Any

from vnetferry.sandbox.arm.template import outputs
from vnetferry.sandbox.arm.template import parameters as template_parameters
from vnetferry.sandbox.arm.template.failures import TemplateError
from vnetferry.sandbox.arm.template.scope import (
    NeedsResource,
    Scope,
    loop_batch,
    loop_count,
    loop_name,
    require_member,
)
from vnetferry.sandbox.arm.template.syntax import Function, Node, escape, is_expression, parse
from vnetferry.sandbox.wire import Json

# Source: Azure Resource Manager limits, deployments. The text is assumed, but for that of resources.
_MAX_RESOURCES = 800
_MOST = {"parameters": 256, "outputs": 64}
DEPLOYMENTS = "microsoft.resources/deployments"
_STEERING = frozenset(
    {
        "condition",
        "copy",
        "dependsOn",
        "comments",
        "metadata",
        "resources",
        "scope",
        "type",
        "apiVersion",
        "name",
    }
)
_SECTIONS = frozenset(
    {
        "$schema",
        "contentVersion",
        "parameters",
        "variables",
        "resources",
        "outputs",
        "functions",
        "metadata",
        "apiProfile",
    }
)
_KNOWN = _STEERING | {
    *(
        "location",
        "tags",
        "properties",
        "sku",
        "kind",
        "identity",
        "plan",
        "zones",
        "managedBy",
        "etag",
        "extendedLocation",
    ),
    *("resourceGroup", "subscriptionId"),
}


@dataclass(frozen=True)
class Planned:
    """One resource that a template asks for.

    enabled:   what its condition says.
    loop:      the copy loop that made it, "" for none.
    waits_for: ids, in lower case.
    """

    id: str
    type: str
    name: str
    api_version: str
    enabled: bool
    loop: str
    template: Json = field(repr=False)
    scope: Scope = field(repr=False)
    waits_for: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """What the resource is found by: its id in lower case."""
        return self.id.lower()

    def body(self, found: dict[Any, Any]) -> Json:
        """The request's body; NeedsResource when it asks for a state that is not in `found` yet."""
        scope = replace(self.scope, found=found)
        members = {name: item for name, item in self.template.items() if name not in _STEERING}
        if self.type.lower() != DEPLOYMENTS:
            body = scope.value(members)
            return {name: item for name, item in body.items() if item is not None}
        return _nested_body(scope, members)


def expand(template: Json, given: Json, scope: Scope) -> tuple[list[Planned], Scope, Json]:
    """The resources in the template's order, the scope of its outputs, and its parameters as shown.

    Raises TemplateError.
    """
    _require_sections(template)
    declared = template.get("parameters") or {}
    functions = _user_functions(template.get("functions") or [])
    outer = replace(scope, variables=template.get("variables") or {}, user_functions=functions, settled={})
    values = template_parameters.resolve(declared, given, outer)
    inner = replace(outer, parameters=values)
    _require_variables(inner)
    outputs.require_sound(template.get("outputs") or {})
    planned = list(islice(_all(inner, template.get("resources") or []), _MAX_RESOURCES + 1))
    _require_few("resources", len(planned), _MAX_RESOURCES)
    _require_unique(planned)
    known = {
        **{p.name.lower(): (p.id, p.api_version) for p in planned},
        **{p.key.strip("/"): (p.id, p.api_version) for p in planned},
    }
    inner = replace(inner, ids=known)
    named = _by_name(planned)
    linked = [_linked(replace(p, scope=replace(p.scope, ids=known)), planned, named) for p in planned]
    _require_no_circle(linked)
    return linked, inner, template_parameters.shown(declared, values)


def templates_hash(template: Json) -> str:
    """A number that names the template's content, as `templateHash` does."""
    return str(int(hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:16], 16))


def _require_sections(template: Json) -> None:
    for name in ("$schema", "contentVersion", "resources"):
        require_member(template, name, "")
    for name in template:
        if name not in _SECTIONS:
            raise TemplateError(
                f"Could not find member '{name}' on object of type 'Template'. Path '{name}'."
            )
    for name, most in _MOST.items():
        _require_few(name, len(template.get(name) or {}), most)


def _require_few(section: str, count: int, most: int) -> None:
    if count > most:
        raise TemplateError(
            f"The number of template {section} limit exceeded. Limit: '{most}' and actual: '{count}'. "
            "Please see https://aka.ms/arm-template for usage details."
        )


def _user_functions(groups: list[Json]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for group in groups:
        for name in ("namespace", "members"):
            require_member(group, name, "functions")
        for name, definition in group["members"].items():
            _require_definition(definition)
            found[f"{group['namespace']}.{name}".lower()] = definition
    return found


def _require_definition(definition: Json) -> None:
    require_member(definition, "output", "functions.members")
    require_member(definition["output"], "value", "functions.members.output")
    for parameter in definition.get("parameters") or []:
        require_member(parameter, "name", "functions.members.parameters")


def _require_variables(scope: Scope) -> None:
    """Azure works them all out at once, without any resource's state, and says which one it cannot."""
    loops = scope.variables.get("copy") or []
    if not isinstance(loops, list):
        raise TemplateError("The template variable 'copy' is not valid: it must be a list of copy loops.")
    for name in [name for name in scope.variables if name != "copy"] + [loop_name(loop) for loop in loops]:
        _require_variable(scope, name)


def _require_variable(scope: Scope, name: str) -> None:
    try:
        scope.variable(name)
    except (TemplateError, NeedsResource) as err:
        why = err.misplaced() if isinstance(err, NeedsResource) else err
        raise TemplateError(f"The template variable '{name}' is not valid: {why}.") from err


def _all(scope: Scope, resources: list[Json], parent: Planned | None = None) -> Iterator[Planned]:
    for entry in resources:
        for planned in _copies(scope, entry, parent):
            yield planned
            yield from _all(planned.scope, entry.get("resources") or [], planned)


def _copies(scope: Scope, entry: Json, parent: Planned | None) -> Iterator[Planned]:
    _require_members(entry)
    loop = entry.get("copy")
    if not loop:
        yield _one(scope, entry, parent, "")
        return
    loop_batch(scope, loop)
    for index in range(loop_count(scope, loop)):
        yield _one(scope.at(loop["name"], index), entry, parent, loop["name"].lower())


def _require_members(entry: Json) -> None:
    for name in ("type", "name", "apiVersion"):
        require_member(entry, name, "resources")
    for name in entry:
        if name not in _KNOWN:
            raise TemplateError(
                f"Could not find member '{name}' on object of type 'TemplateResource'. Path '{name}'."
            )


def _one(scope: Scope, entry: Json, parent: Planned | None, loop: str) -> Planned:
    enabled = scope.value(entry.get("condition", True))
    if not isinstance(enabled, bool):
        raise TemplateError("The template resource's condition must evaluate to a boolean.")
    kind, name = scope.text(entry["type"], "resource type"), scope.text(entry["name"], "resource name")
    if not name:
        raise TemplateError(
            "The template resource '' at line '1' and column '1' is not valid. The name property cannot be null "
            "or empty"
        )
    if parent is not None:
        kind, name = f"{parent.type}/{kind}", f"{parent.name}/{name}"
    identifier = _id(scope, entry, kind, name)
    version = scope.text(entry["apiVersion"], "apiVersion")
    return Planned(
        identifier, kind, name, version, enabled and (parent is None or parent.enabled), loop, entry, scope
    )


def _id(scope: Scope, entry: Json, kind: str, name: str) -> str:
    namespace, *kinds = kind.split("/")
    names = name.split("/")
    if len(kinds) != len(names):
        raise TemplateError(
            f"The template resource '{name}' for type '{kind}' at line '1' and column '1' has incorrect "
            "segment lengths. A nested "
            "resource type must have identical number of segments as its resource name. A root resource "
            "type must have segment "
            "length one greater than its resource name. Please see https://aka.ms/arm-syntax-resources for "
            "usage details."
        )
    path = "/".join(part for pair in zip(kinds, names, strict=True) for part in pair)
    return f"{_base(scope, entry)}/providers/{namespace}/{path}"


def _base(scope: Scope, entry: Json) -> str:
    """Where it goes: the deployment's group, a nested deployment's own, or the scope of an extension."""
    if "scope" in entry:
        target = scope.text(entry["scope"], "scope")
        return target if target.startswith("/") else f"{scope.group['id']}/providers/{target}"
    subscription = scope.text(
        entry.get("subscriptionId", scope.subscription["subscriptionId"]), "subscriptionId"
    )
    group = scope.text(entry.get("resourceGroup", scope.group["name"]), "resourceGroup")
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


def _require_unique(planned: list[Planned]) -> None:
    seen: set[str] = set()
    for resource in planned:
        if resource.enabled and resource.key in seen:
            raise TemplateError(
                f"The resource '{resource.id}' at line '1' and column '1' is defined multiple times in a "
                "template. Please see "
                "https://aka.ms/arm-syntax-resources for usage details."
            )
        seen.add(resource.key)


def _by_name(planned: list[Planned]) -> dict[str, list[Planned]]:
    """The resources by all that `dependsOn` may call them."""
    found: dict[str, list[Planned]] = {}
    for p in planned:
        for name in {p.key.strip("/"), p.name.lower(), f"{p.type}/{p.name}".lower(), p.loop, _typed(p)}:
            found.setdefault(name, []).append(p)
    return found


def _linked(resource: Planned, planned: list[Planned], named: dict[str, list[Planned]]) -> Planned:
    """The resource with what it waits for: dependsOn, reference(), and the batch before it in its loop."""
    if not resource.enabled:
        return resource
    waits = {
        found.key
        for text in resource.scope.value(resource.template.get("dependsOn") or [])
        for found in _named(text, named)
    }
    known = {other.key: other for other in planned}
    waits.update(key for key in _referenced(resource) if key in known)
    waits.update(_batch_before(resource, planned))
    return replace(resource, waits_for=frozenset(key for key in waits if known[key].enabled))


def _named(text: Any, named: dict[str, list[Planned]]) -> list[Planned]:
    found = named.get(str(text).strip("/").lower())
    if not found:
        raise TemplateError(
            f"The resource '{text}' is not defined in the template. Please see https://aka.ms/arm-syntax "
            "for usage details."
        )
    return found


def _typed(resource: Planned) -> str:
    return resource.key.partition("/providers/")[2]


def _referenced(resource: Planned) -> Iterator[str]:
    members = {name: item for name, item in resource.template.items() if name not in _STEERING}
    if resource.type.lower() == DEPLOYMENTS and _is_inner(members.get("properties")):
        members["properties"] = {k: v for k, v in members["properties"].items() if k != "template"}
    for node in _functions(members):
        if node.name.lower() == "reference" and node.arguments and not _uses_reference(node.arguments[0]):
            try:
                yield resource.scope.resource_id(resource.scope.evaluate(node.arguments[0]))[0].lower()
            except (TemplateError, NeedsResource):
                continue  # in a branch that is never taken; if it is, its own evaluation says so


def _functions(template: Any) -> Iterator[Function]:
    if isinstance(template, dict):
        for key, item in template.items():
            yield from _functions(key)
            yield from _functions(item)
    elif isinstance(template, list):
        for item in template:
            yield from _functions(item)
    elif is_expression(template):
        yield from _walk(parse(template))


def _walk(node: Node) -> Iterator[Function]:
    if isinstance(node, Function):
        yield node
        for part in (*node.arguments, *node.path):
            yield from _walk(part)


def _uses_reference(node: Node) -> bool:
    return any(inner.name.lower() == "reference" for inner in _walk(node))


def _batch_before(resource: Planned, planned: list[Planned]) -> Iterator[str]:
    """In a serial copy loop each batch waits for the one before it."""
    loop = resource.template.get("copy")
    size = loop_batch(resource.scope, loop) if loop else 0
    if not size:
        return
    index = resource.scope.copies[resource.loop]
    for other in planned:
        if other.loop == resource.loop and other.scope.copies[other.loop] // size == index // size - 1:
            yield other.key


def _require_no_circle(planned: list[Planned]) -> None:
    try:
        TopologicalSorter({p.key: p.waits_for for p in planned if p.enabled}).prepare()
    except CycleError as err:
        circle = next(p for p in planned if p.key in err.args[1])
        raise TemplateError(
            f"Circular dependency detected on resource: '{circle.id}'. Please see "
            "https://aka.ms/arm-syntax-resources for usage details."
        ) from err


def _nested_body(scope: Scope, members: Json) -> Json:
    """A nested deployment's body; its template is filled from here unless it has a scope of its own."""
    given = {name: members[name] for name in ("location", "tags", "properties") if members.get(name)}
    properties = given.get("properties")
    template = properties.get("template") if isinstance(properties, dict) else None
    if not isinstance(template, dict):
        return dict(scope.value(given))
    inner = _is_inner(given["properties"])
    given["properties"] = {name: item for name, item in given["properties"].items() if name != "template"}
    body: Json = scope.value(given)
    body["properties"]["template"] = template if inner else _filled(scope, template)
    return body


def _is_inner(properties: Any) -> bool:
    """Whether a nested deployment's template is filled in with its own parameters and variables."""
    options = properties.get("expressionEvaluationOptions") if isinstance(properties, dict) else None
    return isinstance(options, dict) and str(options.get("scope", "outer")).lower() == "inner"


def _filled(scope: Scope, template: Json) -> Json:
    filled = {name: item for name, item in template.items() if name not in ("parameters", "variables")}
    evaluated: Json = escape(scope.value(filled))
    return evaluated
