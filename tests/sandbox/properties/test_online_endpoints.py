"""Endpoints, deployments and their traffic, whatever is asked of them and whenever."""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.sandbox.online_world import WORKSPACE, deployment_body, documents
from tests.sandbox.properties.machine import LONG_S, Machine, property_settings

ENDPOINTS = f"{WORKSPACE}/onlineEndpoints"
QUOTAS = {
    "onlineEndpoints": 2,
    "onlineDeployments": 4,
    "deploymentsPerEndpoint": 3,
    "instancesPerDeployment": 4,
    "standardDSv2Family": 24,
    "totalCores": 30,
}
# Cores and quota family of each size, as Azure's table of sizes has them.
CORES = {
    "Standard_DS2_v2": (2, "standardDSv2Family"),
    "Standard_DS3_v2": (4, "standardDSv2Family"),
    "Standard_F4s_v2": (4, "standardFSv2Family"),
}

endpoint_names = st.sampled_from(["alpha", "alpha", "alpha", "ALPHA", "beta"])
deployment_names = st.sampled_from(["blue", "green", "green", "Blue", "red"])
sizes = st.sampled_from([*CORES])
capacities = st.sampled_from([1, 2, 3, 4])
traffic = st.sampled_from(
    [{}, {"blue": 100}, {"green": 100}, {"blue": 90, "green": 10}, {"Blue": 50, "green": 50}, {"red": 100}]
)
mirrored = st.sampled_from([{}, {}, {}, {"green": 10}, {"blue": 50}])
UNSOUND_NAMES = ["x", "9lives", "a--b", "no_good", "a" * 33, "%20", "..", "\u00e9t\u00e9"]
UNSOUND_TRAFFIC: list[Any] = [
    *({"blue": 90}, {"blue": 101, "green": -1}, {"nobody": 100}, {"blue": "all"}, [], "blue", 7),
    *({"blue": 99.5, "green": 0.5}, {"blue": True}, {"blue": 10**400}),
]
UNSOUND_MIRROR: list[Any] = [{"green": 51}, {"green": 10, "blue": 10}, {"nobody": 5}, {"green": -5}, [1]]
UNSOUND_CAPACITY: list[Any] = [5, 0, -1, "two", [], 10**400, 1.5]


