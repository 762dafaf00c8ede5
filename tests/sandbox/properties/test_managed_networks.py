"""A managed network and its outbound rules, written one by one and together, at once and in turn."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.sandbox.ml.workspace_world import STORAGE, WORKSPACE, associated, workspace_body
from tests.sandbox.properties.machine import LONG_S, Machine, property_settings

RULES = f"{WORKSPACE}/outboundRules"
PROVISION = f"{WORKSPACE}/provisionManagedNetwork"
MODES = ("Disabled", "AllowInternetOutbound", "AllowOnlyApprovedOutbound")
rule_names = st.sampled_from(["one", "two", "three", "Two"])
SOUND: list[dict[str, Any]] = [
    {"type": "FQDN", "destination": "index.example.org"},
    {"type": "FQDN", "destination": "*.example.com"},
    {
        "type": "ServiceTag",
        "destination": {"serviceTag": "DataFactory", "protocol": "TCP", "portRanges": "80, 8080-8089"},
    },
    {"type": "PrivateEndpoint", "destination": {"serviceResourceId": STORAGE, "subresourceTarget": "table"}},
    {"type": "PrivateEndpoint", "destination": {"serviceResourceId": STORAGE, "subresourceTarget": "queue"}},
]
UNSOUND: list[Any] = [
    {"type": "FQDN", "destination": "not a name"},
    {"type": "FQDN", "destination": {"serviceTag": "x"}},
    {"type": "FQDN", "destination": "st.blob.core.windows.net"},
    {"type": "ServiceTag", "destination": {"serviceTag": "Sql", "protocol": "TCP", "portRanges": "99999"}},
    {"type": "ServiceTag", "destination": "Sql"},
    {"type": "PrivateEndpoint", "destination": {"serviceResourceId": STORAGE, "subresourceTarget": "sofa"}},
    {"type": "PrivateEndpoint", "destination": {"serviceResourceId": "/x", "subresourceTarget": "blob"}},
    {"type": "Tunnel", "destination": "example.com"},
    *({}, [], "FQDN", None),
]


class NetworkMachine(Machine):
    """One workspace. `kept` are the rules that writes without any other at the same time have made."""

    scenario = {"resources": associated()}

    def __init__(self) -> None:
        super().__init__()
        self.kept: set[str] = set()
        self.mode = "Disabled"

    @initialize(mode=st.sampled_from(MODES), provisioned=st.booleans())
    def begin_with_a_workspace(self, mode: str, provisioned: bool) -> None:
        body = workspace_body(managedNetwork={"isolationMode": mode})
        assert self.send("PUT", WORKSPACE, body).status == 202
        self.azure.pass_time(LONG_S)
        self.mode = mode
        if provisioned:
            self.provision()

    @rule(name=rule_names, wanted=st.sampled_from(SOUND))
    def put_a_rule_and_wait(self, name: str, wanted: dict[str, Any]) -> None:
        """Alone: nothing else is under way before, meanwhile or after."""
        self.azure.pass_time(LONG_S)
        self._write_and_wait({name}, "PUT", f"{RULES}/{name}", {"properties": wanted})

    @rule(names=st.sets(rule_names, min_size=1, max_size=3), wanted=st.permutations(SOUND))
    def patch_rules_and_wait(self, names: set[str], wanted: list[dict[str, Any]]) -> None:
        self.azure.pass_time(LONG_S)
        named = dict(zip(sorted(names), wanted, strict=False))
        body = {"properties": {"managedNetwork": {"outboundRules": named}}}
        self._write_and_wait(set(named), "PATCH", WORKSPACE, body)

    @rule(writes=st.lists(st.tuples(rule_names, st.sampled_from(SOUND)), min_size=2, max_size=3))
    def put_rules_at_once(self, writes: list[tuple[str, dict[str, Any]]]) -> None:
        """Azure loses some of these, and none that was there before."""
        self.azure.pass_time(LONG_S)
        for name, wanted in writes:
            self.send("PUT", f"{RULES}/{name}", {"properties": wanted})

    @rule(name=rule_names)
    def delete_a_rule(self, name: str) -> None:
        self.azure.pass_time(LONG_S)
        if self.send("DELETE", f"{RULES}/{name}").status < 300:
            self.kept = {each for each in self.kept if each.lower() != name.lower()}

    @rule(name=rule_names, wanted=st.sampled_from(SOUND))
    def put_a_rule_while_the_network_is_provisioned(self, name: str, wanted: dict[str, Any]) -> None:
        self.send("POST", PROVISION, {})
        self.send("PUT", f"{RULES}/{name}", {"properties": wanted})

    @rule(name=rule_names, wanted=st.sampled_from(UNSOUND))
    def put_an_unsound_rule(self, name: str, wanted: Any) -> None:
        assert 400 <= self.send("PUT", f"{RULES}/{name}", {"properties": wanted}).status < 500

    @rule(name=st.sampled_from(["a", "a" * 40, "_a_b", "%2e%2e", "a%00b", "__SYS_ST_AzureMonitor", "a%0A"]))
    def write_a_rule_that_nobody_may(self, name: str) -> None:
        assert 400 <= self.send("PUT", f"{RULES}/{name}", {"properties": SOUND[3]}).status < 500
        assert self.send("DELETE", f"{RULES}/{name}").status in (204, 400)

    @rule(mode=st.sampled_from([*MODES, "Open", None, 3]))
    def change_the_mode(self, mode: Any) -> None:
        body = {"properties": {"managedNetwork": {"isolationMode": mode}}}
        answer = self.send("PATCH", WORKSPACE, body)
        if answer.status < 300 and mode is not None:
            assert MODES.index(mode) >= MODES.index(self.mode), (self.mode, mode)
            self.azure.pass_time(LONG_S)
            self.mode = mode

    @rule(body=st.sampled_from([{}, {"includeSpark": True}, {"includeSpark": "yes"}]))
    def provision_at_once(self, body: Any) -> None:
        self.send("POST", PROVISION, body)

    @rule()
    def provision(self) -> None:
        self.send("POST", PROVISION, {})
        self.azure.pass_time(LONG_S)

    def require_sound(self) -> None:
        super().require_sound()
        self._no_rule_is_lost_that_was_written_alone()
        self._names_are_single_whatever_their_case()
        self._rules_are_the_workspaces_own()
        self._connections_are_those_of_active_rules()

    def _no_rule_is_lost_that_was_written_alone(self) -> None:
        there = {each["name"].lower() for each in self.listed(RULES)}
        assert {name.lower() for name in self.kept} <= there

    def _names_are_single_whatever_their_case(self) -> None:
        names = [each["name"].lower() for each in self.listed(RULES)]
        assert len(names) == len(set(names)), names

    def _rules_are_the_workspaces_own(self) -> None:
        workspace = self.find(WORKSPACE)
        if workspace is None:
            return
        network = workspace["properties"]["managedNetwork"]
        listed = {each["name"]: each["properties"] for each in self.listed(RULES)}
        assert (network.get("outboundRules") or {}) == listed
        required = {name for name, each in listed.items() if each["category"] == "Required"}
        is_active = (network.get("status") or {}).get("status") == "Active"
        if network["isolationMode"] == "AllowOnlyApprovedOutbound":
            assert "__SYS_ST_AzureMachineLearning" in required
        if network["isolationMode"] != "Disabled":
            assert any(name.startswith("__SYS_PE_kvone") for name in required)
        if network["isolationMode"] != "AllowOnlyApprovedOutbound":
            assert {each["type"] for each in listed.values()} <= {"PrivateEndpoint"}
        if not is_active:
            assert {each["status"] for each in listed.values()} <= {"Inactive", "Deleting"}, listed

    def _connections_are_those_of_active_rules(self) -> None:
        """An active private endpoint rule to the storage account has its connection, and nothing else has one."""
        names = {
            each["name"]
            for each in self.listed(RULES)
            if each["properties"]["status"] in ("Active", "Deleting")
            and each["properties"]["type"] == "PrivateEndpoint"
            and each["properties"]["destination"]["serviceResourceId"] == STORAGE
        }
        connected = {
            each["properties"]["privateEndpoint"]["id"].rpartition(".")[2]
            for each in self.listed(f"{STORAGE}/privateEndpointConnections", version="2023-01-01")
        }
        assert connected <= names, (connected, names)
        if self.find(WORKSPACE) and not self._is_busy():
            assert connected == names, (connected, names)

    def _is_busy(self) -> bool:
        return any(each.seen not in ("Succeeded", "Failed", "Canceled") for each in self.begun)

    def _write_and_wait(self, names: set[str], method: str, path: str, body: Any) -> None:
        if self.send(method, path, body).status >= 300:
            return
        self.azure.pass_time(LONG_S)
        begun = self.begun[-1]
        self._look(begun)
        if begun.seen == "Succeeded":
            self.kept |= names


TestManagedNetworks = NetworkMachine.TestCase
TestManagedNetworks.settings = property_settings(40, steps=15)
