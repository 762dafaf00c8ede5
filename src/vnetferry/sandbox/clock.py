"""Azure's time: it starts at the machine's and runs `scale` times as fast."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta, timezone


class Clock:
    """Azure seconds in, Azure seconds out; `scale` is how many of them pass in one real second."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self._epoch = datetime.now(timezone.utc)
        self._started = time.monotonic()

    def elapsed_s(self) -> float:
        """Azure seconds since the clock was made."""
        return self.real_elapsed_s() * self.scale

    def real_elapsed_s(self) -> float:
        """Real seconds since the clock was made."""
        return time.monotonic() - self._started

    def now(self) -> datetime:
        """Azure's time, UTC."""
        return self._epoch + timedelta(seconds=self.elapsed_s())

    def stamp(self) -> str:
        """`now` as Azure's bodies write it."""
        return self.now().isoformat()

    async def sleep(self, azure_s: float) -> None:
        """Return after `azure_s` seconds of Azure's time."""
        await asyncio.sleep(azure_s / self.scale)
