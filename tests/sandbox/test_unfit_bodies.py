"""Whatever a client sends, Azure answers 4xx: a 500 would make it retry, and hide its own mistake."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from vnetferry.sandbox import scenario_file
from vnetferry.sandbox.arm import site
from vnetferry.sandbox.routes import Operation
from vnetferry.sandbox.server import Sandbox
from vnetferry.sandbox.wire import Request, Response

SUBSCRIPTION = "/subscriptions/3d5f7a21-8c46-4b0e-9f13-5e2a6c8b0d41"
LEGACY = f"{SUBSCRIPTION}/resourceGroups/rg-legacy/providers"
NETWORK = f"{SUBSCRIPTION}/resourceGroups/rg-network/providers/Microsoft.Network"
WORKSPACE = f"{LEGACY}/Microsoft.MachineLearningServices/workspaces/ws-legacy"
DEPLOYMENT = f"{WORKSPACE}/onlineEndpoints/credit/deployments/blue"
STORAGE = f"{LEGACY}/Microsoft.Storage/storageAccounts/stwslegacy7f3a"

UNFIT: tuple[Any, ...] = (
    None,
    [],
    {},
    "x",
    -1,
    10**400,
    True,
    [None],
    ["x"],
    {"x": {"y": [1]}},
    "\ud800",
    "a/b",
)
RAW = (
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b"null",
    b"[" * 20_000,
    b'{"a":' * 5_000,
    b'{"properties":NaN}',
    b"1" * 5_000,
)
QUERIES = (
    "$top=0",
    "$top=%C2%B2",
    "$skip=-1",
    "$skiptoken=z",
    "count=%00",
    "$filter=%ff",
    "$orderBy=",
    "timespan=x",
)
_ACLS = {"defaultAction": "Deny", "ipRules": [{"value": "1.2.3.4"}], "virtualNetworkRules": [{"id": "x"}]}
_TEMPLATE_RESOURCE = {
    "type": "Microsoft.Storage/storageAccounts",
    "apiVersion": "2019-06-01",
    "name": "stunfit",
    "location": "westeurope",
    "sku": {"name": "Standard_LRS"},
    "kind": "StorageV2",
    "dependsOn": [],
    "copy": {"name": "loop", "count": 1},
}
_TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"p": {"type": "string", "allowedValues": ["x"], "minLength": 1}},
    "variables": {"v": "[concat(parameters('p'),'y')]"},
    "resources": [_TEMPLATE_RESOURCE],
    "outputs": {"o": {"type": "string", "value": "[variables('v')]"}},
}
_TRIGGER = dict.fromkeys(
    ("metricName", "timeGrain", "statistic", "timeWindow", "timeAggregation", "operator", "threshold"), "PT1M"
)
# Bodies that Azure takes, from which the unfit ones are made; GET's own documents are the others.
SOUND: dict[str, dict[str, Any]] = {
    "StorageAccounts_CreateOrUpdate": {
        "location": "westeurope",
        "sku": {"name": "Standard_LRS"},
        "kind": "StorageV2",
        "properties": {"networkAcls": _ACLS, "encryption": {"services": {"blob": {"enabled": True}}}},
    },
    "Registries_CreateOrUpdate": {
        "location": "westeurope",
        "sku": {"name": "Premium"},
        "properties": {"networkRuleSet": {"defaultAction": "Deny", "ipRules": [{"value": "1.2.3.4"}]}},
    },
    "VirtualNetworks_CreateOrUpdate": {
        "location": "westeurope",
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.9.0.0/16"]},
            "subnets": [{"name": "s", "properties": {"addressPrefix": "10.9.0.0/24", "delegations": []}}],
        },
    },
    "PrivateEndpoints_CreateOrUpdate": {
        "location": "westeurope",
        "properties": {
            "subnet": {"id": f"{NETWORK}/virtualNetworks/vnet-callers/subnets/snet-endpoints"},
            "privateLinkServiceConnections": [
                {"name": "c", "properties": {"privateLinkServiceId": WORKSPACE, "groupIds": ["amlworkspace"]}}
            ],
        },
    },
    "AutoscaleSettings_CreateOrUpdate": {
        "location": "westeurope",
        "properties": {
            "targetResourceUri": DEPLOYMENT,
            "profiles": [
                {
                    "name": "p",
                    "capacity": {"minimum": "1", "maximum": "3", "default": "1"},
                    "rules": [
                        {
                            "metricTrigger": {**_TRIGGER, "metricResourceUri": DEPLOYMENT},
                            "scaleAction": {
                                "direction": "Increase",
                                "type": "ChangeCount",
                                "cooldown": "PT5M",
                            },
                        }
                    ],
                }
            ],
        },
    },
    "MetricAlerts_CreateOrUpdate": {
        "location": "global",
        "properties": {
            "severity": 2,
            "enabled": True,
            "scopes": [WORKSPACE],
            "evaluationFrequency": "PT1M",
            "windowSize": "PT5M",
            "criteria": {
                "odata.type": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
                "allOf": [{"name": "c", "metricName": "RequestLatency", "timeAggregation": "Average"}],
            },
        },
    },
    "DiagnosticSettings_CreateOrUpdate": {
        "properties": {"storageAccountId": STORAGE, "logs": [{"category": "c", "enabled": True}]}
    },
    "RoleDefinitions_CreateOrUpdate": {
        "properties": {
            "roleName": "r",
            "permissions": [{"actions": ["*/read"], "notActions": []}],
            "assignableScopes": [SUBSCRIPTION],
        }
    },
    "Deployments_CreateOrUpdate": {
        "properties": {"mode": "Incremental", "parameters": {"p": {"value": "x"}}, "template": _TEMPLATE}
    },
    "ManagedNetworkSettingsRule_CreateOrUpdate": {
        "properties": {
            "type": "PrivateEndpoint",
            "destination": {
                "serviceResourceId": STORAGE,
                "subresourceTarget": "table",
                "sparkEnabled": False,
            },
            "fqdns": ["a.b"],
        }
    },
    "Datastores_ListSecrets": {"expirableSecret": True, "expireAfterHours": 1},
    "EnvironmentVersions_CreateOrUpdate": {"properties": {"image": "i", "condaFile": "date: 2020-01-01"}},
}


class World:
    """The example's world, put back as it was after each operation."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._documents = {d["id"]: copy.deepcopy(d) for d in sandbox.world.documents.below("/")}

    def answer(self, operation: Operation, body: bytes, query: str = "") -> Response:
        version = max(operation.api_versions, default="2024-10-01")
        world = self.sandbox.world
        token = world.identity.issue(world.identity.client, "https://management.azure.com")
        headers = {"authorization": f"Bearer {token}"}
        request = Request(
            operation.method, "management.azure.com", self.path(operation), f"api-version={version}&{query}",
            headers, body,
        )  # fmt: skip
        return self.sandbox.call(site.handle(world, request))

    def path(self, operation: Operation) -> str:
        """An existing resource's path where there is one, else one below an existing resource."""
        wanted = operation.path.strip("/").split("/")
        for depth in range(len(wanted), 1, -1):
            for identifier in self._documents:
                if _fits(identifier, wanted[:depth]):
                    rest = ("unfit" if part.startswith("{") else part for part in wanted[depth:])
                    return "/".join([identifier, *rest])
        return "/" + "/".join("unfit" if part.startswith("{") else part for part in wanted)

    def sound(self, operation: Operation) -> dict[str, Any]:
        found = SOUND.get(operation.name) or self._documents.get(self.path(operation)) or {}
        return copy.deepcopy(found)

    def restore(self) -> None:
        async def put_back() -> None:
            for document in self._documents.values():
                self.sandbox.world.documents.put(copy.deepcopy(document))

        self.sandbox.call(put_back())


