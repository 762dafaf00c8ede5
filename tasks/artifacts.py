"""What people see in Prefect's UI: the inventory, the plan, how far it is, the comparison and the handoff.

Showing is comfort: when Prefect's server does not take an artifact, a line in the log says so and the run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import ParamSpec
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.logging import get_logger

from vnetferry.models.finding import Finding
from vnetferry.models.inventory import Inventory
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Plan, Step
from vnetferry.report.inventory_rows import inventory_rows
from vnetferry.report.markdown import plan_markdown

P = ParamSpec("P")


def _comfort(show: Callable[P, None]) -> Callable[P, None]:
    """`show`, whose failure is no failure of what it shows."""

    @wraps(show)
    def shown(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            show(*args, **kwargs)
        except Exception as err:  # noqa: BLE001 - whatever Prefect's client raises
            get_logger("vnetferry").warning("Prefect did not take an artifact: %s", type(err).__name__)

    return shown


class Progress:
    """A progress bar in Prefect's UI that counts ended steps, while the block lasts.

    It is written beside the flow's own thread, and only its newest state: a server that is busy (SQLite answers 503 for
    seconds) must not hold up the steps.
    """

    def __init__(self, steps: tuple[Step, ...], key: str) -> None:
        self._steps = len(steps)
        self._ended = 0
        self._last = ""
        self._id: UUID | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="progress")
        self._begin(key)
        self._written = self._writer.submit(self._write)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.submit(self._write)
        self._writer.shutdown(wait=True)

    def step_ended(self, step: Step, result: Outcome | Exception) -> None:
        """Count one more; its title becomes the description."""
        self._ended += 1
        self._last = f"{step.title} ({result.status if isinstance(result, Outcome) else 'failed'})"
        if self._written.done():
            self._written = self._writer.submit(self._write)

    @_comfort
    def _begin(self, key: str) -> None:
        created = create_progress_artifact(progress=0.0, key=key, description=f"0 of {self._steps} steps")
        self._id = created  # type: ignore[assignment]

    @_comfort
    def _write(self) -> None:
        if self._id is None:
            return
        ended = self._ended
        update_progress_artifact(
            artifact_id=self._id,
            progress=100.0 * ended / (self._steps or 1),
            description=f"{ended} of {self._steps} steps; last: {self._last or 'none'}",
        )


@_comfort
def publish_inventory(inventory: Inventory) -> None:
    """What there is of each kind and which, and what could not be read."""
    rows = [row._asdict() for row in inventory_rows(inventory)]
    rows += [
        {"part": "Could not be read", "what": line, "number": 1, "which": ""} for line in inventory.unread
    ]
    create_table_artifact(
        key=_key("inventory", inventory.source.name),
        table=rows,
        description=f"Inventory of {inventory.source.name}: {len(inventory.documents)} documents",
    )


@_comfort
def publish_findings(inventory: Inventory, findings: list[Finding]) -> None:
    """What the checks found, the gravest first."""
    shown = ("severity", "check", "resource", "evidence", "remedy")
    rows = [{name: getattr(finding, name) for name in shown} for finding in findings]
    create_table_artifact(
        key=_key("preflight", inventory.source.name),
        table=rows,
        description=f"Preflight of {inventory.source.name}",
    )


@_comfort
def publish_plan(plan: Plan) -> None:
    """The plan as people read it."""
    create_markdown_artifact(
        key=_key("plan", plan.source.name), markdown=plan_markdown(plan), description=f"Plan {plan.id}"
    )


def publish_outcomes(plan: Plan, outcomes: list[Outcome]) -> None:
    """What a migration has proven, and where its callers go now."""
    publish_comparison(plan, outcomes)
    publish_handoff(plan, outcomes)


@_comfort
def publish_comparison(plan: Plan, outcomes: Iterable[Outcome]) -> None:
    """Whether the new endpoints answered as the old ones, and where they can be reached from."""
    _publish_facts("comparison", plan, outcomes, ("compare_answers", "probe_isolation"))


@_comfort
def publish_handoff(plan: Plan, outcomes: Iterable[Outcome]) -> None:
    """Old and new scoring URI of every endpoint."""
    steps = {o.step: o for o in outcomes}
    rows = [
        {"endpoint": step.resource.name, **steps[step.id].facts}
        for step in plan.of_kind("create_endpoint")
        if step.id in steps
    ]
    create_table_artifact(
        key=_key("handoff", plan.source.name), table=rows, description="Old and new scoring URIs"
    )


@_comfort
def publish_steps(steps: Iterable[Step], run_id: str, outcomes: Iterable[Outcome]) -> None:
    """What each step came to."""
    ended = {outcome.step: outcome for outcome in outcomes}
    rows = [
        {"step": step.title, "status": _status(ended.get(step.id)), "said": _said(ended.get(step.id))}
        for step in steps
    ]
    create_table_artifact(key=f"steps-{run_id}", table=rows, description="What each step came to")


def _status(outcome: Outcome | None) -> str:
    return outcome.status if outcome else "not done"


def _said(outcome: Outcome | None) -> str:
    return outcome.message if outcome else ""


def _publish_facts(name: str, plan: Plan, outcomes: Iterable[Outcome], kinds: tuple[str, ...]) -> None:
    rows = [
        {
            "endpoint": plan.step(o.step).resource.name,
            "step": plan.step(o.step).title,
            "said": o.message,
            **o.facts,
        }
        for o in outcomes
        if plan.step(o.step).kind in kinds
    ]
    create_table_artifact(key=_key(name, plan.source.name), table=rows, description=name.capitalize())


def _key(name: str, workspace: str) -> str:
    """Artifact keys allow lower case, digits and dashes only."""
    return "-".join([name, *"".join(c if c.isalnum() else " " for c in workspace.lower()).split()])
