import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import ValidationError

from tests.sandbox.fault_client import Client
from tests.sandbox.properties.still_sandbox import StillSandbox
from vnetferry.sandbox import scenario_file
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.faults import Faults, answer
from vnetferry.sandbox.hosts import Service
from vnetferry.sandbox.scenario import Fault
from vnetferry.sandbox.wire import Request, Response

ARM = "management.azure.com"
Start = Callable[..., Client]


def _strikes(faults: Faults, requests_sent: int) -> list[bool]:
    return [faults.strike(Request("GET", ARM, "/x")) is not None for _ in range(requests_sent)]


def test_fault_of_kind_answer_answers_as_told_and_as_often(client_of: Start) -> None:
    fault = {
        "match": "GET */resourcegroups",
        "after": 1,
        "times": 2,
        "status": 429,
        "headers": {"Retry-After": "3"},
        "body": {"error": {"code": "TooManyRequests", "message": "slow down"}},
    }
    client = client_of(fault)
    answers = [client.get() for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 200]
    assert answers[1].headers["Retry-After"] == "3"
    assert answers[1].headers["x-ms-request-id"] != answers[2].headers["x-ms-request-id"]
    assert answers[1].json()["error"]["message"] == "slow down"
    assert [line["operation"] for line in client.log()[-3:]] == ["Fault", "Fault", "ResourceGroups_List"]


def _answer(service: Service, status: int = 503) -> Response:
    return answer(Fault(match="* *", status=status), service, datetime(2026, 1, 1, tzinfo=timezone.utc))


def test_fault_of_kind_answer_speaks_as_its_service_does() -> None:
    assert (
        _answer("arm").body
        == _answer("vault").body
        == {"error": {"code": "ServiceUnavailable", "message": "The scenario's fault answers this request."}}
    )
    assert _answer("arm").headers["x-ms-failure-cause"] == "service"
    blob = _answer("blob")
    assert blob.headers["x-ms-error-code"] == "ServerBusy"
    assert b"<Code>ServerBusy</Code>" in blob.encoded()
    assert json.loads(_answer("entra").encoded())["error"] == "temporarily_unavailable"
    assert json.loads(_answer("settings").encoded())["status"] == 503
    assert _answer("settings").headers["Content-Type"].startswith("application/problem+json")
    told = Fault(match="* *", body={"own": "words"})
    assert answer(told, "blob", datetime(2026, 1, 1, tzinfo=timezone.utc)).body == {"own": "words"}


@pytest.mark.parametrize(
    "header", [{"a b": "x"}, {"": "x"}, {"a": "x\r\nset-cookie: y"}, {"a\u00e9": "x"}, {"a": "\u20ac"}]
)
def test_fault_with_a_header_that_http_cannot_carry_is_refused(header: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="HTTP can carry"):
        Fault(match="* *", headers=header)


def test_fault_of_kind_reset_cuts_the_connection_before_anything_is_done(client_of: Start) -> None:
    client = client_of({"match": "PUT */resourceGroups/rg", "kind": "reset"})
    with pytest.raises(requests.exceptions.ConnectionError):
        client.put("rg")
    assert client.get("/rg").status_code == 404
    assert client.put("rg").status_code == 201
    first = client.log()[0]
    assert (first["status"], first["operation"]) == (0, "Fault")


def test_fault_of_kind_lost_answer_cuts_the_connection_after_it_was_done(client_of: Start) -> None:
    client = client_of({"match": "PUT */resourceGroups/rg", "kind": "lost_answer"})
    with pytest.raises(requests.exceptions.ConnectionError):
        client.put("rg")
    assert client.get("/rg").status_code == 200
    first = client.log()[0]
    assert (first["status"], first["operation"]) == (0, "ResourceGroups_CreateOrUpdate")


def test_fault_of_kind_timeout_leaves_the_client_without_an_answer(client_of: Start) -> None:
    client = client_of({"match": "GET */resourceGroups", "kind": "timeout"})
    with pytest.raises(requests.exceptions.ReadTimeout):
        client.get(timeout_s=0.2)
    assert client.get().status_code == 200


