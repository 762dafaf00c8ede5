"""Queries and answers in DNS wire format (RFC 1035), with the reason of a refusal beside it (RFC 8914).

Whatever bytes come in, the answer is a well-formed message or none at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from vnetferry.sandbox.dns.answers import Found, Kind, Record, Status

# How a name is looked up: the name, and whether its aliases are followed.
Resolve = Callable[[str, bool], Found]

_RCODES: dict[Status, dns.rcode.Rcode] = {
    "found": dns.rcode.NOERROR,
    "no_data": dns.rcode.NOERROR,
    "no_name": dns.rcode.NXDOMAIN,
    "failed": dns.rcode.SERVFAIL,
    "refused": dns.rcode.REFUSED,
}
_REASONS: dict[Status, dns.edns.EDECode] = {
    "failed": dns.edns.EDECode.NO_REACHABLE_AUTHORITY,
    "refused": dns.edns.EDECode.NOT_AUTHORITATIVE,
}
# What a message may measure without fragments (DNS Flag Day 2020), and what a client takes that says nothing.
_PAYLOAD_BYTES, _PLAIN_BYTES = 1232, 512
_STREAM_BYTES = 65535
_HEADER_BYTES = 12
# A name can be long and odd enough that a reason with it would leave no room for the answer.
_REASON_CHARS = 500
# How long a zone's own record may be kept, and (by its last number) that a name does not exist (RFC 2308, 3).
_SOA_TTL_S, _NEGATIVE_TTL_S, _PRIVATE_NEGATIVE_TTL_S = 3600, 60, 10
_PUBLIC_SOA = "ns1-01.azure-dns.com. azuredns-hostmaster.microsoft.com. 1 3600 300 2419200 60"
_PRIVATE_SOA = "azureprivatedns.net. azureprivatedns-host.microsoft.com. 1 3600 300 2419200 10"


def answer(wire: bytes, resolve: Resolve, *, is_stream: bool = False) -> bytes | None:
    """The reply to a message; None for what is no query, which stays unanswered as RFC 1035 has it.

    What a datagram has no room for is cut, and the client told to ask again over TCP (`is_stream`).
    """
    if len(wire) < _HEADER_BYTES or wire[2] & 0x80:
        return None
    try:
        query = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError):
        return _bare(wire, dns.rcode.FORMERR)
    if query.opcode() != dns.opcode.QUERY:
        return _bare(wire, dns.rcode.NOTIMP)
    reply = dns.message.make_response(query, recursion_available=True, our_payload=_PAYLOAD_BYTES)
    if query.edns > 0:
        reply.set_rcode(dns.rcode.BADVERS)
    elif len(query.question) != 1:
        reply.set_rcode(dns.rcode.FORMERR)
    elif query.question[0].rdclass != dns.rdataclass.IN:
        reply.set_rcode(dns.rcode.REFUSED)
    else:
        _fill(reply, resolve)
    limit = _STREAM_BYTES if is_stream else _datagram_bytes(query)
    return reply.to_wire(max_size=limit, prefer_truncation=True)


def _datagram_bytes(query: dns.message.Message) -> int:
    return min(max(query.payload, _PLAIN_BYTES), _PAYLOAD_BYTES) if query.edns >= 0 else _PLAIN_BYTES


def failure(wire: bytes) -> bytes:
    """SERVFAIL for a query, when its answer could not be made."""
    return _bare(wire, dns.rcode.SERVFAIL)


def _bare(wire: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """A header alone: the query's id, opcode and recursion wish, and the code."""
    first = 0x80 | (wire[2] & 0x79)
    return wire[:2] + bytes([first, 0x80 | int(rcode)]) + bytes(8)


def _fill(reply: dns.message.Message, resolve: Resolve) -> None:
    question = reply.question[0]
    follows = question.rdtype not in (dns.rdatatype.CNAME, dns.rdatatype.ANY)
    found = resolve(question.name.to_text(omit_final_dot=True).lower().removesuffix("."), follows)
    wanted = [record for record in found.records if _is_wanted(record, question.rdtype)]
    reply.answer = _rrsets(wanted, question.name)
    reply.set_rcode(_RCODES[found.status])
    if question.rdtype == dns.rdatatype.SOA and _is_apex(found, question.name):
        reply.answer = [_soa(found, _SOA_TTL_S)]
    elif found.zone and all(record.kind == "CNAME" for record in wanted) and (follows or not wanted):
        ttl_s = _PRIVATE_NEGATIVE_TTL_S if found.is_private else _NEGATIVE_TTL_S
        reply.authority = [_soa(found, ttl_s)]
    if found.reason and reply.edns >= 0:
        note = dns.edns.EDEOption(_REASONS[found.status], found.reason[:_REASON_CHARS])
        reply.use_edns(0, 0, _PAYLOAD_BYTES, reply.request_payload, [note])


def _is_wanted(record: Record, kind: dns.rdatatype.RdataType) -> bool:
    """Aliases are part of every answer."""
    return record.kind == "CNAME" or kind in (dns.rdatatype.ANY, dns.rdatatype.from_text(record.kind))


def _rrsets(records: Iterable[Record], asked: dns.name.Name) -> list[dns.rrset.RRset]:
    """The records by owner and type; the first owner is written as it was asked for."""
    by_owner: dict[tuple[str, Kind], list[Record]] = {}
    for record in records:
        by_owner.setdefault((record.name, record.kind), []).append(record)
    first = next(iter(by_owner), ("", "A"))[0]
    return [
        _rrset(asked if name == first else dns.name.from_text(name), kind, found)
        for (name, kind), found in by_owner.items()
    ]


def _rrset(owner: dns.name.Name, kind: Kind, records: list[Record]) -> dns.rrset.RRset:
    values = [f"{record.value}." if kind == "CNAME" else record.value for record in records]
    return dns.rrset.from_text_list(owner, records[0].ttl_s, dns.rdataclass.IN, kind, values)


def _is_apex(found: Found, name: dns.name.Name) -> bool:
    """Whether the name is that of the zone itself."""
    return bool(found.zone) and found.alias is None and name == dns.name.from_text(found.zone)


def _soa(found: Found, ttl_s: int) -> dns.rrset.RRset:
    text = _PRIVATE_SOA if found.is_private else _PUBLIC_SOA
    return dns.rrset.from_text(f"{found.zone}.", ttl_s, dns.rdataclass.IN, dns.rdatatype.SOA, text)
