from __future__ import annotations

import json
import uuid
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.sandbox.online_world import (
    ENVIRONMENT,
    GROUP,
    WORKSPACE,
    Online,
    documents,
    online,
    refusal,
    texts,
)
from vnetferry.sandbox.arm.authorization import CLIENT_OBJECT_ID
from vnetferry.sandbox.arm.private_links import connect
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml.endpoint_keys import issue_token
from vnetferry.sandbox.scoring import ingress
from vnetferry.sandbox.wire import Request, Response

_ENDPOINT = f"{WORKSPACE}/onlineEndpoints/scoring"


def test_answer_carries_the_services_headers(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        _serve(az)
        guid = "5f0c2d3e-0000-4a6b-8c7d-9e0f1a2b3c4d"
        answer = az.score({"x": 1}, x_request_id=guid, x_ms_client_request_id="mine: " + "x" * 50)
        assert answer.status == 200
        assert answer.body == {"deployment": "blue", "request": {"x": 1}}
        assert answer.headers["azureml-model-deployment"] == "blue"
        assert answer.headers["server"] == "azureml-frontdoor"
        assert answer.headers["x-request-id"] == guid
        assert answer.headers["x-ms-client-request-id"] == "mine" + "x" * 36


def test_request_id_that_is_no_guid_is_replaced(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        _serve(az)
        assert uuid.UUID(az.score({}, x_request_id="mine").headers["x-request-id"])


@pytest.mark.parametrize("presented", ["", "Bearer ", "Bearer wrong", "Basic abc", "wrong"])
def test_wrong_key_answers_401(tmp_path: Path, presented: str) -> None:
    with online(tmp_path) as az:
        _serve(az)
        with pytest.raises(AzureError) as raised:
            az.score({}, authorization=presented)
        assert refusal(raised).status == 401


@pytest.mark.parametrize("name", ["primaryKey", "secondaryKey"])
def test_either_key_opens(tmp_path: Path, name: str) -> None:
    with online(tmp_path) as az:
        _serve(az)
        assert az.score({}, authorization=f"Bearer {az.keys()[name]}").status == 200


def test_token_of_another_endpoint_or_past_its_end_answers_401(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with online(tmp_path) as az:
        _serve(az, authMode="AMLToken")
        az.make_endpoint("other", authMode="AMLToken")
        token = az.send("POST", "onlineEndpoints/scoring/token").body
        assert isinstance(token, dict)
        assert az.score({}, authorization=f"Bearer {token['accessToken']}").status == 200
        other = issue_token(az.world, f"{WORKSPACE}/onlineEndpoints/other")["accessToken"]
        with pytest.raises(AzureError, match="401"):
            az.score({}, authorization=f"Bearer {other}")
        monkeypatch.setattr("time.time", lambda: token["expiryTimeUtc"] + 1.0)
        with pytest.raises(AzureError, match="401"):
            az.score({}, authorization=f"Bearer {token['accessToken']}")


def test_entra_token_needs_the_audience_and_the_right_to_score(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        _serve(az, authMode="AADToken")
        identity = az.world.identity
        good = identity.issue(identity.client, "https://ml.azure.com")
        arm = identity.issue(identity.client, "https://management.azure.com")
        stranger = replace(identity.client, object_id="00000000-0000-0000-0000-00000000dead")
        assert az.score({}, authorization=f"Bearer {good}").status == 200
        with pytest.raises(AzureError, match="401"):
            az.score({}, authorization=f"Bearer {arm}")
        with pytest.raises(AzureError, match="403"):
            az.score({}, authorization=f"Bearer {identity.issue(stranger, 'https://ml.azure.com')}")
        assert identity.client.object_id == CLIENT_OBJECT_ID


def test_traffic_is_split_exactly(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        _serve(az)
        az.make_deployment("green")
        az.set_traffic({"blue": 90, "green": 10})
        counts = Counter(az.score({}).headers["azureml-model-deployment"] for _ in range(100))
        assert counts == {"blue": 90, "green": 10}


def test_header_chooses_a_deployment_without_traffic(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        _serve(az)
        az.make_deployment("green")
        assert az.score({}, azureml_model_deployment="green").headers["azureml-model-deployment"] == "green"


def test_no_deployment_to_answer_is_404(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        _serve(az)
        az.set_traffic({})
        with pytest.raises(AzureError, match="no deployment with traffic"):
            az.score({})
        with pytest.raises(AzureError) as raised:
            az.score({}, azureml_model_deployment="gone")
        assert refusal(raised).status == 404
        with pytest.raises(AzureError, match="no online endpoint 'absent'"):
            az.score({}, endpoint="absent")


def test_mirror_gets_copies_and_its_answers_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with online(tmp_path) as az:
        _serve(az)
        az.make_deployment("green")
        az.set_traffic({"blue": 100}, mirrorTraffic={"green": 20})
        asked: list[str] = []
        fleet = az.world.fleet
        original = fleet.score

        async def score(deployment_id: str, request: Request) -> object:
            asked.append(deployment_id.rpartition("/")[2])
            return await original(deployment_id, request)

        monkeypatch.setattr(fleet, "score", score)
        served = {az.score({}).headers["azureml-model-deployment"] for _ in range(50)}
        assert served == {"blue"}
        assert Counter(asked) == {"blue": 50, "green": 10}


def test_private_endpoint_is_reached_from_its_network_only(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        _serve(az, publicNetworkAccess="Disabled")
        _link(az, "vnet-callers", approved=False)
        for vantage in ("internet", "vnet-callers", "vnet-other"):
            with pytest.raises(AzureError) as raised:
                az.score({}, vantage=vantage)
            assert refusal(raised).status == 403
            assert "Public network access is disabled" in texts(raised)
        _link(az, "vnet-callers", approved=True)
        assert az.score({}, vantage="vnet-callers").status == 200
        with pytest.raises(AzureError, match="403"):
            az.score({}, vantage="vnet-other")


def test_public_endpoint_is_reached_from_everywhere(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        _serve(az)
        assert az.score({}, vantage="internet").status == 200
        assert az.score({}, vantage="vnet-other").status == 200


def test_requests_that_are_routed_are_counted(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        _serve(az)
        start = az.world.clock.now() - timedelta(minutes=1)
        for _ in range(3):
            az.score({})
        with pytest.raises(AzureError):
            az.score({}, authorization="Bearer wrong")
        end = az.world.clock.now() + timedelta(minutes=1)
        assert sum(n for _, n in az.world.fleet.requests_per_minute(_ENDPOINT, start, end)) == 3


def test_other_paths_are_404(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        _serve(az)
        key = az.keys()["primaryKey"]
        host = "scoring.westeurope.inference.ml.azure.com"
        request = Request("GET", host, "/admin", headers={"authorization": f"Bearer {key}"})
        with pytest.raises(AzureError, match="404"):
            az.run(ingress.handle(az.world, request))


def test_container_of_ones_own_is_asked_at_its_own_routes(tmp_path: Path) -> None:
    held = documents()
    environment = next(document for document in held if document["id"] == ENVIRONMENT)
    routes = {"scoringRoute": "/v1/models/m:predict", "livenessRoute": "/ping", "readinessRoute": "/ping"}
    environment["properties"]["inferenceConfig"] = {
        name: {"path": path, "port": 8080} for name, path in routes.items()
    }
    with online(tmp_path, held=held) as az:
        az.make_endpoint()
        az.make_deployment("blue", codeConfiguration=None, model=None)
        az.set_traffic({"blue": 100})
        for path in ("/score", "/v1/models/m:predict", "/ping"):
            assert _send(az, path).status == 200
        with pytest.raises(AzureError, match="404"):
            _send(az, "/v1/models/other")


def _send(az: Online, path: str) -> Response:
    host, key = "scoring.westeurope.inference.ml.azure.com", az.keys()["primaryKey"]
    request = Request("POST", host, path, headers={"authorization": f"Bearer {key}"}, body=b"{}")
    answer = az.run(ingress.handle(az.world, request))
    assert isinstance(answer, Response)
    return answer


def _serve(az: Online, **properties: object) -> None:
    az.make_endpoint(**properties)
    az.make_deployment("blue")
    az.set_traffic({"blue": 100}, publicNetworkAccess=properties.get("publicNetworkAccess", "Enabled"))


def _link(az: Online, network: str, *, approved: bool) -> None:
    """A private endpoint to the workspace in a network that resolves to it, and another network."""
    put, providers = az.world.documents.put, f"{GROUP}/providers/Microsoft.Network"
    for name in (network, "vnet-other"):
        put({"id": f"{providers}/virtualNetworks/{name}", "name": name, "properties": {}})
    target = {"privateLinkServiceId": WORKSPACE, "groupIds": ["amlworkspace"]}
    subnet = f"{providers}/virtualNetworks/{network}/subnets/default"
    properties = {
        "subnet": {"id": subnet},
        "privateLinkServiceConnections": [{"name": "c", "properties": target}],
        "customDnsConfigs": [{"fqdn": "*.inference", "ipAddresses": ["10.0.1.4"]}],
    }
    put({"id": f"{providers}/privateEndpoints/pe", "name": "pe", "properties": properties})
    zone = f"{providers}/privateDnsZones/privatelink.api.azureml.ms"
    guid = az.world.documents.require(WORKSPACE)["properties"]["workspaceId"]
    name, addresses = f"*.{guid}.inference.westeurope", [{"ipv4Address": "10.0.1.4"}]
    link = {"virtualNetwork": {"id": f"{providers}/virtualNetworks/{network}"}}
    put({"id": GROUP, "name": "rg", "properties": {}})
    put({"id": zone, "name": "privatelink.api.azureml.ms", "properties": {}})
    put({"id": f"{zone}/A/{name}", "name": name, "properties": {"aRecords": addresses}})
    put({"id": f"{zone}/virtualNetworkLinks/l", "name": "l", "properties": link})
    connect(az.world, WORKSPACE, f"{providers}/privateEndpoints/pe", ["amlworkspace"], approved=approved)


def test_body_reaches_the_deployment_unchanged(tmp_path: Path) -> None:
    with online(tmp_path) as az:
        _serve(az)
        sent = {"data": [[1, 2.5, "ü"]]}
        assert json.loads(az.score(sent).encoded())["request"] == sent
