"""App Configuration over the wire: labels, ETags, rights, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from azure.identity import EnvironmentCredential

from tests.sandbox.blob_accounts import GROUP, RESOURCES
from vnetferry.sandbox.arm.authorization import CLIENT_OBJECT_ID
from vnetferry.sandbox.server import Sandbox

STORE = "https://appcs-open.azconfig.io"
READER = "516239f1-63e1-4d78-a4de-a74fb236a071"
_ROLES = "/providers/Microsoft.Authorization/roleDefinitions"


def _store(name: str, **properties: Any) -> dict[str, Any]:
    return {
        "id": f"{GROUP}/providers/Microsoft.AppConfiguration/configurationStores/{name}",
        "location": "westeurope",
        "sku": {"name": "standard"},
        "properties": properties,
    }


def _role(role: str, scope: str) -> dict[str, Any]:
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/7f5b0d3e-6a54-4c1c-9a36-5a5c0e9f6a10",
        "properties": {
            "roleDefinitionId": f"{_ROLES}/{role}",
            "principalId": CLIENT_OBJECT_ID,
            "principalType": "ServicePrincipal",
            "scope": scope,
        },
    }


STORES = [_store("appcs-open"), _store("appcs-closed", publicNetworkAccess="Disabled")]
Call = Callable[..., "requests.Response"]


def _client() -> Call:
    token = EnvironmentCredential().get_token("https://azconfig.io/.default").token

    def call(method: str, url: str, body: Any = None, **headers: str) -> requests.Response:
        sent = {"Authorization": f"Bearer {token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        mark = "&" if "?" in url else "?"
        return requests.request(method, f"{url}{mark}api-version=1.0", json=body, headers=sent, timeout=60)

    return call


@pytest.fixture
def call(sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox]) -> Call:
    enter_sandbox(sandbox_factory({"resources": [*RESOURCES, *STORES], "runtime": "echo"}))
    return _client()


def test_key_value_is_kept_apart_by_label(call: Call) -> None:
    assert call("GET", f"{STORE}/kv/a%3Ab").status_code == 404
    assert call("PUT", f"{STORE}/kv/a%3Ab", {"value": "plain", "tags": {"t": "1"}}).status_code == 200
    assert call("PUT", f"{STORE}/kv/a%3Ab?label=prod", {"value": "labelled"}).status_code == 200

    plain, labelled = call("GET", f"{STORE}/kv/a%3Ab"), call("GET", f"{STORE}/kv/a%3Ab?label=prod")

    assert (plain.json()["value"], plain.json()["label"], plain.json()["tags"]) == ("plain", None, {"t": "1"})
    assert (labelled.json()["value"], labelled.json()["label"]) == ("labelled", "prod")
    assert plain.headers["ETag"] == f'"{plain.json()["etag"]}"'
    items = call("GET", f"{STORE}/kv?key=a*").json()["items"]
    assert {item["value"] for item in items} == {"plain", "labelled"}
    assert call("DELETE", f"{STORE}/kv/a%3Ab").status_code == 200
    assert call("DELETE", f"{STORE}/kv/a%3Ab").status_code == 204


def test_write_that_was_decided_from_another_state_is_refused(call: Call) -> None:
    first = call("PUT", f"{STORE}/kv/k", {"value": "1"}, If_None_Match="*")
    assert first.status_code == 200
    assert call("PUT", f"{STORE}/kv/k", {"value": "2"}, If_None_Match="*").status_code == 412
    assert call("PUT", f"{STORE}/kv/k", {"value": "2"}, If_Match='"other"').status_code == 412
    assert call("PUT", f"{STORE}/kv/k", {"value": "2"}, If_Match=first.headers["ETag"]).status_code == 200
    assert call("PUT", f"{STORE}/kv/k", {"value": "3"}, If_Match=first.headers["ETag"]).status_code == 412
    assert call("GET", f"{STORE}/kv/k").json()["value"] == "2"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/kv/k", {"value": 1}, 400),
        ("PUT", "/kv/k", {"value": "\ud800"}, 400),
        ("PUT", "/kv/k", {"value": "x", "colour": "red"}, 400),
        ("PUT", "/kv/k", {"value": "x" * 10_001}, 413),
        ("PUT", "/kv/k?label=a*", {"value": "x"}, 400),
        ("POST", "/kv/k", {}, 405),
        ("GET", "/labels", None, 404),
    ],
)
def test_unsound_request_is_refused_as_a_problem(
    call: Call, method: str, path: str, body: Any, status: int
) -> None:
    answer = call(method, f"{STORE}{path}", body)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_store_without_public_access_refuses_the_internet(call: Call) -> None:
    assert call("GET", "https://appcs-closed.azconfig.io/kv/k").status_code == 403


def test_request_without_a_token_is_refused(call: Call) -> None:
    answer = requests.get(f"{STORE}/kv/k?api-version=1.0", timeout=60)
    assert call("GET", f"{STORE}/kv/k").status_code == 404
    assert answer.status_code == 401
    assert "Bearer" in answer.headers["WWW-Authenticate"]


def test_reader_of_the_data_may_not_write(
    sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox]
) -> None:
    resources = [*RESOURCES, *STORES, _role(READER, str(STORES[0]["id"]))]
    enter_sandbox(sandbox_factory({"resources": resources, "runtime": "echo"}))
    call = _client()
    assert call("GET", f"{STORE}/kv/k").status_code == 404
    assert call("PUT", f"{STORE}/kv/k", {"value": "x"}).status_code == 403
