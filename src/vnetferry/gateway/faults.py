"""Every foreign error becomes one of ours, and says what to do next.

What Azure's codes mean, and which of them pass by themselves, is the table in `fault_table.py`. An answer's
body names codes at several depths (`code`, `details[].code`, an inner error, JSON within a message); all are
looked at, because the outer one is often only "BadRequest".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from azure.core import exceptions as core

from vnetferry.errors import (
    AzureError,
    ConfigError,
    Conflict,
    NotFound,
    OperationFailed,
    PermissionDenied,
    QuotaExceeded,
    Rejected,
    Throttled,
    Unavailable,
    VnetferryError,
)
from vnetferry.gateway.fault_table import Rule, rule_for
from vnetferry.gateway.sign_in import sign_in_error

_FOREIGN = (core.AzureError, core.SerializationError, core.DeserializationError)
_LONGEST_MESSAGE = 700  # characters; Azure sometimes answers with whole stack traces
_SECRETS = re.compile(
    r"(?i)((?:sig|accountkey|sharedaccesskey|primarykey|secondarykey|keyvalue|password|client_secret)[\"']?\s*[=:]\s*[\"']?)"
    r"[^\s&;,\"'<>}]+|(bearer\s+)[\w.~+/-]+=*"
)
# Azure's words for it name the caller twice and the scope in between.
_LACKED_RIGHT = re.compile(
    r"The client '([^']*)' .*?does not have authorization to perform action '([^']*)' over scope '([^']*)'"
)
_Found = tuple[str, str]


def retryable(error: BaseException) -> bool:
    """Whether sending the same again may help, for deciding about a retry."""
    return isinstance(error, VnetferryError) and error.retryable


@contextmanager
def translated(resource: object = "", doing: str = "") -> Iterator[None]:
    """Within this block every error of Azure's libraries leaves as ours, with the original as its cause."""
    try:
        yield
    except _FOREIGN as err:
        raise translate(err, str(resource), doing) from err


def translate(err: Exception, resource: str = "", doing: str = "") -> VnetferryError:
    """Our error for one of azure-core, azure-identity, azure-storage or azure-ai-ml."""
    if isinstance(err, VnetferryError):
        return err
    if isinstance(err, core.HttpResponseError) and err.response is not None:
        return _of_response(err, resource, doing)
    if isinstance(err, core.ClientAuthenticationError):
        return sign_in_error(redact(str(err)))
    kind, sentence, may_pass, remedy = _of_class(err)
    what = f"{doing or 'a request'}: {sentence}: {_brief(str(err))}" if sentence else _brief(str(err))
    return kind(what, resource=resource, retryable=may_pass, remedy=remedy)


