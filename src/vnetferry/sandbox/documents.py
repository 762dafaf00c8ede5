"""Every ARM document of the sandbox, by id without regard to case, in the order in which they were made.

A collection is an id without its last name (`…/workspaces/ws/onlineEndpoints`); listing one costs what it holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json


class Documents:
    """A map of ARM id -> document; the document's own `id` keeps the case in which it was created."""

    def __init__(self) -> None:
        self._by_id: dict[str, Json] = {}
        self._collections: dict[str, dict[str, None]] = {}

    def get(self, resource_id: str) -> Json | None:
        """The live document (change it in place), or None."""
        return self._by_id.get(_key(resource_id))

    def require(self, resource_id: str) -> Json:
        """The live document; AzureError 404 `ResourceNotFound` in ARM's words when absent."""
        document = self.get(resource_id)
        if document is None:
            raise not_found(resource_id)
        return document

    def put(self, document: Json) -> Json:
        """Add or replace; `document["id"]` is the key."""
        key = _key(document["id"])
        self._by_id[key] = document
        self._collections.setdefault(_collection(key), {})[key] = None
        return document

    def remove(self, resource_id: str) -> None:
        """Remove it and everything below it; absent is fine."""
        key = _key(resource_id)
        for gone in [k for k in self._by_id if k == key or k.startswith(key + "/")]:
            del self._by_id[gone]
            self._collections[_collection(gone)].pop(gone)

    def collection(self, path: str) -> list[Json]:
        """The documents directly in a collection, in order of creation."""
        return [self._by_id[key] for key in self._collections.get(_key(path), {})]

    def below(self, scope: str, kind: str = "") -> Iterator[Json]:
        """Documents under `scope` (an id), of one full type if given; slow: it looks at every document."""
        prefix, wanted = _key(scope).rstrip("/") + "/", kind.lower()
        for key, document in list(self._by_id.items()):
            if key.startswith(prefix) and wanted in ("", resource_type(key).lower()):
                yield document

    def as_of(self, resource_id: str, former: Json | None) -> Documents:
        """All documents, with one as it was (None: absent, and all below it): the same objects in another map."""
        seen = Documents()
        seen._by_id = dict(self._by_id)
        seen._collections = {path: dict(keys) for path, keys in self._collections.items()}
        if former is None:
            seen.remove(resource_id)
        else:
            seen.put(former)
        return seen

    def __contains__(self, resource_id: str) -> bool:
        return _key(resource_id) in self._by_id

    def __len__(self) -> int:
        return len(self._by_id)


def resource_type(resource_id: str) -> str:
    """The full type of an id: `Namespace/type[/type…]`."""
    parts = resource_id.strip("/").split("/")
    lower = [part.lower() for part in parts]
    if "providers" not in lower:
        return "Microsoft.Resources/resourceGroups" if len(parts) > 2 else "Microsoft.Resources/subscriptions"
    start = len(lower) - 1 - lower[::-1].index("providers")
    return "/".join([parts[start + 1], *parts[start + 2 :: 2]])


def not_found(resource_id: str) -> AzureError:
    """ARM's own 404."""
    parts = resource_id.strip("/").split("/")
    kind, name = resource_type(resource_id), "/".join(parts[7::2]) or parts[-1]
    group = parts[3] if len(parts) > 3 else ""
    message = (
        f"The Resource '{kind}/{name}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    return AzureError(404, "ResourceNotFound", message)


def _key(resource_id: str) -> str:
    return "/" + resource_id.strip("/").lower()


def _collection(key: str) -> str:
    return key.rpartition("/")[0]
