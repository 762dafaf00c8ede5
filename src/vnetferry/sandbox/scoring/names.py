"""The names of online endpoints, each unique in its region, whoever owns it and in whatever workspace.

The host `{endpoint}.{region}.inference.ml.azure.com` has no room for more than one endpoint of a name. A
deleted name cannot be used at once: re-creating a just-deleted endpoint is refused for a while
(Azure/azure-cli-extensions#7660). How long is not known; two minutes of Azure's time are assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

HELD_AFTER_DELETE_S = 120.0


def normal_region(location: str) -> str:
    """`West Europe` and `westeurope` are one region; the second is its name."""
    return location.replace(" ", "").lower()


@dataclass
class EndpointNames:
    """Who owns which endpoint name in which region. Names and regions are compared without case."""

    _owners: dict[str, dict[str, str]] = field(default_factory=dict)
    _released_s: dict[tuple[str, str], float] = field(default_factory=dict)

    def claim(self, region: str, name: str, endpoint_id: str) -> None:
        """Give the name to an endpoint; ask `owner` and `is_held` first."""
        self._owners.setdefault(normal_region(region), {})[name.lower()] = endpoint_id
        self._released_s.pop(_key(region, name), None)

    def release(self, region: str, name: str, now_s: float) -> None:
        """Take the name back at `now_s` (the clock's elapsed Azure seconds); it stays held for a while."""
        if self._owners.get(normal_region(region), {}).pop(name.lower(), None):
            self._released_s[_key(region, name)] = now_s

    def owner(self, region: str, name: str) -> str | None:
        """The id of the endpoint that has the name, or None."""
        return self._owners.get(normal_region(region), {}).get(name.lower())

    def owners(self, region: str) -> list[str]:
        """The ids of all endpoints in a region."""
        return list(self._owners.get(normal_region(region), {}).values())

    def is_held(self, region: str, name: str, now_s: float) -> bool:
        """Whether the name was released so recently that Azure does not give it out yet."""
        released_s = self._released_s.get(_key(region, name))
        return released_s is not None and now_s < released_s + HELD_AFTER_DELETE_S


def _key(region: str, name: str) -> tuple[str, str]:
    return normal_region(region), name.lower()
