"""ARM itself: pages, retries, waiting and their limits, against a sandbox that misbehaves on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, islice

import pytest

from vnetferry.errors import ConfigError, NotFound, OperationFailed, OperationTimeout, Throttled, Unavailable
from vnetferry.gateway import network, poll
from vnetferry.gateway.api_versions import NETWORK, RESOURCES, api_version
from vnetferry.gateway.arm import Answer
from vnetferry.gateway.azure import Azure, _connect, connect
from vnetferry.gateway.clock import Clock
from vnetferry.gateway.throttle import Bucket, Rate
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.sandbox.environment import REMOVED
from vnetferry.sandbox.scenario import DEFAULT_SUBSCRIPTION, Fault, Scenario
from vnetferry.sandbox.server import running

SUB = f"/subscriptions/{DEFAULT_SUBSCRIPTION}"
FAULTS = (
    Fault(match="GET */resourceGroups/busy", times=2, status=429, headers={"Retry-After": "30"}),
    Fault(match="GET */resourceGroups/shut", times=0, status=429, headers={"Retry-After": "30"}),
    Fault(match="GET */resourceGroups/cut", times=2, kind="reset"),
    Fault(match="GET */virtualNetworks/late", times=3, status=404),
    Fault(
        match="PUT */virtualNetworks/doomed",
        kind="lro_failure",
        body={"error": {"code": "Odd", "message": "so it is"}},
    ),
)


@pytest.fixture(scope="module")
def azure() -> Iterator[Azure]:
    """A sandbox whose faults are those above."""
    scenario = Scenario(faults=FAULTS, runtime="echo")
    with running(scenario, time_scale=3600.0) as sandbox, pytest.MonkeyPatch.context() as patch:
        for name in REMOVED:
            patch.delenv(name, raising=False)
        for name, value in sandbox.env("internet").items():
            patch.setenv(name, value)
        _connect.cache_clear()
        azure = connect()
        for group in ("rg", "busy", "shut", "cut"):
            azure.arm.put(f"{SUB}/resourceGroups/{group}", RESOURCES, {"location": "westeurope"})
        yield azure
    _connect.cache_clear()


def _vnet(name: str) -> ResourceId:
    return ResourceId(f"{SUB}/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/{name}")


def _vnet_body() -> Json:
    subnet = {"name": "default", "properties": {"addressPrefix": "10.0.0.0/24"}}
    return {
        "location": "westeurope",
        "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]},
    }


def test_get_absent_is_not_found_and_find_is_none(azure: Azure) -> None:
    with pytest.raises(NotFound) as caught:
        azure.arm.get(f"{SUB}/resourceGroups/none", RESOURCES)
    assert caught.value.request_id
    assert azure.arm.find(f"{SUB}/resourceGroups/none", RESOURCES) is None


def test_list_names_every_group(azure: Azure) -> None:
    names = {group["name"] for group in azure.arm.list(f"{SUB}/resourceGroups", RESOURCES)}

    assert {"rg", "busy", "shut", "cut"} <= names


def test_get_throttled_twice_waits_and_gets_it(azure: Azure) -> None:
    assert azure.arm.get(f"{SUB}/resourceGroups/busy", RESOURCES)["name"] == "busy"


def test_get_throttled_for_ever_gives_up_as_throttled(azure: Azure) -> None:
    with pytest.raises(Throttled) as caught:
        azure.arm.get(f"{SUB}/resourceGroups/shut", RESOURCES)

    assert (caught.value.retryable, caught.value.retry_after_s) == (True, 30.0)


def test_get_connection_cut_is_tried_again(azure: Azure) -> None:
    assert azure.arm.get(f"{SUB}/resourceGroups/cut", RESOURCES)["name"] == "cut"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/next",
        "http://management.azure.com/x",
        "https://management.azure.com.evil.example/x",
    ],
)
def test_send_token_follows_no_link_to_another_host(azure: Azure, link: str) -> None:
    with pytest.raises(Unavailable, match="not Azure Resource Manager"):
        azure.arm.get(link, "")


def test_wait_operation_ends_with_the_resource(azure: Azure) -> None:
    document = azure.arm.wait(azure.arm.put(_vnet("plain"), NETWORK, _vnet_body()), "private_endpoint")

    assert document["properties"]["provisioningState"] == "Succeeded"


def test_wait_resource_not_found_right_after_its_making_is_looked_at_again(azure: Azure) -> None:
    document = azure.arm.wait(azure.arm.put(_vnet("late"), NETWORK, _vnet_body()), "private_endpoint")

    assert document["name"] == "late"


def test_wait_failed_operation_raises_its_reason(azure: Azure) -> None:
    with pytest.raises(OperationFailed, match="so it is"):
        azure.arm.wait(azure.arm.put(_vnet("doomed"), NETWORK, _vnet_body()), "private_endpoint")


def test_wait_past_its_deadline_is_a_timeout(azure: Azure) -> None:
    answer = azure.arm.put(_vnet("slow"), NETWORK, _vnet_body())
    running_answer = Answer(
        201, {"properties": {"provisioningState": "Updating"}}, answer.headers, "PUT", answer.path, NETWORK
    )

    with pytest.raises(OperationTimeout, match="within 0 s"):
        azure.arm.wait(running_answer, "private_endpoint", deadline_s=0)


def test_wait_forgotten_operation_looks_at_the_resource(azure: Azure) -> None:
    azure.arm.wait(azure.arm.put(_vnet("known"), NETWORK, _vnet_body()), "private_endpoint")
    gone = f"https://management.azure.com{SUB}/resourceGroups/none?api-version={RESOURCES}"
    answer = Answer(201, {}, {"azure-asyncoperation": gone}, "PUT", str(_vnet("known")), NETWORK)

    assert azure.arm.wait(answer, "private_endpoint")["name"] == "known"


def test_wait_resource_absent_is_not_found(azure: Azure) -> None:
    with pytest.raises(NotFound):
        poll.wait_resource(azure, _vnet("nobody"), NETWORK, "private_endpoint")


def test_approve_connection_unknown_is_worth_retrying(azure: Azure) -> None:
    storage = ResourceId(f"{SUB}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/stapprove")
    body = {"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "properties": {}}
    azure.arm.wait(azure.arm.put(storage, api_version(storage.type), body), "document")

    with pytest.raises(NotFound) as caught:
        network.approve_connection(azure, storage, _vnet("nobody"))
    assert caught.value.retryable


def test_create_private_endpoint_twice_writes_once_and_is_approved(azure: Azure) -> None:
    storage = ResourceId(f"{SUB}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/stprivate")
    body = {"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "properties": {}}
    azure.arm.wait(azure.arm.put(storage, api_version(storage.type), body), "document")
    azure.arm.wait(azure.arm.put(_vnet("callers"), NETWORK, _vnet_body()), "private_endpoint")
    endpoint = ResourceId(f"{SUB}/resourceGroups/rg/providers/Microsoft.Network/privateEndpoints/pe-one")
    connection = {"name": "one", "properties": {"privateLinkServiceId": str(storage), "groupIds": ["blob"]}}
    subnet = {"id": str(_vnet("callers").child("subnets", "default"))}
    wanted = {
        "location": "westeurope",
        "properties": {"subnet": subnet, "manualPrivateLinkServiceConnections": [connection]},
    }

    assert network.create_private_endpoint(azure, endpoint, wanted).changed
    assert not network.create_private_endpoint(azure, endpoint, wanted).changed
    assert network.connection_state(network.read_connections(azure, storage)[0]) == "Pending"
    assert network.approve_connection(azure, storage, endpoint).changed
    assert network.connection_state(network.read_connections(azure, storage)[0]) == "Approved"
    assert not network.approve_connection(azure, storage, endpoint).changed


def test_clock_now_is_azures_time(azure: Azure) -> None:
    azure.arm.get(f"{SUB}/resourceGroups/rg", RESOURCES)
    before = azure.clock.now()
    azure.clock.sleep(600)

    assert (azure.clock.now() - before).total_seconds() >= 600


@pytest.mark.parametrize("text", ["fast", "0", "-1", "nan", "inf"])
def test_clock_bad_scale_says_so(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VNETFERRY_TIME_SCALE", text)

    with pytest.raises(ConfigError, match="VNETFERRY_TIME_SCALE"):
        Clock.from_environment()


@pytest.mark.parametrize("quickest_s", [1.0, 60.0, 120.0])
@pytest.mark.parametrize("duration_s", [130.0, 420.0, 1800.0])
def test_pauses_end_is_noticed_within_a_tenth(quickest_s: float, duration_s: float) -> None:
    looks = accumulate(poll.pauses(quickest_s))
    noticed_s = next(at for at in looks if at >= duration_s)

    assert noticed_s <= duration_s * 1.1 + 2


def test_pauses_hours_of_waiting_cost_few_requests() -> None:
    assert sum(1 for at in islice(accumulate(poll.pauses(120)), 1000) if at < 7200) < 160


def test_bucket_beyond_its_burst_waits_for_the_rate() -> None:
    clock = _StillClock()
    bucket = Bucket(clock, Rate(burst=2, per_s=10))
    for _ in range(4):
        bucket.take()

    assert clock.slept == pytest.approx([0, 0, 0.1, 0.2])


class _StillClock(Clock):
    """A clock that stands still and notes how long it was asked to sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    def elapsed_s(self) -> float:
        return 0.0

    def sleep(self, azure_s: float) -> None:
        self.slept.append(azure_s)
