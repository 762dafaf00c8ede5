from collections.abc import Callable

import pytest
import requests

from tests.sandbox.fault_client import Client
from vnetferry.sandbox.gate import masked

FIELDS = ["t", "vantage", "method", "host", "path", "query", "status", "operation", "ms"]
Start = Callable[..., Client]


def test_log_of_a_request_has_exactly_its_fields(client_of: Start) -> None:
    client = client_of()
    client.get()
    line = client.log()[-1]
    assert list(line) == FIELDS
    assert (line["vantage"], line["method"], line["status"]) == ("internet", "GET", 200)
    assert (line["host"], line["operation"]) == ("management.azure.com", "ResourceGroups_List")
    assert line["query"] == "api-version=2021-04-01"


def test_log_of_a_refused_host_says_which(client_of: Start) -> None:
    client = client_of()
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get("https://example.com/?token=SECRET", timeout=30)
    line = client.log()[-1]
    assert (line["method"], line["host"], line["status"]) == ("CONNECT", "example.com:443", 403)


def test_log_holds_neither_tokens_nor_the_clients_secret(client_of: Start) -> None:
    client = client_of()
    client.get()
    client.get(query="&sig=SIGNATURE&access_token=SECRET")
    assert client.sandbox.request_log is not None
    text = client.sandbox.request_log.read_text()
    token = str(client.session.headers["Authorization"]).partition(" ")[2]
    for secret in ("SIGNATURE", "SECRET", token, client.sandbox.world.identity.client_secret):
        assert secret not in text


def test_masked_query_keeps_what_is_no_secret() -> None:
    assert masked("sv=2023&sig=abc%3D&SIG=x&comp=list&token") == "sv=2023&sig=***&SIG=***&comp=list&token"


@pytest.mark.parametrize(
    ("method", "path", "version", "status", "operation"),
    [
        ("GET", "/resourceGroups/rg-nowhere", "2021-04-01", 404, "ResourceGroups_Get"),
        ("GET", "/resourceGroups", "", 400, "ResourceGroups_List"),
        ("GET", "/resourceGroups", "1999-01-01", 400, "ResourceGroups_List"),
        ("PATCH", "/resourceGroups", "2021-04-01", 405, "Unknown"),
        ("GET", "/providers/Microsoft.Nobody/things", "2021-04-01", 404, "Unknown"),
    ],
)
def test_log_names_the_operation_of_a_refused_request(
    client_of: Start, method: str, path: str, version: str, status: int, operation: str
) -> None:
    client = client_of()
    subscription = (
        f"https://management.azure.com/subscriptions/{client.sandbox.world.scenario.subscriptions[0]}"
    )
    query = {"api-version": version} if version else {}
    answer = client.session.request(method, subscription + path, params=query, timeout=30)
    assert answer.status_code == status
    assert client.log()[-1]["operation"] == operation


def test_log_names_the_operation_of_a_request_without_a_token(client_of: Start) -> None:
    client = client_of()
    del client.session.headers["Authorization"]
    assert client.get().status_code == 401
    assert client.log()[-1]["operation"] == "ResourceGroups_List"
