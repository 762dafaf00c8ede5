"""Every operation of Resource Manager's table, asked with bodies, queries and paths that make no sense."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from tests.sandbox.properties.machine import check_answer
from tests.sandbox.properties.still_sandbox import StillSandbox
from vnetferry.sandbox.arm import site
from vnetferry.sandbox.routes import Operation

_SOUND = json.dumps({"location": "westeurope", "properties": {}})
BODIES = (
    b"",
    b"{",
    b"nothing",
    b'"text"',
    b"12",
    b"true",
    b"null",
    b"[]",
    b"[{}]",
    b"\x00",
    b"\xff\xfe\xfd",
    b"\xc0\xaf{}",
    b"\xef\xbb\xbf{",
    b"{}{}",
    b"{'a': 1}",
    b'{"a": 1,}',
    b'{"a": undefined}',
    b"NaN",
    b'{"location": NaN, "properties": Infinity}',
    b'{"properties": -Infinity}',
    b'{"properties": 1e999}',
    b"[" * 10_000,
    b'{"a":' * 10_000,
    b'{"properties":' * 10_000 + b"{}" + b"}" * 10_000,
    b'{ "properties": ' + b'{"a":' * 800 + b"1" + b"}" * 801,
    b'{ "tags": ' + b"[" * 400 + b"]" * 400 + b"}",
    b'{"properties": ' + b"9" * 5_000 + b"}",
    b'{ "location": "\\ud800", "properties": {}}',
    b'{ "properties": {"\\uDFFF": "\\u0000"}}',
    b'{"location": "a\x00b"}',
    b'{"location": 1, "location": [], "properties": 2, "properties": null}',
    _SOUND.encode("utf-16"),
    _SOUND.encode("utf-32-be"),
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
)
# Bodies that no reader of JSON takes for an object: nothing can be done with these.
UNREADABLE = tuple(body for body in BODIES if not body.startswith((b'{"location"', b'{"properties"')))
# Operations that ask for nothing in their body.
OPTIONAL_BODY = {"BlobContainers_Create"}
QUERIES = (
    "api-version=2024-10-01&api-version=1999-01-01",
    "api-version[]=2024-10-01",
    "API-VERSION=%ff%fe",
    "api-version=" + "9" * 5_000,
    "api-version=2024-10-01%00",
    "&&&=&=%&%zz",
    "",
)
LIST_QUERIES = (
    "$top=-1",
    "$top=99999999999999999999999",
    "$top=" + "9" * 6_000,
    "$skip=" + "9" * 6_000,
    "$skiptoken=" + "9" * 6_000,
    "count=" + "9" * 6_000,
    "MaxResults=" + "9" * 6_000,
    "$top=%C2%B2",
    "$skiptoken=%27%3B--",
    "$skip=99999999999999999999999",
    "$filter=name%20eq%20%27a%27%27%20or%201%20eq%201",
    "$filter=" + "(" * 2_000,
    "$filter=%00",
    "count=-5",
    "$top=1&$top=-1",
    "$orderBy=%0d%0aset-cookie:x",
)


def _operations(*methods: str) -> list[Operation]:
    return list({o.name: o for o in site.routes().operations if o.method in methods}.values())


def _path(still: StillSandbox, operation: Operation) -> str:
    """An existing resource's path where there is one, else one below an existing resource."""
    wanted = operation.path.strip("/").split("/")
    for depth in range(len(wanted), 1, -1):
        for document in still.world.documents.below("/"):
            parts = document["id"].strip("/").split("/")
            if len(parts) == depth and all(
                w.startswith("{") or w.lower() == p.lower() for w, p in zip(wanted, parts, strict=False)
            ):
                rest = ["unfit" if part.startswith("{") else part for part in wanted[depth:]]
                return "/" + "/".join([*parts, *rest])
    return "/" + "/".join("unfit" if part.startswith("{") else part for part in wanted)


def _version(operation: Operation) -> str:
    return f"api-version={max(operation.api_versions, default='2024-10-01')}"


