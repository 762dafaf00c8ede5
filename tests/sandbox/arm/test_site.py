import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import pytest
import requests
from azure.identity import DefaultAzureCredential

from vnetferry.sandbox.arm.site import routes, scope_of
from vnetferry.sandbox.server import Sandbox

HOST = "https://management.azure.com"


@dataclass
class Caller:
    sandbox: Sandbox
    session: requests.Session

    def send(self, method: str, path: str, token: str | None = "", **more: object) -> requests.Response:
        """Send below the first subscription; the client's own token unless told otherwise, None for none."""
        value = self.token() if token == "" else token
        headers = {"Authorization": f"Bearer {value}"} if value else {}
        url = f"{HOST}/subscriptions/{self.sandbox.world.scenario.subscriptions[0]}{path}"
        return self.session.request(method, url, headers=headers, timeout=30, **more)  # type: ignore[arg-type]

    def token(self, audience: str = "https://management.azure.com", lifetime_s: int = 3600) -> str:
        identity = self.sandbox.world.identity
        return identity.issue(identity.client, audience, lifetime_s)


@pytest.fixture
def caller(shared_sandbox: Sandbox, enter_sandbox: Callable[..., Sandbox]) -> Iterator[Caller]:
    with requests.Session() as session:
        yield Caller(enter_sandbox(shared_sandbox), session)


GROUPS = "/resourceGroups?api-version=2021-04-01"


def test_request_of_the_real_credential_is_admitted(caller: Caller) -> None:
    token = DefaultAzureCredential().get_token(f"{HOST}/.default").token
    assert caller.send("GET", GROUPS, token).status_code == 200


def test_request_without_a_token_is_refused_with_a_challenge(caller: Caller) -> None:
    answer = caller.send("GET", GROUPS, token=None)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AuthenticationFailed")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")


@pytest.mark.parametrize(
    ("audience", "lifetime_s", "code"),
    [
        ("https://management.azure.com", -60, "ExpiredAuthenticationToken"),
        ("https://vault.azure.net", 3600, "InvalidAuthenticationTokenAudience"),
    ],
)
def test_token_that_is_expired_or_for_another_service_is_refused(
    caller: Caller, audience: str, lifetime_s: int, code: str
) -> None:
    answer = caller.send("GET", GROUPS, caller.token(audience, lifetime_s))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)


def test_token_of_another_sandbox_is_refused(caller: Caller) -> None:
    from vnetferry.sandbox.entra import Identity

    other = Identity()
    answer = caller.send("GET", GROUPS, other.issue(other.client, HOST))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


