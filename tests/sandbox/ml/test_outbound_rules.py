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
    WORKSPACE,
    Arm,
    Start,
    associated,
    workspace_body,
)

RULES = f"{WORKSPACE}/outboundRules"


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
        ("rule", tag(portRanges="80-70000"), "Port range '80-70000'"),
        ("rule", tag(portRanges="90-80"), "Port range '90-80'"),
        ("rule", tag(serviceTag=None), "needs a serviceTag"),
        ("rule", tag(protocol="SCTP"), "TCP, UDP, ICMP"),
        ("rule", tag(serviceTag="AzureMonitor", protocol="*", portRanges="*"), "already exists"),
        ("rule", private(STORAGE, "blob"), "already exists ('__SYS_PE_stone_blob')"),
        ("rule", private(STORAGE, "vault"), "Subresource target 'vault'"),
        ("rule", private(STORAGE + "two", "blob"), "was not found"),
        ("__SYS_PE_kvone_vault", fqdn("a.com"), "is invalid"),
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


def test_outbound_rule_required_is_not_deleted(approved: Arm) -> None:
    assert "required rule" in approved.refused("DELETE", f"{RULES}/__SYS_PE_kvone_vault")[2]


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


def _connected(arm: Arm) -> set[str]:
    """The rules whose private endpoints the storage account shows."""
    connections = arm.get(f"{STORAGE}/privateEndpointConnections", version="2023-01-01")["value"]
    return {each["properties"]["privateEndpoint"]["id"].rpartition(".")[2] for each in connections}
