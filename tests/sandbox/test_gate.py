import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.identity import DefaultAzureCredential

from vnetferry.sandbox.faults import Faults
from vnetferry.sandbox.gate import masked
from vnetferry.sandbox.scenario import Fault
from vnetferry.sandbox.server import Sandbox
from vnetferry.sandbox.wire import Request

GROUPS = "https://management.azure.com/subscriptions/{0}/resourceGroups?api-version=2021-04-01"
FIELDS = ["t", "vantage", "method", "host", "path", "query", "status", "operation", "ms"]
Start = Callable[..., "Client"]


class Client:
    """Reads resource groups as the sandbox's client."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.url = GROUPS.format(sandbox.world.scenario.subscriptions[0])
        self.session = requests.Session()
        token = DefaultAzureCredential().get_token("https://management.azure.com/.default").token
        self.session.headers["Authorization"] = f"Bearer {token}"

    def get(self, timeout_s: float = 30) -> requests.Response:
        return self.session.get(self.url, timeout=timeout_s)


@pytest.fixture
def start(
    sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> Iterator[Start]:
    clients: list[Client] = []

    def make(*faults: dict[str, Any]) -> Client:
        scenario = {"faults": faults, "runtime": "echo"}
        clients.append(Client(enter_sandbox(sandbox_factory(scenario, request_log=tmp_path / "log.jsonl"))))
        return clients[-1]

    yield make
    for client in clients:
        client.session.close()


def _log(client: Client) -> list[dict[str, Any]]:
    assert client.sandbox.request_log is not None
    return [json.loads(line) for line in client.sandbox.request_log.read_text().splitlines()]


def test_log_of_a_request_has_exactly_its_fields(start: Start) -> None:
    client = start()
    client.get()
    line = _log(client)[-1]
    assert list(line) == FIELDS
    assert (line["vantage"], line["method"], line["status"]) == ("internet", "GET", 200)
    assert (line["host"], line["operation"]) == ("management.azure.com", "ResourceGroups_List")
    assert line["query"] == "api-version=2021-04-01"


def test_log_of_a_refused_host_says_which(start: Start) -> None:
    client = start()
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get("https://example.com/?token=SECRET", timeout=30)
    line = _log(client)[-1]
    assert (line["method"], line["host"], line["status"]) == ("CONNECT", "example.com:443", 403)


def test_log_holds_neither_tokens_nor_the_clients_secret(start: Start) -> None:
    client = start()
    client.get()
    client.session.get(client.url + "&sig=SIGNATURE&access_token=SECRET", timeout=30)
    assert client.sandbox.request_log is not None
    text = client.sandbox.request_log.read_text()
    token = str(client.session.headers["Authorization"]).partition(" ")[2]
    for secret in ("SIGNATURE", "SECRET", token, client.sandbox.world.identity.client_secret):
        assert secret not in text


def test_masked_query_keeps_what_is_no_secret() -> None:
    assert masked("sv=2023&sig=abc%3D&SIG=x&comp=list&token") == "sv=2023&sig=***&SIG=***&comp=list&token"


def test_fault_with_a_status_answers_as_told_and_as_often(start: Start) -> None:
    fault = {
        "match": "GET */resourcegroups",
        "after": 1,
        "times": 2,
        "status": 429,
        "headers": {"Retry-After": "3"},
        "body": {"error": {"code": "TooManyRequests", "message": "slow down"}},
    }
    client = start(fault)
    answers = [client.get() for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 200]
    assert answers[1].headers["Retry-After"] == "3"
    assert answers[1].json()["error"]["message"] == "slow down"
    assert [line["operation"] for line in _log(client)[-3:]] == ["Fault", "Fault", "ResourceGroups_List"]


def test_fault_of_kind_reset_cuts_the_connection_once(start: Start) -> None:
    client = start({"match": "GET */resourceGroups", "kind": "reset"})
    with pytest.raises(requests.exceptions.ConnectionError):
        client.get()
    assert client.get().status_code == 200
    assert 0 in [line["status"] for line in _log(client)]


def test_fault_of_kind_timeout_leaves_the_client_without_an_answer(start: Start) -> None:
    client = start({"match": "GET */resourceGroups", "kind": "timeout"})
    with pytest.raises(requests.exceptions.ReadTimeout):
        client.get(timeout_s=0.2)
    assert client.get().status_code == 200


@pytest.mark.parametrize(
    ("match", "method", "path", "fits"),
    [
        ("GET */resourceGroups", "GET", "/subscriptions/s/RESOURCEGROUPS", True),
        ("GET */resourceGroups", "PUT", "/subscriptions/s/resourceGroups", False),
        ("* *", "DELETE", "/x", True),
        ("*/deployments/blue", "PUT", "/a/deployments/blue", True),
        ("*/deployments/blue", "PUT", "/a/deployments/blue2", False),
    ],
)
def test_faults_match_method_and_path_without_regard_to_case(
    match: str, method: str, path: str, fits: bool
) -> None:
    met = Faults([Fault(match=match, times=0)]).strike(Request(method, "management.azure.com", path))
    assert (met is not None) is fits
