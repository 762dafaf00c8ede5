import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from vnetferry.sandbox import scenario_file
from vnetferry.sandbox.scenario import Fault
from vnetferry.sandbox.server import Sandbox

HOST = "https://management.azure.com"
VERSION = "2024-10-01-preview"
Update = Callable[..., tuple[requests.Response, dict[str, str]]]


@pytest.fixture
def update(sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox]) -> Update:
    """Change the example's workspace; the answer, and the headers to go on with."""

    def send(*faults: Fault) -> tuple[requests.Response, dict[str, str]]:
        scenario = scenario_file.load("legacy-workspace").model_copy(
            update={"faults": faults, "runtime": "echo"}
        )
        sandbox = enter_sandbox(sandbox_factory(scenario, time_scale=10_000))
        identity = sandbox.world.identity
        headers = {"Authorization": f"Bearer {identity.issue(identity.client, HOST)}"}
        workspace = next(d for d in scenario.resources if d["id"].endswith("/workspaces/ws-legacy"))["id"]
        url = f"{HOST}{workspace}?api-version={VERSION}"
        return requests.patch(url, json={"tags": {"a": "b"}}, headers=headers, timeout=30), headers

    return send


def _finish(url: str, headers: dict[str, str]) -> dict[str, Any]:
    for _ in range(200):
        body: dict[str, Any] = requests.get(url, headers=headers, timeout=30).json()
        if body["status"] != "InProgress":
            return body
        time.sleep(0.05)
    raise AssertionError("the operation did not end")


def test_status_of_an_update_ends_succeeded_and_its_location_answers(update: Update) -> None:
    started, headers = update()
    assert (started.status_code, started.content) == (202, b"")
    assert _finish(started.headers["azure-asyncoperation"], headers) == {
        "status": "Succeeded",
        "percentComplete": 100.0,
    }
    assert requests.get(started.headers["location"], headers=headers, timeout=30).status_code == 200


def test_fault_of_kind_lro_failure_ends_the_operation_failed(update: Update) -> None:
    error = {"code": "InternalServerError", "message": "broken on purpose"}
    fault = Fault(match="PATCH */workspaces/ws-legacy", kind="lro_failure", body={"error": error})
    started, headers = update(fault)
    assert started.status_code == 202
    assert _finish(started.headers["azure-asyncoperation"], headers) == {"status": "Failed", "error": error}


def test_status_url_without_its_signature_is_refused(update: Update) -> None:
    started, headers = update()
    bare = started.headers["azure-asyncoperation"].split("&t=")[0]
    assert requests.get(bare, headers=headers, timeout=30).status_code == 403


def test_status_of_an_operation_that_never_was_is_not_found(update: Update) -> None:
    started, headers = update()
    url = started.headers["azure-asyncoperation"]
    identifier = url.split("workspaceOperationsStatus/")[1].split("?")[0]
    answer = requests.get(url.replace(identifier, "nowhere"), headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["error"]["details"][0]["code"]) == (404, "OperationNotFound")


def test_status_url_with_its_locations_signature_is_refused(update: Update) -> None:
    started, headers = update()
    status, location = started.headers["azure-asyncoperation"], started.headers["location"]
    mixed = status.split("&t=")[0] + "&t=" + location.split("&t=")[1]
    assert requests.get(mixed, headers=headers, timeout=30).status_code == 403
    assert requests.get(status, headers=headers, timeout=30).status_code == 200


def test_result_of_a_failed_operation_is_its_error(update: Update) -> None:
    error = {"code": "InternalServerError", "message": "broken on purpose"}
    fault = Fault(match="PATCH */workspaces/ws-legacy", kind="lro_failure", body={"error": error})
    started, headers = update(fault)
    _finish(started.headers["azure-asyncoperation"], headers)
    answer = requests.get(started.headers["location"], headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InternalServerError")
