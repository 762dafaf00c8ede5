"""Taking back a conversion in place that has deleted nothing yet: its mark, then what was kept for later."""

from __future__ import annotations

from pathlib import Path

from tasks.step import step_task
from vnetferry.errors import UndoStuck, VnetferryError
from vnetferry.gateway import conversion, kept_secrets
from vnetferry.gateway.azure import Azure
from vnetferry.models.ids import ResourceId
from vnetferry.models.outcome import Outcome, Status
from vnetferry.models.plan import Step
from vnetferry.models.run import Run


@step_task()
def undo_claim_workspace(step: Step, run: Run, azure: Azure) -> Outcome:
    """Take the mark off the workspace, after which no run of the plan deletes anything.

    Raises: RollBackRefused once anything is deleted: then there is only the way forward.
    """
    removed = [ResourceId(text) for text in step.spec["removed"]]
    written = conversion.release_workspace(azure, step.resource, removed, run.tags)
    return _outcome(step, undone=written.changed)


@step_task()
def undo_keep_secrets(step: Step, run: Run, azure: Azure) -> Outcome:
    """Delete what the vault keeps of an endpoint, which still has it itself. Raises: UndoStuck."""
    vault, name = step.spec["vault"], kept_secrets.secret_name(run.plan, step.resource.name)
    try:
        found = kept_secrets.find_kept(azure, vault, name) is not None
        purged = kept_secrets.forget(azure, vault, name)
    except VnetferryError as err:
        raise UndoStuck(
            f"{step.title}: {err.what.rstrip('.')}. The secret '{name}' may be in {vault} still",
            resource=str(step.resource),
            remedy=f"{err.remedy} Then run it again, or type: az keyvault secret delete --vault-name {vault} "
            f"--name {name}".lstrip(),
            step=step.id,
            code=err.code,
            request_id=err.request_id,
            retryable=err.retryable,
        ) from err
    message = "" if purged else f"{vault} keeps {name} as deleted until its retention ends"
    return _outcome(step, message, undone=found)


@step_task()
def undo_record_answers(step: Step, run: Run, azure: Azure) -> Outcome:
    """Delete the file with an endpoint's answers."""
    file = Path(run.folder, step.spec["answers"])
    found = file.is_file()
    file.unlink(missing_ok=True)
    return _outcome(step, undone=found)


def _outcome(step: Step, message: str = "", *, undone: bool) -> Outcome:
    status: Status = "undone" if undone else "already_done"
    return Outcome(step=step.id, status=status, resource=step.resource, message=message)
