"""A migration that a process worker runs, started by hand, by a schedule that is due and by an event.

Everything is real: a Prefect server with the deployments of prefect.yaml, and a worker inside a sandbox. Whichever
test runs first migrates the whole workspace; the others find it migrated, and must complete as well.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
import yaml

from vnetferry.sandbox.environment import inherited
from vnetferry.sandbox.scenario_file import load
from vnetferry.sandbox.server import Sandbox

pytestmark = [pytest.mark.xdist_group("prefect-worker"), pytest.mark.whole]

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples" / "legacy-workspace"
PREFECT = [sys.executable, "-m", "prefect"]
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass(frozen=True)
class Prefect:
    """A running Prefect server: its API, and the environment of a command that talks to it."""

    api: httpx.Client
    env: dict[str, str]

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [*PREFECT, "--no-prompt", *arguments],
            env=self.env,
            cwd=REPOSITORY,
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def send(self, method: str, path: str, body: Any) -> httpx.Response:
        """The server's answer; on SQLite it answers 503 while another writes, and Prefect's client asks again."""

        def answer() -> httpx.Response | None:
            response = self.api.request(method, path, json=body)
            return None if response.status_code == httpx.codes.SERVICE_UNAVAILABLE else response

        response: httpx.Response = wait_until(answer, f"{method} {path}", 60)
        return response.raise_for_status()

    def deployment(self, flow: str) -> dict[str, Any]:
        answer = self.api.get(f"/deployments/name/{flow}/default")
        answer.raise_for_status()
        return dict(answer.json())

    def runs(self, deployment_id: str) -> list[dict[str, Any]]:
        of_deployment = {"deployments": {"id": {"any_": [deployment_id]}}}
        return list(self.send("POST", "/flow_runs/filter", of_deployment).json())

    def ended_run(self, deployment_id: str, known: set[str]) -> dict[str, Any]:
        """The deployment's next run beside `known`, when it has come to an end."""

        def ended() -> list[dict[str, Any]]:
            runs = [run for run in self.runs(deployment_id) if run["id"] not in known]
            return [run for run in runs if run["state_type"] in ENDED]

        return dict(wait_until(ended, "the run's end", 240)[0])

    def logs(self, run_id: str) -> str:
        of_run = {"logs": {"flow_run_id": {"any_": [run_id]}}}
        return "\n".join(entry["message"] for entry in self.api.post("/logs/filter", json=of_run).json())


def wait_until(ready: Callable[[], Any], what: str, timeout_s: float) -> Any:
    """What `ready` returns, as soon as it is true."""
    deadline = time.monotonic() + timeout_s
    while not (value := ready()):
        assert time.monotonic() < deadline, f"still waiting for {what} after {timeout_s} s"
        time.sleep(1)
    return value


@pytest.fixture(scope="module")
def database() -> Iterator[dict[str, str]]:
    """A database of its own on this machine's PostgreSQL; SQLite where there is none."""
    name = f"vnetferry_test_{uuid4().hex}"
    try:
        asyncio.run(on_postgres(f"CREATE DATABASE {name}"))
    except OSError:
        assert "VNETFERRY_REQUIRE_SERVICES" not in os.environ, "PostgreSQL must answer here"
        yield {}
        return
    try:
        yield {
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://postgres@127.0.0.1:5432/{name}"
        }
    finally:
        asyncio.run(on_postgres(f"DROP DATABASE {name} WITH (FORCE)"))


async def on_postgres(statement: str) -> None:
    connection = await asyncpg.connect(host="127.0.0.1", user="postgres", database="postgres", timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory, database: dict[str, str]) -> Iterator[Prefect]:
    """A server of its own, in a folder of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("prefect-home")
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")} | {
        "DO_NOT_TRACK": "1",
        "NO_COLOR": "1",
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PYTHONPATH": str(REPOSITORY / "src"),
        **database,
    }
    serve = [*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (
        running_process(serve, env, home / "server.log") as server,
        httpx.Client(base_url=env["PREFECT_API_URL"], trust_env=False, timeout=60) as api,
    ):
        wait_until(lambda: answers(api) or server.poll() is not None, "the Prefect server", 120)
        assert server.poll() is None, (home / "server.log").read_text()
        yield Prefect(api, env)


def answers(api: httpx.Client) -> bool:
    try:
        return api.get("/health").is_success
    except httpx.TransportError:
        return False


@contextmanager
def running_process(command: list[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in its own session, stopped at the end together with what it started."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, env=env, cwd=log.parent, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="module")
def deployed(prefect: Prefect) -> Prefect:
    """The server after the two commands that prefect.yaml names."""
    pool = str(REPOSITORY / "deployments" / "process-pool.json")
    prefect.command("work-pool", "create", "vnetferry", "--type", "process", "--base-job-template", pool)
    prefect.command("deploy", "--all")
    return prefect


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, for a run to write its files beside."""
    return Path(shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("migration") / "example"))


