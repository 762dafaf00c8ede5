"""The name servers' ports: on loopback, one for each vantage, gone with the sandbox, and told to clients."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import dns.exception
import dns.message
import dns.query
import pytest

from tests.sandbox.dns.dns_world import SCORING, SPOKE, Client, azure
from vnetferry.sandbox.scenario import Scenario
from vnetferry.sandbox.server import running

VNETFERRY = [sys.executable, "-m", "vnetferry.cli.main"]


def test_every_vantage_has_a_port_of_its_own_on_loopback_alone(linked: Client) -> None:
    assert list(linked.sandbox.dns) == list(linked.sandbox.vantages)
    assert len(set(linked.sandbox.dns.values())) == len(linked.sandbox.dns)
    assert {address.partition(":")[0] for address in linked.sandbox.dns.values()} == {"127.0.0.1"}


def test_env_names_every_name_server(linked: Client) -> None:
    expected = ",".join(f"{name}={address}" for name, address in linked.sandbox.dns.items())
    assert linked.sandbox.env("vnet-hub")["VNETFERRY_DNS"] == expected


def test_ports_are_free_again_when_the_sandbox_stops() -> None:
    with running(Scenario()) as sandbox:
        host, _, port = sandbox.dns["internet"].partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((host, int(port)))


def test_defect_is_answered_as_a_failure(client_of: Callable[..., Client], caplog: Any) -> None:
    client = client_of()
    client.sandbox.world.documents.require(SPOKE)["properties"]["dhcpOptions"] = "not what it should be"
    assert client.chain(SCORING, "vnet-spoke") == ["SERVFAIL"]
    assert "name server of vnet-spoke failed" in caplog.text


def test_status_of_a_detached_sandbox_shows_its_name_servers(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    def sandbox(*arguments: str) -> str:
        command = [*VNETFERRY, "sandbox", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(json.dumps(azure()))
    assert "VNETFERRY_DNS=internet=127.0.0.1:" in sandbox("up", "--scenario", str(scenario))
    try:
        servers = json.loads(sandbox("status", "--json"))["sandbox"]["dns"]
        host, _, port = servers["vnet-spoke"].partition(":")
        reply = dns.query.udp(dns.message.make_query(SCORING, "A"), host, port=int(port), timeout=10)
        assert len(reply.answer) == 1
        assert f"dig @{host} -p {port}" in sandbox("status")
    finally:
        sandbox("down")
    with pytest.raises((dns.exception.Timeout, OSError)):
        dns.query.udp(dns.message.make_query(SCORING, "A"), host, port=int(port), timeout=0.5)
