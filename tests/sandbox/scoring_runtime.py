"""Whether the scoring runtime is here, without which no deployment runs its own code."""

from __future__ import annotations

import pytest

from vnetferry.sandbox.scoring import runtime


def runtime_is_missing() -> bool:
    try:
        runtime.find_python()
    except runtime.RuntimeMissing:
        return True
    return False


needs_runtime = pytest.mark.skipif(
    runtime_is_missing(), reason="the scoring runtime is not installed: make it first"
)
