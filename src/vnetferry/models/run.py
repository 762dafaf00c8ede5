"""One carrying out of one plan: what every task must know besides its step."""

from __future__ import annotations

from pathlib import Path

from vnetferry.models.base import Value
from vnetferry.models.ids import ResourceId
from vnetferry.models.plan import Plan


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

    @classmethod
    def of(cls, plan: Plan, folder: str, plan_file: str | None = None) -> Run:
        """The carrying out of `plan`, with its audit file beside the plan's own file."""
        path = Path(plan_file) if plan_file else Path(folder, f"plan-{plan.id}.json")
        audit_file = path.with_name(f"{path.stem}.audit.jsonl")
        return cls(
            plan=plan.id, source=plan.source, target=plan.target, folder=folder, audit_file=str(audit_file)
        )

    @property
    def tags(self) -> dict[str, str]:
        """The tags that say which plan made a target resource."""
        return {"vnetferry-plan": self.plan, "vnetferry-source": str(self.source)}
