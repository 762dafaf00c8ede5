"""Every ARM document of the sandbox, by id without regard to case, in the order in which they were made.

A collection is an id without its last name (`…/workspaces/ws/onlineEndpoints`). Listing one, or all resources of a
type, costs what it holds.
"""

from __future__ import annotations

from collections.abc import Callable

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json

# Told of a resource that comes or goes: its id, and whether it exists.
Watch = Callable[[str, bool], None]


class Documents:
    """A map of ARM id -> document; the document's own `id` keeps the case in which it was created."""

    def __init__(self) -> None:
        self._by_id: dict[str, Json] = {}
        # The ids in each collection (by its path) and of each full type (which has no slash in front).
        self._lists: dict[str, dict[str, None]] = {}
        self._watched: dict[str, Watch] = {}

    def watch(self, kind: str, told: Watch) -> None:
        """Have `told` called with the id of every resource of a type that comes (True) or goes (False) from now on."""
        self._watched[kind.lower()] = told

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
        is_new = key not in self._by_id
        self._by_id[key] = document
        for name in _lists_of(key):
            self._lists.setdefault(name, {})[key] = None
        if is_new:
            self._tell(document["id"], True)
        return document

    def remove(self, resource_id: str) -> None:
        """Remove it and everything below it; absent is fine."""
        key = _key(resource_id)
        for gone in [k for k in self._by_id if k == key or k.startswith(key + "/")]:
            del self._by_id[gone]
            for name in _lists_of(gone):
                self._strike(name, gone)
            self._tell(gone, False)

    def _tell(self, resource_id: str, exists: bool) -> None:
        for kind, told in self._watched.items():
            if resource_type(resource_id).lower() == kind:
                told(resource_id, exists)

    def collection(self, path: str) -> list[Json]:
        """The documents directly in a collection, in order of creation."""
        return [self._by_id[key] for key in self._lists.get(_key(path), {})]

    def below(self, scope: str, kind: str = "") -> list[Json]:
        """Documents under `scope` (an id), in order of creation; slow without a full type: it looks at all."""
        prefix = _key(scope).rstrip("/") + "/"
        keys = self._lists.get(kind.lower(), {}) if kind else self._by_id
        return [self._by_id[key] for key in keys if key.startswith(prefix)]

    def as_of(self, resource_id: str, former: Json | None) -> Documents:
        """All documents, with one as it was (None: absent, and all below it): the same objects in another map."""
        seen = Documents()
        seen._by_id = dict(self._by_id)
        seen._lists = {name: dict(keys) for name, keys in self._lists.items()}
        if former is None:
            seen.remove(resource_id)
        else:
            seen.put(former)
        return seen

    def _strike(self, name: str, key: str) -> None:
        self._lists[name].pop(key)
        if not self._lists[name]:
            del self._lists[name]

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
    """ARM's own 404, which names the resource as its id does from the provider on."""
    parts = resource_id.strip("/").split("/")
    group = parts[3] if len(parts) > 3 else ""
    message = (
        f"The Resource '{_provider_path(parts)}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    return AzureError(404, "ResourceNotFound", message)


def _provider_path(parts: list[str]) -> str:
    lower = [part.lower() for part in parts]
    if "providers" not in lower:
        return f"{resource_type('/'.join(parts))}/{parts[-1]}"
    start = len(lower) - lower[::-1].index("providers")
    return "/".join(parts[start:])


def _key(resource_id: str) -> str:
    return "/" + resource_id.strip("/").lower()


def _lists_of(key: str) -> tuple[str, str]:
    """The collection and the type that a document is listed by."""
    return key.rpartition("/")[0], resource_type(key).lower()
