"""Strict reading of bodies."""

from __future__ import annotations

from typing import Any

import pytest

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml.fields import (
    Field,
    Kind,
    chosen_by,
    flag,
    list_of,
    map_of,
    object_of,
    one_of,
    resource,
    scalars,
    text,
    texts,
    variant,
    whole,
)

INNER = Kind("Inner", {"count": Field(whole, required=True)})
CAT = Kind("Cat", {"kind": Field(text), "lives": Field(whole)})
OUTER = Kind(
    "Outer",
    {
        "mode": Field(one_of("Fast", "Slow")),
        "on": Field(flag),
        "inner": Field(object_of(INNER)),
        "many": Field(list_of(INNER)),
        "named": Field(map_of(INNER)),
        "pet": Field(variant(chosen_by("kind", {"Cat": CAT}))),
        "tags": Field(scalars),
        "names": Field(texts),
        "answered": Field(text, read_only=True),
    },
    "BadRequest",
)


def test_fields_of_any_case_come_out_in_the_tables_spelling() -> None:
    assert OUTER.read({"MODE": "fast", "Inner": {"COUNT": 1}}) == {"mode": "Fast", "inner": {"count": 1}}


def test_fields_that_only_the_service_answers_are_dropped() -> None:
    assert OUTER.read({"answered": {"whatever": 1}}) == {}


def test_fields_of_null_come_out_as_none() -> None:
    assert OUTER.read({"inner": None}) == {"inner": None}


def test_fields_of_containers_are_read_one_by_one() -> None:
    body = {"many": [{"count": 1}, {"count": 2}], "named": {"a": {"Count": 3}}}
    assert OUTER.read(body) == {"many": [{"count": 1}, {"count": 2}], "named": {"a": {"count": 3}}}


def test_fields_of_templates_may_be_words_for_booleans() -> None:
    assert OUTER.read({"on": "True"}) == {"on": True}


def test_fields_of_property_bags_become_strings() -> None:
    assert OUTER.read({"tags": {"a": 1, "b": True, "c": "d"}}) == {"tags": {"a": "1", "b": "True", "c": "d"}}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"nothing": 1}, "Could not find member 'nothing' on object of type 'Outer'. Path 'nothing'."),
        ({"inner": {"x": 1}}, "object of type 'Inner'. Path 'inner.x'."),
        ({"inner": {}}, "Required property 'count' not found in JSON. Path 'inner.count'."),
        ({"inner": {"count": None}}, "Required property 'count'"),
        ({"inner": {"count": True}}, "Path 'inner.count'."),
        ({"inner": [1]}, "Path 'inner'."),
        ({"many": [{"count": 1}, {"count": "2"}]}, "Path 'many[1].count'."),
        ({"many": {}}, "to a list. Path 'many'."),
        ({"named": {"a": 1}}, "Path 'named.a'."),
        ({"mode": "Sideways"}, "to one of Fast, Slow. Path 'mode'."),
        ({"on": 1}, "System.Boolean"),
        ({"pet": {"kind": "Dog"}}, "'kind' is \"Dog\"; expected one of Cat."),
        ({"pet": {"lives": 9}}, "expected one of Cat"),
        ({"tags": {"a": []}}, "map of strings"),
        ({"names": ["a", 1]}, "list of strings"),
    ],
)
def test_fields_unfit_are_refused_with_their_path(body: dict[str, Any], says: str) -> None:
    with pytest.raises(AzureError) as refused:
        OUTER.read(body)
    found = refused.value
    assert (found.status, found.code, found.envelope) == (400, "BadRequest", "service")
    assert says in refused.value.message


def test_fields_of_a_resource_need_its_properties() -> None:
    kind = resource("Thing", INNER)
    assert kind.read({"id": "x", "properties": {"count": 1}}) == {"properties": {"count": 1}}
    with pytest.raises(AzureError):
        kind.read({"id": "x"})
