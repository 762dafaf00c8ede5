"""The rules of Azure Policy: whether one is sound, and whether it holds for a resource. Pure.

Source: Azure Policy definition structure, policy rule. What Azure's language has and this one has not is refused when a
definition is read, so that no rule is taken for one that never holds: `count` over values and within another, `current`
and functions of dates, addresses and requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vnetferry.sandbox.absent import not_served
from vnetferry.sandbox.arm.policy.conditions import CONDITIONS, ConditionError
from vnetferry.sandbox.arm.policy.fields import is_alias, is_field, narrowed, select
from vnetferry.sandbox.arm.template.failures import TemplateError
from vnetferry.sandbox.arm.template.functions import FUNCTIONS
from vnetferry.sandbox.arm.template.scope import Scope
from vnetferry.sandbox.arm.template.syntax import Function, Node, is_expression, parse
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json

_OPERATORS = {name.lower(): name for name in CONDITIONS}
_ACCESSORS = ("field", "value", "count")
_IN_RULES = {"parameters", "field", "resourcegroup", "subscription", "if"}


@dataclass(frozen=True)
class Subject:
    """What a rule is asked about: a resource as it is asked for, with `type`, `name`, `fullName` and `id`.

    scope: what subscription(), resourceGroup() and parameters() say.
    """

    resource: Json
    scope: Scope

    def value(self, template: Any) -> Any:
        """The value of what a rule says, expressions worked out; TemplateError where it has none."""
        return replace(self.scope, own_functions={"field": self._field}).value(template)

    def _field(self, name: str) -> Any:
        """`field()`: the value as it is, "" for none; of an array's members, an array."""
        found = select(self.resource, name)
        if found.is_collection:
            return found.values
        return "" if found.values[0] is None else found.values[0]


@dataclass(frozen=True)
class Verdict:
    """Whether a rule holds, and the conditions by which it was decided, as Azure's evaluation details show them.

    reason: why it could not be evaluated, which counts as holding (documented: an implicit deny); "" if it could be.
    """

    holds: bool
    conditions: tuple[Json, ...] = ()
    reason: str = ""


def require_rule(rule: Any, path: str = "policyRule") -> None:
    """AzureError 400 `InvalidPolicyRule` for what is no rule, 501 for one that the sandbox cannot evaluate."""
    if not isinstance(rule, dict) or not isinstance(rule.get("then"), dict) or "if" not in rule:
        raise invalid(f"'{path}' needs the members 'if' and 'then'.")
    if not isinstance(rule["then"].get("effect"), str):
        raise invalid(f"'{path}.then' needs an 'effect'.")
    _require_expressions(rule["then"]["effect"])
    _require_condition(rule["if"], f"{path}.if")


def invalid(why: str) -> AzureError:
    """400 for a rule that no Azure would take (the code is Azure's, the text is assumed)."""
    return AzureError(400, "InvalidPolicyRule", f"Failed to parse policy rule: '{why}'.")


def evaluate(rule: Json, subject: Subject) -> Verdict:
    """Whether a sound rule holds for the subject."""
    try:
        return _judge(rule["if"], subject)
    except (TemplateError, ConditionError) as err:
        return Verdict(True, reason=str(err))


# --- Whether a rule is sound ----------------------------------------------------------------------------------------


def _require_condition(condition: Any, path: str, *, counted: bool = False) -> None:
    if not isinstance(condition, dict):
        raise invalid(f"'{path}' is no object.")
    names = {name.lower(): name for name in condition}
    if len(names) == 1 and (set(names) & {"not", "allof", "anyof"}):
        ((name, written),) = names.items()
        parts = [condition[written]] if name == "not" else condition[written]
        if not isinstance(parts, list) or not parts:
            raise invalid(f"'{path}.{written}' is no list of conditions.")
        for part in parts:
            _require_condition(part, f"{path}.{written}", counted=counted)
        return
    _require_comparison(condition, names, path, counted)


def _require_comparison(condition: Json, names: Mapping[str, str], path: str, counted: bool) -> None:
    accessors, operators = set(names) & set(_ACCESSORS), set(names) & set(_OPERATORS)
    if len(accessors) != 1 or len(operators) != 1 or len(names) != 2:
        raise invalid(f"'{path}' is no condition: it has the members {', '.join(condition) or 'of nothing'}")
    _require_expressions(condition)
    accessor, operator = accessors.pop(), names[operators.pop()]
    if operator.lower() in ("in", "notin") and not isinstance(condition[operator], (list, str)):
        raise invalid(f"'{path}.{operator}' is no array.")
    if accessor == "count":
        _require_count(condition[names["count"]], path, counted)
    elif accessor == "field":
        _require_field(condition[names["field"]], path)


