"""Evaluation: JSON with expressions in, JSON out, within one deployment.

Functions that need the state of resources (`reference`, `list…`) ask `Scope.found`; when the answer is not
there yet, NeedsResource says what is missing, the caller fetches it and evaluates again. So evaluation
itself does no I/O.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from typing import Any

from vnetferry.sandbox.arm.template import functions
from vnetferry.sandbox.arm.template.failures import TemplateError, misuse, unknown_function
from vnetferry.sandbox.arm.template.syntax import Function, Literal, Node, is_expression, parse, unescape
from vnetferry.sandbox.wire import Json

_UNSETTLED = object()
# More values than that do not fit into a template's 4 MB.
_MAX_TURNS = 1_000_000


@dataclass(frozen=True)
class Wanted:
    """A resource's state (`verb` empty) or what an action on it answers (`verb` such as "listKeys")."""

    resource_id: str
    api_version: str
    verb: str = ""


class NeedsResource(Exception):
    """Evaluation must wait for this."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__(wanted.resource_id)
        self.wanted = wanted

    def misplaced(self) -> TemplateError:
        """The refusal where no resource's state can be asked for: in names, conditions, variables and the like."""
        return TemplateError(
            f"The template function '{self.wanted.verb or 'reference'}' is not expected at this location. "
            "Please see https://aka.ms/arm-template-expressions for usage details."
        )


