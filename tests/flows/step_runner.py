"""Carries out a plan step by step in processes that can be killed: a process started once forks one for each job.

Reads a JSON line for each batch of jobs, which it runs at the same time, and answers with a line of their exit codes
(-9 for those that were killed). A job says in which environment to work and where to kill itself:

    {"environment": {…}, "plan_file": "…", "die_after_step": 3, "die_after_write": true}

A process kills itself with SIGKILL, which no handler sees. The steps' functions, the gateway and the SDK are the real
ones; what is added is one look at each answer as it arrives from the network, before anybody can use it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import azure.ai.ml
import azure.ai.ml.entities
import azure.storage.blob  # noqa: F401 - imported before forking, so that each process need not
import requests
from requests.adapters import HTTPAdapter

from tasks.steps import TASKS
from tests.flows.legacy_world import changes_something
from vnetferry.models.run import Run
from vnetferry.plan.files import read_plan


def serve() -> None:
    """Answer batches until there are no more."""
    for line in sys.stdin:
        processes = [_start(job) for job in json.loads(line)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]
        sys.stdout.write(json.dumps(codes) + "\n")
        sys.stdout.flush()


def _start(job: dict[str, Any]) -> int:
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.environ.clear()
        os.environ.update(job["environment"])
        carry_out(job)
        code = 0
    except BaseException:  # noqa: BLE001 - told, and the process ends
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def carry_out(job: dict[str, Any]) -> None:
    """All steps of the plan in its order, or as far as the job lets them."""
    if job.get("die_after_write"):
        _watch_answers()
    path = Path(job["plan_file"])
    plan = read_plan(path)
    run = Run.of(plan, str(path.parent), str(path))
    for number, step in enumerate(plan.steps, start=1):
        TASKS[step.kind].fn(step, run)
        if number == job.get("die_after_step"):
            _die()


def _watch_answers() -> None:
    send = HTTPAdapter.send

    def send_and_die(
        self: HTTPAdapter, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        response = send(self, request, **options)
        if changes_something(request.method or "", request.path_url.partition("?")[0]):
            _die()
        return response

    HTTPAdapter.send = send_and_die  # type: ignore[assignment]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    serve()
