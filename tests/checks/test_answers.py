"""Answers of source and target are compared as JSON, within a tolerance for numbers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnetferry.checks.answers import compare_answers
from vnetferry.models.config import Tolerance

STRICT = Tolerance(relative=0, absolute=0)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_compare_answers_same_answer_agrees(value: object) -> None:
    body = json.dumps(value).encode()
    assert compare_answers(body, body, STRICT) == []


def test_compare_answers_number_within_relative_tolerance_agrees() -> None:
    assert compare_answers(b"[1000000.0]", b"[1000000.5]", Tolerance(relative=1e-6, absolute=0)) == []


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (b"[1.0]", b"[1.1]", "$[0]"),
        (b"[1, 2]", b"[1]", "$: 2 items"),
        (b'{"a": 1}', b'{"b": 1}', "$.a: only in the source"),
        (b'{"a": true}', b'{"a": 1}', "$.a: bool"),
        (b'"x"', b'"y"', "$: 'x'"),
        (b"[NaN]", b"[0.0]", "$[0]"),
        (b"not json", b"other", "not JSON"),
    ],
)
def test_compare_answers_different_answers_says_where(old: bytes, new: bytes, where: str) -> None:
    lines = compare_answers(old, new, Tolerance())
    assert any(where in line for line in lines)


def test_compare_answers_identical_bytes_not_json_agrees() -> None:
    assert compare_answers(b"plain", b"plain", STRICT) == []
