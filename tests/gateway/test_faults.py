"""Every foreign error becomes one of ours, with the right class, the right hope and no secret."""

from __future__ import annotations

import inspect
import json

import azure.ai.ml.exceptions as ml
import azure.core.exceptions as core
import pytest
from azure.ai.ml.exceptions import ErrorCategory, ErrorTarget
from azure.identity import CredentialUnavailableError
from azure.storage.blob import PartialBatchErrorException

from vnetferry import errors
from vnetferry.gateway.faults import (
    codes,
    error_of_answer,
    error_of_operation,
    redact,
    retry_after_s,
    retryable,
    translate,
    translated,
)

MFE = "InferencingClientCallFailed"
EGRESS = (
    '{{"errors":{{"Validation":["The EgressPublicNetworkAccess under online deployment is no longer supported '
    'when your workspace is secured with managed virtual network."]}},"title":"One or more validation errors '
    'occurred."}}'
)


class _Response:
    """The shape that azure-core's errors read of a response."""

    def __init__(self, status: int, body: object = None, headers: dict[str, str] | None = None) -> None:
        self.status_code, self.reason = status, "reason"
        self.headers = headers or {}
        self._text = json.dumps(body) if body is not None else ""
        self.request = None

    def text(self, encoding: str | None = None) -> str:
        return self._text

    def body(self) -> bytes:
        return self._text.encode()


def _error(code: str, message: str = "it said so", **more: object) -> dict[str, object]:
    return {"error": {"code": code, "message": message, **more}}


def _instances() -> list[Exception]:
    """One error of every public class of azure-core and azure-ai-ml, built as those libraries build them."""
    found: list[Exception] = []
    for module in (core, ml):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception) and kind.__module__ == module.__name__:
                found.append(_instance(kind))
    return found


