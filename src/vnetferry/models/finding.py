"""What a check says: one finding about one resource, and the change that would mend it where that is safe."""

from __future__ import annotations

from typing import Literal

from vnetferry.models.base import Value

Severity = Literal["blocks", "warns", "informs"]
FixKind = Literal[
    "register_provider", "let_services_by", "approve_connection", "leave_legacy_mode", "assign_role"
]


class Fix(Value):
    """One safe and reversible change that mends a finding.

    resource:   the ARM id of what it changes: for a role, the scope that it is assigned on.
    parameters: what it needs besides, by name; never a secret.
    """

    kind: FixKind
    resource: str
    parameters: dict[str, str] = {}


class Finding(Value):
    """One finding. `evidence` is what was seen, `remedy` what to do (a command where there is one), `source` why.

    fix: what `preflight --fix` offers to do; None where a person must decide more than yes or no.
    """

    check: str
    severity: Severity
    resource: str
    evidence: str
    remedy: str
    source: str
    fix: Fix | None = None
