"""One carrying out of one plan: what every task must know besides its step."""

from __future__ import annotations

from pathlib import Path

from vnetferry.models.base import Value
from vnetferry.models.ids import ResourceId
from vnetferry.models.plan import Plan

PLAN_TAG, SOURCE_TAG = "vnetferry-plan", "vnetferry-source"
# On a workspace that is converted in place, beside the plan's tag: how far that plan is.
CONVERSION_TAG = "vnetferry-conversion"
UNDER_WAY, CONVERTED = "under-way", "done"


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
        return {PLAN_TAG: self.plan, SOURCE_TAG: str(self.source)}