class OnlineMachine(Machine):
    """One workspace with small quotas."""

    scenario = {"resources": documents(), "quotas": QUOTAS}

    @initialize()
    def begin_with_an_endpoint(self) -> None:
        """Most of what can go wrong needs an endpoint with two deployments."""
        self.put_endpoint("alpha", {}, {}, "Key")
        self.azure.pass_time(LONG_S)
        for name in ("blue", "green"):
            self.put_deployment("alpha", name, "Standard_DS2_v2", 1)
        self.azure.pass_time(LONG_S)

    @rule(
        name=endpoint_names, live=traffic, mirror=mirrored, mode=st.sampled_from(["Key", "Key", "AMLToken"])
    )
    def put_endpoint(self, name: str, live: Any, mirror: Any, mode: str) -> None:
        self.send("PUT", f"{ENDPOINTS}/{name}", endpoint_body(live, mirror, mode))

    @rule(live=traffic)
    def set_traffic(self, live: Any) -> None:
        self.send("PUT", f"{ENDPOINTS}/alpha", endpoint_body(live, {}, "Key"))

    @rule(data=st.data())
    def put_an_unsound_endpoint(self, data: st.DataObject) -> None:
        unsound = data.draw(
            st.sampled_from(
                [
                    {"live": data.draw(st.sampled_from(UNSOUND_TRAFFIC))},
                    {"mirror": data.draw(st.sampled_from(UNSOUND_MIRROR))},
                    {"mode": "None"},
                ]
            )
        )
        body = endpoint_body(**{"live": {}, "mirror": {}, "mode": "Key", **unsound})
        answer = self.send("PUT", f"{ENDPOINTS}/alpha", body)
        assert 400 <= answer.status < 500, (body, answer)

    @rule(version=st.sampled_from(["1999-01-01", "", "2024-10-01&api-version=1999-01-01", "%00"]))
    def ask_in_a_version_that_is_none(self, version: str) -> None:
        answer = self.send("PUT", f"{ENDPOINTS}/alpha", endpoint_body({}, {}, "Key"), version=version)
        assert answer.status == 400

    @rule(name=st.sampled_from([quote(name) for name in UNSOUND_NAMES]))
    def name_an_endpoint_or_a_deployment_wrongly(self, name: str) -> None:
        made = self.send("PUT", f"{ENDPOINTS}/{name}", endpoint_body({}, {}, "Key"))
        path = f"{ENDPOINTS}/alpha/deployments/{name}"
        below = self.send("PUT", path, deployment_body(instanceType="Standard_DS2_v2"))
        assert 400 <= made.status < 500
        assert 400 <= below.status < 500

    @rule(name=endpoint_names, tags=st.sampled_from([{"a": "b"}, {}, None, 5]))
    def patch_endpoint(self, name: str, tags: Any) -> None:
        self.send("PATCH", f"{ENDPOINTS}/{name}", {"tags": tags})

    @rule(name=endpoint_names)
    def delete_endpoint(self, name: str) -> None:
        self.send("DELETE", f"{ENDPOINTS}/{name}")

    @rule(name=endpoint_names, key=st.sampled_from(["Primary", "Secondary", "Third"]))
    def regenerate_keys(self, name: str, key: str) -> None:
        self.send("POST", f"{ENDPOINTS}/{name}/regenerateKeys", {"keyType": key})

    @rule(name=endpoint_names, action=st.sampled_from(["listKeys", "token", "nothing"]))
    def ask_for_keys(self, name: str, action: str) -> None:
        self.send("POST", f"{ENDPOINTS}/{name}/{action}")

    @rule(endpoint=endpoint_names, name=deployment_names, size=sizes, capacity=capacities)
    def put_deployment(self, endpoint: str, name: str, size: str, capacity: Any) -> None:
        body = {**deployment_body(instanceType=size), "sku": {"name": "Default", "capacity": capacity}}
        self.send("PUT", f"{ENDPOINTS}/{endpoint}/deployments/{name}", body)

    @rule(capacity=st.sampled_from(UNSOUND_CAPACITY))
    def scale_unsoundly(self, capacity: Any) -> None:
        path = f"{ENDPOINTS}/alpha/deployments/blue"
        assert 400 <= self.send("PATCH", path, {"sku": {"capacity": capacity}}).status < 500

    @rule(endpoint=endpoint_names, name=deployment_names, capacity=capacities)
    def scale_deployment(self, endpoint: str, name: str, capacity: Any) -> None:
        body = {"sku": {"capacity": capacity}}
        self.send("PATCH", f"{ENDPOINTS}/{endpoint}/deployments/{name}", body)

    @rule(endpoint=endpoint_names, name=deployment_names)
    def delete_deployment(self, endpoint: str, name: str) -> None:
        self.send("DELETE", f"{ENDPOINTS}/{endpoint}/deployments/{name}")

    @rule(
        method=st.sampled_from(["PUT", "PATCH", "POST"]),
        raw=st.sampled_from([b"", b"{", b"[]", b"\xff", b'{"properties":[]}']),
        endpoint=endpoint_names,
    )
    def send_what_is_no_body(self, method: str, raw: bytes, endpoint: str) -> None:
        answer = self.send(method, f"{ENDPOINTS}/{endpoint}", raw)
        assert 400 <= answer.status < 500

    def require_sound(self) -> None:
        super().require_sound()
        self._traffic_is_whole_and_goes_to_deployments_that_are_there()
        self._quotas_are_kept()
        self._one_is_read_as_it_is_listed()

    def _traffic_is_whole_and_goes_to_deployments_that_are_there(self) -> None:
        for endpoint in self.listed(ENDPOINTS):
            properties = endpoint["properties"]
            live, mirror = properties["traffic"] or {}, properties["mirrorTraffic"] or {}
            there = {d["name"].lower() for d in self._deployments(endpoint)}
            assert sum(live.values()) in (0, 100), live
            assert all(0 <= share <= 100 for share in live.values()), live
            assert {name for name, share in live.items() if share} <= there, (live, there)
            mirrored = {name for name, share in mirror.items() if share}
            assert len(mirrored) <= 1
            assert sum(mirror.values()) <= 50, mirror
            assert mirrored <= there, (mirror, there)

    def _quotas_are_kept(self) -> None:
        endpoints = self.listed(ENDPOINTS)
        deployments = [self._deployments(endpoint) for endpoint in endpoints]
        assert len(endpoints) <= QUOTAS["onlineEndpoints"]
        assert sum(map(len, deployments)) <= QUOTAS["onlineDeployments"]
        assert max(map(len, deployments), default=0) <= QUOTAS["deploymentsPerEndpoint"]
        used: Counter[str] = Counter()
        for deployment in [each for several in deployments for each in several]:
            instances = deployment["sku"]["capacity"]
            assert 1 <= instances <= QUOTAS["instancesPerDeployment"]
            cores, family = CORES[deployment["properties"]["instanceType"]]
            used[family] += ceil(instances * 12 / 10) * cores
        assert used["standardDSv2Family"] <= QUOTAS["standardDSv2Family"]
        assert used.total() <= QUOTAS["totalCores"], used

    def _one_is_read_as_it_is_listed(self) -> None:
        for endpoint in self.listed(ENDPOINTS):
            assert self.get(endpoint["id"]) == endpoint

    def _deployments(self, endpoint: Any) -> list[Any]:
        return self.listed(f"{endpoint['id']}/deployments")


def endpoint_body(live: Any, mirror: Any, mode: str) -> dict[str, Any]:
    """A PUT of an endpoint."""
    properties = {"authMode": mode, "traffic": live, "mirrorTraffic": mirror}
    return {"location": "westeurope", "properties": properties}


TestOnlineEndpoints = OnlineMachine.TestCase
TestOnlineEndpoints.settings = property_settings(120, steps=30)
