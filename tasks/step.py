"""What makes a plain function a step's task: a name a person understands, retries, and two lines in the audit file.

A step's function looks at Azure, decides, acts if needed and looks again, so running it once more is always right.
That is why a retry needs no bookkeeping, and why it is only asked for where Azure's error says that it may help.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, ParamSpec, TypeVar

from prefect import Task, get_run_logger, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.tasks import exponential_backoff

from vnetferry.errors import UndoStuck, VnetferryError
from vnetferry.gateway.azure import Azure, actor, connect
from vnetferry.gateway.propagation import caller_grant, until_known
from vnetferry.models.outcome import AuditLine, Event, Outcome
from vnetferry.models.plan import Step
from vnetferry.models.run import Run
from vnetferry.report.audit import append

P = ParamSpec("P")
R = TypeVar("R")
Act = Callable[[Step, Run, Azure], Outcome]
StepTask = Task[[Step, Run], Outcome]


def worth_retrying(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Whether the error that ended this attempt may pass by itself."""
    error = state.data
    return isinstance(error, VnetferryError) and error.retryable


def reading_task(title: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function that only reads Azure a Prefect task. Its run is called `title`."""
    return task(
        task_run_name=title,
        tags=["vnetferry"],
        retries=4,
        retry_delay_seconds=10,
        retry_condition_fn=worth_retrying,
    )


def step_task(*, retries: int = 4, tags: tuple[str, ...] = ()) -> Callable[[Act], StepTask]:
    """Make a step's function a Prefect task `(step, run) -> Outcome`.

    The task run is called what the step's title says. Attempts come 10, 20, 40 … seconds apart, with jitter so that
    many steps refused at once do not come back at once. How long one operation may take is the gateway's to know.
    """

    def wrap(act: Act) -> StepTask:
        def run_step(step: Step, run: Run) -> Outcome:
            outcome = carry_out(act, step, run)
            log(f"{outcome.status}: {outcome.message or step.title}")
            return outcome

        run_step.__name__ = run_step.__qualname__ = act.__name__
        run_step.__module__, run_step.__doc__ = act.__module__, act.__doc__
        return task(
            name=act.__name__.replace("_", " "),
            task_run_name="{step.title}",
            tags=["vnetferry", *tags],
            retries=retries,
            retry_delay_seconds=exponential_backoff(10),
            retry_jitter_factor=0.5,
            retry_condition_fn=worth_retrying,
        )(run_step)

    return wrap


def log(text: str) -> None:
    """Write a line into the log of the task run that this is part of, if it is part of one."""
    if TaskRunContext.get():
        get_run_logger().info("%s", text)


def carry_out(act: Act, step: Step, run: Run) -> Outcome:
    """Run `act` between two audit lines, whatever it comes to; a VnetferryError leaves with the step's id on it."""
    azure = connect()
    write_audit(azure, run, step, "started")
    try:
        # A caller who was made something a minute ago is refused for a while what that allows.
        granted = caller_grant(azure, run.target.subscription_id)
        outcome = until_known(azure, lambda: act(step, run, azure), granted)
    except VnetferryError as err:
        err.step = err.step or step.id
        ended: Literal["stuck", "failed"] = "stuck" if isinstance(err, UndoStuck) else "failed"
        write_audit(azure, run, step, ended, Outcome(step=step.id, status=ended, message=str(err)))
        raise
    except Exception as err:
        # Not ours, so nobody has looked through its text for secrets.
        failed = Outcome(step=step.id, status="failed", message=f"unexpected {type(err).__name__}")
        write_audit(azure, run, step, "failed", failed)
        raise
    write_audit(azure, run, step, outcome.status, outcome)
    return outcome


def write_audit(azure: Azure, run: Run, step: Step, event: Event, outcome: Outcome | None = None) -> None:
    """Append one line to the run's audit file."""
    outcome = outcome or Outcome(step=step.id, status="done")
    line = AuditLine(
        time=azure.clock.now().isoformat(),
        actor=actor(azure),
        plan=run.plan,
        step=step.id,
        event=event,
        resource=str(outcome.resource or step.resource),
        before=outcome.before,
        after=outcome.after,
        request_id=outcome.request_id,
        message=outcome.message,
        facts=outcome.facts,
    )
    append(run.audit_file, line)
