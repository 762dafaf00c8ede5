"""What will be done: a plan is a value and a file, and applying it does what it says and nothing else.

A plan is deterministic (the same inventory and configuration give the same bytes) and holds no secret.
"""

from __future__ import annotations

from typing import Literal

from vnetferry.models.base import Json, Value
from vnetferry.models.config import MigrationConfig
from vnetferry.models.ids import ResourceId

StepKind = Literal[
    "create_workspace",
    "provision_network",
    "create_private_endpoint",
    "copy_datastore",
    "copy_connection",
    "copy_code",
    "copy_environment",
    "copy_model",
    "create_endpoint",
    "create_deployment",
    "smoke_test",
    "compare_answers",
    "probe_isolation",
    "set_traffic",
    "hand_off",
    # of the article's path, from YAML files
    "apply_endpoint",
    "apply_deployment",
    "read_logs",
    # of a retirement
    "soak",
    "require_retirable",
    "delete_endpoint",
    "delete_compute",
    "delete_workspace",
]
Disposition = Literal["carried", "remapped", "re-created", "dropped"]


class Step(Value):
    """One look-decide-act-look on one resource.

    id:         `<kind>:<name>`, unique in the plan, such as "create_deployment:scoring-v2/blue".
    title:      for people: "deploy scoring-v2/blue".
    resource:   the target resource.
    source:     the source resource it is made from, if any.
    body:       for steps that write one ARM document: the PUT body, complete but for secrets. Else {}.
    spec:       what else the step must know, by kind (see plan/build.py); never a secret.
    depends_on: ids of the steps that must have succeeded.
    undo:       what takes it back: "delete" the resource, or nothing.
    duration_s: how long Azure is expected to take, in seconds (FACTS 6).
    """

    id: str
    kind: StepKind
    title: str
    resource: ResourceId
    source: ResourceId | None = None
    body: Json = {}
    spec: Json = {}
    depends_on: tuple[str, ...] = ()
    undo: Literal["delete", "none"] = "none"
    duration_s: int = 0


class CarryOver(Value):
    """What becomes of one property of a source document; `path` is dotted from the document's root."""

    source: ResourceId
    path: str
    disposition: Disposition
    target: ResourceId | None = None
    before: str = ""
    after: str = ""
    reason: str = ""


class PlanWarning(Value):
    """Something that a person should know before saying yes."""

    kind: Literal["cannot_carry", "irreversible", "cost", "attention"]
    resource: str
    text: str


class Plan(Value):
    """What will be done.

    id:          first 12 hexadecimal digits of the digest of everything else; it stands in the target's tags.
    fingerprint: source document id (lower case) -> digest of what the plan relied on in it.
    steps:       in an order that respects `depends_on`.
    """

    format: Literal["vnetferry-plan/1"] = "vnetferry-plan/1"
    id: str
    config: MigrationConfig
    source: ResourceId
    target: ResourceId
    location: str
    fingerprint: dict[str, str]
    steps: tuple[Step, ...]
    carry_over: tuple[CarryOver, ...]
    warnings: tuple[PlanWarning, ...]

    def step(self, step_id: str) -> Step:
        """The step of that id; KeyError when there is none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def of_kind(self, kind: StepKind) -> tuple[Step, ...]:
        """All steps of one kind, in the plan's order."""
        return tuple(step for step in self.steps if step.kind == kind)

    @property
    def critical_path_s(self) -> int:
        """Azure seconds along the longest chain of dependent steps: the least that the migration can take."""
        return critical_path_s(self.steps)


def critical_path_s(steps: tuple[Step, ...]) -> int:
    """Azure seconds along the longest chain of dependent steps; `steps` in an order that respects `depends_on`."""
    ends: dict[str, int] = {}
    for step in steps:
        ends[step.id] = step.duration_s + max((ends[d] for d in step.depends_on), default=0)
    return max(ends.values(), default=0)