@pytest.fixture(scope="module")
def world(session_sandbox_factory: Callable[..., Sandbox]) -> World:
    scenario = scenario_file.load("legacy-workspace").model_copy(update={"runtime": "echo"})
    return World(session_sandbox_factory(scenario, time_scale=100_000))


def _fits(identifier: str, wanted: list[str]) -> bool:
    parts = identifier.strip("/").split("/")
    same = zip(wanted, parts, strict=False)
    return len(parts) == len(wanted) and all(w.startswith("{") or w.lower() == p.lower() for w, p in same)


def _variants(value: Any) -> Iterator[Any]:
    """`value` with one of its parts, at any depth, replaced by something unfit."""
    yield from UNFIT
    members = (
        value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    )
    for key, item in members:
        for other in _variants(item):
            changed = copy.copy(value)
            changed[key] = other
            yield changed


def _writes() -> list[Operation]:
    found = {o.name: o for o in site.routes().operations if o.method in ("PUT", "PATCH", "POST")}
    return list(found.values())


def _reads() -> list[Operation]:
    return list({o.name: o for o in site.routes().operations if o.method == "GET"}.values())


@pytest.mark.parametrize("operation", _writes(), ids=lambda o: o.name)
def test_body_of_unfit_parts_is_never_a_defect(world: World, operation: Operation) -> None:
    for body in _variants(world.sound(operation)):
        answer = world.answer(operation, json.dumps(body).encode())
        assert answer.status < 500, (body, answer.body)
    world.restore()


@pytest.mark.parametrize("raw", RAW, ids=lambda raw: repr(raw[:12]))
def test_body_that_is_no_object_is_refused_in_azures_envelope(world: World, raw: bytes) -> None:
    operation = next(o for o in _writes() if o.name == "OnlineEndpoints_CreateOrUpdate")
    answer = world.answer(operation, raw)
    assert answer.status == 400
    assert isinstance(answer.body, dict)
    assert set(answer.body["error"]) >= {"code", "message"}


@pytest.mark.parametrize("operation", _reads(), ids=lambda o: o.name)
def test_query_that_makes_no_sense_is_never_a_defect(world: World, operation: Operation) -> None:
    for query in QUERIES:
        answer = world.answer(operation, b"", query)
        assert answer.status < 500, (query, answer.body)
