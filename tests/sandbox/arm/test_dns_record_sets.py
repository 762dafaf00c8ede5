"""Reading record sets of every type in a private DNS zone."""

from __future__ import annotations

from typing import Any

import pytest

GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg"
ZONE = f"{GROUP}/providers/Microsoft.Network/privateDnsZones/corp.example"
V = "2024-06-01"


@pytest.fixture
def zone(arm: Any) -> Any:
    assert arm.put(ZONE, {"location": "global"}, V).status < 300
    record = {"properties": {"ttl": 60, "aRecords": [{"ipv4Address": "10.0.0.4"}]}}
    assert arm.put(f"{ZONE}/A/app", record, V).status == 201
    arm.world.documents.put(
        {
            "id": f"{ZONE}/CNAME/www",
            "name": "www",
            "type": "Microsoft.Network/privateDnsZones/CNAME",
            "properties": {"ttl": 60, "cnameRecord": {"cname": "app.corp.example"}},
        }
    )
    return arm


def test_all_record_sets_are_listed_with_the_zones_soa(zone: Any) -> None:
    found = zone.get(f"{ZONE}/ALL", V).body["value"]
    kinds = {(each["name"], each["type"].rpartition("/")[2]) for each in found}
    assert kinds == {("app", "A"), ("www", "CNAME"), ("@", "SOA")}
    assert zone.get(ZONE, V).body["properties"]["numberOfRecordSets"] == 3


@pytest.mark.parametrize(("kind", "names"), [("A", ["app"]), ("cname", ["www"])])
def test_record_sets_are_listed_by_type(zone: Any, kind: str, names: list[str]) -> None:
    assert [each["name"] for each in zone.get(f"{ZONE}/{kind}", V).body["value"]] == names


def test_record_set_is_read_by_type_and_name(zone: Any) -> None:
    assert zone.get(f"{ZONE}/SOA/@", V).body["properties"]["soaRecord"]["host"] == "azureprivatedns.net"
    assert zone.get(f"{ZONE}/CNAME/app", V).code == "ResourceNotFound"


def test_record_sets_of_an_absent_zone_are_not_found(arm: Any) -> None:
    assert arm.get(f"{ZONE}/ALL", V).status == 404
