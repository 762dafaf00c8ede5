"""Record sets of private DNS zones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.arm.conftest import CLIENT, GROUP
from vnetferry.sandbox.arm import site
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Request

V = "2020-06-01"
ZONE = f"{GROUP}/providers/Microsoft.Network/privateDnsZones/corp.example"


@pytest.fixture
def ready(arm: Any) -> Any:
    """A private zone."""
    assert arm.put(ZONE, {"location": "global"}, V).status == 201
    return arm


def a(*addresses: str, ttl: int = 300) -> dict[str, Any]:
    return {"properties": {"ttl": ttl, "aRecords": [{"ipv4Address": each} for each in addresses]}}


ALIAS = {"properties": {"ttl": 300, "cnameRecord": {"cname": "a.corp.example"}}}


@pytest.mark.parametrize(
    ("kind", "member", "records"),
    [
        ("A", "aRecords", [{"ipv4Address": "10.0.0.4"}, {"ipv4Address": "10.0.0.5"}]),
        ("AAAA", "aaaaRecords", [{"ipv6Address": "fd00::4"}]),
        ("CNAME", "cnameRecord", {"cname": "app.corp.example"}),
    ],
)
def test_record_set_is_made_read_and_deleted(ready: Any, kind: str, member: str, records: Any) -> None:
    path = f"{ZONE}/{kind}/www"
    body = {"properties": {"ttl": 60, member: records}}
    made = ready.put(path, body, V)
    assert made.status == 201
    assert made.body["properties"] == {
        "ttl": 60,
        member: records,
        "metadata": {},
        "fqdn": "www.corp.example.",
        "isAutoRegistered": False,
    }
    assert ready.put(path, body, V).status == 200
    assert ready.get(path, V).body["properties"] == made.body["properties"]
    assert [each["name"] for each in ready.get(f"{ZONE}/{kind}", V).body["value"]] == ["www"]
    assert ready.get(ZONE, V).body["properties"]["numberOfRecordSets"] == 2
    assert ready.send("DELETE", path, version=V).status == 200
    assert ready.send("DELETE", path, version=V).status == 204


def test_zone_has_its_own_record_from_the_start(ready: Any) -> None:
    soa = ready.get(f"{ZONE}/SOA/@", V).body["properties"]
    assert soa["soaRecord"]["minimumTtl"] == 10
    ready.put(f"{ZONE}/A/www", a("10.0.0.4"), V)
    ready.put(f"{ZONE}/CNAME/alias", ALIAS, V)
    listed = [each["type"].rpartition("/")[2] for each in ready.get(f"{ZONE}/ALL", V).body["value"]]
    assert listed == ["SOA", "A", "CNAME"]
    only = ready.get(f"{ZONE}/ALL", V, "&$recordsetnamesuffix=WW").body["value"]
    assert [each["name"] for each in only] == ["www"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("A/www", a("10.0.0.400")),
        ("A/www", a("10.0.0.4", ttl=0)),
        ("AAAA/www", {"properties": {"ttl": 60, "aaaaRecords": [{"ipv6Address": "10.0.0.4"}]}}),
        ("CNAME/www", {"properties": {"ttl": 60, "cnameRecord": {"cname": "no host"}}}),
        ("CNAME/@", ALIAS),
        ("CNAME/taken", ALIAS),
        ("A/alias", a("10.0.0.4")),
    ],
    ids=[
        "no address",
        "no ttl",
        "other family",
        "no name",
        "apex",
        "alias beside address",
        "address beside alias",
    ],
)
def test_record_set_that_cannot_be_is_refused(ready: Any, path: str, body: dict[str, Any]) -> None:
    ready.put(f"{ZONE}/A/taken", a("10.0.0.9"), V)
    ready.put(f"{ZONE}/CNAME/alias", ALIAS, V)
    refused = ready.put(f"{ZONE}/{path}", body, V)
    assert (refused.status, refused.code) == (400, "BadRequest")
    assert ready.get(f"{ZONE}/{path}", V).status == 404
    assert ready.get(ZONE, V).body["properties"]["numberOfRecordSets"] == 3


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"if-none-match": "*"}, 412), ({"if-match": "another"}, 412), ({"if-match": "*"}, 200)],
    ids=["shall be new", "was another", "whatever it is"],
)
def test_record_set_is_written_on_the_callers_condition_only(
    ready: Any, headers: dict[str, str], status: int
) -> None:
    path = f"{ZONE}/A/www"
    ready.put(path, a("10.0.0.4"), V)
    content = json.dumps(a("10.0.0.5")).encode()
    host, query = "management.azure.com", f"api-version={V}"
    request = Request("PUT", host, path, query, headers, content, principal=CLIENT)
    try:
        answered = ready._loop.run_until_complete(site.dispatch(ready.world, request)).status
    except AzureError as err:
        answered = err.status
    assert answered == status
    (record,) = ready.get(path, V).body["properties"]["aRecords"]
    assert record["ipv4Address"] == ("10.0.0.5" if status == 200 else "10.0.0.4")