@dataclass(frozen=True)
class Scope:
    """What an expression may see.

    subscription, group, deployment: the values of subscription(), resourceGroup(), deployment().
    parameters: values by name. variables: as the template has them.
    user_functions: "namespace.member" -> definition.
    copies:     index by copy loop's name; "" is the innermost loop.
    ids:        resource name (lower case) -> (id, api-version), for reference() by name or id.
    found:      what was fetched so far.
    settled:    variables that were worked out, by name in lower case; _UNSETTLED while one is.
    turns:      how often what is evaluated stands in the template once its loops are written out.
    defaults:   whether newGuid() and utcNow() are allowed, as they are in parameter defaults.
    own_functions: further functions, by name in lower case, such as field() in the rules of Azure Policy.
    """

    subscription: Json
    group: Json
    deployment: Json
    parameters: Mapping[str, Any] = field(default_factory=dict)
    variables: Json = field(default_factory=dict)
    user_functions: dict[str, Json] = field(default_factory=dict)
    copies: dict[str, int] = field(default_factory=dict)
    ids: dict[str, tuple[str, str]] = field(default_factory=dict)
    found: dict[Wanted, Any] = field(default_factory=dict)
    settled: dict[str, Any] = field(default_factory=dict)
    turns: int = 1
    now: datetime = datetime(1970, 1, 1, tzinfo=timezone.utc)
    defaults: bool = False
    own_functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    def value(self, template: Any) -> Any:
        """The value of a piece of template; TemplateError or NeedsResource where there is none."""
        if isinstance(template, str):
            return self.evaluate(parse(template)) if is_expression(template) else unescape(template)
        if isinstance(template, list):
            return [self.value(item) for item in template]
        if isinstance(template, dict):
            return self._object(template)
        return template

    def text(self, template: Any, what: str) -> str:
        """A value that must be a string; `what` names it in the refusal."""
        value = self.value(template)
        if not isinstance(value, str):
            raise TemplateError(f"The {what} must be a string, and '{functions.to_text(value)}' is none.")
        return value

    def at(self, name: str, index: int) -> Scope:
        """The scope within one turn of a copy loop."""
        return replace(self, copies={**self.copies, "": index, name.lower(): index})

    def _object(self, template: Json) -> Json:
        loops = _property_loops(template)
        plain = {k: v for k, v in template.items() if not (k == "copy" and loops)}
        value = {self.value(key): self.value(item) for key, item in plain.items()}
        return {**value, **{loop_name(loop): self.copied(loop) for loop in loops}}

    def copied(self, loop: Json) -> list[Any]:
        """The list that a property's or variable's copy loop makes."""
        count = loop_count(self, loop)
        require_member(loop, "input", "copy")
        within = replace(self, turns=self.turns * max(count, 1))
        if within.turns > _MAX_TURNS:
            raise TemplateError(f"The template's copy loops make more than {_MAX_TURNS} values.")
        return [within.at(loop["name"], index).value(loop["input"]) for index in range(count)]

    def evaluate(self, node: Node) -> Any:
        """The value of a parsed expression."""
        if isinstance(node, Literal):
            return node.value
        value = self._function(node)
        for step in node.path:
            value = _member(value, self.evaluate(step))
        return value

    def _function(self, node: Function) -> Any:
        name = node.name.lower()
        if name == "if":
            return self._if(node)
        arguments = [self.evaluate(argument) for argument in node.arguments]
        if name in _IN_SCOPE:
            return functions.apply(node.name, partial(_IN_SCOPE[name], self), self._checked(node, arguments))
        if name in self.own_functions:
            return functions.apply(node.name, self.own_functions[name], arguments)
        if name in self.user_functions:
            return self._user_function(node.name, self.user_functions[name], arguments)
        if name.startswith("list") and name not in functions.FUNCTIONS:
            return self._fetched(node.name, arguments)
        if name not in functions.FUNCTIONS:
            raise unknown_function(node.name)
        return functions.call(node.name, arguments)

    def _checked(self, node: Function, arguments: list[Any]) -> list[Any]:
        fewest, most = _ARITY[node.name.lower()]
        if not fewest <= len(arguments) <= most:
            raise misuse(node.name, f"it does not take {len(arguments)} argument(s).")
        return arguments

    def _if(self, node: Function) -> Any:
        """Only the branch that is taken is evaluated: the other may name what does not exist."""
        if len(node.arguments) != 3:
            raise misuse(node.name, f"it takes 3 arguments, not {len(node.arguments)}.")
        condition = self.evaluate(node.arguments[0])
        if not isinstance(condition, bool):
            raise misuse(node.name, "its first argument must be a boolean.")
        return self.evaluate(node.arguments[1 if condition else 2])

    def _user_function(self, name: str, definition: Json, arguments: list[Any]) -> Any:
        names = [parameter["name"] for parameter in definition.get("parameters", [])]
        if len(names) != len(arguments):
            raise misuse(name, f"it takes {len(names)} argument(s), not {len(arguments)}.")
        inner = replace(
            self,
            parameters=dict(zip(names, arguments, strict=True)),
            variables={},
            settled={},
            user_functions={},
        )
        return functions.require_small(inner.value(definition["output"]["value"]))

    def variable(self, name: str) -> Any:
        """A variable's value; TemplateError when there is none such, or when it needs itself."""
        key = name.lower()
        if key not in self.settled:
            self.settled[key] = _UNSETTLED
            try:
                self.settled[key] = functions.require_small(self._worked_out(name))
            finally:
                if self.settled[key] is _UNSETTLED:
                    del self.settled[key]
        if self.settled[key] is _UNSETTLED:
            raise TemplateError(f"Circular dependency detected on template variable: '{name}'.")
        return self.settled[key]

    def _worked_out(self, name: str) -> Any:
        for known, template in self.variables.items():
            if known.lower() == name.lower():
                return self.value(template)
        for loop in self.variables.get("copy") or []:
            if loop_name(loop).lower() == name.lower():
                return self.copied(loop)
        raise TemplateError(
            f"The template variable '{name}' is not found. Please see "
            "https://aka.ms/arm-syntax-variables for usage details."
        )

    def _fetched(self, verb: str, arguments: list[Any]) -> Any:
        if len(arguments) < 2:
            raise misuse(verb, f"it does not take {len(arguments)} argument(s).")
        return self.fetch(Wanted(self.resource_id(arguments[0])[0], str(arguments[1]), verb))

    def fetch(self, wanted: Wanted) -> Any:
        """What was fetched; NeedsResource if it was not yet."""
        if wanted not in self.found:
            raise NeedsResource(wanted)
        return self.found[wanted]

    def resource_id(self, name: Any) -> tuple[str, str]:
        """The id and api-version that reference() means by a resource's name or id."""
        text = str(name)
        known = self.ids.get(text.strip("/").lower())
        if known:
            return known
        if not text.startswith("/"):
            raise TemplateError(
                f"The template reference '{text}' is not valid: could not find template resource or resource "
                "copy with this "
                "name. Please see https://aka.ms/arm-function-reference for usage details."
            )
        return text, ""


