"""Virtual networks that come and go while the sandbox runs: their ports, and where clients read of them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from azure.identity import EnvironmentCredential

from tests.sandbox.dns.dns_world import GROUP, HUB, Client, azure, zone
from vnetferry.sandbox.server import Sandbox

ARM = "https://management.azure.com"
NEW = HUB.replace("vnet-hub", "vnet-new")
SPACE = {"addressSpace": {"addressPrefixes": ["10.8.0.0/16"]}}
BODY = {"location": "westeurope", "properties": SPACE}
VNETFERRY = [sys.executable, "-m", "vnetferry.cli.main"]


class Arm:
    """A client of Resource Manager in the sandbox that this process has entered."""

    def __init__(self) -> None:
        with EnvironmentCredential() as credential:
            token = credential.get_token(f"{ARM}/.default").token
        self._headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, body: Any = None, version: str = "2023-09-01") -> Any:
        answer = requests.request(
            method, f"{ARM}{path}?api-version={version}", json=body, headers=self._headers, timeout=30
        )
        assert answer.status_code < 300, answer.text
        return answer


@pytest.fixture
def client(sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox]) -> Client:
    corp = zone("corp.example", {"app": "10.0.0.7"})
    return Client(enter_sandbox(sandbox_factory(azure(*corp))))


def link_corp(arm: Arm, network: str = NEW) -> None:
    path = f"{GROUP}/providers/Microsoft.Network/privateDnsZones/corp.example/virtualNetworkLinks/new"
    link = {"location": "global", "properties": {"virtualNetwork": {"id": network}}}
    arm("PUT", path, link, "2020-06-01")


def read_file(sandbox: Sandbox) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(
        Path(sandbox.env()["VNETFERRY_VANTAGES_FILE"]).read_text(encoding="utf-8")
    )
    return found


def test_network_made_later_has_its_own_proxy_and_name_server_at_once(client: Client) -> None:
    arm = Arm()
    assert "vnet-new" not in read_file(client.sandbox)
    arm("PUT", NEW, BODY)
    place = read_file(client.sandbox)["vnet-new"]
    assert place == {"proxy": client.sandbox.vantages["vnet-new"], "dns": client.sandbox.dns["vnet-new"]}
    link_corp(arm)
    assert client.chain("app.corp.example", "vnet-new") == ["10.0.0.7"]
    assert client.chain("app.corp.example", "vnet-hub") == ["REFUSED"]
    answer = requests.get(
        f"{ARM}/subscriptions", proxies={"https": place["proxy"]}, verify=str(client.sandbox.world.ca_file)
    )
    assert answer.status_code == 401
    assert "vnet-new=" in client.sandbox.env("vnet-new")["VNETFERRY_VANTAGES"]


def test_network_that_is_deleted_loses_its_ports(client: Client) -> None:
    arm = Arm()
    arm("PUT", NEW, BODY)
    proxy = urlsplit(client.sandbox.vantages["vnet-new"])
    arm("DELETE", NEW)
    wait_until(lambda: "vnet-new" not in client.sandbox.vantages)
    assert "vnet-new" not in client.sandbox.dns
    assert "vnet-new" not in read_file(client.sandbox)
    wait_until(lambda: not is_open(proxy.port or 0))


def test_network_goes_with_its_resource_group(client: Client) -> None:
    arm, group = Arm(), GROUP.replace("/rg", "/rg-late")
    arm("PUT", group, {"location": "westeurope"}, "2021-04-01")
    arm("PUT", NEW.replace("/rg/", "/rg-late/"), BODY)
    assert "vnet-new" in client.sandbox.vantages
    arm("DELETE", group, version="2021-04-01")
    wait_until(lambda: "vnet-new" not in client.sandbox.vantages)


def test_network_whose_name_is_taken_is_a_vantage_by_its_groups_name_too(client: Client) -> None:
    arm = Arm()
    arm("PUT", GROUP.replace("/rg", "/rg-late"), {"location": "westeurope"}, "2021-04-01")
    twin = HUB.replace("/rg/", "/rg-late/")
    arm("PUT", twin, BODY)
    link_corp(arm, twin)
    assert client.chain("app.corp.example", "rg-late/vnet-hub") == ["10.0.0.7"]
    assert client.chain("app.corp.example", "vnet-hub") == ["REFUSED"]


def test_network_whose_dns_servers_change_asks_the_new_ones_at_once(client: Client) -> None:
    arm = Arm()
    arm("PUT", NEW, BODY)
    link_corp(arm)
    assert client.chain("app.corp.example", "vnet-new") == ["10.0.0.7"]
    silent = {"dhcpOptions": {"dnsServers": ["10.8.0.99"]}}
    arm("PUT", NEW, {**BODY, "properties": {**SPACE, **silent}})
    assert client.chain("app.corp.example", "vnet-new") == ["SERVFAIL"]


def test_status_of_a_detached_sandbox_shows_a_network_made_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(json.dumps(azure()))

    def run(*arguments: str) -> str:
        command = [*VNETFERRY, "sandbox", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    run("up", "--scenario", str(scenario), "--time-scale", "600")
    try:
        state = json.loads((tmp_path / "vnetferry" / "state.json").read_text())
        for name, value in state["env"].items():
            monkeypatch.setenv(name, value)
        Arm()("PUT", NEW, BODY)
        assert "vnet-new" in json.loads(run("status", "--json"))["sandbox"]["vantages"]
        shown = run("status")
        assert "\n  vnet-new: http://127.0.0.1:" in shown
        assert "vnet-new=127.0.0.1:" in run("status", "--env")
    finally:
        run("down")
    assert not Path(state["folder"]).exists()


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_answers_wait_for_no_acknowledgement(client: Client) -> None:
    """Head and body are two writes: with Nagle's algorithm the second would wait for the first to be acknowledged."""
    with requests.Session() as session:
        session.get(f"{ARM}/subscriptions?api-version=2022-12-01", timeout=30)
        (tunnel,) = client.sandbox.world.open_vantage.__self__.tunnels
        assert tunnel._transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
