"""What can be said of a property of a source document, and what is said of those that all documents have."""

from __future__ import annotations

from typing import Literal, NamedTuple

Path = tuple[str, ...]


class Rule(NamedTuple):
    """What becomes of one property."""

    what: Literal["carry", "drop", "remake", "unknown"]
    reason: str = ""


CARRY = Rule("carry")
UNKNOWN = Rule("unknown", "not known to vnetferry; carried as it is")
READ_ONLY = Rule("drop", "written by Azure alone")


def fields(what: Rule, names: str, under: str = "") -> dict[str, Rule]:
    """One rule for many properties; `names` is a list with spaces, `under` what they are properties of."""
    return {f"{under}{name}": what for name in names.split()}


COMMON = {
    **fields(READ_ONLY, "id name type systemData etag properties.provisioningState"),
    **fields(CARRY, "tags location"),
}
