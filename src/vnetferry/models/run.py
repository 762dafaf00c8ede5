"""One carrying out of one plan: what every task must know besides its step."""

from __future__ import annotations

from vnetferry.models.base import Value
from vnetferry.models.ids import ResourceId


class Run(Value):
    """Where a plan is being carried out.

    plan:       the plan's id; it stands in the target's tags and in every audit line.
    source:     the workspace that is left.
    folder:     what relative paths of the configuration (requests, handoff files) start from.
    audit_file: JSON lines, appended to.
    """

    plan: str
    source: ResourceId
    target: ResourceId
    folder: str
    audit_file: str

    @property
    def tags(self) -> dict[str, str]:
        """The tags that say which plan made a target resource."""
        return {"vnetferry-plan": self.plan, "vnetferry-source": str(self.source)}
