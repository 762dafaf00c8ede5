"""Many reads at once, of which the caller may not be allowed each.

A reading that Azure refuses, or does not serve, becomes a line of `unread`; the others go on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future
from functools import cached_property
from itertools import chain
from typing import TypeVar

from vnetferry.errors import (
    NotFound,
    OperationFailed,
    OperationTimeout,
    PermissionDenied,
    Rejected,
    VnetferryError,
)
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document

A = TypeVar("A")
B = TypeVar("B")
_BEARABLE = (PermissionDenied, NotFound, Rejected, OperationFailed, OperationTimeout)
# Some services put the request's id into their words, which would make two equal refusals differ.
_REQUEST_ID = re.compile(r"[.,;]?\s*\(?request id:? [0-9a-f-]{36}\)?", re.IGNORECASE)


class Readings:
    """Reads in parallel, and keeps a line for each reading that Azure refuses."""

    def __init__(self, azure: Azure, pool: Executor) -> None:
        self.azure, self.unread = azure, set[str]()
        self._pool = pool

    @cached_property
    def subscriptions(self) -> list[str]:
        """The ids of the subscriptions that the caller sees."""
        return [str(item["subscriptionId"]) for item in self.items("/subscriptions", api_versions.RESOURCES)]

    def begin(self, read: Callable[[], B]) -> Future[B]:
        """Begin something that takes long, beside what follows."""
        return self._pool.submit(read)

    def children(
        self, wanted: Iterable[tuple[ResourceId, str]], query: Mapping[str, str] | None = None
    ) -> list[Document]:
        """The documents of several child collections, (parent, collection name) each; a refusal is raised."""
        return list(
            chain.from_iterable(self._pool.map(lambda which: self._children(which, query), list(wanted)))
        )

    def collections(
        self, wanted: Iterable[tuple[ResourceId, str]], query: Mapping[str, str] | None = None
    ) -> list[Document]:
        """The same, without the collections that Azure refuses."""
        found = self._pool.map(lambda which: self.collection(which[0], which[1], query), list(wanted))
        return list(chain.from_iterable(found))

    def collection(
        self, parent: ResourceId, kind: str, query: Mapping[str, str] | None = None
    ) -> list[Document]:
        """The documents of one child collection; none, and a line of `unread`, when Azure refuses."""
        found = self.attempt(lambda: self._children((parent, kind), query), f"{parent}/{kind}")
        return found or []

    def documents(self, wanted: Iterable[ResourceId]) -> list[Document]:
        """Several documents, those that are there and may be read."""

        def read(resource: ResourceId) -> Document:
            return Document(
                id=resource, body=self.azure.arm.get(resource, api_versions.api_version(resource.type))
            )

        return self.each(read, list(wanted))

    def everywhere(self, subscription_id: str, kind: str, group: ResourceId) -> list[Json]:
        """Every resource of a type in a subscription; of the group alone when the caller may not list more."""
        version = api_versions.api_version(kind)
        path = f"/subscriptions/{subscription_id}/providers/{kind}"
        found = self.attempt(lambda: list(self.azure.arm.list(path, version)), path)
        return self.items(f"{group}/providers/{kind}", version) if found is None else found

    def items(self, path: str, api_version: str, query: Mapping[str, str] | None = None) -> list[Json]:
        """The items of one collection; none, and a line of `unread`, when Azure refuses."""
        return self.attempt(lambda: list(self.azure.arm.list(path, api_version, query)), path) or []

    def each(self, read: Callable[[A], B | None], wanted: Iterable[A], what: str = "") -> list[B]:
        """`read` of each, in parallel, without those that are not there or that Azure refuses."""

        def read_one(item: A) -> B | None:
            return self.attempt(lambda: read(item), f"{what} {getattr(item, 'id', item)}".strip())

        return [result for result in self._pool.map(read_one, wanted) if result is not None]

    def attempt(
        self, read: Callable[[], B], what: str, also: tuple[type[VnetferryError], ...] = ()
    ) -> B | None:
        """What `read` gives; None, and a line of `unread` about `what`, when Azure refuses.

        In: also: further errors to bear.
        """
        bearable: tuple[type[VnetferryError], ...] = (*_BEARABLE, *also)
        try:
            return read()
        except bearable as err:
            self.unread.add(f"{what}: {_REQUEST_ID.sub('', err.what)}")
            return None

    def _children(self, which: tuple[ResourceId, str], query: Mapping[str, str] | None) -> list[Document]:
        parent, kind = which
        items = self.azure.arm.list(f"{parent}/{kind}", api_versions.api_version(parent.type), query)
        # Some lists answer items without an id, or with one that is not ARM's, so it is made from the name.
        return [Document(id=parent.child(kind, str(item["name"])), body=item) for item in items]


def identified(items: Iterable[Json]) -> list[Document]:
    """Documents of items that bear their ids."""
    return [Document(id=ResourceId(str(item["id"])), body=item) for item in items]