def loop_count(scope: Scope, loop: Json) -> int:
    """How often a copy loop turns: 0 to 800."""
    loop_name(loop)
    count = scope.value(loop.get("count"))
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= 800:
        raise TemplateError(
            f"The copy count '{functions.to_text(count)}' is not valid. The copy count must be a number "
            "from 0 to 800. "
            "Please see https://aka.ms/arm-resource-loops for usage details."
        )
    return count


def loop_batch(scope: Scope, loop: Json) -> int:
    """How many turns of a serial loop run at once; 0 for a parallel one, whose turns all do."""
    mode = loop.get("mode", "parallel")
    if not isinstance(mode, str) or mode.lower() not in ("parallel", "serial"):
        raise TemplateError(f"The copy mode '{functions.to_text(mode)}' is not valid: Parallel or Serial is.")
    size = scope.value(loop.get("batchSize", 1))
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise TemplateError(
            f"The copy batchSize '{functions.to_text(size)}' is not valid: it must be a number of 1 or more."
        )
    return size if mode.lower() == "serial" else 0


def loop_name(loop: Any) -> str:
    """The name of a copy loop; TemplateError when it has none."""
    name = loop.get("name") if isinstance(loop, dict) else None
    if not isinstance(name, str):
        raise TemplateError("Required property 'name' not found in JSON. Path 'copy'.")
    return name


def require_member(entry: Json, name: str, path: str) -> None:
    """TemplateError unless an object of the template has a member."""
    if name not in entry:
        raise TemplateError(f"Required property '{name}' not found in JSON. Path '{path}'.")


def _property_loops(template: Json) -> list[Json]:
    """The loops of a `copy` that makes properties; a property that merely is called so has no counts."""
    loops = template.get("copy")
    if isinstance(loops, list) and all(isinstance(loop, dict) and "count" in loop for loop in loops):
        return loops
    return []


def _member(value: Any, key: Any) -> Any:
    if isinstance(value, dict):
        for name, item in value.items():
            if name.lower() == str(key).lower():
                return item
        available = ", ".join(value)
        raise TemplateError(
            f"The language expression property '{key}' doesn't exist, available properties are '{available}'."
        )
    if isinstance(value, (list, str)) and isinstance(key, int):
        if not 0 <= key < len(value):
            raise TemplateError(f"The language expression property array index '{key}' is out of bounds.")
        return value[key]
    raise TemplateError(f"The language expression property '{key}' can't be evaluated.")


def _parameters(scope: Scope, name: Any) -> Any:
    for known in scope.parameters:
        if known.lower() == str(name).lower():
            return scope.parameters[known]
    raise TemplateError(
        f"The template parameter '{name}' is not found. Please see "
        "https://aka.ms/arm-syntax-parameters for usage details."
    )


def _resource_id(scope: Scope, *arguments: Any) -> str:
    at = next((i for i, text in enumerate(arguments) if "/" in str(text)), len(arguments))
    given, kind, names = arguments[:at], arguments[at : at + 1], arguments[at + 1 :]
    if not kind or len(given) > 2:
        raise misuse("resourceId", "the resource type is missing among its arguments.")
    subscription = given[0] if len(given) == 2 else scope.subscription["subscriptionId"]
    group = given[-1] if given else scope.group["name"]
    path = join_names("resourceId", kind[0], names)
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{path}"


def join_names(function: str, kind: str, names: tuple[Any, ...]) -> str:
    """`Namespace/type/name/childType/childName`; TemplateError when the counts differ."""
    namespace, *kinds = kind.split("/")
    if len(kinds) != len(names):
        raise misuse(function, f"the type '{kind}' requires '{len(kinds)}' resource name argument(s).")
    return "/".join(
        [namespace, *(part for pair in zip(kinds, names, strict=True) for part in map(str, pair))]
    )


