"""What a name server knows of one name, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["A", "AAAA", "CNAME"]
# found: there are records. no_data: the name exists, without any. no_name: NXDOMAIN.
# failed: nobody who should answer does (SERVFAIL). refused: not a name that the sandbox has anything to say of.
Status = Literal["found", "no_data", "no_name", "failed", "refused"]


@dataclass(frozen=True)
class Record:
    """One resource record; names are lower case and without the final dot, `ttl_s` is in seconds."""

    name: str
    kind: Kind
    value: str
    ttl_s: int


@dataclass(frozen=True)
class Found:
    """The answer for one name, or for a chain of them.

    zone:   the zone that has the last word, for negative answers. is_private: it is a private zone.
    reason: one sentence for people, where the status is failed or refused.
    """

    status: Status
    records: tuple[Record, ...] = ()
    zone: str = ""
    is_private: bool = False
    reason: str = ""

    @property
    def alias(self) -> str | None:
        """Where the name's CNAME leads, or None."""
        return next((record.value for record in self.records if record.kind == "CNAME"), None)


def failed(reason: str) -> Found:
    """Nobody answers."""
    return Found("failed", reason=reason)


def closest(names: dict[str, str], name: str) -> str | None:
    """What `names` holds for a name: itself, or the nearest wildcard above it."""
    if name in names:
        return names[name]
    labels = name.split(".")
    wildcards = (".".join(["*", *labels[i:]]) for i in range(1, len(labels)))
    return next((names[wildcard] for wildcard in wildcards if wildcard in names), None)


def longest_suffix(zones: list[str], name: str) -> str | None:
    """The most specific of the zones in which a name lies; `.` holds every name."""
    fitting = [zone for zone in zones if zone in (".", name) or name.endswith(f".{zone}")]
    return max(fitting, key=len, default=None)
