"""What the machines have found, as the shortest sequence of requests that showed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.sandbox.ml.workspace_world import (
    GROUP,
    STORAGE,
    SUBSCRIPTION,
    VAULT,
    WORKSPACE,
    associated,
    workspace_body,
)
from tests.sandbox.properties.still_sandbox import StillSandbox
from vnetferry.sandbox.scenario import Scenario

RULES = f"{WORKSPACE}/outboundRules"
NETWORK = f"{GROUP}/providers/Microsoft.Network"
ENDPOINT = f"{NETWORK}/privateEndpoints/pe"
ZONE = f"{NETWORK}/privateDnsZones/privatelink.blob.core.windows.net"
# Longer than any operation.
LONG_S = 10_000.0

Send = Callable[..., Any]


@pytest.fixture
def azure() -> Iterator[StillSandbox]:
    sandbox = StillSandbox(Scenario(resources=tuple(associated()), runtime="echo"))
    yield sandbox
    sandbox.close()


def _send(azure: StillSandbox, method: str, path: str, body: Any = None, version: str = "2024-10-01") -> Any:
    return azure.send(method, f"{path}?api-version={version}", body)


def _table_rule() -> dict[str, Any]:
    destination = {"serviceResourceId": STORAGE, "subresourceTarget": "table"}
    return {"type": "PrivateEndpoint", "destination": destination}


def _fqdn(name: str) -> dict[str, Any]:
    return {"type": "FQDN", "destination": name}


def _make_network(azure: StillSandbox) -> None:
    """A workspace whose managed network is active."""
    body = workspace_body(managedNetwork={"isolationMode": "AllowOnlyApprovedOutbound"})
    assert _send(azure, "PUT", WORKSPACE, body).status == 202
    azure.pass_time(LONG_S)
    assert _send(azure, "POST", f"{WORKSPACE}/provisionManagedNetwork", {}).status == 202
    azure.pass_time(LONG_S)


def _patch_rules(azure: StillSandbox, rules: dict[str, Any]) -> Any:
    return _send(azure, "PATCH", WORKSPACE, {"properties": {"managedNetwork": {"outboundRules": rules}}})


def _rules(azure: StillSandbox) -> dict[str, Any]:
    return {each["name"]: each["properties"] for each in _send(azure, "GET", RULES).body["value"]}


def test_rules_of_one_patch_whose_names_differ_in_case_alone_are_refused(azure: StillSandbox) -> None:
    _make_network(azure)
    before = azure.digest()
    answer = _patch_rules(azure, {"two": _fqdn("a.example.com"), "Two": _fqdn("b.example.com")})
    assert (answer.status, answer.body["error"]["code"]) == (400, "ValidationError")
    assert azure.digest() == before


def test_rule_patched_in_another_case_is_the_one_that_is_there(azure: StillSandbox) -> None:
    _make_network(azure)
    for name in ("two", "TWO"):
        assert _patch_rules(azure, {name: _fqdn(f"{name}.example.com")}).status == 202
        azure.pass_time(LONG_S)
    own = {name: rule["destination"] for name, rule in _rules(azure).items() if not name.startswith("__SYS")}
    assert own == {"two": "TWO.example.com"}


def test_rule_that_a_concurrent_write_brings_back_is_connected_again(azure: StillSandbox) -> None:
    """The second write's list of rules is the one from before the first, which led the rule elsewhere."""
    _make_network(azure)
    _send(azure, "PUT", f"{RULES}/two", {"properties": _table_rule()})
    azure.pass_time(LONG_S)
    _send(azure, "PUT", f"{RULES}/two", {"properties": _fqdn("one.example.com")})
    azure.pass_time(30)
    _send(azure, "PUT", f"{RULES}/one", {"properties": _fqdn("two.example.com")})
    azure.pass_time(LONG_S)
    connections = _send(azure, "GET", f"{STORAGE}/privateEndpointConnections", version="2023-01-01").body[
        "value"
    ]
    names = [each["properties"]["privateEndpoint"]["id"].rpartition(".")[2] for each in connections]
    assert _rules(azure)["two"]["status"] == "Active"
    assert names.count("two") == (_rules(azure)["two"]["type"] == "PrivateEndpoint")