def _subscription_resource_id(scope: Scope, *arguments: Any) -> str:
    at = next((i for i, text in enumerate(arguments) if "/" in str(text)), 0)
    subscription = arguments[0] if at == 1 else scope.subscription["subscriptionId"]
    names = join_names("subscriptionResourceId", arguments[at], arguments[at + 1 :])
    return f"/subscriptions/{subscription}/providers/{names}"


def _tenant_resource_id(_scope: Scope, kind: str, *names: Any) -> str:
    return f"/providers/{join_names('tenantResourceId', kind, names)}"


def _extension_resource_id(_scope: Scope, base: str, kind: str, *names: Any) -> str:
    return f"{base}/providers/{join_names('extensionResourceId', kind, names)}"


def _reference(scope: Scope, name: Any, version: str = "", full: str = "") -> Any:
    identifier, own_version = scope.resource_id(name)
    if not version and not own_version:
        raise TemplateError(
            f"The template reference '{name}' is not valid: an api-version is required for a resource "
            "outside of the template. "
            "Please see https://aka.ms/arm-function-reference for usage details."
        )
    document = scope.fetch(Wanted(identifier, version or own_version))
    return document if full.lower() == "full" else document.get("properties", {})


def _copy_index(scope: Scope, *arguments: Any) -> int:
    name = next((str(a).lower() for a in arguments if isinstance(a, str)), "")
    offset = next((a for a in arguments if isinstance(a, int)), 0)
    if name not in scope.copies:
        raise TemplateError(
            "The template function 'copyIndex' is not expected at this location. The function can only be "
            "used in a resource "
            "with copy specified. Please see https://aka.ms/arm-copy for usage details."
        )
    return scope.copies[name] + offset


def _new_guid(scope: Scope) -> str:
    _require_default(scope, "newGuid")
    return str(uuid.uuid4())


def _utc_now(scope: Scope, style: str = "yyyyMMddTHHmmssZ") -> str:
    _require_default(scope, "utcNow")
    pattern = style
    for mark, code in (("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S")):
        pattern = pattern.replace(mark, code)
    return scope.now.strftime(
        pattern if style not in ("u", "d") else {"u": "%Y-%m-%d %H:%M:%SZ", "d": "%m/%d/%Y"}[style]
    )


def _require_default(scope: Scope, name: str) -> None:
    if not scope.defaults:
        raise TemplateError(
            f"The template function '{name}' is not expected at this location. The function can only be "
            "used as a parameter "
            "default value. Please see https://aka.ms/arm-template-expressions for usage details."
        )


_IN_SCOPE: dict[str, Callable[..., Any]] = {
    "copyindex": _copy_index,
    "deployment": lambda scope: scope.deployment,
    "environment": lambda _scope: {
        "name": "AzureCloud",
        "resourceManager": "https://management.azure.com/",
        "authentication": {"loginEndpoint": "https://login.microsoftonline.com/", "tenant": "common"},
        "suffixes": {
            "keyvaultDns": ".vault.azure.net",
            "storage": "core.windows.net",
            "acrLoginServer": ".azurecr.io",
        },
    },
    "extensionresourceid": _extension_resource_id,
    "newguid": _new_guid,
    "parameters": _parameters,
    "reference": _reference,
    "resourcegroup": lambda scope: scope.group,
    "resourceid": _resource_id,
    "subscription": lambda scope: scope.subscription,
    "subscriptionresourceid": _subscription_resource_id,
    "tenant": lambda scope: {"tenantId": scope.subscription["tenantId"]},
    "tenantresourceid": _tenant_resource_id,
    "utcnow": _utc_now,
    "variables": lambda scope, name: scope.variable(str(name)),
}
_MANY = 32
_ARITY: dict[str, tuple[int, int]] = {
    **dict.fromkeys(
        ("deployment", "environment", "resourcegroup", "subscription", "tenant", "newguid"), (0, 0)
    ),
    **dict.fromkeys(("parameters", "variables"), (1, 1)),
    "copyindex": (0, 2),
    "utcnow": (0, 1),
    "reference": (1, 3),
    "resourceid": (2, _MANY),
    "subscriptionresourceid": (2, _MANY),
    "tenantresourceid": (2, _MANY),
    "extensionresourceid": (3, _MANY),
}
