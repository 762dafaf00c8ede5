import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from vnetferry.sandbox.errors import SandboxError
from vnetferry.sandbox.scenario import Scenario
from vnetferry.sandbox.server import Sandbox, running

NETWORK = {
    "id": "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/vnet-callers",
    "location": "westeurope",
    "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": []},
}


def test_running_opens_a_vantage_for_each_network_and_stops_without_a_trace() -> None:
    before = threading.active_count()
    with running(Scenario(resources=(NETWORK,))) as sandbox:
        assert list(sandbox.vantages) == ["internet", "vnet-callers"]
        assert len(set(sandbox.vantages.values())) == 2
        folder = sandbox.world.folder
        assert folder.is_dir()
    assert not folder.exists()
    assert threading.active_count() == before
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(sandbox.vantages["internet"], timeout=5)


def test_env_holds_what_a_client_needs() -> None:
    with running(Scenario(resources=(NETWORK,)), time_scale=60) as sandbox:
        env = sandbox.env("vnet-callers")
        assert env["HTTPS_PROXY"] == sandbox.vantages["vnet-callers"]
        assert env["AZURE_SUBSCRIPTION_ID"] == "s1"
        assert env["VNETFERRY_TIME_SCALE"] == "60"
        assert env["VNETFERRY_VANTAGES"] == ",".join(f"{n}={u}" for n, u in sandbox.vantages.items())
        assert Path(env["REQUESTS_CA_BUNDLE"]).read_text().count("BEGIN CERTIFICATE") == 1


def test_env_of_an_unknown_vantage_names_the_known(shared_sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="no vantage 'moon': it has internet"):
        shared_sandbox.env("moon")


def test_two_sandboxes_at_once_do_not_trust_each_other(sandbox_factory: Callable[..., Sandbox]) -> None:
    one, other = sandbox_factory(), sandbox_factory()
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(
            "https://login.microsoftonline.com/common/discovery/instance",
            proxies={"https": one.vantages["internet"]},
            verify=str(other.world.ca_file),
            timeout=30,
        )


def test_running_with_networks_of_one_name_refuses() -> None:
    twin = {**NETWORK, "id": str(NETWORK["id"]).replace("/rg/", "/rg2/")}
    with (
        pytest.raises(SandboxError, match="two vantages named 'vnet-callers'"),
        running(Scenario(resources=(NETWORK, twin))),
    ):
        pass


def test_running_with_a_log_that_cannot_be_written_refuses(tmp_path: Path) -> None:
    with (
        pytest.raises(SandboxError, match=r"cannot start: .*missing"),
        running(request_log=tmp_path / "missing" / "log.jsonl"),
    ):
        pass


@pytest.mark.parametrize("scale", [0, -1, 1e9, float("nan")])
def test_running_at_a_scale_that_makes_no_sense_refuses(scale: float) -> None:
    with pytest.raises(SandboxError, match="time scale"), running(time_scale=scale):
        pass
