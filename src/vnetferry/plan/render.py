"""A plan as rows of plain text, for whatever shows them: a table, a report, a test."""

from __future__ import annotations

from collections import Counter

from vnetferry.models.base import Json, Value
from vnetferry.models.ids import ResourceId
from vnetferry.models.plan import WHOLE_DOCUMENT, CarryOver, Plan, PlanWarning, Step
from vnetferry.plan.field_rules import READ_ONLY

_MINUTE_S = 60
HOURS_IN_MONTH = 730  # as Azure's price pages count
# Steps that belong together in a person's mind, in the order in which they happen.
STAGES = {
    "create_workspace": "Workspace and network",
    "provision_network": "Workspace and network",
    "create_associated": "Workspace and network",
    "set_storage_service": "Workspace and network",
    "create_private_endpoint": "Workspace and network",
    "copy_datastore": "Copies",
    "copy_connection": "Copies",
    "copy_code": "Copies",
    "copy_environment": "Copies",
    "copy_model": "Copies",
    "copy_data": "Copies",
    "copy_container": "Copies",
    "create_endpoint": "Endpoints",
    "create_deployment": "Endpoints",
    "smoke_test": "Proofs",
    "compare_answers": "Proofs",
    "probe_isolation": "Proofs",
    "set_traffic": "Handover",
    "hand_off": "Handover",
    "assign_role": "Satellites",
    "create_diagnostic_setting": "Satellites",
    "create_alert": "Satellites",
    "create_autoscale_setting": "Satellites",
    "claim_workspace": "Keep what a deletion loses",
    "keep_secrets": "Keep what a deletion loses",
    "record_answers": "Keep what a deletion loses",
    "take_down_endpoint": "Delete",
    "take_down_compute": "Delete",
    "enable_network": "Workspace and network",
    "create_compute": "Computes",
    "forget_secrets": "Clean up",
    "finish_conversion": "Clean up",
}


class EndpointRow(Value):
    """One endpoint that moves."""

    source: str
    target: str
    authentication: str
    deployments: str
    traffic: str
    compared: str


class StepRow(Value):
    """One step; `after` names what it waits for, `critical` tells whether it is of the longest chain."""

    critical: bool
    stage: str
    title: str
    resource: str
    after: str
    expected: str


class StageRow(Value):
    """All steps of one stage."""

    stage: str
    steps: str
    what: str


def headline(plan: Plan) -> str:
    """What a plan is about, for the head of a page."""
    return (
        f"{plan.source.name}, converted in place"
        if plan.config.in_place
        else f"{plan.source.name} to {plan.target.name}"
    )


def endpoint_rows(plan: Plan) -> list[EndpointRow]:
    """A row for each endpoint that moves."""
    return [_endpoint_row(plan, step) for step in plan.of_kind("create_endpoint")]


def step_rows(plan: Plan) -> list[StepRow]:
    """A row for each step, in the order of the plan."""
    titles = {step.id: step.title for step in plan.steps}
    return [
        StepRow(
            critical=step.id in plan.critical_path,
            stage=STAGES.get(step.kind, ""),
            title=step.title,
            resource=str(step.resource),
            after="; ".join(titles[d] for d in step.depends_on),
            expected=duration(step.duration_s),
        )
        for step in plan.steps
    ]


def stage_rows(plan: Plan) -> list[StageRow]:
    """A row for each stage: how many steps it has, and of which kinds."""
    stages = list(dict.fromkeys(STAGES.get(step.kind, "") for step in plan.steps))
    return [_stage_row(plan, stage) for stage in stages]


class CostRow(Value):
    """One thing that is billed, or (`what` empty) the sum of those with a known price."""

    what: str
    today: str
    both: str
    after: str
    price: str


class FateRow(Value):
    """One line of the carry-over table; `detail` is what it was and becomes, or why it does not."""

    path: str
    disposition: str
    detail: str


def critical_rows(plan: Plan) -> list[StepRow]:
    """The steps of the longest chain, the first first."""
    return [row for row in step_rows(plan) if row.critical]


def cost_rows(plan: Plan) -> list[CostRow]:
    """A row for each thing that is billed, and for each currency a sum of what has a known price."""
    rows = [
        CostRow(what=c.what, today=f"{c.today}", both=f"{c.both}", after=f"{c.after}", price=c.source)
        for c in plan.costs
    ]
    currencies = sorted({c.currency for c in plan.costs if c.unit_h is not None})
    return [*rows, *(_sum_row(plan, currency) for currency in currencies)]


