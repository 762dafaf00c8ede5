"""The wire format: every kind of query gets a well-formed answer, and no bytes bring the server down."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.dns.dns_world import PRIVATE_ADDRESS, PRIVATE_SCORING, SCORING, Client
from vnetferry.sandbox.dns import messages
from vnetferry.sandbox.dns.answers import Found, Record

MANY = tuple(Record("x.azure.com", "A", f"10.0.{i // 250}.{i % 250}", 60) for i in range(300))


def nothing(name: str, follows: bool) -> Found:
    return Found("no_name", zone="azure.com")


def everything(name: str, follows: bool) -> Found:
    return Found("found", MANY, "azure.com")


def test_answer_holds_the_chain_and_says_that_it_recursed(linked: Client) -> None:
    reply = linked.ask(SCORING.upper(), vantage="vnet-hub")
    assert [rrset.to_text() for rrset in reply.answer] == [
        f"{SCORING.upper()}. 60 IN CNAME {PRIVATE_SCORING}.",
        f"{PRIVATE_SCORING}. 10 IN A {PRIVATE_ADDRESS}",
    ]
    assert reply.flags & dns.flags.RA
    assert not reply.flags & dns.flags.AA


@pytest.mark.parametrize(
    ("kind", "values", "has_soa"),
    [
        ("CNAME", [PRIVATE_SCORING], False),
        ("ANY", [PRIVATE_SCORING], False),
        ("AAAA", [PRIVATE_SCORING], True),
        ("TXT", [PRIVATE_SCORING], True),
    ],
)
def test_answer_to_other_types_is_the_alias_without_address(
    linked: Client, kind: str, values: list[str], has_soa: bool
) -> None:
    reply = linked.ask(SCORING, kind, "vnet-hub")
    assert [str(item).rstrip(".") for rrset in reply.answer for item in rrset] == values
    assert reply.rcode() == dns.rcode.NOERROR
    assert bool(reply.authority) == has_soa


def test_answer_to_address_query_of_a_name_without_alias_has_soa(linked: Client) -> None:
    reply = linked.ask("management.azure.com", "AAAA")
    assert not reply.answer
    assert reply.rcode() == dns.rcode.NOERROR
    assert reply.authority[0].to_text().startswith("azure.com. 60 IN SOA ")


def test_answer_to_a_query_for_a_private_zones_own_record_is_the_record(linked: Client) -> None:
    reply = linked.ask("PrivateLink.api.azureml.ms", "SOA", "vnet-hub")
    assert reply.answer[0].to_text().lower() == (
        "privatelink.api.azureml.ms. 3600 in soa azureprivatedns.net. azureprivatedns-host.microsoft.com. "
        "1 3600 300 2419200 10"
    )
    assert not reply.authority


def test_answer_that_a_private_name_does_not_exist_is_forgotten_soon(linked: Client) -> None:
    reply = linked.ask("x.privatelink.api.azureml.ms", vantage="vnet-hub")
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert (reply.authority[0].ttl, reply.authority[0][0].minimum) == (10, 10)


def test_answer_without_edns_has_no_option(linked: Client) -> None:
    reply = linked.ask("github.com")
    assert reply.rcode() == dns.rcode.REFUSED
    assert reply.edns == -1


@pytest.mark.parametrize("edns", [{}, {"use_edns": 0, "payload": 4096}])
def test_answer_that_is_too_long_is_cut_and_says_so(edns: dict[str, Any]) -> None:
    wire = messages.answer(dns.message.make_query("x.azure.com", "A", **edns).to_wire(), everything)
    assert wire is not None
    assert len(wire) <= (1232 if edns else 512)
    assert dns.message.from_wire(wire).flags & dns.flags.TC


def change_opcode(query: dns.message.Message) -> None:
    query.set_opcode(dns.opcode.STATUS)


def double_question(query: dns.message.Message) -> None:
    query.question *= 2


def make_chaos(query: dns.message.Message) -> None:
    query.question = dns.message.make_query("version.bind", "TXT", "CH").question


def newer_edns(query: dns.message.Message) -> None:
    query.use_edns(1)


@pytest.mark.parametrize(
    ("spoil", "rcode"),
    [
        (change_opcode, dns.rcode.NOTIMP),
        (double_question, dns.rcode.FORMERR),
        (make_chaos, dns.rcode.REFUSED),
        (newer_edns, dns.rcode.BADVERS),
    ],
)
def test_answer_to_what_is_no_plain_query_is_its_code(spoil: Any, rcode: dns.rcode.Rcode) -> None:
    query = dns.message.make_query("management.azure.com", "A")
    spoil(query)
    wire = messages.answer(query.to_wire(), nothing)
    assert wire is not None
    reply = dns.message.from_wire(wire)
    assert (reply.id, reply.rcode()) == (query.id, rcode)


def test_answer_to_an_answer_or_a_fragment_is_nothing() -> None:
    response = dns.message.make_response(dns.message.make_query("management.azure.com", "A"))
    assert messages.answer(response.to_wire(), nothing) is None
    assert messages.answer(b"\0" * 11, nothing) is None


def test_answer_with_a_long_reason_is_not_cut_off() -> None:
    def refuse(name: str, follows: bool) -> Found:
        return Found("refused", reason=f"No '{name}'.")

    query = dns.message.make_query(dns.name.Name([b"\0" * 63] * 3 + [b""]), "A", use_edns=0, payload=1232)
    reply = dns.message.from_wire(messages.answer(query.to_wire(), refuse) or b"")
    assert reply.rcode() == dns.rcode.REFUSED
    assert not reply.flags & dns.flags.TC
    assert reply.options


@settings(max_examples=300, deadline=None)
@given(wire=st.binary(max_size=80), flags=st.sampled_from([b"\x01\x00", b"\x00\x00", b"\x28\x00"]))
def test_answer_to_any_bytes_is_a_message_or_nothing(wire: bytes, flags: bytes) -> None:
    header = b"\x12\x34" + flags + b"\0\1\0\0\0\0\0\0"
    for query in (wire, header + wire):
        reply = messages.answer(query, nothing)
        if reply is not None:
            with contextlib.suppress(dns.message.Truncated):
                assert dns.message.from_wire(reply).flags & dns.flags.QR


@settings(max_examples=100, deadline=None)
@given(labels=st.lists(st.binary(min_size=1, max_size=20), max_size=8))
def test_resolve_of_any_labels_is_answered(linked: Client, labels: list[bytes]) -> None:
    name = dns.name.Name([*labels, b"net", b""])
    reply = linked.ask(name, vantage="vnet-hub")  # type: ignore[arg-type]
    assert reply.rcode() in (dns.rcode.REFUSED, dns.rcode.NXDOMAIN, dns.rcode.NOERROR)


def test_server_goes_on_after_rubbish(linked: Client) -> None:
    host, _, port = linked.sandbox.dns["internet"].partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rubbish:
        for datagram in (b"", b"\xff" * 512, b"\0" * 12, b"\x12\x34\x01\x00\0\1" + b"\0" * 6 + b"\xc0\x0c"):
            rubbish.sendto(datagram, (host, int(port)))
    assert linked.chain("management.azure.com")
