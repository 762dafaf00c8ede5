"""What a migration came to, for its end: what moved where, what was proven, how long it took, where to look next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vnetferry.models.base import Value
from vnetferry.models.outcome import AuditLine
from vnetferry.models.plan import Plan, Step, StepKind
from vnetferry.plan.render import duration, percentages
from vnetferry.report.progress import ENDED, StepState, azure_elapsed_s, step_states

Facts = dict[str, str | int | float | bool | list[str]]


class EndpointResult(Value):
    """What became of one endpoint; the texts are for people."""

    source: str
    target: str
    source_uri: str
    target_uri: str
    traffic: str
    answers: str
    isolation: str
    moved: bool


class Summary(Value):
    """What a migration came to.

    api_calls: class of request -> how many. azure_s, least_s: Azure's time that it took, and the planned least.
    down_s, least_down_s: the same of the time in which the endpoints answered nobody; 0 for a migration side by side.
    look:      what -> where, for going on.
    """

    plan: str
    source: str
    target: str
    endpoints: tuple[EndpointResult, ...]
    statuses: dict[str, int]
    failures: tuple[str, ...]
    api_calls: dict[str, int]
    azure_s: float
    least_s: int
    down_s: float
    least_down_s: int
    real_s: float
    look: dict[str, str]

    @property
    def in_place(self) -> bool:
        """Whether the source itself was converted."""
        return self.source == self.target

    @property
    def finished(self) -> bool:
        """Whether every step has ended well."""
        return set(self.statuses) <= ENDED


def summarize(
    plan: Plan,
    lines: Iterable[AuditLine],
    *,
    real_s: float,
    api_calls: Mapping[str, int] | None = None,
    look: Mapping[str, str] | None = None,
) -> Summary:
    """Sum up a plan and all that its audit file says about it, of this run and earlier ones.

    In: real_s: seconds of real time that the run took.
    """
    kept = [line for line in lines if line.plan == plan.id]
    states = step_states(plan.steps, kept)
    return Summary(
        plan=plan.id,
        source=plan.source.name,
        target=plan.target.name,
        endpoints=tuple(
            _endpoint(plan, step, _facts(kept), states) for step in plan.of_kind("create_endpoint")
        ),
        statuses=dict(Counter(state.status for state in states)),
        failures=tuple(f"{s.title}: {s.message}" for s in states if s.status in ("failed", "stuck")),
        api_calls=dict(api_calls or {}),
        azure_s=azure_elapsed_s(states, _last(kept)),
        least_s=plan.critical_path_s,
        down_s=_down_s(plan, states),
        least_down_s=plan.downtime_s,
        real_s=real_s,
        look=dict(look or {}),
    )


def summary_view(summary: Summary) -> RenderableType:
    """The summary for a terminal."""
    parts: list[RenderableType] = [_verdict(summary), _endpoints(summary), _scoring_uris(summary)]
    parts += [Text(f"failed: {failure}", style="bold red") for failure in summary.failures]
    return Group(*parts, _figures(summary))


def verdict(summary: Summary) -> str:
    """One sentence: how many endpoints moved, and whether all is done."""
    moved = sum(endpoint.moved for endpoint in summary.endpoints)
    where = f"moved from {summary.source} to {summary.target}"
    if summary.in_place:
        where = f"of {summary.source} serve again, in its managed network"
    what = f"{moved} of {len(summary.endpoints)} endpoints {where}"
    if summary.finished:
        return f"{what}."
    left = sum(count for status, count in summary.statuses.items() if status not in ENDED)
    return f"{what}; {left} steps are not done. Run apply again to go on."


def figures(summary: Summary) -> dict[str, str]:
    """What it took: label -> text."""
    rows = {
        "Azure time": f"{duration(summary.azure_s)}; planned at least {duration(summary.least_s)}",
        "Downtime": f"{duration(summary.down_s)}; planned at least {duration(summary.least_down_s)}"
        if summary.least_down_s
        else "",
        "Real time": duration(summary.real_s),
        "Requests": ", ".join(f"{count} {name}" for name, count in summary.api_calls.items()),
    }
    return {label: text for label, text in rows.items() if text}


def _verdict(summary: Summary) -> Text:
    return Text(verdict(summary), style="bold green" if summary.finished else "bold red")


def _endpoints(summary: Summary) -> Table:
    table = Table(expand=True)
    for title, ratio in (("Endpoint", 3), ("Traffic", 2), ("Answers", 2), ("Isolation", 3)):
        table.add_column(title, ratio=ratio)
    for row in summary.endpoints:
        names = row.target if summary.in_place else f"{row.source} -> {row.target}"
        table.add_row(Text(names), row.traffic, row.answers, row.isolation)
    return table


def _scoring_uris(summary: Summary) -> Table:
    """Each on a line of its own, so that one can be taken from a terminal of 80 columns in one piece."""
    grid = Table.grid(padding=(0, 2))
    for row in summary.endpoints:
        if not summary.in_place:
            grid.add_row(Text(row.source, style="dim"), Text(row.source_uri, style="dim"))
        grid.add_row(Text(row.target, style="bold"), Text(row.target_uri or "none yet", style="bold"))
    return grid


def _figures(summary: Summary) -> Table:
    grid = Table.grid(padding=(0, 2))
    for label, text in {**figures(summary), **summary.look}.items():
        grid.add_row(Text(label, style="bold"), text)
    return grid


def _facts(lines: Iterable[AuditLine]) -> dict[str, Facts]:
    """Step -> the latest facts that any run wrote about it; a run that found it done wrote none."""
    return {line.step: line.facts for line in lines if line.facts}


def _down_s(plan: Plan, states: list[StepState]) -> float:
    """Azure seconds from the first endpoint's deletion to the last one's traffic, as far as both were."""
    kinds = {step.id: step.kind for step in plan.steps}
    begins = [s.started for s in states if kinds[s.id] == "take_down_endpoint" and s.started]
    ends = [s.ended for s in states if kinds[s.id] == "set_traffic" and s.ended]
    return max(0.0, (max(ends) - min(begins)).total_seconds()) if begins and ends else 0.0


def _last(lines: list[AuditLine]) -> datetime:
    times = [datetime.fromisoformat(line.time.replace("Z", "+00:00")) for line in lines]
    return max(times, default=datetime(1970, 1, 1, tzinfo=timezone.utc))


def _endpoint(plan: Plan, step: Step, facts: Mapping[str, Facts], states: list[StepState]) -> EndpointResult:
    status = {state.id: state.status for state in states}
    traffic = _sibling(plan, step, "set_traffic")
    made = facts.get(step.id, {})
    return EndpointResult(
        source=step.source.name if step.source else "",
        target=step.resource.name,
        source_uri=str(made.get("source_uri", "")) or _source_uri(plan, step),
        target_uri=str(made.get("target_uri", "")),
        traffic=percentages(traffic.spec["traffic"])
        if traffic and status[traffic.id] in ENDED
        else "not set",
        answers=_answers(_sibling(plan, step, "compare_answers"), facts, status),
        isolation=_isolation(_sibling(plan, step, "probe_isolation"), facts, status),
        moved=bool(traffic and status[traffic.id] in ENDED),
    )


def _sibling(plan: Plan, endpoint: Step, kind: StepKind) -> Step | None:
    return next((step for step in plan.of_kind(kind) if step.resource == endpoint.resource), None)


def _source_uri(plan: Plan, endpoint: Step) -> str:
    entries = [entry for step in plan.of_kind("hand_off") for entry in step.spec["entries"]]
    return next((e["source_uri"] for e in entries if e["target"].lower() == endpoint.resource.key), "")


def _answers(step: Step | None, facts: Mapping[str, Facts], status: Mapping[str, str]) -> str:
    if step is None:
        return "no request to compare"
    if status[step.id] not in ENDED:
        return "not compared"
    compared = facts.get(step.id, {}).get("compared", [])
    return f"equal for {_count(compared)}" if compared else "equal"


def _count(compared: object) -> str:
    count = len(compared) if isinstance(compared, list) else compared
    return f"{count} deployment" + ("" if count == 1 else "s")


def _isolation(step: Step | None, facts: Mapping[str, Facts], status: Mapping[str, str]) -> str:
    if step is None or status[step.id] not in ENDED:
        return "not proven"
    found = facts.get(step.id, {})
    reached, refused = (_names(found.get(key, [])) for key in ("reached_from", "refused_from"))
    return f"refused from {refused or 'nowhere'}; served from {reached or 'nowhere'}"


def _names(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
