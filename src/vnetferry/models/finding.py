"""What a check says: one finding about one resource."""

from __future__ import annotations

from typing import Literal

from vnetferry.models.base import Value

Severity = Literal["blocks", "warns", "informs"]


class Finding(Value):
    """One finding. `evidence` is what was seen, `remedy` what to do (a command where there is one), `source` why."""

    check: str
    severity: Severity
    resource: str
    evidence: str
    remedy: str
    source: str
