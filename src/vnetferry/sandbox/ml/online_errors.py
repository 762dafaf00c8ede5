"""How the ML service refuses an online endpoint or deployment.

Its front end wraps what the inference service behind it says: the message of the only detail is that
service's text, braces doubled, so that it looks like JSON and is none (seen in public reports of the quota,
name and network refusals).
"""

from __future__ import annotations

from vnetferry.sandbox.errors import AzureError, service_error

_TITLE = '"title":"One or more validation errors occurred."'


def refused(*reasons: str, field: str = "", status: int = 400) -> AzureError:
    """400 `BadRequest` "The request is invalid." with the inference service's reasons."""
    listed = ",".join(f'"{reason}"' for reason in reasons)
    message = f'{{{{"errors":{{{{"{field}":[{listed}]}}}},{_TITLE}}}}}'
    return service_error(
        status,
        "BadRequest",
        "The request is invalid.",
        details=[{"code": "InferencingClientCallFailed", "message": message}],
    )


def conflict(reason: str) -> AzureError:
    """409 `Conflict`.

    The endpoint or deployment is busy. The status is assumed; the texts are from public reports.
    """
    return service_error(409, "Conflict", reason)


def recently_deleted() -> AzureError:
    """404 for a name that was an endpoint a moment ago (Azure/azure-cli-extensions#7660)."""
    detail = {"code": "InferencingClientCallFailed", "message": '{{"title":"Not Found"}}'}
    return service_error(404, "NotFound", "The specified resource was not found.", details=[detail])