def test_fault_of_kind_expired_token_refuses_that_token_until_a_new_sign_in(client_of: Start) -> None:
    client = client_of({"match": "GET */resourceGroups", "kind": "expired_token", "after": 1})
    statuses = [client.get().status_code for _ in range(3)]
    refused = client.put("rg")
    client.sign_in()

    assert statuses == [200, 401, 401]
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "ExpiredAuthenticationToken")
    assert "is earlier than current UTC time" in refused.json()["error"]["message"]
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert client.get().status_code == 200


def test_fault_of_kind_stale_read_answers_a_new_resource_as_absent(client_of: Start) -> None:
    client = client_of({"match": "PUT */resourceGroups/rg", "kind": "stale_read", "reads": 2})
    assert client.put("rg").status_code == 201
    assert [client.get("/rg").status_code for _ in range(3)] == [404, 404, 200]


def test_fault_of_kind_stale_read_answers_a_changed_resource_as_it_was(client_of: Start) -> None:
    client = client_of({"match": "PUT */resourceGroups/rg", "kind": "stale_read", "after": 1})
    client.put("rg", step="first")
    client.put("rg", step="second")
    assert [client.get("/rg").json()["tags"]["step"] for _ in range(2)] == ["first", "second"]


def test_fault_of_kind_stale_read_shows_what_is_deleted_and_to_reads_alone(client_of: Start) -> None:
    scope = "/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/net"
    body = {"location": "westeurope", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}
    client = client_of({"match": f"DELETE *{scope}", "kind": "stale_read", "reads": 0})
    client.put("rg")
    path = scope.removeprefix("/resourceGroups")
    query = "&api-version=2024-05-01"  # the last of equal names wins

    client.send("PUT", path, query=query, json=body)
    assert client.send("DELETE", path, query=query).status_code in (200, 202)
    while client.send("DELETE", path, query=query).status_code != 204:
        pass
    assert client.get(path, query=query).json()["name"] == "net"


def test_fault_of_kind_stale_read_ends_in_azures_time(client_of: Start) -> None:
    fault = {"match": "PUT */resourceGroups/rg", "kind": "stale_read", "reads": 0, "stale_s": 3600}
    client = client_of(fault, time_scale=10_000)
    client.put("rg")
    assert client.get("/rg").status_code == 404
    client.sandbox.call(client.sandbox.world.clock.sleep(3600))
    assert client.get("/rg").status_code == 200


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
    met = Faults([Fault(match=match, times=0)]).strike(Request(method, ARM, path))
    assert (met is not None) is fits


@pytest.mark.parametrize(
    ("host", "fits"), [("*", True), ("*.VAULT.azure.net", True), ("management.azure.com", False)]
)
def test_faults_match_the_host(host: str, fits: bool) -> None:
    met = Faults([Fault(match="* *", host=host)]).strike(Request("GET", "kv.vault.azure.net", "/x"))
    assert (met is not None) is fits


def test_faults_with_a_probability_repeat_themselves_for_a_seed() -> None:
    fault = Fault(match="* *", times=0, probability=0.3)
    once, again, other = (_strikes(Faults([fault], seed), 200) for seed in (7, 7, 8))
    assert once == again != other
    assert 30 < sum(once) < 90


def test_faults_with_a_probability_are_not_moved_by_other_faults() -> None:
    chancy = Fault(match="GET /x", times=0, probability=0.5, status=503)
    alone = _strikes(Faults([chancy], 1), 50)
    never = Fault(match="GET /y", times=0, probability=0.5)
    assert _strikes(Faults([chancy, never], 1), 50) == alone


def test_faults_count_what_they_strike_not_what_they_spare() -> None:
    fault = Fault(match="* *", after=2, times=3, probability=0.5)
    struck = _strikes(Faults([fault], 3), 100)
    assert (sum(struck), any(struck[:2])) == (3, False)


def test_faults_of_operations_and_writes_leave_requests_alone() -> None:
    kinds: tuple[Any, ...] = ("lro_failure", "lro_stuck", "stale_read")
    faults = Faults([Fault(match="* *", times=0, kind=kind) for kind in kinds])
    assert faults.strike(Request("PUT", ARM, "/x")) is None


