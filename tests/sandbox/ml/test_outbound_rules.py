"""Outbound rules, one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import FqdnDestination, PrivateEndpointDestination, ServiceTagDestination

from tests.sandbox.ml.workspace_world import (
    REGISTRY,
    STORAGE,
    VAULT,
    WORKSPACE,
    Arm,
    Start,
    associated,
    workspace_body,
)

RULES = f"{WORKSPACE}/outboundRules"
APPROVED = {"isolationMode": "AllowOnlyApprovedOutbound"}


@pytest.fixture
def approved(arm: Arm) -> Arm:
    """A workspace whose network lets out only what is approved."""
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork={"isolationMode": "AllowOnlyApprovedOutbound"}))
    return arm


def fqdn(destination: str) -> dict[str, Any]:
    return {"properties": {"type": "FQDN", "category": "UserDefined", "destination": destination}}


def private(target: str, subresource: str) -> dict[str, Any]:
    destination = {"serviceResourceId": target, "subresourceTarget": subresource, "sparkEnabled": False}
    return {"properties": {"type": "PrivateEndpoint", "category": "UserDefined", "destination": destination}}


def tag(**destination: Any) -> dict[str, Any]:
    given = {"serviceTag": "DataFactory", "protocol": "TCP", "portRanges": "80, 8080-8089", **destination}
    return {"properties": {"type": "ServiceTag", "category": "UserDefined", "destination": given}}


def test_outbound_rules_of_all_kinds_by_the_sdk(approved: Arm, client: Callable[[], MLClient]) -> None:
    rules = client().workspace_outbound_rules
    asked = [
        FqdnDestination(name="torch", destination="*.pytorch.org"),
        ServiceTagDestination(
            name="factory", service_tag="DataFactory", protocol="TCP", port_ranges="80,443"
        ),
        PrivateEndpointDestination(
            name="queues", service_resource_id=STORAGE, subresource_target="queue", spark_enabled=False
        ),
    ]
    for rule in asked:
        assert rules.begin_create("wsone", rule).result().name == rule.name
    found = {rule.name: rule for rule in rules.list("wsone")}
    torch = found["torch"]
    assert (torch.type, torch.category, torch.status) == ("FQDN", "UserDefined", "Inactive")
    assert found["queues"].subresource_target == "queue"
    rules.begin_remove("wsone", "torch").result()
    assert "torch" not in {rule.name for rule in rules.list("wsone")}


def test_outbound_rule_read_has_no_arm_id(approved: Arm) -> None:
    approved.done("PUT", f"{RULES}/torch", fqdn("*.pytorch.org"))
    document = approved.get(f"{RULES}/torch")
    assert document["id"] == "wsone/outboundRules/torch"
    listed = {each["name"]: each for each in approved.get(RULES)["value"]}
    assert (listed["torch"]["id"], listed["torch"]["type"]) == (None, None)


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("ab", fqdn("a.com"), "is invalid"),
        ("rule", fqdn("not a name"), "not a valid fully qualified domain name"),
        ("rule", fqdn("stone.blob.core.windows.net"), "use a private endpoint rule"),
        ("rule", fqdn("*.blob.core.windows.net"), "use a private endpoint rule"),
        ("rule", fqdn("*.core.windows.net"), "use a private endpoint rule"),
        ("rule", fqdn("blob.core.windows.net"), "use a private endpoint rule"),
        ("rule", fqdn("stone.z01.dfs.storage.azure.net"), "use a private endpoint rule"),
        ("rule", fqdn("pytorch.org, stone.file.core.windows.net"), "use a private endpoint rule"),
        ("rule", fqdn("*"), "not a valid fully qualified domain name"),
        ("rule", fqdn("cdn.*.com"), "not a valid fully qualified domain name"),
        ("rule", fqdn("https://pytorch.org"), "not a valid fully qualified domain name"),
        ("rule", fqdn("203.0.113.7"), "not a valid fully qualified domain name"),
        ("rule", tag(portRanges="80-70000"), "Port range '80-70000'"),
        ("rule", tag(portRanges="90-80"), "Port range '90-80'"),
        ("rule", tag(serviceTag=None), "needs a serviceTag"),
        ("rule", tag(portRanges=""), "Port range ''"),
        ("rule", tag(portRanges="80,,443"), "Port range ''"),
        ("rule", tag(portRanges="http"), "Port range 'http'"),
        ("rule", tag(serviceTag="Everything"), "Service tag 'Everything' is not a valid service tag"),
        ("rule", tag(serviceTag="Storage.Atlantis"), "Service tag 'Storage.Atlantis'"),
        ("rule", tag(addressPrefixes=["10.0.0.0/33"]), "Address prefix '10.0.0.0/33'"),
        ("rule", tag(addressPrefixes=["10.0.0.9-10.0.0.1"]), "Address prefix '10.0.0.9-10.0.0.1'"),
        ("rule", tag(protocol="SCTP"), "TCP, UDP, ICMP"),
        ("rule", tag(serviceTag="AzureMonitor", protocol="*", portRanges="*"), "already exists"),
        ("rule", private(STORAGE, "blob"), "already exists ('__SYS_PE_stone_blob')"),
        ("rule", private(STORAGE, "vault"), "Subresource target 'vault'"),
        ("rule", private(STORAGE + "two", "blob"), "was not found"),
        ("__SYS_PE_kvone_vault", fqdn("a.com"), "is a required rule"),
        ("__SYS_PE_other", fqdn("a.com"), "is invalid"),
        ("rule", {"properties": {**fqdn("a.com")["properties"], "category": "Required"}}, "only UserDefined"),
        (
            "rule",
            {"properties": {**fqdn("a.com")["properties"], "ports": 80}},
            "Could not find member 'ports'",
        ),
        ("rule", {"properties": {"type": "IP", "destination": "1.2.3.4"}}, "expected one of FQDN"),
    ],
)
def test_outbound_rule_unfit_is_refused(approved: Arm, name: str, body: dict[str, Any], says: str) -> None:
    before = approved.get(RULES)
    status, code, message = approved.refused("PUT", f"{RULES}/{name}", body)
    assert (status, code) == (400, "ValidationError")
    assert says in message
    assert approved.get(RULES) == before


def test_outbound_rule_fqdn_in_open_network_is_refused(arm: Arm) -> None:
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork={"isolationMode": "AllowInternetOutbound"}))
    message = arm.refused("PUT", f"{RULES}/torch", fqdn("*.pytorch.org"))[2]
    assert message.startswith('Only "PrivateEndpoint" outbound rules are supported')
    arm.done("PUT", f"{RULES}/acr", private(REGISTRY, "registry"))


def test_outbound_rule_without_network_is_refused(made: Arm) -> None:
    assert made.refused("PUT", f"{RULES}/torch", fqdn("a.com"))[1] == "ValidationError"


@pytest.mark.parametrize("mode", ["AllowInternetOutbound", "AllowOnlyApprovedOutbound"])
def test_required_rules_sent_back_as_they_were_read_are_refused_as_required(arm: Arm, mode: str) -> None:
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork={"isolationMode": mode}))
    before = arm.get(WORKSPACE)
    read = before["properties"]["managedNetwork"]["outboundRules"]
    assert read
    for name, rule in read.items():
        assert name.startswith("__SYS_")
        alone = {"properties": {"managedNetwork": {"outboundRules": {name: rule}}}}
        refused = arm.refused("PATCH", WORKSPACE, alone)
        assert refused == (
            400,
            "ValidationError",
            f"Outbound rule '{name}' is a required rule and cannot be modified or deleted.",
        )
        assert arm.refused("PUT", f"{RULES}/{name}", {"properties": rule}) == refused
    assert arm.get(WORKSPACE) == before


def test_rule_of_a_category_that_is_the_services_is_refused_for_it_whatever_its_name(approved: Arm) -> None:
    sent = {"properties": {**fqdn("a.com")["properties"], "category": "Recommended"}}
    refused = approved.refused("PUT", f"{RULES}/__SYS_FQDN_a", sent)
    assert refused[:2] == (400, "ValidationError")
    assert "has category Recommended: only UserDefined" in refused[2]


def test_service_tag_without_protocol_and_ports_is_for_all_of_them(approved: Arm) -> None:
    body = {"properties": {"type": "ServiceTag", "destination": {"serviceTag": "DataFactory"}}}
    approved.done("PUT", f"{RULES}/tagged", body)
    assert approved.get(f"{RULES}/tagged")["properties"]["destination"] == {
        "serviceTag": "DataFactory",
        "protocol": "*",
        "portRanges": "*",
    }
    again = approved.refused("PUT", f"{RULES}/twice", tag(protocol="*", portRanges="*"))
    assert "already exists ('tagged')" in again[2]


def test_dependency_rule_may_be_sent_back_as_it_is_and_not_be_changed(start: Start) -> None:
    sandbox = start(associated())
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork=APPROVED))
    network = sandbox.world.documents.require(WORKSPACE)["properties"]["managedNetwork"]
    made = {"type": "FQDN", "category": "Dependency", "destination": "a.com", "status": "Inactive"}
    network["outboundRules"]["made-for-another"] = {**made, "parentRuleNames": ["parent"]}
    before = arm.get(WORKSPACE)

    def patch(rule: dict[str, Any]) -> dict[str, Any]:
        return {"properties": {"managedNetwork": {"outboundRules": {"made-for-another": rule}}}}

    read = before["properties"]["managedNetwork"]["outboundRules"]["made-for-another"]
    arm.done("PATCH", WORKSPACE, patch(read))
    assert arm.get(WORKSPACE)["properties"] == before["properties"]
    changed = arm.refused("PATCH", WORKSPACE, patch({**read, "destination": "b.com"}))
    assert changed[:2] == (400, "ValidationError")
    assert "is a required rule" in changed[2]


def test_outbound_rule_required_is_not_deleted(approved: Arm) -> None:
    before = approved.get(RULES)
    assert "required rule" in approved.refused("DELETE", f"{RULES}/__SYS_PE_kvone_vault")[2]
    assert approved.get(RULES) == before


def test_outbound_rule_absent_is_404_and_its_deletion_204(approved: Arm) -> None:
    assert approved.send("GET", f"{RULES}/nowhere").status_code == 404
    assert approved.send("DELETE", f"{RULES}/nowhere").status_code == 204


def test_outbound_rules_put_at_once_overwrite_each_other(start: Start) -> None:
    start(associated(), durations_s={"ManagedNetworkSettingsRule_CreateOrUpdate": 10_000})
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork={"isolationMode": "AllowOnlyApprovedOutbound"}))
    first = arm.send("PUT", f"{RULES}/one", fqdn("one.example.com"))
    second = arm.send("PUT", f"{RULES}/two", fqdn("two.example.com"))
    arm.finish(first)
    arm.finish(second)
    own = {each["name"] for each in arm.get(RULES)["value"] if each["name"] in ("one", "two")}
    assert own == {"two"}
    assert arm.read(second.headers["Location"]).json()["name"] == "two"
    lost = arm.read(first.headers["Location"])
    assert (lost.status_code, lost.json()["error"]["code"]) == (404, "NotFound")
    assert lost.json()["error"]["message"] == arm.refused("GET", f"{RULES}/one")[2]


def test_outbound_rule_deleted_while_another_is_put_comes_back(start: Start) -> None:
    start(associated(), durations_s={"ManagedNetworkSettingsRule_CreateOrUpdate": 10_000})
    arm = Arm()
    rules = {"queues": private(STORAGE, "queue")["properties"]}
    settings = {"isolationMode": "AllowOnlyApprovedOutbound", "outboundRules": rules}
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork=settings, provisionNetworkNow=True))
    put = arm.send("PUT", f"{RULES}/one", fqdn("one.example.com"))
    arm.done("DELETE", f"{RULES}/queues")
    assert "queues" not in _connected(arm)
    assert arm.finish(put)["status"] == "Succeeded"
    assert arm.get(f"{RULES}/queues")["properties"]["status"] == "Active"
    assert "queues" in _connected(arm)


def test_outbound_rule_name_in_another_case_is_the_same_rule(approved: Arm) -> None:
    approved.done("PUT", f"{RULES}/torch", fqdn("*.pytorch.org"))
    approved.done("PUT", f"{RULES}/TORCH", fqdn("pytorch.org"))
    found = {each["name"]: each["properties"] for each in approved.get(RULES)["value"]}
    assert found["torch"]["destination"] == "pytorch.org"
    assert "TORCH" not in found


def test_outbound_rule_first_fqdn_in_active_network_waits_for_the_firewall(start: Start) -> None:
    sandbox = start(associated())
    arm = Arm()
    body = workspace_body(
        managedNetwork={"isolationMode": "AllowOnlyApprovedOutbound"}, provisionNetworkNow=True
    )
    arm.done("PUT", WORKSPACE, body)
    before_s = sandbox.world.clock.elapsed_s()
    arm.done("PUT", f"{RULES}/one", fqdn("one.example.com"))
    assert sandbox.world.clock.elapsed_s() - before_s >= 600


def test_outbound_rule_in_active_network_connects_to_its_target_and_leaves_it(start: Start) -> None:
    start(associated())
    arm = Arm()
    body = workspace_body(
        managedNetwork={"isolationMode": "AllowOnlyApprovedOutbound"}, provisionNetworkNow=True
    )
    arm.done("PUT", WORKSPACE, body)
    arm.done("PUT", f"{RULES}/queues", private(STORAGE, "queue"))
    assert "queues" in _connected(arm)
    arm.done("DELETE", f"{RULES}/queues")
    assert "queues" not in _connected(arm)


def test_outbound_rule_that_leads_elsewhere_leaves_its_former_target(start: Start) -> None:
    start(associated())
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork=APPROVED, provisionNetworkNow=True))
    arm.done("PUT", f"{RULES}/far", private(STORAGE, "queue"))
    arm.done("PUT", f"{RULES}/far", fqdn("pytorch.org"))
    assert "far" not in _connected(arm)
    assert arm.get(f"{RULES}/far")["properties"]["type"] == "FQDN"


def test_outbound_rule_overwritten_by_another_leaves_its_target(start: Start) -> None:
    start(associated(), durations_s={"ManagedNetworkSettingsRule_CreateOrUpdate": 10_000})
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body(managedNetwork=APPROVED, provisionNetworkNow=True))
    first = arm.send("PUT", f"{RULES}/queues", private(STORAGE, "queue"))
    second = arm.send("PUT", f"{RULES}/tables", private(STORAGE, "table"))
    assert [arm.finish(each)["status"] for each in (first, second)] == ["Succeeded", "Succeeded"]
    assert {"queues", "tables"} & _connected(arm) == {"tables"}


@pytest.mark.parametrize(
    "destination",
    [
        {"serviceTag": "Storage.WestEurope"},
        {"serviceTag": "azurefrontdoor.firstparty", "portRanges": "443"},
        {"serviceTag": None, "addressPrefixes": ["203.0.113.0/24", "198.51.100.7", "10.0.0.1-10.0.0.9"]},
        {"protocol": "*", "portRanges": "*"},
        {"protocol": None, "portRanges": None},
        {"protocol": "ICMP", "portRanges": "80,1024-65535"},
    ],
)
def test_outbound_rule_by_service_tag_is_taken(approved: Arm, destination: dict[str, Any]) -> None:
    approved.done("PUT", f"{RULES}/tagged", tag(**destination))
    assert approved.get(f"{RULES}/tagged")["properties"]["status"] == "Inactive"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_outbound_rules_to_one_destination_are_refused_whoever_has_it(approved: Arm, method: str) -> None:
    approved.done("PUT", f"{RULES}/torch", fqdn("*.pytorch.org"))
    before = approved.get(RULES)
    rules = {
        "again": fqdn("example.com, *.PyTorch.org")["properties"],
        "vault": private(VAULT.upper(), "Vault")["properties"],
        "monitor": tag(serviceTag="azuremonitor", protocol="*", portRanges="*")["properties"],
    }
    for name, rule in rules.items():
        body = {"properties": rule}
        if method == "PATCH":
            body = {"properties": {"managedNetwork": {"outboundRules": {name: rule}}}}
        path = f"{RULES}/{name}" if method == "PUT" else WORKSPACE
        status, code, message = approved.refused(method, path, body)
        assert (status, code) == (400, "ValidationError")
        assert "a rule to this destination already exists" in message
    assert approved.get(RULES) == before


def _connected(arm: Arm) -> set[str]:
    """The rules whose private endpoints the storage account shows."""
    connections = arm.get(f"{STORAGE}/privateEndpointConnections", version="2023-01-01")["value"]
    return {each["properties"]["privateEndpoint"]["id"].rpartition(".")[2] for each in connections}
