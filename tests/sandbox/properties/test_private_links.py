"""Private endpoints, their connections and their records, made and deleted in any order."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.sandbox.ml.workspace_world import GROUP, REGISTRY, STORAGE, VAULT, associated
from tests.sandbox.properties.machine import LONG_S, Machine, property_settings

NETWORK = f"{GROUP}/providers/Microsoft.Network"
VNET = f"{NETWORK}/virtualNetworks/vnet"
SUBNET = f"{VNET}/subnets/snet"
VERSION = "2023-09-01"
DNS_VERSION = "2020-06-01"
TARGETS = {"blob": STORAGE, "vault": VAULT, "registry": REGISTRY}
ZONES = {
    "blob": "privatelink.blob.core.windows.net",
    "vault": "privatelink.vaultcore.azure.net",
    "registry": "privatelink.azurecr.io",
}
endpoints = st.sampled_from(["pe-one", "pe-one", "pe-two", "PE-One"])
parts = st.sampled_from(list(TARGETS))


class PrivateLinkMachine(Machine):
    """A network with room for a few endpoints, three targets, and their zones."""

    scenario = {"resources": associated()}

    @initialize()
    def begin_with_a_network_and_zones(self) -> None:
        subnet = {"name": "snet", "properties": {"addressPrefix": "10.1.0.0/29"}}
        properties = {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}, "subnets": [subnet]}
        self.write("PUT", VNET, {"location": "westeurope", "properties": properties})
        for part in TARGETS:
            self.write_a_zone("PUT", part)
        self.azure.pass_time(LONG_S)

    def write(self, method: str, path: str, body: Any = None, version: str = VERSION) -> int:
        return self.send(method, path, body if method == "PUT" else None, version=version).status

    @rule(method=st.sampled_from(["PUT", "PUT", "DELETE"]), part=parts)
    def write_a_zone(self, method: str, part: str) -> None:
        path = f"{NETWORK}/privateDnsZones/{ZONES[part]}"
        self.write(method, path, {"location": "global", "properties": {}}, DNS_VERSION)

    @rule(name=endpoints, part=parts, group=st.sampled_from([None, None, None, "sofa"]), manual=st.booleans())
    def put_an_endpoint(self, name: str, part: str, group: str | None, manual: bool) -> None:
        connection = {
            "name": "c",
            "properties": {"privateLinkServiceId": TARGETS[part], "groupIds": [group or part]},
        }
        kind = "manualPrivateLinkServiceConnections" if manual else "privateLinkServiceConnections"
        properties = {"subnet": {"id": SUBNET}, kind: [connection]}
        self.write(
            "PUT", f"{NETWORK}/privateEndpoints/{name}", {"location": "westeurope", "properties": properties}
        )

    @rule(name=endpoints)
    def delete_an_endpoint(self, name: str) -> None:
        self.write("DELETE", f"{NETWORK}/privateEndpoints/{name}")

    @rule(name=endpoints, part=parts, group=st.sampled_from(["default", "default", "second"]))
    def put_a_zone_group(self, name: str, part: str, group: str) -> None:
        zone = {"privateDnsZoneId": f"{NETWORK}/privateDnsZones/{ZONES[part]}"}
        body = {"properties": {"privateDnsZoneConfigs": [{"name": "z", "properties": zone}]}}
        self.write("PUT", f"{NETWORK}/privateEndpoints/{name}/privateDnsZoneGroups/{group}", body)

    @rule(name=endpoints, group=st.sampled_from(["default", "default", "second"]))
    def delete_a_zone_group(self, name: str, group: str) -> None:
        self.write("DELETE", f"{NETWORK}/privateEndpoints/{name}/privateDnsZoneGroups/{group}")

    @rule(part=parts)
    def delete_a_target(self, part: str) -> None:
        version = {"blob": "2023-01-01", "vault": "2022-07-01", "registry": "2023-07-01"}[part]
        self.write("DELETE", TARGETS[part], version=version)

    @rule(status=st.sampled_from(["Approved", "Rejected", "Disconnected", "Perhaps"]))
    def judge_a_connection(self, status: str) -> None:
        for each in self.listed(f"{STORAGE}/privateEndpointConnections", version="2023-01-01")[:1]:
            state = {"status": status, "description": "x"}
            body = {"properties": {"privateLinkServiceConnectionState": state}}
            self.write("PUT", each["id"], body, "2023-01-01")

    @rule()
    def delete_a_connection(self) -> None:
        for each in self.listed(f"{STORAGE}/privateEndpointConnections", version="2023-01-01")[:1]:
            self.write("DELETE", each["id"], version="2023-01-01")

    @rule(what=st.sampled_from([VNET, SUBNET]))
    def delete_a_network(self, what: str) -> None:
        self.write("DELETE", what)

    def require_sound(self) -> None:
        super().require_sound()
        found = self.listed(f"{NETWORK}/privateEndpoints", version=VERSION)
        self._require_addresses(found)
        self._require_connections(found)
        self._require_records(found)

    def _require_addresses(self, found: list[Any]) -> None:
        """Each endpoint has an address of its own, in a subnet that is there."""
        given = [
            address
            for endpoint in found
            for config in endpoint["properties"]["customDnsConfigs"][:1]
            for address in config["ipAddresses"]
        ]
        assert len(given) == len(set(given)), given
        for endpoint in found:
            assert self.find(endpoint["properties"]["subnet"]["id"], version=VERSION), endpoint["id"]

    def _require_connections(self, found: list[Any]) -> None:
        """A target's connections lead to endpoints, one each."""
        names = [
            connection["properties"]["privateEndpoint"]["id"].lower()
            for document in self.azure.world.documents.below("/", "")
            if "/privateendpointconnections/" in document["id"].lower()
            for connection in [document]
        ]
        assert len(names) == len(set(names)), names
        assert set(names) <= {endpoint["id"].lower() for endpoint in found}, names

    def _require_records(self, found: list[Any]) -> None:
        """Records are those that groups say they keep, and no other."""
        kept = {
            f"{config['properties']['privateDnsZoneId']}/A/{record['recordSetName']}".lower()
            for endpoint in found
            for group in self.listed(f"{endpoint['id']}/privateDnsZoneGroups", version=VERSION)
            for config in group["properties"]["privateDnsZoneConfigs"]
            for record in config["properties"].get("recordSets") or []
        }
        there = {
            record["id"].lower()
            for zone in self.listed(f"{NETWORK}/privateDnsZones", version=DNS_VERSION)
            for record in self.listed(f"{zone['id']}/A", version=DNS_VERSION)
        }
        assert there <= kept, (there, kept)


TestPrivateLinks = PrivateLinkMachine.TestCase
TestPrivateLinks.settings = property_settings(40, steps=25)