@pytest.mark.parametrize("kind", ["lro_failure", "lro_stuck"])
def test_fate_is_decided_for_the_method_and_resource(kind: Any) -> None:
    faults = Faults([Fault(match="PUT /a", kind=kind)])
    assert faults.fate("DELETE", "/a") is None
    fate = faults.fate("PUT", "/A")
    assert fate == "stuck" if kind == "lro_stuck" else isinstance(fate, AzureError)
    assert faults.fate("PUT", "/a") is None


@pytest.mark.parametrize("match", ["POST */provisionManagedNetwork", "POST */workspaces/ws", "* *"])
def test_fate_of_an_action_is_found_by_its_path_or_its_resource_and_counted_once(match: str) -> None:
    faults = Faults([Fault(match=match, kind="lro_stuck", after=1)])
    strikes = [faults.fate("POST", "/x/workspaces/ws", "provisionManagedNetwork") for _ in range(3)]
    assert strikes == [None, "stuck", None]
    assert faults.fate("POST", "/x/workspaces/ws", "diagnose") is None


def test_faults_of_operations_strike_the_deletion_of_a_group(client_of: Start) -> None:
    error = {"code": "Odd", "message": "It would not go."}
    client = client_of(
        {"match": "DELETE */resourceGroups/rg", "kind": "lro_failure", "body": {"error": error}},
        {"match": "DELETE */resourceGroups/stays", "kind": "lro_stuck"},
        time_scale=10_000,
    )
    results = {}
    for name in ("rg", "stays"):
        client.put(name)
        results[name] = client.send("DELETE", f"/{name}").headers["Location"]
    client.sandbox.call(client.sandbox.world.clock.sleep(10_000))
    refused = client.session.get(results["rg"])
    assert (refused.status_code, refused.json()["error"]) == (409, error)
    assert client.get("/rg").json()["properties"]["provisioningState"] == "Succeeded"
    assert client.session.get(results["stays"]).status_code == 202


@pytest.mark.parametrize("action", ["resyncKeys", "onlineEndpoints/credit/regenerateKeys"])
def test_faults_of_operations_strike_the_actions_that_they_name(tmp_path: Path, action: str) -> None:
    fault = Fault(match=f"POST */{action}", kind="lro_failure")
    scenario = scenario_file.load("legacy-workspace")
    still = StillSandbox(scenario.model_copy(update={"faults": (fault,), "runtime": "echo"}), tmp_path)
    workspace = next(
        d["id"] for d in still.world.documents.below("/") if d["id"].endswith("/workspaces/ws-legacy")
    )
    key = {"keyType": "Primary", "keyValue": "a-key-of-32-characters-and-more-a"}
    begun = still.send("POST", f"{workspace}/{action}?api-version=2024-10-01", key)
    still.pass_time(10_000)
    ended = still.send("GET", begun.headers["azure-asyncoperation"].partition(ARM)[2])
    still.close()
    assert (begun.status, ended.body["status"]) == (202, "Failed")


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("status", 503, "reset"),
        ("body", {"a": 1}, "timeout"),
        ("reads", 2, "answer"),
        ("stale_s", 5, "reset"),
    ],
)
def test_fault_with_a_field_of_another_kind_is_refused(field: str, value: Any, kind: str) -> None:
    with pytest.raises(ValidationError, match=f"'{field}' means nothing to a fault of kind {kind}"):
        Fault.model_validate({"match": "* *", "kind": kind, field: value})


@pytest.mark.parametrize("probability", [0, 1.1, -1])
def test_fault_with_a_probability_that_is_none_is_refused(probability: float) -> None:
    with pytest.raises(ValidationError, match="probability"):
        Fault(match="* *", probability=probability)


def test_sandboxes_of_one_seed_fail_at_the_same_requests(client_of: Start) -> None:
    fault = {"match": "GET */resourceGroups", "times": 0, "probability": 0.4, "status": 503}
    seen = []
    for seed in (5, 5, 6):
        client = client_of(fault, seed=seed)
        seen.append([client.get().status_code for _ in range(24)])
    assert seen[0] == seen[1] != seen[2]
    assert set(seen[0]) == {200, 503}
