"""What the gateway makes of an Azure that fails: each kind of fault, against a sandbox that misbehaves on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vnetferry.errors import NotFound, OperationFailed, OperationTimeout, PermissionDenied, Unavailable
from vnetferry.gateway import api_versions, endpoints, transport, workspaces
from vnetferry.gateway.arm import Arm
from vnetferry.gateway.azure import Azure, _connect, connect
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.sandbox.environment import REMOVED
from vnetferry.sandbox.scenario import DEFAULT_SUBSCRIPTION, Fault, Scenario
from vnetferry.sandbox.server import Sandbox, running

WORKSPACE = ResourceId.workspace(DEFAULT_SUBSCRIPTION, "rg", "ws-faulty")
GROUPS = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups"
TAGS = {"vnetferry-plan": "plan1", "vnetferry-source": "/subscriptions/s/old"}
FAULTS = (
    Fault(match="PUT */resourceGroups/cut", kind="reset"),
    Fault(match="GET */resourceGroups/slow", kind="timeout"),
    Fault(match="GET */resourceGroups/tired", kind="expired_token"),
    Fault(match="GET */resourceGroups/shut-out", kind="expired_token", times=0),
    Fault(match="PUT */onlineEndpoints/unheard", kind="lost_answer"),
    Fault(match="DELETE */onlineEndpoints/unheard", kind="lost_answer"),
    Fault(match="POST */onlineEndpoints/unheard/listKeys", kind="lost_answer"),
    Fault(match="PUT */onlineEndpoints/stuck", kind="lro_stuck"),
    Fault(match="PUT */Microsoft.Resources/deployments/ws-stuck-*", kind="lro_stuck"),
    Fault(
        match="PUT */Microsoft.Resources/deployments/ws-doomed-*",
        kind="lro_failure",
        body={"error": {"code": "InvalidTemplateDeployment", "message": "it was not to be"}},
    ),
    Fault(match="PUT */onlineEndpoints/behind", kind="stale_read", times=0, reads=2),
    Fault(match="PUT */resourceGroups/never", kind="stale_read", reads=0),
)
Lines = Callable[[], list[Json]]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    log = tmp_path_factory.mktemp("faulty") / "requests.jsonl"
    scenario = Scenario(faults=FAULTS, runtime="echo")
    with running(scenario, time_scale=3600.0, request_log=log) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def azure(sandbox: Sandbox) -> Iterator[Azure]:
    with pytest.MonkeyPatch.context() as patch:
        for name in REMOVED:
            patch.delenv(name, raising=False)
        for name, value in sandbox.env("internet").items():
            patch.setenv(name, value)
        _connect.cache_clear()
        azure = connect()
        for group in ("rg", "slow", "tired", "shut-out"):
            azure.arm.put(f"{GROUPS}/{group}", api_versions.RESOURCES, {"location": "westeurope"})
        yield azure
    _connect.cache_clear()


@pytest.fixture(scope="module")
def workspace(azure: Azure) -> ResourceId:
    workspaces.create_workspace(azure, WORKSPACE, _spec(), TAGS)
    return WORKSPACE


@pytest.fixture
def lines(sandbox: Sandbox) -> Lines:
    """What was sent since the test began."""
    path = Path(str(sandbox.request_log))
    start = path.stat().st_size
    return lambda: [json.loads(line) for line in path.read_bytes()[start:].splitlines()]


def _spec() -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("storage_account", "key_vault", "container_registry", "application_insights"), ""
    )
    base = {"isolation_mode": "AllowInternetOutbound", "firewall_sku": "Basic", "outbound_rules": {}}
    return {**base, "associated": nothing, "public_network_access": "Disabled", "location": "westeurope"}


def _body(**properties: str) -> Json:
    settings = {"authMode": "Key", **properties}
    return {"location": "westeurope", "identity": {"type": "SystemAssigned"}, "properties": settings}


def _state(azure: Azure, endpoint: ResourceId) -> str:
    return str(azure.arm.get(endpoint, api_versions.ML)["properties"]["provisioningState"])


def _statuses(lines: Lines, method: str, name: str) -> list[int]:
    return [line["status"] for line in lines() if line["method"] == method and line["path"].endswith(name)]


def test_put_cut_before_it_was_done_is_sent_again(azure: Azure, lines: Lines) -> None:
    answer = azure.arm.put(f"{GROUPS}/cut", api_versions.RESOURCES, {"location": "westeurope"})

    assert (answer.status, _statuses(lines, "PUT", "/cut")) == (201, [0, 201])


def test_get_without_an_answer_is_sent_again(
    azure: Azure, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_TIMEOUT_S", 0.5)
    impatient = Arm(azure.credential, azure.clock)

    assert impatient.get(f"{GROUPS}/slow", api_versions.RESOURCES)["name"] == "slow"
    assert 0 in _statuses(lines, "GET", "/slow")


def test_get_with_a_token_that_expired_signs_in_again(azure: Azure, lines: Lines) -> None:
    assert azure.arm.get(f"{GROUPS}/tired", api_versions.RESOURCES)["name"] == "tired"
    assert _statuses(lines, "GET", "/tired") == [401, 200]
    assert [line["operation"] for line in lines()].count("Entra_Token") == 1


def test_get_refused_with_every_token_is_permission_denied(azure: Azure, lines: Lines) -> None:
    with pytest.raises(PermissionDenied, match="expiry UTC time") as caught:
        azure.arm.get(f"{GROUPS}/shut-out", api_versions.RESOURCES)

    assert not caught.value.retryable
    assert _statuses(lines, "GET", "/shut-out") == [401, 401]
    assert azure.arm.get(f"{GROUPS}/rg", api_versions.RESOURCES)["name"] == "rg"


def test_create_endpoint_whose_answer_was_lost_waits_for_the_one_it_began(
    azure: Azure, workspace: ResourceId, lines: Lines
) -> None:
    endpoint = workspace.child("onlineEndpoints", "unheard")

    endpoints.create_endpoint(azure, endpoint, _body(), None, TAGS)

    assert _state(azure, endpoint) == "Succeeded"
    assert _statuses(lines, "PUT", "/unheard")[0] == 0


def test_post_whose_answer_was_lost_is_left_to_the_caller_to_repeat(
    azure: Azure, workspace: ResourceId, lines: Lines
) -> None:
    endpoint = workspace.child("onlineEndpoints", "unheard")
    endpoints.create_endpoint(azure, endpoint, _body(), None, TAGS)

    with pytest.raises(Unavailable) as caught:
        endpoints.read_keys(azure, endpoint)

    assert caught.value.retryable
    assert endpoints.read_keys(azure, endpoint) is not None
    assert _statuses(lines, "POST", "/listKeys") == [0, 200]


def test_delete_endpoint_whose_answer_was_lost_is_deleted(azure: Azure, workspace: ResourceId) -> None:
    endpoint = workspace.child("onlineEndpoints", "unheard")
    endpoints.create_endpoint(azure, endpoint, _body(), None, TAGS)

    endpoints.delete_endpoint(azure, endpoint)

    assert endpoints.find_endpoint(azure, endpoint) is None


def test_create_endpoint_that_never_ends_is_a_timeout(azure: Azure, workspace: ResourceId) -> None:
    endpoint = workspace.child("onlineEndpoints", "stuck")

    with pytest.raises(OperationTimeout, match="did not end within 3600 s") as caught:
        endpoints.create_endpoint(azure, endpoint, _body(), None, TAGS)

    assert not caught.value.retryable
    assert _state(azure, endpoint) == "Creating"


def test_create_workspace_by_a_template_that_never_ends_is_a_timeout(
    azure: Azure, workspace: ResourceId
) -> None:
    other = ResourceId.workspace(DEFAULT_SUBSCRIPTION, "rg", "ws-stuck")

    with pytest.raises(OperationTimeout, match="the template operation did not end"):
        workspaces.create_workspace(azure, other, _spec(), TAGS)


def test_create_workspace_by_a_template_that_fails_says_why(azure: Azure, workspace: ResourceId) -> None:
    other = ResourceId.workspace(DEFAULT_SUBSCRIPTION, "rg", "ws-doomed")

    with pytest.raises(OperationFailed, match="it was not to be"):
        workspaces.create_workspace(azure, other, _spec(), TAGS)


def test_create_endpoint_that_is_not_known_yet_looks_again(
    azure: Azure, workspace: ResourceId, lines: Lines
) -> None:
    endpoint = workspace.child("onlineEndpoints", "behind")

    written = endpoints.create_endpoint(azure, endpoint, _body(), None, TAGS)

    assert written.after["properties"]["provisioningState"] == "Succeeded"
    assert _statuses(lines, "GET", "/behind").count(404) >= 3  # absent at first, and twice behind
    assert _statuses(lines, "PUT", "/behind") == [201]


def test_create_endpoint_again_while_reads_lag_leaves_it_as_wanted(
    azure: Azure, workspace: ResourceId
) -> None:
    endpoint = workspace.child("onlineEndpoints", "behind")
    endpoints.create_endpoint(azure, endpoint, _body(description="first"), None, TAGS)

    endpoints.create_endpoint(azure, endpoint, _body(description="second"), None, TAGS)
    for _ in range(2):  # what still lags
        azure.arm.get(endpoint, api_versions.ML)

    assert azure.arm.get(endpoint, api_versions.ML)["properties"]["description"] == "second"


def test_wait_for_what_azure_never_knows_is_not_found(azure: Azure) -> None:
    from vnetferry.gateway.arm import Answer

    path = f"{GROUPS}/never"
    azure.arm.put(path, api_versions.RESOURCES, {"location": "westeurope"})

    with pytest.raises(NotFound):
        azure.arm.wait(Answer(201, {}, {}, "PUT", path, api_versions.RESOURCES), "document")


def test_get_faster_than_the_budget_waits_and_gets_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "requests.jsonl"
    scenario = Scenario(quotas={"armReads": 2}, runtime="echo")
    with running(scenario, time_scale=60.0, request_log=log) as sandbox:
        for name in REMOVED:
            monkeypatch.delenv(name, raising=False)
        for name, value in sandbox.env("internet").items():
            monkeypatch.setenv(name, value)
        _connect.cache_clear()
        reader = connect().arm
        while 429 not in [json.loads(line)["status"] for line in log.read_text().splitlines()]:
            assert list(reader.list(GROUPS, api_versions.RESOURCES)) == []
    _connect.cache_clear()
