"""Steps start when what they depend on has ended well, no more at once than allowed."""

import threading
from collections.abc import Callable

import pytest
from prefect import flow, task

from flows.graph import walk_steps
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome
from vnetferry.models.plan import Step

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.xdist_group("prefect")]
SOURCE = ResourceId.workspace("s", "rg", "ws")


def a_step(name: str, *depends_on: str, kind: str = "create_endpoint") -> Step:
    return Step(id=name, kind=kind, title=f"do {name}", resource=SOURCE, depends_on=depends_on)  # type: ignore[arg-type]


def walk(
    steps: list[Step], act: Callable[[Step], None], limits: dict[str, int] | None = None
) -> dict[str, object]:
    @task(task_run_name="{step.title}")
    def do(step: Step) -> Outcome:
        act(step)
        return Outcome(step=step.id, status="done")

    @flow
    def walking() -> dict[str, object]:
        ended: list[str] = []
        results = walk_steps(
            steps,
            lambda step, after: do.submit(step, wait_for=after),
            limits or {},
            lambda step, _: ended.append(step.id),
        )
        assert ended == list(results)
        return results

    return walking()


def test_walk_steps_diamond_respects_order() -> None:
    order: list[str] = []
    results = walk(
        [a_step("a"), a_step("b", "a"), a_step("c", "a"), a_step("d", "b", "c")],
        lambda step: order.append(step.id),
    )
    assert set(results) == {"a", "b", "c", "d"}
    assert order[0] == "a"
    assert order[-1] == "d"


def test_walk_steps_failure_skips_only_what_depends_on_it() -> None:
    def act(step: Step) -> None:
        if step.id == "bad":
            raise RuntimeError("no")

    results = walk(
        [a_step("bad"), a_step("cut off", "bad"), a_step("free"), a_step("after free", "free")], act
    )
    assert isinstance(results["bad"], RuntimeError)
    assert "cut off" not in results
    assert isinstance(results["after free"], Outcome)


def test_walk_steps_limit_never_exceeded() -> None:
    running, most, lock = 0, 0, threading.Lock()
    barrier = threading.Event()

    def act(step: Step) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        barrier.wait(0.05)
        with lock:
            running -= 1

    walk([a_step(str(i)) for i in range(6)], act, {"create_endpoint": 2})
    assert most == 2
