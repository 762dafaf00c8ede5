"""From source ids to target ids, wherever they stand in a document.

Azure writes the same workspace in several spellings: ARM ids in any case, `azureml://subscriptions/…` URIs
without `providers/…`, and `azureml://locations/…/workspaces/<guid>` URIs that name the workspace by its GUID.
Registry ids (`azureml://registries/…`) belong to no workspace and stay as they are.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

from vnetferry.models.base import Value
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Inventory

_NAME_ENDS = r"(?![A-Za-z0-9_-])"
_ASSET = re.compile(r"(models|environments|codes|data)/([^/]+)/versions/([^/]+)$", re.IGNORECASE)


class Remap(Value):
    """Which ids become which.

    guid:      the source workspace's GUID, "" when unknown. location: its region.
    endpoints: source endpoint -> new endpoint name.
    """

    source: ResourceId
    target: ResourceId
    guid: str
    location: str
    endpoints: dict[str, str]

    def endpoint(self, name: str) -> ResourceId:
        """The target endpoint of the source endpoint `name`."""
        return self.target.child("onlineEndpoints", self.endpoints[name])

    def id(self, source: ResourceId) -> ResourceId:
        """The target's id of a source resource."""
        return ResourceId(self.text(source.text))

    def text(self, text: str) -> str:
        """`text` with every id of the source workspace, and of an endpoint that moves, replaced."""
        if self.source == self.target:
            return text  # converted in place: every id stays, in its own spelling
        return self._short_ids.sub(_short(self.target), self._ids.sub(self._moved, text))

    def value(self, value: Any) -> Any:
        """A JSON value with all its strings remapped."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def asset(self, reference: str) -> ResourceId | None:
        """The source asset that a deployment's reference means; None for a registry's or another
        workspace's.
        """
        match = _ASSET.search(reference)
        if not match or not any(p.search(reference) for p in self._workspace_spellings()):
            return None
        kind, name, version = match.groups()
        return self.source.child(kind, name).child("versions", version)

    def reference(self, text: str) -> str:
        """A deployment's reference to an asset as it must stand in the target: an ARM id, or a registry's URI.

        A deployment is made from no other spelling, converted in place neither; an ARM id stays there in its own case.
        """
        in_place = self.source == self.target
        asset = None if in_place and text.startswith("/") else self.asset(text)
        return str(self.id(asset)) if asset else text

    @cached_property
    def _ids(self) -> re.Pattern[str]:
        """The source workspace's id, with an endpoint of it when one follows."""
        endpoint = r"(?:/onlineEndpoints/([A-Za-z0-9-]+))?"
        return re.compile(re.escape(self.source.text) + _NAME_ENDS + endpoint, re.IGNORECASE)

    @cached_property
    def _short_ids(self) -> re.Pattern[str]:
        return _pattern(_short(self.source))

    @cached_property
    def _new_names(self) -> dict[str, str]:
        return {name.lower(): new for name, new in self.endpoints.items()}

    def _moved(self, match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return self.target.text
        new = self._new_names.get(name.lower())
        # An endpoint that stays is where it was.
        return self.target.child("onlineEndpoints", new).text if new else match.group(0)

    def _workspace_spellings(self) -> list[re.Pattern[str]]:
        patterns = [_pattern(self.source.text), _pattern(_short(self.source))]
        if self.guid:
            patterns.append(_pattern(f"azureml://locations/{self.location}/workspaces/{self.guid}"))
        return patterns


def remap_of(inventory: Inventory, target: ResourceId, endpoints: dict[str, str]) -> Remap:
    """The remapping of one migration."""
    guid = str(inventory.workspace.get("workspaceId", ""))
    return Remap(
        source=inventory.source, target=target, guid=guid, location=inventory.location, endpoints=endpoints
    )


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text) + _NAME_ENDS, re.IGNORECASE)


def _short(workspace: ResourceId) -> str:
    """The workspace as `azureml://` URIs spell it, from `//` on."""
    group = f"subscriptions/{workspace.subscription_id}/resourcegroups/{workspace.resource_group}"
    return f"//{group}/workspaces/{workspace.name}"
