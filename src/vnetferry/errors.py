"""Every error that vnetferry raises on purpose, as one tree.

    VnetferryError                  exit 1   something failed; says what, where and what to do next
    ├── ConfigError                 exit 2   bad usage, bad file or a name that cannot work
    │   └── NotOurs                 exit 2   the target exists and another hand made it
    ├── PersonNeeded                exit 3   only a person can go on
    │   ├── ApprovalNeeded                   nobody said yes
    │   ├── PermissionDenied                 the caller lacks a right (HTTP 401, 403)
    │   ├── RetireRefused                    something still depends on what would be deleted
    │   ├── RollBackRefused                  callers would be left without an endpoint that answers
    │   └── UndoStuck                        an undo failed; the state is described
    ├── PlanStale                   exit 4   the source changed after the plan was made
    ├── AzureError                  exit 1   Azure refused or failed (raised by the gateway alone)
    │   ├── NotFound
    │   ├── Conflict                         another operation runs, or the name is taken
    │   ├── Throttled                        HTTP 429
    │   ├── QuotaExceeded
    │   ├── Rejected                         HTTP 400 and its kind: sending it again will not help
    │   ├── Unavailable                      HTTP 5xx, resets, time-outs of one request
    │   ├── OperationFailed                  a long-running operation ended Failed or Canceled
    │   └── OperationTimeout                 it did not end within the deadline; Azure may go on
    ├── HandoffFailed               exit 1   a receiver did not take what callers are to be told
    ├── ScoringFailed               exit 1   an endpoint did not answer a scoring request with 200
    └── VerificationFailed          exit 1   answers differ, or an endpoint is not isolated

An error is data: its fields survive pickling, so that Prefect can carry it between processes.
"""

from __future__ import annotations

from typing import Any


class VnetferryError(Exception):
    """Base of all. `str()` is one sentence for people: what happened, to which resource, what to do next.

    what:       what happened, without the final stop.
    resource:   the ARM id, file or key it happened to.
    remedy:     what to do next, a whole sentence.
    step:       id of the plan's step.
    code:       Azure's error code, as Azure wrote it.
    request_id: Azure's `x-ms-request-id`, which its support asks for.
    retryable:  whether sending the same again may help (FACTS 5).
    """

    exit_code = 1

    def __init__(  # noqa: PLR0913 - an error is data: its fields
        self,
        what: str,
        *,
        resource: str = "",
        remedy: str = "",
        step: str = "",
        code: str = "",
        request_id: str = "",
        retryable: bool = False,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.resource = resource
        self.remedy = remedy
        self.step = step
        self.code = code
        self.request_id = request_id
        self.retryable = retryable

    def __str__(self) -> str:
        where = f" ({self.resource})" if self.resource and self.resource not in self.what else ""
        code = f" [{self.code}]" if self.code and self.code not in self.what else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.what.rstrip('.')}{where}{code}.{remedy}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.what, {k: v for k, v in vars(self).items() if k != "what"})


def _rebuild(kind: type[VnetferryError], what: str, fields: dict[str, Any]) -> VnetferryError:
    error = kind(what)
    vars(error).update(fields)
    return error


class ConfigError(VnetferryError):
    """Bad usage, a bad file, or a name that cannot work; mend it and run again."""

    exit_code = 2


class NotOurs(ConfigError):
    """The target resource exists and does not carry this plan's tags."""


class PersonNeeded(VnetferryError):
    """Only a person can go on."""

    exit_code = 3


class ApprovalNeeded(PersonNeeded):
    """Nobody said yes."""


class PermissionDenied(PersonNeeded):
    """The caller lacks a right; it must be granted (and may take up to an hour to reach every service)."""


class RetireRefused(PersonNeeded):
    """Something still depends on what would be deleted."""


class RollBackRefused(PersonNeeded):
    """Callers would be left without an endpoint that answers them, or what is to be undone cannot be."""


class UndoStuck(PersonNeeded):
    """An undo failed; what is left is described beside the first error."""


class PlanStale(VnetferryError):
    """The source changed after the plan was made."""

    exit_code = 4


class AzureError(VnetferryError):
    """Azure refused or failed; `status` is the HTTP status of the answer, 0 when there was none."""

    def __init__(self, what: str, *, status: int = 0, **fields: Any) -> None:
        super().__init__(what, **fields)
        self.status = status


class NotFound(AzureError):
    """The resource does not exist (or, right after a write, is not yet visible)."""


class Conflict(AzureError):
    """Another operation on the resource runs, or its name is taken."""


class Throttled(AzureError):
    """Too many requests; `retry_after_s` is what Azure asked for, in seconds (0 when it did not say)."""

    retry_after_s: float = 0.0


class QuotaExceeded(AzureError):
    """A quota of the subscription, region or workspace would be exceeded."""


class Rejected(AzureError):
    """Azure validated the request and said no; the same request will never pass."""


class Unavailable(AzureError):
    """Azure could not answer (5xx, connection reset, time-out); the same request may pass later."""


class OperationFailed(AzureError):
    """A long-running operation ended Failed or Canceled."""


class OperationTimeout(AzureError):
    """A long-running operation did not end within its deadline; Azure may go on, so look before acting again."""


class HandoffFailed(VnetferryError):
    """A receiver did not take what callers are to be told."""


class ScoringFailed(VnetferryError):
    """An endpoint did not answer a scoring request with 200; `status` is what it answered, 0 for none."""

    def __init__(self, what: str, *, status: int = 0, **fields: Any) -> None:
        super().__init__(what, **fields)
        self.status = status


class VerificationFailed(VnetferryError):
    """Answers differ beyond the tolerance, or an endpoint can be reached from where it must not."""
