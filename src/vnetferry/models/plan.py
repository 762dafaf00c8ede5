"""What will be done: a plan is a value and a file, and applying it does what it says and nothing else.

A plan is deterministic (the same inventory and configuration give the same bytes) and holds no secret.
"""

from __future__ import annotations

from typing import Literal

from vnetferry.models.base import Json, Value
from vnetferry.models.config import MigrationConfig
from vnetferry.models.ids import ResourceId

StepKind = Literal[
    "create_associated",
    "set_storage_service",
    "create_workspace",
    "provision_network",
    "create_private_endpoint",
    "copy_datastore",
    "copy_connection",
    "copy_code",
    "copy_environment",
    "copy_model",
    "copy_data",
    "copy_container",
    "create_endpoint",
    "create_deployment",
    "smoke_test",
    "compare_answers",
    "probe_isolation",
    "set_traffic",
    "hand_off",
    # what hangs on the workspace and its endpoints
    "assign_role",
    "create_diagnostic_setting",
    "create_alert",
    "create_autoscale_setting",
    # of a conversion in place
    "claim_workspace",
    "keep_secrets",
    "record_answers",
    "take_down_endpoint",
    "take_down_compute",
    "enable_network",
    "create_compute",
    "forget_secrets",
    "finish_conversion",
    # of the article's path, from YAML files
    "apply_endpoint",
    "apply_deployment",
    "read_logs",
    # of a retirement
    "soak",
    "require_retirable",
    "delete_endpoint",
    "delete_compute",
    "delete_satellite",
    "require_disconnected",
    "delete_workspace",
    "delete_group",
    # of a rollback
    "require_way_back",
    "undo_hand_off",
    "require_left",
    "remove_resource",
    "remove_associated",
    "remove_asset",
    "remove_endpoint",
    "remove_workspace",
    # of a rollback of a conversion in place
    "undo_claim_workspace",
    "undo_keep_secrets",
    "undo_record_answers",
]
Disposition = Literal["carried", "remapped", "re-created", "dropped"]
WHOLE_DOCUMENT = "*"  # the path of a line of the carry-over table that is about all of a document


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
    """What becomes of one property of a source document; `path` is dotted from the document's root.

    A document that no step is made from has one line, of path "*": what takes its place, or what to do about it.
    """

    source: ResourceId
    path: str
    disposition: Disposition
    target: ResourceId | None = None
    before: str = ""
    after: str = ""
    reason: str = ""


class PlanWarning(Value):
    """Something that a person should know before saying yes.

    step: for what is irreversible, the id of the step from which on it is; "" for what comes after the plan.
    """

    kind: Literal["cannot_carry", "irreversible", "attention"]
    resource: str
    text: str
    step: str = ""


class Cost(Value):
    """What is billed by the hour: how many of it today, while both workspaces run, and afterwards.

    unit_h:   what one of it costs in an hour, in `currency`; None where no price is known.
    source:   where count and price are from.
    """

    what: str
    today: int
    both: int
    after: int
    unit_h: float | None = None
    currency: str = "USD"
    source: str


class Plan(Value):
    """What will be done.

    id:          first 12 hexadecimal digits of the digest of everything else; it stands in the target's tags.
    fingerprint: source document id (lower case) -> digest of what the plan relied on in it.
    steps:       in an order that respects `depends_on`.
    critical_path: ids of the steps of the longest chain, which decides how long the migration takes.
    carry_over:  every property of every document of the inventory, and what becomes of it.
    """

    format: Literal["vnetferry-plan/1"] = "vnetferry-plan/1"
    id: str
    config: MigrationConfig
    source: ResourceId
    target: ResourceId
    location: str
    fingerprint: dict[str, str]
    steps: tuple[Step, ...]
    critical_path: tuple[str, ...]
    costs: tuple[Cost, ...]
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

    @property
    def downtime_s(self) -> int:
        """Azure seconds from the first deletion until the last endpoint serves again; 0 when none is deleted."""
        return downtime_s(self.steps)


def critical_path(steps: tuple[Step, ...]) -> tuple[str, ...]:
    """Ids of the longest chain of dependent steps, the first first; `steps` in an order that respects `depends_on`."""
    ends = ends_s(steps)
    by_id = {step.id: step for step in steps}
    chain: list[str] = []
    step = max(steps, key=lambda s: ends[s.id], default=None)  # the first of those that end last
    while step is not None:
        chain.append(step.id)
        step = max((by_id[d] for d in step.depends_on), key=lambda s: ends[s.id], default=None)
    return tuple(chain[::-1])


def critical_path_s(steps: tuple[Step, ...]) -> int:
    """Azure seconds along the longest chain of dependent steps; `steps` in an order that respects `depends_on`."""
    return max(ends_s(steps).values(), default=0)


def downtime_s(steps: tuple[Step, ...]) -> int:
    """Azure seconds from the first endpoint's deletion to the last traffic step, at best; 0 without a deletion."""
    ends = ends_s(steps)
    begins = [ends[step.id] - step.duration_s for step in steps if step.kind == "take_down_endpoint"]
    serving = [ends[step.id] for step in steps if step.kind == "set_traffic"]
    return max(serving) - min(begins) if begins and serving else 0


def ends_s(steps: tuple[Step, ...]) -> dict[str, int]:
    """Step id -> Azure seconds from the beginning to its end, when nothing waits but for what it depends on."""
    ends: dict[str, int] = {}
    for step in steps:
        ends[step.id] = step.duration_s + max((ends[d] for d in step.depends_on), default=0)
    return ends
