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

from tests.sandbox.dns.dns_world import SCORING, SPOKE, Client, azure, zone
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


def test_tcp_answers_on_the_same_port(linked: Client) -> None:
    host, _, port = linked.sandbox.dns["vnet-hub"].partition(":")
    query = dns.message.make_query(SCORING, "A")
    replies = [ask(query, host, port=int(port), timeout=10) for ask in (dns.query.tcp, dns.query.udp)]
    assert replies[0].answer == replies[1].answer
    assert len(replies[0].answer) == 2


def test_tcp_has_room_for_what_udp_cuts(client_of: Callable[..., Client]) -> None:
    corp = zone("corp.example", {}, SPOKE)
    addresses = [{"ipv4Address": f"10.7.0.{i}"} for i in range(200)]
    many = {"id": f"{corp[0]['id']}/A/many", "properties": {"ttl": 10, "aRecords": addresses}}
    client = client_of(*corp, many)
    host, _, port = client.sandbox.dns["vnet-spoke"].partition(":")
    query = dns.message.make_query("many.corp.example", "A")
    reply, used_tcp = dns.query.udp_with_fallback(query, host, port=int(port), timeout=10)
    assert used_tcp
    assert len(reply.answer[0]) == 200


def test_tcp_connection_bears_queries_one_after_another_and_nonsense(linked: Client) -> None:
    host, _, port = linked.sandbox.dns["internet"].partition(":")
    wire = dns.message.make_query(SCORING, "A").to_wire()
    with socket.create_connection((host, int(port)), timeout=10) as stream:
        for _ in range(3):
            stream.sendall(len(wire).to_bytes(2, "big") + wire)
            size = int.from_bytes(stream.recv(2), "big")
            assert dns.message.from_wire(stream.recv(size)).answer
        stream.sendall(b"\0\3abc")
        assert stream.recv(2) == b""


def test_defect_is_answered_as_a_failure(client_of: Callable[..., Client], caplog: Any) -> None:
    client = client_of()
    client.sandbox.world.documents.require(SPOKE)["properties"]["dhcpOptions"] = "not what it should be"
    assert client.chain(SCORING, "vnet-spoke") == ["SERVFAIL"]
    assert "name server of vnet-spoke failed" in caplog.text
    caplog.clear()  # this one was wanted


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
