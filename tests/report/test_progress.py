"""Progress says what runs, what waits for what, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from rich.console import Console

from vnetferry.models.outcome import AuditLine
from vnetferry.models.plan import Plan
from vnetferry.report.progress import StepState, azure_elapsed_s, progress_view, step_states

Make = Callable[..., AuditLine]
START = datetime(2026, 3, 1, 9, tzinfo=timezone.utc)
WORKSPACE = "create_workspace:ws-secure"
NETWORK = "provision_network:ws-secure"


def _by_id(plan: Plan, lines: list[AuditLine]) -> dict[str, StepState]:
    return {state.id: state for state in step_states(plan.steps, lines)}


def test_step_states_before_anything_wait_for_their_dependencies(plan: Plan) -> None:
    states = _by_id(plan, [])
    assert states[NETWORK].status == "waiting"
    assert states[NETWORK].waits_for[0] == "create workspace ws-secure"
    assert states[WORKSPACE].waits_for == ()


def test_step_states_of_a_step_that_runs_know_since_when(plan: Plan, line: Make) -> None:
    lines = [line(WORKSPACE, "started", 0), line(WORKSPACE, "done", 60), line(NETWORK, "started", 61)]
    states = _by_id(plan, lines)
    assert states[WORKSPACE].status == "done"
    assert states[NETWORK].status == "running"
    assert states[NETWORK].elapsed_s(START + timedelta(seconds=161)) == 100


def test_step_states_of_a_step_tried_again_are_those_of_the_last_try(plan: Plan, line: Make) -> None:
    lines = [
        line(WORKSPACE, "started", 0),
        line(WORKSPACE, "failed", 5, "429"),
        line(WORKSPACE, "started", 15),
    ]
    state = _by_id(plan, lines)[WORKSPACE]
    assert (state.status, state.message, state.ended) == ("running", "", None)


def test_azure_elapsed_stops_when_all_steps_have_ended(plan: Plan, whole_run: list[AuditLine]) -> None:
    states = step_states(plan.steps, whole_run)
    assert azure_elapsed_s(states, START + timedelta(days=1)) == plan.critical_path_s


def test_progress_view_shows_runs_waits_failures_and_both_times(plan: Plan, line: Make) -> None:
    lines = [
        line(WORKSPACE, "started", 0),
        line(WORKSPACE, "done", 60),
        line(NETWORK, "started", 60),
        line("copy_code:churn-src/1", "started", 60),
        line("copy_code:churn-src/1", "failed", 62, "storage refused"),
    ]
    console = Console(width=120, record=True, file=None, quiet=True)
    console.quiet = False
    with console.capture() as shown:
        console.print(progress_view(step_states(plan.steps, lines), START + timedelta(seconds=660), 11))
    text = shown.get()
    assert "1 of 26 steps, 1 running, 23 waiting, 1 failed" in text
    assert "provision the network of ws-secure" in text
    assert "10 min of about 40 min" in text
    assert "storage refused" in text
    assert "Azure time 0:11:00, real time 0:00:11" in text
