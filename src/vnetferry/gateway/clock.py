"""Azure's time: what it says, and sleeping in it.

`VNETFERRY_TIME_SCALE=60` makes one Azure minute last a second of ours: in a rehearsal the clock is swapped,
and nothing else. Against Azure itself the scale is 1.
"""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from vnetferry.errors import ConfigError

SCALE_VARIABLE = "VNETFERRY_TIME_SCALE"


class Clock:
    """Seconds of Azure's time. Safe to share between threads."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self._seen: tuple[datetime, float] | None = None

    @classmethod
    def from_environment(cls) -> Clock:
        """The clock at the environment's scale. Raises: ConfigError when that is not a positive number."""
        text = os.environ.get(SCALE_VARIABLE, "1")
        try:
            scale = float(text)
        except ValueError:
            scale = 0.0
        if not 0 < scale < float("inf"):
            remedy = "Unset it, or set a positive number."
            raise ConfigError(f"{SCALE_VARIABLE} is '{text}'", resource=SCALE_VARIABLE, remedy=remedy)
        return cls(scale)

    def sleep(self, azure_s: float) -> None:
        """Wait for that many seconds of Azure's time."""
        time.sleep(max(0.0, azure_s) / self._scale)

    def real_s(self, azure_s: float) -> float:
        """How many of our seconds that many of Azure's last."""
        return azure_s / self._scale

    def elapsed_s(self) -> float:
        """Azure seconds from an arbitrary start; never goes back."""
        return time.monotonic() * self._scale

    def now(self) -> datetime:
        """Azure's time, from the last `Date` header seen; this machine's when none was."""
        if self._seen is None:
            return datetime.now(timezone.utc)
        date, at_s = self._seen
        return date + timedelta(seconds=self.elapsed_s() - at_s)

    def saw(self, date_header: str | None) -> None:
        """Remember what Azure said in a `Date` header; anything unreadable is ignored."""
        try:
            date = parsedate_to_datetime(date_header or "")
        except (TypeError, ValueError):
            return
        if date.tzinfo is not None:
            self._seen = (date, self.elapsed_s())