def _require_count(count: Any, path: str, counted: bool) -> None:
    if not isinstance(count, dict) or not set(count) <= {"field", "where", "value", "name"}:
        raise invalid(f"'{path}.count' has members that no count has.")
    if counted or "value" in count or "name" in count:
        raise not_served("'count' over values, or within another, in policy rules")
    field = count.get("field")
    _require_field(field, f"{path}.count")
    if not is_alias(str(field)) or not str(field).endswith("[*]"):
        raise invalid(f"'{path}.count.field' is no alias of an array's members ([*]).")
    if str(field).count("[*]") > 1:
        raise not_served("'count' over arrays within arrays in policy rules")
    if "where" in count:
        _require_condition(count["where"], f"{path}.count.where", counted=True)


def _require_field(name: Any, path: str) -> None:
    if not isinstance(name, str) or not (is_expression(name) or is_field(name)):
        raise invalid(f"'{path}.field' is '{name}', which is no field.")


def _require_expressions(value: Any) -> None:
    for text in _texts(value):
        if is_expression(text):
            try:
                unknown = [name for name in _functions(parse(text)) if name.lower() not in _known()]
            except TemplateError as err:
                raise invalid(str(err)) from err
            if unknown:
                raise not_served(f"the function '{unknown[0]}' in policy rules")


def _known() -> set[str]:
    return _IN_RULES | set(FUNCTIONS)


def _texts(value: Any) -> Iterator[str]:
    """The texts in a condition, but not those of conditions within it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name.lower() != "where":
                yield from _texts(item)


def _functions(node: Node) -> Iterator[str]:
    if isinstance(node, Function):
        yield node.name
        for part in (*node.arguments, *node.path):
            yield from _functions(part)


# --- Whether it holds -----------------------------------------------------------------------------------------------


def _judge(condition: Json, subject: Subject) -> Verdict:
    (name, *_), parts = (key.lower() for key in condition), next(iter(condition.values()))
    if name == "not":
        inner = _judge(parts, subject)
        return Verdict(not inner.holds, inner.conditions)
    if name == "allof":
        return _all_of(parts, subject)
    if name == "anyof":
        return _any_of(parts, subject)
    return _compare(condition, subject)


def _all_of(parts: list[Json], subject: Subject) -> Verdict:
    shown: list[Json] = []
    for part in parts:
        verdict = _judge(part, subject)
        if not verdict.holds:
            return verdict
        shown += verdict.conditions
    return Verdict(True, tuple(shown))


def _any_of(parts: list[Json], subject: Subject) -> Verdict:
    shown: list[Json] = []
    for part in parts:
        verdict = _judge(part, subject)
        if verdict.holds:
            return verdict
        shown += verdict.conditions
    return Verdict(False, tuple(shown))


def _compare(condition: Json, subject: Subject) -> Verdict:
    members = {name.lower(): item for name, item in condition.items()}
    (accessor,) = set(members) & set(_ACCESSORS)
    (operator,) = (name for name in members if name in _OPERATORS)
    name, target = _OPERATORS[operator], subject.value(members[operator])
    values = _values(accessor, members[accessor], subject)
    if accessor == "field" and str(members["field"]).lower() == "location":
        values, target = [_region(value) for value in values], _region(target)
    holds = all(CONDITIONS[name](value, target) for value in values)
    compared = {"targetValue": target, "operator": name}
    return Verdict(
        holds, ({"result": str(holds), **_shown(accessor, members[accessor], values), **compared},)
    )


def _values(accessor: str, accessed: Any, subject: Subject) -> list[Any]:
    """What is compared: a `[*]` alias stands for several values, all of which must fulfil a condition."""
    if accessor == "value":
        return [subject.value(accessed)]
    if accessor == "count":
        return [_count(accessed, subject)]
    name = subject.value(accessed)
    if not isinstance(name, str) or not is_field(name):
        raise ConditionError(f"'{name}' is no field.")
    return select(subject.resource, name).values


def _count(count: Json, subject: Subject) -> int:
    """How many of an array's members fulfil a condition, each as if it were the only one."""
    alone = narrowed(subject.resource, count["field"])
    if "where" not in count:
        return len(alone)
    return sum(_judge(count["where"], replace(subject, resource=each)).holds for each in alone)


def _region(value: Any) -> Any:
    """A region's name as Azure compares it: West Europe is westeurope."""
    if isinstance(value, list):
        return [_region(each) for each in value]
    return value.replace(" ", "").lower() if isinstance(value, str) else value


def _shown(accessor: str, accessed: Any, values: list[Any]) -> Json:
    """What was compared, as evaluation details show it: without a value where there is none."""
    expression = str(accessed["field"] if accessor == "count" else accessed)
    value = values[0] if len(values) == 1 else values
    return {
        "expressionKind": accessor,
        "expression": expression,
        **({"path": _place(expression)} if accessor == "field" else {}),
        **({} if value is None else {"expressionValue": value}),
    }


def _place(name: str) -> str:
    """Where in a request's body a field stands."""
    return f"properties.{name.rpartition('/')[2]}" if is_alias(name) else name
