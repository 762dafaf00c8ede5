"""Registries whose assets deployments use in place: those assets, and where a registry keeps them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from vnetferry.gateway.readings import Readings
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import REGISTRY, Document

_ASSET = re.compile(
    r"(?:^azureml:/|/providers/Microsoft\.MachineLearningServices)"
    r"/registries/([^/]+)/(models|environments|codes|data|components)/([^/]+)/versions/([^/]+)$",
    re.IGNORECASE,
)


def read_kept(
    readings: Readings, found: Iterable[Document], deployments: Iterable[Document]
) -> list[Document]:
    """Of the registries among what was found: the assets that deployments use, and the accounts that hold them."""
    registries = {d.name.lower(): d for d in found if d.type.lower() == REGISTRY.lower()}
    used = sorted({each for deployment in deployments for each in _used(deployment)})
    assets = [
        registries[name].id.child(kind, asset).child("versions", version)
        for name, kind, asset, version in used
        if name in registries
    ]
    accounts = {account for document in registries.values() for account in _accounts(document)}
    return [*readings.documents(assets), *readings.documents(sorted(accounts))]


def _used(deployment: Document) -> Iterator[tuple[str, str, str, str]]:
    """Registry, kind, name and version of each registry asset that a deployment names, wherever it does."""
    for text in _strings(deployment.properties):
        match = _ASSET.search(text)
        if match:
            yield match[1].lower(), match[2].lower(), match[3], match[4]


def _accounts(registry: Document) -> Iterator[ResourceId]:
    """The storage accounts and container registries of all its regions."""
    for region in registry.get("regionDetails") or ():
        for text in _strings({name: region.get(name) for name in ("storageAccountDetails", "acrDetails")}):
            if text.lower().startswith("/subscriptions/"):
                yield ResourceId(text)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