def _instance(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    Exception.__init__(error, "boom")
    if isinstance(error, core.AzureError):
        core.AzureError.__init__(error, "boom")
    if isinstance(error, core.HttpResponseError):
        core.HttpResponseError.__init__(error, "boom", response=_Response(418, _error("Teapot")))  # type: ignore[arg-type]
    if isinstance(error, ml.MlException):
        ml.MlException.__init__(
            error, "boom", "boom", target=ErrorTarget.GENERAL, error_category=ErrorCategory.UNKNOWN
        )
    return error


@pytest.mark.parametrize("foreign", _instances(), ids=lambda err: type(err).__name__)
def test_translated_any_foreign_error_becomes_ours_with_its_cause(foreign: Exception) -> None:
    with pytest.raises(errors.VnetferryError) as caught, translated("/subscriptions/s", "trying"):
        raise foreign

    assert caught.value.__cause__ is foreign
    assert str(caught.value)


def test_translated_our_own_error_passes_unchanged() -> None:
    ours = errors.NotOurs("it is theirs")

    with pytest.raises(errors.NotOurs) as caught, translated():
        raise ours

    assert caught.value is ours


@pytest.mark.parametrize(
    ("foreign", "kind", "may_pass"),
    [
        (CredentialUnavailableError("no"), errors.PermissionDenied, False),
        (core.ClientAuthenticationError("no"), errors.PermissionDenied, False),
        (core.ServiceRequestError("reset"), errors.Unavailable, True),
        (core.ServiceRequestTimeoutError("slow"), errors.Unavailable, True),
        (core.ServiceResponseError("reset"), errors.Unavailable, True),
        (core.ServiceResponseTimeoutError("slow"), errors.Unavailable, True),
        (core.IncompleteReadError("half"), errors.Unavailable, True),
        (core.SerializationError("bad"), errors.Rejected, False),
        (core.DeserializationError("bad"), errors.Unavailable, True),
        (
            ml.ValidationException(
                "bad", "bad", error_category=ErrorCategory.USER_ERROR, target=ErrorTarget.GENERAL
            ),
            errors.ConfigError,
            False,
        ),
        (ml.MlException("bad", "bad"), errors.AzureError, False),
        (PartialBatchErrorException("bad", _Response(500), []), errors.Unavailable, True),
    ],
)
def test_translate_class_gives_our_class_and_hope(
    foreign: Exception, kind: type[errors.VnetferryError], may_pass: bool
) -> None:
    ours = translate(foreign, "/subscriptions/s", "trying")

    assert type(ours) is kind
    assert retryable(ours) is may_pass


@pytest.mark.parametrize(
    ("status", "body", "kind", "may_pass"),
    [
        (400, _error("BadRequest", "wrong"), errors.Rejected, False),
        (401, _error("InvalidAuthenticationToken"), errors.PermissionDenied, False),
        (403, _error("AuthorizationFailed"), errors.PermissionDenied, False),
        (
            400,
            _error("InvalidTemplateDeployment", "Authorization failed for template resource 'x'"),
            errors.PermissionDenied,
            False,
        ),
        (404, _error("ResourceNotFound"), errors.NotFound, False),
        (404, {}, errors.NotFound, False),
        (405, {}, errors.Rejected, False),
        (409, _error("Conflict"), errors.Conflict, True),
        (409, _error("ScopeLocked"), errors.Conflict, False),
        (409, _error("RetryableErrorDueToAnotherOperation"), errors.Conflict, True),
        (412, {}, errors.Conflict, True),
        (429, {}, errors.Throttled, True),
        (500, _error("InternalServerError"), errors.Unavailable, True),
        (503, {}, errors.Unavailable, True),
        (400, _error("OutOfQuota", "Not enough vCPUs"), errors.QuotaExceeded, False),
        (400, _error("OutOfQuota", "region-wide VM capacity"), errors.QuotaExceeded, True),
        (400, _error("WorkspaceManagedNetworkNotReady"), errors.Conflict, True),
        (
            400,
            _error("BadRequest", "Soft-deleted workspace exists. Please purge or recover it."),
            errors.ConfigError,
            False,
        ),
        (
            400,
            _error("UserError", "There is already an endpoint with this name, x"),
            errors.ConfigError,
            False,
        ),
        (
            400,
            _error("UserError", "Cannot create: it is in Updating provisioning state."),
            errors.Conflict,
            True,
        ),
        (400, _error("BadRequest", "x", details=[{"code": MFE, "message": EGRESS}]), errors.Rejected, False),
        (
            404,
            _error("NotFound", "x", details=[{"code": MFE, "message": '{{"title":"Not Found"}}'}]),
            errors.NotFound,
            True,
        ),
        (400, _error("ImageBuildFailure", "timeout"), errors.Rejected, False),
        (
            400,
            _error("BadArgument", "Endpoint identity does not have pull permission"),
            errors.PermissionDenied,
            False,
        ),
        (409, _error("MissingSubscriptionRegistration"), errors.Rejected, False),
    ],
)
def test_error_of_answer_status_and_code_give_class_and_hope(
    status: int, body: object, kind: type[errors.VnetferryError], may_pass: bool
) -> None:
    ours = error_of_answer(status, body, {"x-ms-request-id": "r1"}, resource="/subscriptions/s", doing="PUT")

    assert (type(ours), ours.retryable, ours.request_id) == (kind, may_pass, "r1")
    assert ours.remedy


def test_error_of_answer_doubled_braces_read_as_a_sentence() -> None:
    body = _error("BadRequest", "The request is invalid.", details=[{"code": MFE, "message": EGRESS}])

    text = str(error_of_answer(400, body, {}, resource="/subscriptions/s", doing="PUT"))

    assert "no longer supported when your workspace" in text
    assert "{{" not in text


def test_error_of_answer_throttled_carries_what_azure_asked_for() -> None:
    ours = error_of_answer(429, {}, {"Retry-After": "17"}, resource="/subscriptions/s")

    assert isinstance(ours, errors.Throttled)
    assert ours.retry_after_s == 17.0


def test_error_of_operation_names_the_inner_reason_of_a_template() -> None:
    inner = json.dumps(_error("QuotaExceeded", "only 800 workspaces"))
    body = _error(
        "DeploymentFailed", "At least one failed.", details=[{"code": "Conflict", "message": inner}]
    )

    ours = error_of_operation(body, resource="/subscriptions/s", doing="creating")

    assert type(ours) is errors.QuotaExceeded
    assert "only 800 workspaces" in str(ours)


def test_error_of_operation_unknown_code_is_operation_failed() -> None:
    ours = error_of_operation(_error("Odd", "strange"), resource="/subscriptions/s", doing="creating")

    assert type(ours) is errors.OperationFailed
    assert "strange" in str(ours)


def test_codes_nested_details_come_innermost_first() -> None:
    body = _error(
        "Outer",
        "o",
        details=[{"code": "Middle", "message": "m", "details": [{"code": "Inner", "message": "i"}]}],
    )

    assert [code for code, _ in codes(body)] == ["Inner", "Middle", "Outer"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "5"}, 5.0),
        ({"x-ms-retry-after-ms": "50", "Retry-After": "5"}, 0.05),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_header_is_read_in_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "https://a.blob.core.windows.net/c?sp=r&sig=SECRET%2B1",
        "DefaultEndpointsProtocol=https;AccountKey=SECRET==;",
        "Authorization: Bearer SECRET.SECRET-x",
        '{"primaryKey": "SECRET"}',
        '"keyValue":"SECRET"',
    ],
)
def test_redact_secret_is_gone(text: str) -> None:
    assert "SECRET" not in redact(text)