@pytest.fixture(scope="module")
def legacy(session_sandbox_factory: Callable[..., Sandbox]) -> Sandbox:
    """The example's Azure, with deployments that echo: what is tested here is how a run starts."""
    scenario = load(str(EXAMPLE / "scenario.yaml")).model_copy(update={"runtime": "echo"})
    return session_sandbox_factory(scenario, time_scale=3600)


@pytest.fixture(scope="module")
def worker(deployed: Prefect, legacy: Sandbox, example: Path) -> Iterator[Prefect]:
    """The server with a process worker that was started in an unrelated folder, inside the sandbox."""
    env = inherited(deployed.env, legacy.env("vnet-callers"))
    with running_process([*PREFECT, "worker", "start", "--pool", "vnetferry"], env, example / "worker.log"):
        yield deployed


@pytest.fixture
def parameters(example: Path) -> dict[str, Any]:
    """What migration.yaml says, as a form in Prefect's UI or an event carries it."""
    return {"config": yaml.safe_load((example / "migration.yaml").read_text()), "folder": str(example)}


def require_migrated(prefect: Prefect, run: dict[str, Any], example: Path) -> None:
    log = (example / "worker.log").read_text()[-4000:]
    assert run["state_type"] == "COMPLETED", f"{run['state']['message']}\n{prefect.logs(run['id'])}\n{log}"
    handed_over = json.loads((example / "handoff.json").read_text())
    assert "credit-v2" in json.dumps(handed_over)


def test_worker_run_started_by_hand_migrates(
    worker: Prefect, parameters: dict[str, Any], example: Path
) -> None:
    deployment = worker.deployment("migrate-workspace")
    known = {run["id"] for run in worker.runs(deployment["id"])}
    worker.command("deployment", "run", "migrate-workspace/default", "--params", json.dumps(parameters))
    run = worker.ended_run(deployment["id"], known)
    require_migrated(worker, run, example)


def test_worker_schedule_activated_and_due_migrates(
    worker: Prefect, parameters: dict[str, Any], example: Path
) -> None:
    deployment = worker.deployment("migrate-workspace")
    known = {run["id"] for run in worker.runs(deployment["id"])}
    schedule = next(s for s in deployment["schedules"] if s["slug"] == "weekend-window")
    assert schedule["active"] is False
    due = datetime.now(timezone.utc) + timedelta(seconds=10)
    once_a_day = {"interval": timedelta(days=1).total_seconds(), "anchor_date": due.isoformat()}
    path = f"/deployments/{deployment['id']}/schedules/{schedule['id']}"
    change = {"active": True, "schedule": once_a_day, "parameters": parameters}
    worker.send("PATCH", path, change)
    try:
        run = worker.ended_run(deployment["id"], known)
    finally:
        worker.send("PATCH", path, {"active": False})
    assert run["auto_scheduled"] is True
    require_migrated(worker, run, example)


def test_worker_event_posted_migrates(worker: Prefect, parameters: dict[str, Any], example: Path) -> None:
    deployment = worker.deployment("migrate-workspace")
    known = {run["id"] for run in worker.runs(deployment["id"])}
    event = {
        "id": str(uuid4()),
        "occurred": datetime.now(timezone.utc).isoformat(),
        "event": "vnetferry.migration.requested",
        "resource": {"prefect.resource.id": "azureml.workspace.ws-legacy"},
        "related": [],
        "payload": parameters,
    }
    worker.send("POST", "/events", [event])
    run = worker.ended_run(deployment["id"], known)
    assert run["created_by"]["type"] == "AUTOMATION"
    require_migrated(worker, run, example)
