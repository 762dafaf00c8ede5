"""Key Vault secrets over the wire, with tokens from azure-identity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from azure.identity import EnvironmentCredential

from tests.sandbox.blob_accounts import GROUP, RESOURCES
from vnetferry.sandbox.arm.authorization import CLIENT_OBJECT_ID
from vnetferry.sandbox.server import Sandbox

VAULT = "https://kv-open.vault.azure.net"
VERSION = {"api-version": "7.4"}
ROLES = "/providers/Microsoft.Authorization/roleDefinitions"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"


def vault(name: str, **properties: Any) -> dict[str, Any]:
    fixed = {"tenantId": "t", "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True}
    return {
        "id": f"{GROUP}/providers/Microsoft.KeyVault/vaults/{name}",
        "location": "westeurope",
        "properties": {**fixed, "accessPolicies": [], **properties},
    }


SCENARIO: dict[str, Any] = {
    "resources": [*RESOURCES, vault("kv-open"), vault("kv-closed", publicNetworkAccess="Disabled")],
    "secrets": {"kv-open/old": "from the scenario", "kv-closed/hidden": "x"},
    "runtime": "echo",
}


class Client:
    """A session that carries a token for the vault."""

    def __init__(self, base: str, scope: str = "https://vault.azure.net/.default") -> None:
        with EnvironmentCredential() as credential:
            self._headers = {"Authorization": f"Bearer {credential.get_token(scope).token}"}
        self._base = base

    def __call__(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        address = path if path.startswith("https") else self._base + path
        known = {} if path.startswith("https") else VERSION
        return requests.request(
            method, address, json=body, params={**known, **query}, headers=self._headers, timeout=30
        )


@pytest.fixture
def call(sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox]) -> Client:
    enter_sandbox(sandbox_factory(SCENARIO))
    return Client(VAULT)


def error_of(answer: requests.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], (error.get("innererror") or {}).get("code", "")


def test_secret_of_the_scenario_is_read_in_any_case(call: Client) -> None:
    bundle = call("GET", "/secrets/OLD").json()

    assert bundle["value"] == "from the scenario"
    assert bundle["attributes"]["enabled"] is True


def test_set_adds_a_version_and_keeps_the_former(call: Client) -> None:
    first = call("PUT", "/secrets/s", {"value": "1", "contentType": "text", "tags": {"a": "b"}}).json()
    second = call("PUT", "/secrets/s", {"value": "2"}).json()

    assert first["id"] != second["id"]
    assert call("GET", "/secrets/s").json()["value"] == "2"
    former = call("GET", first["id"].removeprefix(VAULT)).json()
    assert (former["value"], former["contentType"], former["tags"]) == ("1", "text", {"a": "b"})
    versions = call("GET", "/secrets/s/versions").json()["value"]
    assert [version["id"] for version in versions] == [first["id"], second["id"]]


def test_lists_hold_no_value_and_come_in_pages(call: Client) -> None:
    for name in ("a", "b"):
        call("PUT", f"/secrets/{name}", {"value": "never listed"})

    first = call("GET", "/secrets", maxresults=2)
    rest = call("GET", first.json()["nextLink"])

    names = [item["id"].rpartition("/")[2] for page in (first, rest) for item in page.json()["value"]]
    assert names == ["a", "b", "old"]
    assert rest.json()["nextLink"] is None
    assert "never listed" not in first.text + rest.text


def test_disabled_secret_is_not_read(call: Client) -> None:
    call("PUT", "/secrets/s", {"value": "1", "attributes": {"enabled": False}})

    assert error_of(call("GET", "/secrets/s")) == (403, "Forbidden", "SecretDisabled")
    call("PATCH", "/secrets/s", {"attributes": {"enabled": True}})
    assert call("GET", "/secrets/s").json()["value"] == "1"


def test_deleted_secret_keeps_its_name_until_it_is_recovered_or_purged(call: Client) -> None:
    assert call("DELETE", "/secrets/old").json()["recoveryId"] == f"{VAULT}/deletedsecrets/old"
    assert error_of(call("GET", "/secrets/old"))[:2] == (404, "SecretNotFound")
    assert error_of(call("PUT", "/secrets/old", {"value": "x"})) == (
        409,
        "Conflict",
        "ObjectIsDeletedButRecoverable",
    )

    assert call("POST", "/deletedsecrets/old/recover").status_code == 200
    assert call("GET", "/secrets/old").json()["value"] == "from the scenario"

    call("DELETE", "/secrets/old")
    assert call("DELETE", "/deletedsecrets/old").status_code == 204
    assert call("PUT", "/secrets/old", {"value": "new"}).status_code == 200
    assert len(call("GET", "/secrets/old/versions").json()["value"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/secrets/not_a_name", {"value": "x"}, 400),
        ("PUT", "/secrets/s", {}, 400),
        ("PUT", "/secrets/s", {"value": "x" * 26_000}, 400),
        ("PUT", "/secrets/s", {"value": "x", "colour": "red"}, 400),
        ("PUT", "/secrets/s", {"value": "x", "attributes": {"created": 1}}, 400),
        ("PATCH", "/secrets/old", {"value": "x"}, 400),
        ("GET", "/secrets/absent", None, 404),
        ("GET", "/secrets/old/0123", None, 404),
        ("GET", "/keys", None, 404),
        ("POST", "/secrets/old", None, 405),
        ("GET", "/secrets?maxresults=99", None, 400),
    ],
)
def test_request_that_key_vault_refuses_is_refused(
    call: Client, method: str, path: str, body: Any, status: int
) -> None:
    answer = call(method, path, body)

    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_api_version_that_key_vault_does_not_know_is_refused(call: Client) -> None:
    assert call("GET", f"{VAULT}/secrets/old?api-version=1.0").status_code == 400


def test_request_without_token_is_told_where_to_get_one(call: Client) -> None:
    answer = requests.get(f"{VAULT}/secrets/old", params=VERSION, timeout=30)

    assert error_of(answer)[:2] == (401, "Unauthorized")
    assert 'resource="https://vault.azure.net"' in answer.headers["WWW-Authenticate"]


def test_token_for_another_audience_is_refused(call: Client) -> None:
    assert error_of(Client(VAULT, "https://storage.azure.com/.default")("GET", "/secrets/old"))[:2] == (
        401,
        "Unauthorized",
    )


def test_vault_that_is_closed_to_the_internet_says_so(call: Client) -> None:
    answer = Client("https://kv-closed.vault.azure.net")("GET", "/secrets/hidden")

    assert error_of(answer) == (403, "Forbidden", "ForbiddenByConnection")


def test_role_decides_what_may_be_done(
    sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox]
) -> None:
    role = {
        "id": f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/user",
        "properties": {"roleDefinitionId": f"{ROLES}/{SECRETS_USER}", "principalId": CLIENT_OBJECT_ID},
    }
    enter_sandbox(sandbox_factory({**SCENARIO, "resources": [*SCENARIO["resources"], role]}))
    call = Client(VAULT)

    assert call("GET", "/secrets/old").json()["value"] == "from the scenario"
    assert error_of(call("PUT", "/secrets/new", {"value": "x"})) == (403, "Forbidden", "ForbiddenByRbac")


def test_role_on_one_secret_is_for_that_secret_alone(
    sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox]
) -> None:
    box = vault("kv-open", networkAcls={"defaultAction": "allow"})
    reader = {
        "id": f"{box['id']}/secrets/old/providers/Microsoft.Authorization/roleAssignments/reader",
        "properties": {"roleDefinitionId": f"{ROLES}/{SECRETS_USER}", "principalId": CLIENT_OBJECT_ID},
    }
    secrets = {"kv-open/old": "from the scenario", "kv-open/other": "x"}
    enter_sandbox(sandbox_factory({**SCENARIO, "resources": [box, reader], "secrets": secrets}))
    call = Client(VAULT)

    assert call("GET", "/secrets/old").json()["value"] == "from the scenario"
    assert error_of(call("GET", "/secrets/other")) == (403, "Forbidden", "ForbiddenByRbac")
    assert error_of(call("GET", "/secrets")) == (403, "Forbidden", "ForbiddenByRbac")


@pytest.mark.parametrize(("granted", "status"), [(["get"], 200), (["list"], 403)])
def test_access_policy_decides_where_the_vault_has_no_roles(
    sandbox_factory: Callable[..., Sandbox],
    enter_sandbox: Callable[..., Sandbox],
    granted: list[str],
    status: int,
) -> None:
    policy = {"tenantId": "t", "objectId": CLIENT_OBJECT_ID, "permissions": {"secrets": granted}}
    box = vault("kv-open", enableRbacAuthorization=False, accessPolicies=[policy])
    reader = {
        "id": f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/reader",
        "properties": {
            "roleDefinitionId": f"{ROLES}/{READER}",
            "principalId": CLIENT_OBJECT_ID,
        },
    }
    enter_sandbox(sandbox_factory({**SCENARIO, "resources": [box, reader]}))

    assert Client(VAULT)("GET", "/secrets/old").status_code == status