@pytest.mark.parametrize("kind", ["roleAssignments", "locks"])
def test_extension_of_a_resource_that_is_not_there_is_refused(azure: StillSandbox, kind: str) -> None:
    before = azure.digest()
    role = "roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
    properties = {
        "roleAssignments": {
            "roleDefinitionId": f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/{role}",
            "principalId": "0a1b2c3d-0000-4000-8000-000000000001",
        },
        "locks": {"level": "CanNotDelete"},
    }[kind]
    path = f"{WORKSPACE}/providers/Microsoft.Authorization/{kind}/0a1b2c3d-0000-4000-8000-000000000002"
    version = {"roleAssignments": "2022-04-01", "locks": "2016-09-01"}[kind]
    answer = _send(azure, "PUT", path, {"properties": properties}, version)
    assert (answer.status, answer.body["error"]["code"]) == (404, "ResourceNotFound")
    assert azure.digest() == before


def _make_private_endpoint(azure: StillSandbox) -> None:
    subnet = {"name": "snet", "properties": {"addressPrefix": "10.1.0.0/24"}}
    body = {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}, "subnets": [subnet]}
    _send(azure, "PUT", f"{NETWORK}/virtualNetworks/vnet", _at("westeurope", body), "2023-09-01")
    _send(azure, "PUT", ZONE, _at("global", {}), "2020-06-01")
    azure.pass_time(LONG_S)
    assert _put_endpoint(azure, "blob", STORAGE).status == 201
    azure.pass_time(LONG_S)


def _at(location: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"location": location, "properties": properties}


def _put_endpoint(azure: StillSandbox, part: str, target: str, name: str = "c") -> Any:
    connection = {"name": name, "properties": {"privateLinkServiceId": target, "groupIds": [part]}}
    subnet = {"id": f"{NETWORK}/virtualNetworks/vnet/subnets/snet"}
    properties = {"subnet": subnet, "privateLinkServiceConnections": [connection]}
    return _send(azure, "PUT", ENDPOINT, _at("westeurope", properties), "2023-09-01")


def _put_group(azure: StillSandbox) -> Any:
    body = {
        "properties": {"privateDnsZoneConfigs": [{"name": "z", "properties": {"privateDnsZoneId": ZONE}}]}
    }
    return _send(azure, "PUT", f"{ENDPOINT}/privateDnsZoneGroups/default", body, "2023-09-01")


@pytest.mark.parametrize(
    ("part", "target", "name"), [("vault", VAULT, "c"), ("table", STORAGE, "c"), ("blob", STORAGE, "d")]
)
def test_private_endpoint_led_elsewhere_is_refused(
    azure: StillSandbox, part: str, target: str, name: str
) -> None:
    _make_private_endpoint(azure)
    before = azure.digest()
    error = _put_endpoint(azure, part, target, name).body["error"]
    assert error["code"] == "CannotChangePrivateLinkConnectionOnPrivateEndpoint"
    assert error["message"].endswith(
        "Please ensure you are not updating the details of existing private link connection: "
        f"'{ENDPOINT}/privateLinkServiceConnections/c'. That is not allowed."
    )
    assert azure.digest() == before


def test_private_endpoint_put_again_as_it_is_stays_connected(azure: StillSandbox) -> None:
    _make_private_endpoint(azure)
    assert _put_endpoint(azure, "blob", STORAGE).status == 200


def test_zone_group_of_a_private_endpoint_that_is_being_deleted_is_refused(azure: StillSandbox) -> None:
    _make_private_endpoint(azure)
    assert _send(azure, "DELETE", ENDPOINT, version="2023-09-01").status == 202
    before = azure.digest()
    refused = _put_group(azure)
    assert (refused.status, refused.body["error"]["code"]) == (409, "ReferencedResourceNotProvisioned")
    assert azure.digest() == before
    azure.pass_time(LONG_S)
    assert _send(azure, "GET", f"{ZONE}/A", version="2020-06-01").body["value"] == []


def test_second_deletion_spares_what_was_made_after_the_first(azure: StillSandbox) -> None:
    _make_private_endpoint(azure)
    _send(azure, "DELETE", ENDPOINT, version="2023-09-01")
    azure.pass_time(20)
    _send(azure, "DELETE", ENDPOINT, version="2023-09-01")
    azure.pass_time(15)  # the first has ended, the second has not
    assert _put_endpoint(azure, "blob", STORAGE).status == 201
    azure.pass_time(LONG_S)
    assert _send(azure, "GET", ENDPOINT, version="2023-09-01").status == 200
