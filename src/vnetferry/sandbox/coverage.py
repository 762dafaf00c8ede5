"""COVERAGE.md, made from the tables that answer requests: `python -m vnetferry.sandbox.coverage [FILE]`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from vnetferry.sandbox import graph, settings, signin, vault
from vnetferry.sandbox.absent import ABSENT
from vnetferry.sandbox.arm import site
from vnetferry.sandbox.blob import handlers as blob
from vnetferry.sandbox.dns import public as public_dns
from vnetferry.sandbox.hosts import absent_hosts
from vnetferry.sandbox.ml import registry_plane
from vnetferry.sandbox.routes import Operation

_HEAD = """# What the sandbox answers

Made from the sandbox's own tables by `python -m vnetferry.sandbox.coverage`; do not edit it.

Evidence says how well an answer is known: **recorded** (from recordings of the real service), **specified**
(from Azure's API definitions and documentation), **assumed** (neither was found; the note says what was
chosen). Requests for anything else get Azure's own refusal (404 `InvalidResourceType`, 405, or 400 for an
unknown api-version), and it says that it is the sandbox that lacks it. Evidence is about what succeeds: the
words of refusals are Azure's where a recording, its documentation or a public report quotes them, and assumed
everywhere else. No recording shows a 409 or a 429 of the ML service: that a busy resource answers the one, and
too many requests the other, is assumed from documentation and reports, and so is their shape. Recorded in part,
and assumed for the rest: the code of a missing connection's 404, how `x-ms-operation-identifier` is built, and that
an operation's address without its signature answers 403. Workspaces refuse in
the shape that is recorded of connections, as a public log of a refused PUT names the same component; that their
outbound rules, provisioning and operations do so too is assumed. The
ML service is served in api-versions of 2022 and later; Azure still answers to older ones.
"""
_SCORING = """
## Scoring (`{endpoint}.{region}.inference.ml.azure.com`)

`/score`, `/swagger.json`, and the routes of the environment's `inferenceConfig`, if it has one. The front door checks
the network, the key or token, the `azureml-model-deployment` header, traffic and mirror traffic, and concurrency.
A success's headers are recorded, the status of each refusal is specified, the refusals' bodies are assumed.
"""
_GRAPH = """
## Microsoft Graph (`graph.microsoft.com`)

Lookups alone: what names a principal to a client such as `az role assignment`. Its directory holds the clients, the
managed identities of the resources that there are, and the principals of a scenario's role assignments. `$filter`
takes `eq`, `startswith` and `servicePrincipalNames/any`, joined by `and`. What succeeds is **specified**; that the
client may read the directory, a system-assigned identity's application id, the names of principals that only a role
assignment mentions, and the texts of refused tokens and queries are **assumed**.

"""
_RATES = """
## Request rates of Azure Resource Manager

One caller's 250 reads (25 more each second), 200 writes and 200 deletes (10 more) in a subscription or in the
tenant, and 15 times that for all callers of a subscription; counted in `x-ms-ratelimit-remaining-…`, refused with 429.
Sizes and rates are **specified**. The text of a caller's own refusal and its `Retry-After` of 10 seconds are as
users report them; the texts of a subscription's and a tenant's refusal, and that a POST is a write, are **assumed**.
A deployment's PUT is counted besides in `x-ms-ratelimit-remaining-subscription-resource-requests`, as recorded; that
there are 25 a minute is **assumed**, and nothing is refused for it. There is one region's worth of buckets. A
scenario's quotas `armReads`, `armWrites` and `armDeletes` set the sizes.
"""


_RIGHTS = """
## Rights

Role assignments decide, permission by permission: `*` anywhere, without regard to case; notActions take away from
their own permission alone; data actions stand apart. **Specified**, and so are the built-in roles' lists as far as
the providers served go. That an assignment counts late is specified: by the ML service's pages after 15 minutes to
an hour, by Azure RBAC's own after up to ten minutes. That it is 900 seconds, everywhere and for removals too, is
**assumed**. The text of `AuthorizationFailed` and
`LinkedAuthorizationFailed` is as users report it; reports differ on whether a service principal's client is its
application or its object id: the application's is **assumed**. Linked rights are asked for to assign
identities, to join subnets, networks and private DNS zones, to peer networks, and to the keys of what diagnostic
settings send to, nowhere else. That lists of a subscription or group show what the caller may read, and are refused
to whoever may read nothing there, is **assumed**; so are the code and text of a custom role outside its scopes, of
scopes that are none, and of deleting a built-in role. There are no deny assignments, conditions, groups or
management groups, and nothing at the scope of the tenant.
"""

_POLICY = """
## Azure Policy

