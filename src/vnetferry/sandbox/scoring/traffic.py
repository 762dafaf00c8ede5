"""Which deployment answers a request: a sequence that holds the percentages exactly, not by chance.

Smooth weighted round-robin: over every hundred requests each deployment gets as many as its percentage
says, spread out as evenly as that allows. A change of the weights starts a new sequence.
"""

from __future__ import annotations

from collections.abc import Mapping


class Splitter:
    """Chooses among weights; one per endpoint."""

    def __init__(self) -> None:
        self._weights: dict[str, int] = {}
        self._credit: dict[str, int] = {}
        self._mirrored: dict[str, int] = {}

    def choose(self, weights: Mapping[str, int]) -> str | None:
        """The deployment for the next request; None when none has any traffic."""
        wanted = {name: weight for name, weight in weights.items() if weight > 0}
        if not wanted:
            return None
        if wanted != self._weights:
            self._weights, self._credit = wanted, dict.fromkeys(wanted, 0)
        for name, weight in wanted.items():
            self._credit[name] += weight
        chosen = max(self._credit, key=self._credit.__getitem__)
        self._credit[chosen] -= sum(wanted.values())
        return chosen

    def mirrored(self, shares: Mapping[str, int]) -> list[str]:
        """The deployments that get a copy of this request: a share of 10 copies every tenth."""
        copies = []
        for name, share in shares.items():
            self._mirrored[name] = self._mirrored.get(name, 0) + share
            if self._mirrored[name] >= 100:
                self._mirrored[name] -= 100
                copies.append(name)
        return copies