def test_token_of_another_tenant_is_refused(caller: Caller) -> None:
    identity = caller.sandbox.world.identity
    stranger = replace(identity.client, tenant_id="11111111-1111-4111-8111-111111111111")
    answer = caller.send("GET", GROUPS, identity.issue(stranger, HOST))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationTokenTenant")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/resourceGroups", 400, "MissingApiVersionParameter"),
        ("DELETE", GROUPS, 405, "MethodNotAllowed"),
        ("GET", "/nonsense?api-version=2021-04-01", 404, "NotFound"),
        ("GET", "/providers/Microsoft.Batch/batchAccounts?api-version=1", 404, "InvalidResourceType"),
    ],
)
def test_request_that_finds_no_operation_is_refused(
    caller: Caller, method: str, path: str, status: int, code: str
) -> None:
    answer = caller.send(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["x-ms-failure-cause"] == "gateway"


def test_answer_for_an_unknown_api_version_names_those_that_work(caller: Caller) -> None:
    path = "/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces?api-version=1999-01-01"
    error = caller.send("GET", path).json()["error"]
    assert error["code"] == "NoRegisteredProviderFound"
    assert "2024-10-01" in error["message"]


def test_answers_carry_arms_headers(caller: Caller) -> None:
    headers = caller.send("GET", GROUPS).headers
    assert headers["x-ms-request-id"] == headers["x-ms-correlation-request-id"]
    assert headers["x-ms-routing-request-id"].endswith(":" + headers["x-ms-request-id"])
    assert int(headers["x-ms-ratelimit-remaining-subscription-reads"]) >= 0
    assert "Date" in headers


def test_client_request_id_comes_back_when_asked_for(caller: Caller) -> None:
    caller.session.headers["x-ms-client-request-id"] = "abc"
    assert "x-ms-client-request-id" not in caller.send("GET", GROUPS).headers
    caller.session.headers["x-ms-return-client-request-id"] = "true"
    assert caller.send("GET", GROUPS).headers["x-ms-client-request-id"] == "abc"


def test_body_over_four_megabytes_is_refused(caller: Caller) -> None:
    path = "/resourceGroups/rg-large?api-version=2021-04-01"
    answer = caller.send("PUT", path, data=b" " * (4 * 1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "RequestContentTooLarge")


def test_chunked_body_is_read_whole(caller: Caller) -> None:
    path = "/resourceGroups/rg-chunked?api-version=2021-04-01"
    answer = caller.send("PUT", path, data=iter([b'{"location":', b'"westeurope"}']))
    assert answer.status_code == 201
    assert answer.json()["location"] == "westeurope"


def test_head_is_answered_without_a_body(caller: Caller) -> None:
    answer = caller.send("HEAD", "/resourceGroups/rg-nowhere?api-version=2021-04-01")
    assert (answer.status_code, answer.content) == (404, b"")


def test_client_that_expects_100_continue_is_told_to_go_on(caller: Caller) -> None:
    world = caller.sandbox.world
    port = urlsplit(caller.sandbox.vantages["internet"]).port
    context = ssl.create_default_context(cafile=str(world.ca_file))
    path = f"/subscriptions/{world.scenario.subscriptions[0]}/resourceGroups/rg-wait"
    head = (
        f"PUT {path}?api-version=2021-04-01 HTTP/1.1\r\n"
        f"Host: management.azure.com\r\nAuthorization: Bearer {caller.token()}\r\n"
        "Content-Length: 25\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port or 0), timeout=30) as plain:
        plain.sendall(b"CONNECT management.azure.com:443 HTTP/1.1\r\n\r\n")
        plain.recv(4096)
        with context.wrap_socket(plain, server_hostname="management.azure.com") as secure:
            secure.sendall(head.encode())
            assert secure.recv(4096).startswith(b"HTTP/1.1 100 ")
            secure.sendall(b'{"location":"westeurope"}')
            assert secure.recv(4096).startswith(b"HTTP/1.1 201 ")


def test_subscription_that_does_not_exist_is_refused(caller: Caller) -> None:
    url = f"{HOST}/subscriptions/11111111-1111-4111-8111-111111111111{GROUPS}"
    answer = caller.session.get(url, headers={"Authorization": f"Bearer {caller.token()}"}, timeout=30)
    assert answer.status_code in {403, 404}


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/subscriptions/s", "/subscriptions/s"),
        ("/subscriptions/s/resourceGroups", "/subscriptions/s"),
        ("/subscriptions/s/resourceGroups/rg", "/subscriptions/s/resourceGroups/rg"),
        ("/subscriptions/s/resourceGroups/rg/providers/N/t", "/subscriptions/s/resourceGroups/rg"),
        (
            "/subscriptions/s/resourceGroups/rg/providers/N/t/a",
            "/subscriptions/s/resourceGroups/rg/providers/N/t/a",
        ),
        (
            "/subscriptions/s/resourceGroups/rg/providers/N/t/a/u",
            "/subscriptions/s/resourceGroups/rg/providers/N/t/a",
        ),
        ("/s/1/providers/N/t/a/listKeys", "/s/1/providers/N/t/a"),
        ("/s/1/providers/N/t/a/providers/M/locks/l", "/s/1/providers/N/t/a/providers/M/locks/l"),
    ],
)
def test_scope_of_a_path_is_the_resource_that_it_is_about(path: str, scope: str) -> None:
    assert scope_of(path) == scope


def test_no_two_operations_answer_the_same_request() -> None:
    shapes = Counter(
        (row.method, "/".join("{}" if part.startswith("{") else part.lower() for part in row.path.split("/")))
        for row in routes().operations
    )
    assert [shape for shape, count in shapes.items() if count > 1] == []
