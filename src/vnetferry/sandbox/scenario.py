"""A scenario: what the sandbox's Azure holds at the start, and how it behaves.

`resources` are ARM documents as GET returns them, so a snapshot of a real workspace is a scenario.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class BlobContent(_Part):
    """A blob's content: a file (relative to the scenario's own file) or text. Exactly one."""

    file: str | None = None
    text: str | None = None


class Fault(_Part):
    """Something that goes wrong: requests that match `match` ("METHOD path-glob", both may be *).

    after: how many matching requests pass first. times: how many fail then (0: all of them).
    """

    match: str
    after: int = Field(default=0, ge=0)
    times: int = Field(default=1, ge=0)
    kind: Literal["answer", "reset", "timeout", "lro_failure"] = "answer"
    status: int = Field(default=500, ge=400, le=599)
    headers: dict[str, str] = {}
    body: dict[str, Any] = {}


class Scenario(_Part):
    """scenario.yaml as a value."""

    resources: tuple[dict[str, Any], ...] = ()
    blobs: dict[str, BlobContent] = {}
    secrets: dict[str, str] = {}
    endpoint_keys: dict[str, dict[str, str]] = {}
    metrics: dict[str, dict[str, float]] = {}
    durations_s: dict[str, float] = {}
    quotas: dict[str, int] = {}
    faults: tuple[Fault, ...] = ()
    runtime: Literal["inference-server", "echo"] = "inference-server"

    @cached_property
    def assigned_principals(self) -> frozenset[str]:
        """The object ids to which the scenario's role assignments give anything."""
        return frozenset(
            (r.get("properties") or {}).get("principalId", "")
            for r in self.resources
            if "/microsoft.authorization/roleassignments/" in r.get("id", "").lower()
        )

    @cached_property
    def subscriptions(self) -> tuple[str, ...]:
        """Subscription ids in the order in which resources name them; one made-up id for an empty scenario."""
        found = dict.fromkeys(r["id"].strip("/").split("/")[1].lower() for r in self.resources if "id" in r)
        return tuple(found) or (DEFAULT_SUBSCRIPTION,)
