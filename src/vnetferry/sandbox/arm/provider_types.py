"""The resource types and api-versions that a provider lists: those that the table of operations answers to.

Clients choose an api-version by this list (`az resource`, templates' authors), so it must not promise one that a
request would then be refused for.
"""

from __future__ import annotations

from functools import cache

from vnetferry.sandbox.routes import Operation


@cache
def api_versions(namespace: str) -> dict[str, list[str]]:
    """The types of a namespace (in any case) with their api-versions, newest first, as Azure lists them."""
    from vnetferry.sandbox.arm import site  # it imports every service, the one that answers with this too

    found: dict[str, set[str]] = {}
    for operation in site.routes().operations:
        owner, kind = _type_of(operation)
        if kind and owner.lower() == namespace.lower():
            found.setdefault(kind, set()).update(operation.api_versions)
    return {kind: sorted(versions, reverse=True) for kind, versions in found.items()}


def _type_of(operation: Operation) -> tuple[str, str]:
    """The namespace and the type of a path that names one resource; no type for a collection or an action."""
    parts = operation.path.rpartition("/providers/")[2].split("/")
    kinds, names = parts[1::2], parts[2::2]
    is_one = len(kinds) == len(names) and all(name.startswith("{") or name == "default" for name in names)
    is_literal = not any(kind.startswith("{") for kind in kinds)
    return (parts[0], "/".join(kinds)) if is_one and is_literal else (parts[0], "")
