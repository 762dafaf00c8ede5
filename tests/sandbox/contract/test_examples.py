"""The API definition's own examples: the same request here is answered with every member that the example shows.

The examples lie beside the repository of those who have them; without them these tests are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.rest import HttpResponse

from tests.sandbox.contract.wire_world import CODE, ENVIRONMENT, MADE, MODEL, PLACE
from tests.sandbox.ml.workspace_world import GROUP, Arm, workspace_body

_FOLDER = Path(__file__).resolve().parents[3].parent / "shared" / "wire" / "examples"
pytestmark = pytest.mark.skipif(not _FOLDER.exists(), reason="the examples are not beside this clone")

IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/uai"
NETWORKED = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/wsexample"
ENDPOINT = f"{NETWORKED}/onlineEndpoints/example"
DEPLOYMENT = f"{ENDPOINT}/deployments/example"
RULE = f"{NETWORKED}/outboundRules/rule_name_1"
PROBE = {
    "failureThreshold": 30,
    "successThreshold": 1,
    "timeout": "PT2S",
    "period": "PT10S",
    "initialDelay": "PT1S",
}
ROUTE = {"path": "/", "port": 5001}
BOTH = {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {IDENTITY: {}}}
ENDPOINT_BODY = {
    **PLACE,
    "tags": {},
    "identity": {"type": "SystemAssigned"},
    "properties": {"authMode": "AMLToken", "description": "d", "properties": {"p": "v"}},
}
DEPLOYMENT_BODY = {
    **PLACE,
    "sku": {"name": "Default", "capacity": 1},
    "properties": {
        **MADE["onlineEndpoints/scoring/deployments/blue"]["properties"],
        **dict.fromkeys(("livenessProbe", "readinessProbe", "startupProbe"), PROBE),
        "description": "d",
        "properties": {"p": "v"},
        "environmentVariables": {"A": "1"},
        "requestSettings": {"requestTimeout": "PT5S", "maxConcurrentRequestsPerInstance": 1},
        "scaleSettings": {"scaleType": "Default"},
        "modelMountPath": "/var/models",
        "model": MODEL.replace("wsone", "wsexample"),
        "environmentId": ENVIRONMENT.replace("wsone", "wsexample"),
        "codeConfiguration": {"codeId": CODE.replace("wsone", "wsexample"), "scoringScript": "score.py"},
    },
}
VERSION_BODY = {"description": "d", "tags": {"t": "v"}, "properties": {"p": "v"}, "isAnonymous": False}
# What each example asks, said of what there is here.
REQUESTS: dict[str, tuple[str, str, Any]] = {
    "Workspace_create": (
        "PUT",
        NETWORKED.replace("wsexample", "wscreated"),
        {**workspace_body(friendlyName="f", description="d"), "identity": BOTH},
    ),
    "Workspace_get": ("GET", NETWORKED, None),
    "Workspace_update": (
        "PATCH",
        NETWORKED,
        {"properties": {"friendlyName": "f", "description": "d", "publicNetworkAccess": "Disabled"}},
    ),
    "ManagedNetwork_provision": ("POST", f"{NETWORKED}/provisionManagedNetwork", {"includeSpark": False}),
    "ManagedNetwork_createOrUpdateRule": (
        "PUT",
        RULE,
        {"properties": {"type": "FQDN", "destination": "a.example.com", "category": "UserDefined"}},
    ),
    "ManagedNetwork_getRule": ("GET", RULE, None),
    "ManagedNetwork_listRule": ("GET", f"{NETWORKED}/outboundRules", None),
    "ManagedNetwork_listManagedNetworkV2_2025-12-01": ("GET", f"{NETWORKED}/managedNetworks", None),
    "ManagedNetwork_deleteRule": ("DELETE", f"{NETWORKED}/outboundRules/leaving", None),
    "CodeVersion_startPendingUpload": (
        "POST",
        f"{NETWORKED}/codes/up/versions/1/startPendingUpload",
        {"pendingUploadId": "string", "pendingUploadType": "None"},
    ),
    "EnvironmentVersion_createOrUpdate": (
        "PUT",
        f"{NETWORKED}/environments/example/versions/1",
        {
            "properties": {
                **VERSION_BODY,
                "image": "mcr.microsoft.com/x",
                "condaFile": "name: e",
                "inferenceConfig": dict.fromkeys(("livenessRoute", "readinessRoute", "scoringRoute"), ROUTE),
            }
        },
    ),
    "ModelVersion_createOrUpdate": (
        "PUT",
        f"{NETWORKED}/models/example/versions/1",
        {
            "properties": {
                **VERSION_BODY,
                "modelUri": "https://stone.blob.core.windows.net/azureml/x",
                "modelType": "custom_model",
                "flavors": {"f": {"data": {"d": "v"}}},
            }
        },
    ),
    "OnlineEndpoint_createOrUpdate": ("PUT", ENDPOINT, ENDPOINT_BODY),
    "OnlineEndpoint_get": ("GET", ENDPOINT, None),
    "OnlineEndpoint_list": ("GET", f"{NETWORKED}/onlineEndpoints", None),
    "OnlineEndpoint_update": ("PATCH", ENDPOINT, {"tags": {"a": "b"}}),
    "OnlineEndpoint_getToken": ("POST", f"{ENDPOINT}/token", None),
    "OnlineEndpoint_regenerateKeys": (
        "POST",
        f"{NETWORKED}/onlineEndpoints/keyed/regenerateKeys",
        {"keyType": "Primary", "keyValue": "k" * 32},
    ),
    "OnlineDeployment_Managed_createOrUpdate": ("PUT", DEPLOYMENT, DEPLOYMENT_BODY),
    "OnlineDeployment_Managed_get": ("GET", DEPLOYMENT, None),
    "OnlineDeployment_Managed_listSkus": ("GET", f"{DEPLOYMENT}/skus", None),
    "OnlineDeployment_Managed_update": ("PATCH", DEPLOYMENT, {"tags": {"a": "b"}}),
    "OnlineDeployment_getLogs": ("POST", f"{DEPLOYMENT}/getLogs", {"tail": 0}),
    "OnlineDeployment_delete": ("DELETE", f"{ENDPOINT}/deployments/leaving", None),
    "OnlineEndpoint_delete": ("DELETE", f"{NETWORKED}/onlineEndpoints/leaving", None),
    "PrivateEndpointConnection_createOrUpdate": (
        "PUT",
        f"{NETWORKED}/privateEndpointConnections/CONNECTION",
        {
            "properties": {
                "privateLinkServiceConnectionState": {"status": "Approved", "description": "Auto-Approved"}
            }
        },
    ),
    "PrivateEndpointConnection_list": ("GET", f"{NETWORKED}/privateEndpointConnections", None),
    "Workspace_delete": ("DELETE", NETWORKED.replace("wsexample", "wsleaving"), None),
}
# What an example shows and Azure was not seen to answer, or what stands in it by example only.
NOT_ANSWERED = {
    "allowPublicAccessWhenBehindVnet": "answered only where it was set",
    "sharedPrivateLinkResources": "answered only where it was set",
    "serviceProvisionedResourceGroup": "only of workspaces with a customer-managed key",
    "encryption": "answered only where it was set",
    "privateEndpointConnections": "answered once there are any",
    "nextLink": "answered once there is more",
    "identity.userAssignedIdentities": "the example shows both kinds of an endpoint's identity at once",
    "sku": "no recording shows one of an endpoint",
    "sku.size": "no recording has it",
    "sku.family": "no recording has it",
    "build": "an environment has it instead of an image, not beside it",
    "firewallPublicIpAddress": "the firewall has no address here",
    "errorInformation": "answered once a rule has failed",
}
MAPS = ("tags", "environmentVariables", "traffic", "flavors", "userAssignedIdentities", "outboundRules")


@pytest.fixture(scope="module")
def world(arm: Arm) -> Arm:
    """With a workspace in a managed network that holds what the examples read, and what they delete."""
    arm.send("PUT", IDENTITY, PLACE, version="2023-01-31")
    network = {"isolationMode": "AllowOnlyApprovedOutbound"}
    arm.done("PUT", NETWORKED, {**workspace_body(managedNetwork=network), "identity": BOTH})
    arm.done("PUT", NETWORKED.replace("wsexample", "wsleaving"), workspace_body())
    arm.done("POST", f"{NETWORKED}/provisionManagedNetwork", {"includeSpark": False})
    for name in ("rule_name_1", "leaving"):
        rule = {"type": "FQDN", "destination": f"{name.partition('_')[0]}.example.com"}
        arm.done("PUT", f"{NETWORKED}/outboundRules/{name}", {"properties": rule})
    for path in ("environments/e/versions/1", "codes/c/versions/1", "models/m/versions/1"):
        assert arm.send("PUT", f"{NETWORKED}/{path}", MADE[path]).status_code == 201
    arm.finish(arm.send("PUT", f"{NETWORKED}/onlineEndpoints/keyed", MADE["onlineEndpoints/scoring"]))
    for path in (ENDPOINT, f"{NETWORKED}/onlineEndpoints/leaving"):
        arm.finish(arm.send("PUT", path, ENDPOINT_BODY))
    for path in (DEPLOYMENT, f"{ENDPOINT}/deployments/leaving"):
        arm.finish(arm.send("PUT", path, DEPLOYMENT_BODY))
    _link(arm)
    return arm


def _link(arm: Arm) -> None:
    net = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net"
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    subnets = {"subnets": [{"name": "pe", "properties": {"addressPrefix": "10.0.0.0/24"}}]}
    arm.send("PUT", net, {**PLACE, "properties": {**space, **subnets}}, version="2024-05-01")
    link = {"privateLinkServiceId": NETWORKED, "groupIds": ["amlworkspace"]}
    link_body = {"name": "link", "properties": link}
    properties = {"subnet": {"id": f"{net}/subnets/pe"}, "privateLinkServiceConnections": [link_body]}
    endpoint = f"{GROUP}/providers/Microsoft.Network/privateEndpoints/petest01"
    made = arm.send("PUT", endpoint, {**PLACE, "properties": properties}, version="2024-05-01")
    assert made.status_code in (200, 201), made.text()
    while not arm.get(f"{NETWORKED}/privateEndpointConnections")["value"]:
        pass


def test_every_example_is_asked_for() -> None:
    assert sorted(REQUESTS) == sorted(path.stem for path in _FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", REQUESTS)
def test_answer_has_what_the_example_shows(world: Arm, name: str) -> None:
    example = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    answer = _ask(world, name, example["parameters"]["api-version"])
    said = example["responses"]
    assert str(answer.status_code) in said, answer.text()

    shown = said[str(answer.status_code)]
    assert {header.lower() for header in shown.get("headers") or {}} <= {h.lower() for h in answer.headers}
    if answer.status_code == 202:
        assert world.finish(answer)["status"] == "Succeeded"
        shown, answer = _result(world, said, answer)
    elif "Azure-AsyncOperation" in answer.headers:
        world.finish(answer)
        answer = world.send("GET", REQUESTS[name][1])
    if shown.get("body"):
        assert list(_lacking(shown["body"], answer.json())) == []


def _ask(arm: Arm, name: str, version: str) -> HttpResponse:
    method, path, body = REQUESTS[name]
    if "CONNECTION" in path:
        path = path.replace("CONNECTION", _connection(arm))
    return arm.send(method, path, body, version=version)


def _connection(arm: Arm) -> str:
    listed = arm.get(f"{NETWORKED}/privateEndpointConnections")["value"]
    return str(listed[0]["name"])


def _result(arm: Arm, said: dict[str, Any], answer: HttpResponse) -> tuple[dict[str, Any], HttpResponse]:
    """What the example shows of the end of an operation, and what its `Location` answers here."""
    return said.get("200") or {}, arm.read(answer.headers["Location"])


def _lacking(shown: Any, answered: Any, where: str = "") -> Iterator[str]:
    """The members of an example that an answer has not, or has as another kind of value."""
    if isinstance(shown, dict) and isinstance(answered, dict):
        for name, value in shown.items():
            here = f"{where}.{name}".strip(".")
            if name not in answered:
                if not any(here == reason or here.endswith(f".{reason}") for reason in NOT_ANSWERED):
                    yield f"{here} is not answered"
            elif name not in MAPS and not here.endswith("properties.properties"):
                yield from _lacking(value, answered[name], here)
    elif isinstance(shown, list) and isinstance(answered, list):
        fits = [list(_lacking(shown[0], item, f"{where}[]")) for item in answered]
        yield from min(fits, key=len, default=[f"{where} is empty"])
    elif answered is not None and shown is not None and type(shown) is not type(answered):
        yield f"{where} is {answered!r}, not as {shown!r}"


def test_lacking_members_are_found() -> None:
    assert list(_lacking({"a": {"b": 1}, "c": "x"}, {"a": {}, "c": 2})) == [
        "a.b is not answered",
        "c is 2, not as 'x'",
    ]