def _sum_row(plan: Plan, currency: str) -> CostRow:
    priced = [c for c in plan.costs if c.unit_h is not None and c.currency == currency]
    sums = [sum(getattr(c, when) * (c.unit_h or 0) for c in priced) for when in ("today", "both", "after")]
    today, both, after = (f"{each:.2f} {currency}/h" for each in sums)
    months = ", ".join(f"{each * HOURS_IN_MONTH:,.0f}" for each in sums)
    named = " and ".join(c.what for c in priced)
    price = f"of {named}; a month (730 h): {months} {currency}"
    return CostRow(what="sum", today=today, both=both, after=after, price=price)


def fates(plan: Plan) -> dict[ResourceId, list[FateRow]]:
    """Source document -> what becomes of each of its properties, in the order of the plan."""
    found: dict[ResourceId, list[FateRow]] = {}
    for entry in plan.carry_over:
        row = FateRow(path=entry.path, disposition=entry.disposition, detail=_detail(entry))
        found.setdefault(entry.source, []).append(row)
    return found


def documents_summary(plan: Plan) -> str:
    """How many documents move, how many are used in place, and so on."""
    whole = Counter(entry.disposition for entry in plan.carry_over if entry.path == WHOLE_DOCUMENT)
    moved = len({entry.source for entry in plan.carry_over if entry.path != WHOLE_DOCUMENT})
    return (
        f"{moved} move, {whole['carried']} used in place, {whole['re-created']} made anew by Azure, "
        f"{whole['dropped']} stay behind"
    )


def ordered_warnings(plan: Plan) -> list[PlanWarning]:
    """The warnings, the gravest first."""
    gravity = {"irreversible": 0, "cannot_carry": 1, "attention": 2}
    return sorted(plan.warnings, key=lambda warning: gravity[warning.kind])


def changed_properties(plan: Plan) -> list[CarryOver]:
    """What arrives otherwise than it was: all but what is carried and what Azure writes by itself."""
    return [e for e in _properties(plan) if e.disposition != "carried" and e.reason != READ_ONLY.reason]


def carried_summary(plan: Plan) -> str:
    """How many properties are carried, remapped and so on; those that Azure writes by itself are not counted."""
    counts = Counter(entry.disposition for entry in _properties(plan) if entry.reason != READ_ONLY.reason)
    return ", ".join(f"{counts[name]} {name}" for name in ("carried", "remapped", "re-created", "dropped"))


def duration(seconds: float) -> str:
    """A duration for people: `45 s`, `8 min`, `1 h 2 min`."""
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / _MINUTE_S), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def percentages(traffic: dict[str, int]) -> str:
    """A traffic split for people: `blue 90 %, green 10 %`."""
    return ", ".join(f"{name} {pct} %" for name, pct in traffic.items() if pct) or "none"


def _properties(plan: Plan) -> list[CarryOver]:
    return [entry for entry in plan.carry_over if entry.path != WHOLE_DOCUMENT]


def _detail(entry: CarryOver) -> str:
    """`before -> after (reason)`, as far as there is any of it."""
    changed = entry.disposition == "remapped" or (entry.disposition == "re-created" and entry.after)
    values = f"{entry.before} -> {entry.after}" if changed else entry.before
    return f"{values} ({entry.reason})" if values and entry.reason else values or entry.reason


def _endpoint_row(plan: Plan, step: Step) -> EndpointRow:
    traffic = next(s for s in plan.of_kind("set_traffic") if s.resource == step.resource)
    compared = any(s.resource == step.resource for s in plan.of_kind("compare_answers"))
    mirror = percentages(traffic.spec["mirror"])
    return EndpointRow(
        source=step.source.name if step.source else "",
        target=step.resource.name,
        authentication=step.body["properties"].get("authMode", "")
        + (" (keys kept)" if step.spec["copy_keys"] else ""),
        deployments=", ".join(_deployments(plan, step.resource)) or "none",
        traffic=percentages(traffic.spec["traffic"]) + (f"; mirror {mirror}" if mirror != "none" else ""),
        compared="yes" if compared else "no request",
    )


def _deployments(plan: Plan, endpoint: ResourceId) -> list[str]:
    """`blue (2 x DS3_v2)` for each deployment of an endpoint."""
    found = [s for s in plan.of_kind("create_deployment") if s.resource.is_under(endpoint)]
    return [f"{step.resource.name} ({_instances(step.body)})" for step in found]


def _instances(deployment: Json) -> str:
    size = str(deployment["properties"].get("instanceType", "unknown size")).removeprefix("Standard_")
    return f"{(deployment.get('sku') or {}).get('capacity', 1)} x {size}"


def _stage_row(plan: Plan, stage: str) -> StageRow:
    kinds = Counter(step.kind for step in plan.steps if STAGES.get(step.kind, "") == stage)
    what = ", ".join(f"{count} x {kind.replace('_', ' ')}" for kind, count in kinds.items())
    return StageRow(stage=stage, steps=str(sum(kinds.values())), what=what)