What is assigned is judged at every PUT and PATCH, before the resource provider sees it, and in a template's resources
before any is made: 403 `RequestDisallowedByPolicy`, of a template 400 `InvalidTemplateDeployment`. **Specified**: the
rule language as far as it is taken, modes, effects, exemptions, scopes left out, assignments that are not enforced; the
refusals are as users report them. **Assumed**: that an alias is the type and the path below `properties` or beside it,
that a private endpoint's connection is judged on its target when it is made, the managed network's own too, that what
takes effect does so at once, and the codes of unsound definitions. What the sandbox cannot evaluate or carry out is
refused with 501 when it is written, and a scenario that holds it does not start.
"""

_DNS = """
## DNS

A name server on loopback, UDP and TCP, for each vantage (`VNETFERRY_DNS`, `dig @127.0.0.1 -p PORT NAME`). Evidence:
specified, but for public addresses and names between a private link name and its address, which are made up.

| name | public answer | zone whose records answer instead in linked networks |
|---|---|---|
"""
_DNS_END = """
A host has its private link name as alias while an approved private endpoint leads to it. Networks ask Azure's
resolver or the servers of their `dhcpOptions`, which a scenario describes under `dns_servers`: records,
conditional forwarders, and the network in which each stands; in a scenario that describes none, they are taken to
forward all to Azure's resolver. Other names are refused (REFUSED); what is Azure's and does not exist is NXDOMAIN;
where no server answers it is SERVFAIL.

Connections go where the name leads: through the private endpoint that has the address, in the client's network or a
peered one, or in by the public door. Assumed: the proxy's 502 for a host without an address and 504 for one where
nobody answers (RFC 9209); 403 for who comes in through another resource's private endpoint; networks that Azure ML
keeps resolve publicly what their own private endpoints do not lead to.
"""


_REGISTRIES = """On `{region}.api.azureml.ms`, `cert-{region}.experiments.azureml.net` and
`{registry id}.registry.{region}[.privatelink].api.azureml.ms`; api-version `2021-10-01-dataplanepreview`. Discovery,
uploads, writes, imports and reads of versions are **recorded**; lists of containers and SAS for downloads are
**specified**. **Assumed**: that no versions are listed of an asset that is not there, the end of a failed write, that a
registry's own host serves the same paths, and the words of refusals. What else Azure serves there (deployment
templates below `genericasset`, MLflow, run history) answers 501. Microsoft's own registries (`azureml` and the
like) are not here: what deployments take from them is accepted by its name alone, as is what a scenario's own
deployments use of a registry that the scenario leaves out.

"""

_SPECIFIED = "All are specified, by the service's own reference.\n\n"


def render() -> str:
    """The page."""
    rows = sorted(site.routes().operations, key=lambda row: (_namespace(row).lower(), row.name, row.method))
    parts = [_HEAD]
    for _, found in groupby(rows, key=lambda row: _namespace(row).lower()):
        operations = list(found)
        parts += [f"\n## {_namespace(operations[0])}\n\n", *_arm_table(operations)]
    parts += [
        "\n## Data plane of registries\n\n",
        _REGISTRIES,
        *_plain_table(registry_plane.operations()),
    ]
    parts += ["\n## Blob service\n\n", _SPECIFIED, *_plain_table(blob.operations())]
    parts += ["\n## Key Vault service\n\n", _SPECIFIED, *_plain_table(vault.operations())]
    parts += ["\n## App Configuration service\n\n", _SPECIFIED, *_plain_table(settings.plane())]
    parts += [
        "\n## Microsoft Entra ID\n\n",
        _SPECIFIED,
        *_plain_table(signin.operations()),
        _GRAPH,
        *_plain_table(graph.operations()),
        _SCORING,
        *_dns(),
        _RATES,
        _RIGHTS,
        _POLICY,
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