@pytest.mark.parametrize("operation", _operations("PUT", "PATCH"), ids=lambda o: o.name)
def test_body_that_is_no_object_changes_nothing(still: StillSandbox, operation: Operation) -> None:
    before, target = still.digest(), f"{_path(still, operation)}?{_version(operation)}"
    for body in UNREADABLE:
        if not body and operation.name in OPTIONAL_BODY:
            continue
        answer = still.send(operation.method, target, body)
        check_answer(answer)
        assert 400 <= answer.status < 500, (body[:40], answer.status)
        assert still.digest() == before, body[:40]


@pytest.mark.parametrize("operation", _operations("PUT"), ids=lambda o: o.name)
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5_000])
def test_number_that_json_has_not_is_refused(still: StillSandbox, operation: Operation, number: str) -> None:
    before, target = still.digest(), f"{_path(still, operation)}?{_version(operation)}"
    body = f'{{"location": "westeurope", "tags": {{}}, "properties": {{"unfit": {number}}}}}'
    answer = still.send(operation.method, target, body.encode())
    check_answer(answer)
    assert answer.status >= 400 or operation.name in OPTIONAL_BODY
    assert still.digest() == before or operation.name in OPTIONAL_BODY


@pytest.mark.parametrize("operation", _operations("POST"), ids=lambda o: o.name)
def test_action_with_a_body_that_is_no_object_is_never_a_defect(
    still: StillSandbox, operation: Operation
) -> None:
    """Some actions take no body, and look at none."""
    target = f"{_path(still, operation)}?{_version(operation)}"
    for body in UNREADABLE[1:]:
        check_answer(still.send(operation.method, target, body))
    still.pass_time(100_000)


@pytest.mark.parametrize(
    "operation", _operations("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"), ids=lambda o: o.name
)
def test_api_version_that_is_none_is_refused_before_anything_is_done(
    still: StillSandbox, operation: Operation
) -> None:
    before, path = still.digest(), _path(still, operation)
    for query in QUERIES[1:]:
        answer = still.send(operation.method, f"{path}?{query}", b"{}")
        assert answer.status == 400 or not operation.api_versions, (query[:60], answer.status)
        assert answer.status < 500
    assert still.digest() == before


@pytest.mark.parametrize("operation", _operations("GET"), ids=lambda o: o.name)
def test_query_that_makes_no_sense_is_answered_or_refused(still: StillSandbox, operation: Operation) -> None:
    before, path = still.digest(), _path(still, operation)
    for query in LIST_QUERIES:
        check_answer(still.send("GET", f"{path}?{_version(operation)}&{query}"))
    assert still.digest() == before


UNSOUND_NAMES = (
    "..",
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%5c..%5cwindows",
    "%00",
    "a%00b",
    "a%2fb",
    "%20",
    "a%0d%0aset-cookie:%20x=y",
    "%c0%ae%c0%ae",
    "%ff",
    "%",
    "%zz",
    "\u202e",
    "a" * 5_000,
    "{workspace}",
    "$batch",
    "a;b=c",
)


@pytest.mark.parametrize("operation", _operations("PUT"), ids=lambda o: o.name)
def test_name_that_leads_elsewhere_makes_nothing(still: StillSandbox, operation: Operation) -> None:
    parent = _path(still, operation).rpartition("/")[0]
    before = set(still.world.documents._by_id)
    for name in UNSOUND_NAMES:
        written = name if name.isascii() else quote(name)
        answer = still.send(
            "PUT", f"{parent}/{written}?{_version(operation)}", {"properties": {}, "location": "westeurope"}
        )
        check_answer(answer)
        assert answer.status >= 400, (name, answer.status, answer.raw)
    assert set(still.world.documents._by_id) == before


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//",
        "/%2f",
        "/subscriptions",
        "/subscriptions/",
        "/subscriptions/..",
        "/providers/",
        "/" + "a/" * 3_000,
        "/%00",
        "/*",
        "/subscriptions/%0a/resourceGroups",
    ],
)
def test_path_that_nothing_is_at_is_refused_in_arms_envelope(still: StillSandbox, path: str) -> None:
    for method in ("GET", "PUT", "DELETE", "BREW"):
        answer = still.send(method, f"{path}?api-version=2021-04-01")
        check_answer(answer)
        assert answer.status in (200, 400, 403, 404, 405)
