"""A scenario: what the sandbox's Azure holds at the start, and how it behaves.

`resources` are ARM documents as GET returns them, so a snapshot of a real workspace is a scenario.
"""

from __future__ import annotations

import re
from functools import cached_property
from ipaddress import IPv4Address
from typing import Any, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    field_validator,
    model_validator,
)

DEFAULT_SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class BlobContent(_Part):
    """A blob's content: a file (relative to the scenario's own file) or text. Exactly one."""

    file: str | None = None
    text: str | None = None


# Limits of requests to Azure Resource Manager, of which there must be some.
REQUEST_QUOTAS = frozenset({"armReads", "armWrites", "armDeletes"})
# Faults that strike a long-running operation, and those that strike a write.
OPERATION_FAULTS = frozenset({"lro_failure", "lro_stuck"})
WRITE_FAULTS = frozenset({"stale_read"})
# RFC 9110, 5.1 and 5.5: what a header is called, and what its value may not hold.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_HEADER_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
# What has a meaning for one kind of fault alone, and for which.
_OWN_FIELDS = {
    "status": {"answer"},
    "headers": {"answer"},
    "body": {"answer", "lro_failure"},
    "reads": {"stale_read"},
    "stale_s": {"stale_read"},
}


class DnsServer(_Part):
    """A DNS server of one's own, at the address that a virtual network names in `dhcpOptions.dnsServers`.

    network:    the virtual network in which it stands; None: outside Azure, from where nobody can ask Azure's
                resolver.
    forwarders: zone (`.` for every name) -> the server that is asked for it; 168.63.129.16 is Azure's.
    records:    name or `*.name` -> address: what it answers by itself.

    What no record and no forwarder covers, it asks public DNS.
    """

    network: str | None = None
    forwarders: dict[str, IPv4Address] = {}
    records: dict[str, IPv4Address] = {}

    @field_validator("forwarders", "records")
    @classmethod
    def _fold(cls, named: dict[str, IPv4Address]) -> dict[str, IPv4Address]:
        return {name.lower().rstrip(".") or ".": address for name, address in named.items()}


class ServicePrincipal(_Part):
    """A further service principal of the tenant, which may sign in beside the sandbox's own client.

    It may do what the scenario's role assignments to `object_id` say, and nothing else.
    """

    app_id: str
    object_id: str
    secret: str = Field(min_length=1, repr=False)

    @field_validator("app_id", "object_id")
    @classmethod
    def _require_guid(cls, word: str) -> str:
        return str(UUID(word))


class Fault(_Part):
    """Something that goes wrong: requests that match `match` ("METHOD path-glob", both may be *) and `host`.

    after:       how many matching requests pass first. times: how many fail then (0: all of them).
    probability: of each of them to fail, by dice that the scenario's `seed` determines.
    kind:
        answer        `status`, `headers` and `body` instead of Azure's answer; nothing was done.
        reset         the connection is cut; nothing was done.
        lost_answer   what was asked is done; then the connection is cut, without an answer.
        timeout       nothing is answered (or done) until the client gives up.
        expired_token the token that the request bears has expired: Azure answers 401 to it, now and later, so the
                      client must sign in again. Keys and signatures do not expire.
        lro_failure   the long-running operation that the request starts ends Failed, with the `body`'s error.
        lro_stuck     the long-running operation that the request starts never ends.
        stale_read    after this write, the next `reads` reads of the resource (0: all), or those of the next
                      `stale_s` seconds of Azure's time (0: for ever), answer what was there before it.
    The kinds lro_… and stale_read know no host but Azure Resource Manager.
    """

    match: str
    host: str = "*"
    after: int = Field(default=0, ge=0)
    times: int = Field(default=1, ge=0)
    probability: float = Field(default=1.0, gt=0, le=1)
    kind: Literal[
        "answer",
        "reset",
        "lost_answer",
        "timeout",
        "expired_token",
        "lro_failure",
        "lro_stuck",
        "stale_read",
    ] = "answer"
    status: int = Field(default=500, ge=400, le=599)
    headers: dict[str, str] = {}
    body: dict[str, Any] = {}
    reads: int = Field(default=1, ge=0)
    stale_s: float = Field(default=0.0, ge=0)

    @field_validator("headers")
    @classmethod
    def _require_header(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or _NO_HEADER_VALUE.search(value):
                raise ValueError(
                    f"the header {name!r} is none that HTTP can carry; mend its name or its value"
                )
        return headers

    @model_validator(mode="after")
    def _require_own_fields(self) -> Fault:
        for name, kinds in _OWN_FIELDS.items():
            if name in self.model_fields_set and self.kind not in kinds:
                raise ValueError(f"'{name}' means nothing to a fault of kind {self.kind}; leave it out")
        return self


def _address(text: str) -> IPv4Address | None:
    try:
        return IPv4Address(text)
    except ValueError:
        return None


class Scenario(_Part):
    """scenario.yaml as a value.

    quotas: name -> limit: of cores by VM family, of endpoints and the like by the name that usages have, and of
            requests: armReads, armWrites, armDeletes, how many one caller may send to a subscription at once.
    costs:  resource id -> what it costs a month, in US dollars.
    principals: service principals beside the sandbox's own client.
    seed:   determines the dice of faults that have a `probability`.
    token_life_s: how long a token of Entra ID lives, in seconds of the machine's clock, by which clients judge it.
            A short one expires in the midst of long operations.
    """

    resources: tuple[dict[str, Any], ...] = ()
    blobs: dict[str, BlobContent] = {}
    secrets: dict[str, str] = {}
    endpoint_keys: dict[str, dict[str, str]] = {}
    metrics: dict[str, dict[str, float]] = {}
    costs: dict[str, NonNegativeFloat] = {}
    durations_s: dict[str, float] = {}
    quotas: dict[str, int] = {}
    dns_servers: dict[IPv4Address, DnsServer] = {}
    principals: tuple[ServicePrincipal, ...] = ()
    faults: tuple[Fault, ...] = ()
    seed: int = 0
    token_life_s: int = Field(default=3600, ge=1, le=86400)
    runtime: Literal["inference-server", "echo"] = "inference-server"

    @field_validator("quotas")
    @classmethod
    def _require_limits(cls, quotas: dict[str, int]) -> dict[str, int]:
        for name, limit in quotas.items():
            if limit < (1 if name in REQUEST_QUOTAS else 0):
                raise ValueError(f"the limit of '{name}' is {limit}; give it a greater number")
        return quotas

    @cached_property
    def assigned_principals(self) -> frozenset[str]:
        """The object ids to which the scenario's role assignments give anything."""
        return frozenset(
            (r.get("properties") or {}).get("principalId", "")
            for r in self.resources
            if "/microsoft.authorization/roleassignments/" in r.get("id", "").lower()
        )

    @cached_property
    def undescribed_dns_servers(self) -> frozenset[IPv4Address]:
        """The private DNS servers that the networks name, in a scenario that describes none."""
        options = ((r.get("properties") or {}).get("dhcpOptions") or {} for r in self.resources)
        named = (str(address) for held in options for address in held.get("dnsServers") or ())
        found = frozenset(address for address in map(_address, named) if address and address.is_private)
        return found if not self.dns_servers else frozenset()

    @cached_property
    def subscriptions(self) -> tuple[str, ...]:
        """Subscription ids in the order in which resources name them; one made-up id for an empty scenario."""
        parts = [r["id"].lower().strip("/").split("/") for r in self.resources if "id" in r]
        found = dict.fromkeys(part[1] for part in parts if part[0] == "subscriptions")
        return tuple(found) or (DEFAULT_SUBSCRIPTION,)
