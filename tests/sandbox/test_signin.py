from collections.abc import Callable
from typing import Any

import jwt
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential, DefaultAzureCredential

from vnetferry.sandbox.server import Sandbox

ARM = "https://management.azure.com/.default"


@pytest.fixture
def inside(shared_sandbox: Sandbox, enter_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return enter_sandbox(shared_sandbox)


def _ask(
    sandbox: Sandbox, tenant: str = "", path: str = "oauth2/v2.0/token", **changes: str
) -> requests.Response:
    identity = sandbox.world.identity
    form = {
        "grant_type": "client_credentials",
        "client_id": identity.client_id,
        "client_secret": identity.client_secret,
        "scope": ARM,
        **changes,
    }
    where = f"https://login.microsoftonline.com/{tenant or identity.tenant_id}/{path}"
    return requests.post(where, data={k: v for k, v in form.items() if v}, timeout=30)


def test_default_credential_in_the_sandbox_gets_a_token_for_an_hour(inside: Sandbox) -> None:
    token = DefaultAzureCredential().get_token(ARM)
    claims = jwt.decode(token.token, options={"verify_signature": False})
    assert claims["aud"] == "https://management.azure.com"
    assert claims["tid"] == inside.world.identity.tenant_id
    assert claims["appid"] == inside.world.identity.client_id
    assert claims["exp"] - claims["iat"] == 3600


def test_token_verifies_with_the_published_keys(inside: Sandbox) -> None:
    tenant = inside.world.identity.tenant_id
    base = f"https://login.microsoftonline.com/{tenant}/v2.0/.well-known/openid-configuration"
    keys = requests.get(requests.get(base, timeout=30).json()["jwks_uri"], timeout=30).json()["keys"]
    token = _ask(inside).json()["access_token"]
    key = {k["kid"]: jwt.PyJWK(k) for k in keys}[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key.key, algorithms=["RS256"], audience="https://management.azure.com")
    assert claims["iss"] == f"https://sts.windows.net/{tenant}/"


def test_credential_with_a_wrong_secret_is_refused_in_entras_words(inside: Sandbox) -> None:
    identity = inside.world.identity
    credential = ClientSecretCredential(identity.tenant_id, identity.client_id, "wrong")
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215: Invalid client secret provided"):
        credential.get_token(ARM)


@pytest.mark.parametrize(
    ("changes", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000216),
        ({"tenant": "11111111-1111-4111-8111-111111111111"}, 400, "invalid_request", 90002),
        ({"client_id": "11111111-1111-4111-8111-111111111111"}, 400, "unauthorized_client", 700016),
        ({"scope": "nonsense"}, 400, "invalid_scope", 70011),
        ({"scope": "https://management.azure.com/user_impersonation"}, 400, "invalid_scope", 1002012),
        ({"scope": "https://unknown.example/.default"}, 400, "invalid_resource", 500011),
        ({"scope": ""}, 400, "invalid_request", 900144),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"grant_type": ""}, 400, "invalid_request", 900144),
    ],
)
def test_token_request_that_is_wrong_is_refused_by_number(
    inside: Sandbox, changes: dict[str, Any], status: int, error: str, number: int
) -> None:
    answer = _ask(inside, **changes)
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [number])
    assert body["error_description"].startswith(f"AADSTS{number}: ")


def test_older_token_endpoint_answers_numbers_as_text(inside: Sandbox) -> None:
    body = _ask(inside, path="oauth2/token", scope="", resource="https://vault.azure.net").json()
    assert body["expires_in"] == "3600"
    assert body["resource"] == "https://vault.azure.net"
    assert int(body["expires_on"]) - int(body["not_before"]) == 3900


def test_discovery_of_an_authority_names_its_aliases(inside: Sandbox) -> None:
    where = "https://login.microsoftonline.com/common/discovery/instance"
    query = {
        "api-version": "1.1",
        "authorization_endpoint": "https://login.microsoftonline.com/t/oauth2/v2.0/authorize",
    }
    body = requests.get(where, params=query, timeout=30).json()
    assert "login.windows.net" in body["metadata"][0]["aliases"]
    assert body["tenant_discovery_endpoint"].endswith("/t/v2.0/.well-known/openid-configuration")
