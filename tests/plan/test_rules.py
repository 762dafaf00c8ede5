"""Outbound rules: Azure's shape, Azure's refusals, and nothing twice."""

from __future__ import annotations

from typing import Any

import pytest

from vnetferry.errors import ConfigError
from vnetferry.plan.rules import APPROVED_ONLY, needs_firewall, wire_rules

STORAGE = "/subscriptions/s/resourceGroups/r/providers/Microsoft.Storage/storageAccounts/st"


def _service(**where: Any) -> dict[str, Any]:
    destination = {"service_tag": "DataFactory", "protocol": "tcp", "port_ranges": "80,1024-65535", **where}
    return {"name": "rule", "type": "service_tag", "destination": destination}


def _private(**where: Any) -> dict[str, Any]:
    destination = {"service_resource_id": STORAGE, "subresource_target": "blob", **where}
    return {"name": "rule", "type": "private_endpoint", "destination": destination}


def test_wire_rules_of_each_type_have_azures_shape() -> None:
    given = (
        {"name": "pypi", "type": "fqdn", "destination": "*.example.org"},
        {**_service(), "name": "factory"},
        {**_private(spark_enabled=True), "name": "store"},
    )
    rules, warnings = wire_rules(given, APPROVED_ONLY, set())
    assert warnings == []
    assert rules == {
        "pypi": {"type": "FQDN", "category": "UserDefined", "destination": "*.example.org"},
        "factory": {
            "type": "ServiceTag",
            "category": "UserDefined",
            "destination": {"serviceTag": "DataFactory", "protocol": "TCP", "portRanges": "80,1024-65535"},
        },
        "store": {
            "type": "PrivateEndpoint",
            "category": "UserDefined",
            "destination": {"serviceResourceId": STORAGE, "subresourceTarget": "blob", "sparkEnabled": True},
        },
    }
    assert needs_firewall(rules)


def test_wire_rules_leave_out_a_destination_that_azure_reaches_by_itself() -> None:
    rules, warnings = wire_rules((_private(),), APPROVED_ONLY, {("PrivateEndpoint", STORAGE.lower(), "blob")})
    assert rules == {}
    assert "a rule that Azure makes by itself" in warnings[0].text


def test_wire_rules_keep_one_of_two_to_the_same_destination() -> None:
    given = tuple({"name": n, "type": "fqdn", "destination": "a.example.org"} for n in ("one", "two"))
    rules, warnings = wire_rules(given, APPROVED_ONLY, set())
    assert list(rules) == ["one"]
    assert "rule one reaches the same" in warnings[0].text


@pytest.mark.parametrize(
    ("rule", "mode", "words"),
    [
        ({"type": "fqdn", "destination": "a.b.org"}, APPROVED_ONLY, "needs a name"),
        ({"name": "a", "type": "fqdn", "destination": "a.b.org"}, APPROVED_ONLY, "3 to 33"),
        ({"name": "rule", "type": "dns", "destination": "a.b.org"}, APPROVED_ONLY, "not a type of rule"),
        ({"name": "rule", "type": "fqdn", "destination": "https://a.b/c"}, APPROVED_ONLY, "is not a host"),
        (
            {"name": "rule", "type": "fqdn", "destination": "x.blob.core.windows.net"},
            APPROVED_ONLY,
            "storage account",
        ),
        ({"name": "rule", "type": "fqdn", "destination": "a.b.org"}, "AllowInternetOutbound", "has no place"),
        (
            {"name": "rule", "type": "fqdn", "destination": "a.b.org", "port": 80},
            APPROVED_ONLY,
            "'port' is not a key",
        ),
        (_service(protocol="http"), APPROVED_ONLY, "not a protocol"),
        (_service(port_ranges="0-99999"), APPROVED_ONLY, "not port ranges"),
        (_private(subresource_target="vault"), APPROVED_ONLY, "no subresource 'vault'"),
        (_private(service_resource_id="storage"), APPROVED_ONLY, "not an ARM resource id"),
        (
            {"name": "rule", "type": "private_endpoint", "destination": "x"},
            APPROVED_ONLY,
            "must be a mapping",
        ),
        (_private(sparkEnabled=True), APPROVED_ONLY, "unknown key 'sparkEnabled'"),
    ],
)
def test_wire_rules_refuse_what_azure_refuses(rule: dict[str, Any], mode: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        wire_rules((rule,), mode, set())
    assert "target.outbound_rules[0]" in str(caught.value)


def test_wire_rules_refuse_a_name_given_twice() -> None:
    given = tuple({"name": "rule", "type": "fqdn", "destination": host} for host in ("a.b.org", "c.d.org"))
    with pytest.raises(ConfigError, match="'rule' is taken"):
        wire_rules(given, APPROVED_ONLY, set())
