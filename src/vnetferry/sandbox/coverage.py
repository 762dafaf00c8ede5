"""COVERAGE.md, made from the tables that answer requests: `python -m vnetferry.sandbox.coverage [FILE]`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from vnetferry.sandbox import signin, vault
from vnetferry.sandbox.absent import ABSENT
from vnetferry.sandbox.arm import site
from vnetferry.sandbox.blob import handlers as blob
from vnetferry.sandbox.dns import public as public_dns
from vnetferry.sandbox.hosts import absent_hosts
from vnetferry.sandbox.routes import Operation

_HEAD = """# What the sandbox answers

Made from the sandbox's own tables by `python -m vnetferry.sandbox.coverage`; do not edit it.

Evidence says how well an answer is known: **recorded** (from recordings of the real service), **specified**
(from Azure's API definitions and documentation), **assumed** (neither was found; the note says what was
chosen). Requests for anything else get Azure's own refusal (404 `InvalidResourceType`, 405, or 400 for an
unknown api-version), and it says that it is the sandbox that lacks it. Evidence is about what succeeds: the
words of refusals are Azure's where a recording, its documentation or a public report quotes them, and assumed
everywhere else. No recording shows a 409 or a 429 of the ML service: that a busy resource answers the one, and
too many requests the other, is assumed from documentation and reports, and so is their shape.
"""
_SCORING = """
## Scoring (`{endpoint}.{region}.inference.ml.azure.com`)

Every path below `/` that the deployment's own server answers: `/score` by default. The front door checks the
network, the key or token, the `azureml-model-deployment` header, traffic and mirror traffic, and concurrency.
A success's headers are recorded, the status of each refusal is specified, the refusals' bodies are assumed.
"""
_RATES = """
## Request rates of Azure Resource Manager

One caller's 250 reads (25 more each second), 200 writes and 200 deletes (10 more) in a subscription or in the
tenant, and 15 times that for all callers of a subscription; counted in `x-ms-ratelimit-remaining-…`, refused with 429.
Sizes and rates are **specified**. The text of a caller's own refusal and its `Retry-After` of 10 seconds are as
users report them; the texts of a subscription's and a tenant's refusal, and that a POST is a write, are **assumed**.
There is one region's worth of buckets. A scenario's quotas `armReads`, `armWrites` and `armDeletes` set the sizes.
"""


_DNS = """
## DNS

A name server on loopback UDP for each vantage (`VNETFERRY_DNS`, `dig @127.0.0.1 -p PORT NAME`). Evidence:
specified, but for public addresses and names between a private link name and its address, which are made up.

| name | public answer | zone whose records answer instead in linked networks |
|---|---|---|
"""
_DNS_END = """
A host has its private link name as alias while an approved private endpoint leads to it. Networks ask Azure's
resolver or the servers of their `dhcpOptions`, which a scenario describes under `dns_servers`: records,
conditional forwarders, and the network in which each stands. Other names are refused (REFUSED); what is
Azure's and does not exist is NXDOMAIN; where no server answers it is SERVFAIL. There is no DNS over TCP.
"""


_SPECIFIED = "All are specified, by the service's own reference.\n\n"


def render() -> str:
    """The page."""
    rows = sorted(site.routes().operations, key=lambda row: (_namespace(row).lower(), row.name, row.method))
    parts = [_HEAD]
    for _, found in groupby(rows, key=lambda row: _namespace(row).lower()):
        operations = list(found)
        parts += [f"\n## {_namespace(operations[0])}\n\n", *_arm_table(operations)]
    parts += ["\n## Blob service\n\n", _SPECIFIED, *_plain_table(blob.operations())]
    parts += ["\n## Key Vault service\n\n", _SPECIFIED, *_plain_table(vault.operations())]
    parts += [
        "\n## Microsoft Entra ID\n\n",
        _SPECIFIED,
        *_plain_table(signin.operations()),
        _SCORING,
        *_dns(),
        _RATES,
    ]
    parts += _absent()
    return "".join(parts)


def _namespace(operation: Operation) -> str:
    """The last resource provider in the path, as a reader looks for it."""
    _, mark, below = operation.path.rpartition("/providers/")
    name = below.partition("/")[0]
    return "Microsoft.Resources" if not mark or name.startswith("{") else name


def _arm_table(operations: Iterable[Operation]) -> Iterator[str]:
    """One line per operation and method, however many scopes it is served at."""
    yield "| operation | method | evidence | note |\n|---|---|---|---|\n"
    for (name, method), rows in groupby(operations, key=lambda row: (row.name, row.method)):
        first, *others = rows
        scopes = [f"at {len(others) + 1} scopes"] if others else []
        note = "; ".join([*scopes, *([first.note.replace("|", "\\|")] if first.note else [])])
        yield f"| {name} | {method} | {first.evidence} | {note} |\n"


def _plain_table(rows: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    yield "| operation | method | request |\n|---|---|---|\n"
    for name, method, path in sorted(rows):
        yield f"| {name} | {method} | `{path}` |\n"


def _dns() -> Iterator[str]:
    yield _DNS
    for public, private in public_dns.PATTERNS:
        answer = f"alias of `{private}`, or address" if private else "address"
        zone = f"`{private[private.index('privatelink.') :]}`" if private else ""
        yield f"| `{public}` | {answer} | {zone} |\n"
    yield _DNS_END


def _absent() -> Iterator[str]:
    yield "\n## What Azure has and the sandbox has not\n\n"
    for service, names in ABSENT.items():
        yield f"- **{service}**: {', '.join(f'`{name}`' if '_' in name else name for name in names)}.\n"
    hosts = ", ".join(f"`{host}`" for host in absent_hosts())
    yield f"- **Hosts** that answer 501 `NotImplemented`: {hosts}.\n"
    yield (
        "- **Request rates** of resource providers (Microsoft.Network, Storage, Key Vault and others): a "
        "scenario brings their 429 as a fault.\n"
    )


def main(arguments: list[str]) -> None:
    """Write the page to the named file, or to COVERAGE.md here."""
    Path(arguments[0] if arguments else "COVERAGE.md").write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
