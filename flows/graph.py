"""Walk a graph of steps: start what is ready, as much at once as allowed, and skip what a failure cuts off.

Only steps that are ready become task runs, so a waiting step holds no thread, and a run that fails shows in Prefect
what ran and nothing else.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from graphlib import TopologicalSorter
from queue import SimpleQueue
from typing import Any

from prefect.futures import PrefectFuture

from tasks.artifacts import Progress
from tasks.steps import TASKS
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step, StepKind
from vnetferry.models.run import Run

Submit = Callable[[Step, list[PrefectFuture[Outcome]]], PrefectFuture[Outcome]]
Finished = Callable[[Step, Outcome | Exception], None]


# What Azure runs machines for, so that a quota or a region's capacity bounds how much may be asked for at once.
_BOUNDED: tuple[StepKind, ...] = (
    "create_deployment",
    "apply_deployment",
    "delete_endpoint",
    "remove_endpoint",
)


def raise_first(errors: list[Exception]) -> None:
    """Raise the first of the errors that steps ended with."""
    raise errors[0]


def carry_out(
    steps: tuple[Step, ...],
    run: Run,
    at_once: int,
    publish: Callable[[list[Outcome]], None],
    fail: Callable[[list[Exception]], None] = raise_first,
) -> list[Outcome]:
    """Carry out steps and show in Prefect how far they are; an error is raised after all else has ended.

    In: at_once: how many deployments change at the same time; publish: shows what the steps came to; fail: raises
        for the errors that steps ended with.
    """
    with Progress(steps, key=f"progress-{run.plan}") as progress:
        results = walk_steps(
            steps,
            submit=lambda step, after: TASKS[step.kind].submit(step, run, return_state=False, wait_for=after),
            limits=dict.fromkeys(_BOUNDED, at_once),
            finished=progress.step_ended,
        )
    outcomes = [result for result in results.values() if isinstance(result, Outcome)]
    publish(outcomes)
    if errors := [result for result in results.values() if isinstance(result, Exception)]:
        fail(errors)
    return outcomes


def walk_steps(
    steps: Iterable[Step], submit: Submit, limits: Mapping[str, int], finished: Finished
) -> dict[str, Outcome | Exception]:
    """Run every step after those that it depends on.

    In:  submit: starts a step, given the futures of what it depends on. limits: step kind -> how many at once.
         finished: told of each step's end, in the order of the ends.
    Out: step id -> its outcome, or the error that ended it; steps behind a failure are absent.
    """
    by_id = {step.id: step for step in steps}
    sorter = TopologicalSorter({step.id: step.depends_on for step in by_id.values()})
    sorter.prepare()
    ends: SimpleQueue[str] = SimpleQueue()
    futures: dict[str, PrefectFuture[Outcome]] = {}
    results: dict[str, Outcome | Exception] = {}
    running: Counter[str] = Counter()
    ready: deque[str] = deque()
    while True:
        ready.extend(sorter.get_ready())
        for step in _startable([by_id[i] for i in ready], running, limits):
            ready.remove(step.id)
            futures[step.id] = submit(step, [futures[d] for d in step.depends_on])
            futures[step.id].add_done_callback(partial(_put, ends, step.id))
        if len(results) == len(futures):
            return results
        ended = by_id[ends.get()]
        running[ended.kind] -= 1
        results[ended.id] = _result(futures[ended.id])
        finished(ended, results[ended.id])
        if isinstance(results[ended.id], Outcome):
            sorter.done(ended.id)


def _put(ends: SimpleQueue[str], step_id: str, _: PrefectFuture[Outcome]) -> None:
    ends.put(step_id)


def _startable(ready: list[Step], running: Counter[str], limits: Mapping[str, int]) -> list[Step]:
    """Those of `ready` that fit beside what runs; they are counted as running."""
    chosen = []
    for step in ready:
        if running[step.kind] < limits.get(step.kind, len(ready) + running[step.kind]):
            running[step.kind] += 1
            chosen.append(step)
    return chosen


def _result(future: PrefectFuture[Outcome]) -> Outcome | Exception:
    result: Any = future.result(raise_on_failure=False)  # typed as if it always raised
    return (
        result if isinstance(result, Outcome | Exception) else RuntimeError(f"unexpected result {result!r}")
    )