def error_of_answer(
    status: int, body: Any, headers: Mapping[str, str], *, resource: str = "", doing: str = ""
) -> VnetferryError:
    """Our error for an answer of 400 and more."""
    found = codes(body)
    rule = rule_for(found) or _BY_STATUS.get(status) or _BY_STATUS[status // 100 * 100]
    error = _build(rule, found, f"Azure answered {status} to {doing or 'a request'}", resource)
    error.request_id = headers.get("x-ms-request-id", "")
    if isinstance(error, AzureError):
        error.status = status
    if isinstance(error, Throttled):
        error.retry_after_s = retry_after_s(headers) or 0.0
    return error


def error_of_operation(body: Any, *, resource: str, doing: str, request_id: str = "") -> VnetferryError:
    """Our error for a long-running operation, or a resource, that ended Failed or Canceled."""
    found = codes(body)
    rule = rule_for(found) or Rule(OperationFailed, False, "Read Azure's reason, mend it, and run again.")
    kind = (
        rule.kind
        if issubclass(rule.kind, (QuotaExceeded, PermissionDenied, ConfigError))
        else OperationFailed
    )
    error = _build(rule._replace(kind=kind), found, f"{doing} failed", resource)
    error.request_id = request_id
    return error


def codes(body: Any) -> list[_Found]:
    """All (code, message) pairs of an error body, the innermost first."""
    found = list(_walk(body.get("error", body) if isinstance(body, dict) else {}))
    return found[::-1]


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How long Azure asks to wait, in seconds; None when it does not say."""
    for name, unit_s in (("x-ms-retry-after-ms", 0.001), ("retry-after-ms", 0.001), ("Retry-After", 1.0)):
        text = headers.get(name, "")
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return float(text) * unit_s
    return None


def redact(text: str) -> str:
    """The text with everything that looks like a secret replaced."""
    return _SECRETS.sub(lambda m: f"{m.group(1) or m.group(2)}***", text)


_BY_STATUS = {
    400: Rule(Rejected, False, "Mend what Azure names, and run again."),
    401: Rule(PermissionDenied, False, "Sign in again (az login, or the AZURE_* variables), and run again."),
    403: Rule(
        PermissionDenied,
        False,
        "Grant the right that Azure names; it may take an hour to be known everywhere.",
    ),
    404: Rule(NotFound, False, "Check its name, and that nobody deleted it."),
    408: Rule(Unavailable, True, "Run again."),
    409: Rule(Conflict, True, "Wait until the other operation on it has ended, and run again."),
    412: Rule(Conflict, True, "Somebody else changed it meanwhile; run again."),
    429: Rule(Throttled, True, "Wait, and run again; what is done stays done."),
    500: Rule(Unavailable, True, "Run again; if it stays so, give the request id to Azure's support."),
}


def _of_response(err: core.HttpResponseError, resource: str, doing: str) -> VnetferryError:
    response: Any = err.response
    status, headers = int(err.status_code or 0), response.headers
    body = _body_of(err, response)
    if status >= 400:
        return error_of_answer(status, body, headers, resource=resource, doing=doing)
    if codes(body):  # azure-core reports a failed operation as the error of a poll that was answered 200
        return error_of_operation(
            body, resource=resource, doing=doing, request_id=headers.get("x-ms-request-id", "")
        )
    return AzureError(f"{doing}: {_brief(err.message)}", status=status, resource=resource)


def _body_of(err: core.HttpResponseError, response: Any) -> Any:
    try:
        return json.loads(response.text())
    except (ValueError, TypeError, core.AzureError):
        # Storage answers in XML, and HEAD without a body: the code is then in a header.
        code = getattr(err, "error_code", None) or response.headers.get("x-ms-error-code", "")
        return {"error": {"code": str(getattr(code, "value", code)), "message": err.reason or err.message}}


_Class = tuple[type[VnetferryError], str, bool, str]


def _of_class(err: Exception) -> _Class:
    """What an error without an answer means, from its class."""
    if isinstance(err, (core.ServiceRequestError, core.ServiceResponseError)):
        remedy = "Check the network, the proxy and its certificate (HTTPS_PROXY, REQUESTS_CA_BUNDLE)."
        return Unavailable, "Azure could not be reached", "non-TLS" not in str(err), remedy
    if isinstance(err, (core.DecodeError, core.DeserializationError)):
        return Unavailable, "Azure's answer could not be read", True, "Run again."
    if isinstance(err, core.SerializationError):
        return Rejected, "the request cannot be written", False, "Check the values that it names."
    if category := getattr(err, "error_category", None):
        return _of_sdk(str(category))
    return (
        AzureError,
        "Azure's library failed",
        False,
        "Run again with VNETFERRY_DEBUG=1, and report it if it stays so.",
    )


def _of_sdk(category: str) -> _Class:
    """azure-ai-ml sorts its own errors: its user errors are bad input."""
    if category == "UserError":
        return ConfigError, "", False, "Mend it, and run again."
    return AzureError, "azure-ai-ml failed", False, "Run again; if it stays so, report it."


def _build(rule: Rule, found: list[_Found], what: str, resource: str) -> VnetferryError:
    code = next((code for code, _ in found if code), "")
    messages = [_brief(_plain(message)) for _, message in found if message]
    said = next((m for m in messages if m.lower() != code.lower()), "")
    sentence = f"{what}: {said}" if said else what
    if right := _LACKED_RIGHT.search(said):
        sentence, resource = f"the caller ({right[1]}) has no right to {right[2]}", right[3]
    return rule.kind(
        sentence,
        resource=resource.split("?", maxsplit=1)[0],
        code=code,
        retryable=rule.retryable,
        remedy=rule.remedy,
    )


def _walk(error: Any) -> Iterator[_Found]:
    if not isinstance(error, dict):
        return
    message = str(error.get("message") or "")
    yield str(error.get("code") or ""), message
    for detail in error.get("details") or ():
        yield from _walk(detail)
    yield from _walk(error.get("innererror"))  # Key Vault's more particular code, which has no message
    for info in error.get("additionalInfo") or ():
        if isinstance(info, dict) and info.get("type") == "InnerError":
            yield from _walk((info.get("info") or {}).get("value"))
    yield from _walk(_embedded(message))


def _embedded(message: str) -> Any:
    """The error that a template deployment carries as JSON text within a message."""
    if not message.lstrip().startswith("{") or message.lstrip().startswith("{{"):
        return None
    try:
        inner = json.loads(message)
    except ValueError:
        return None
    return inner.get("error", inner) if isinstance(inner, dict) else None


def _plain(message: str) -> str:
    """The sentences of a validation answer, which Azure writes as JSON with doubled braces."""
    if not message.startswith("{{"):
        return message
    try:
        body = json.loads(message.replace("{{", "{").replace("}}", "}"))
    except ValueError:
        return message
    sentences = [str(s) for values in (body.get("errors") or {}).values() for s in values]
    return " ".join(sentences) or str(body.get("title") or message)


def _brief(text: str) -> str:
    line = redact(" ".join(text.split()))
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "…"
