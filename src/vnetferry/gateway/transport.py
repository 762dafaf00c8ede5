"""How requests leave: azure-core's pipeline, with pauses in Azure's time and nothing of what is sent in any log."""

from __future__ import annotations

import json
import logging
from typing import Any

import requests
from azure.core.pipeline import policies
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpResponse
from requests.adapters import HTTPAdapter

from vnetferry import __version__
from vnetferry.gateway.clock import Clock

_CONNECTIONS = (
    32  # more than the reading and deploying threads of one process, so that none waits for a socket
)
_CONNECT_TIMEOUT_S = 20
_TIMEOUT_S = 120  # ARM itself gives up on a synchronous answer after 60 s; the rest is the way


class Transport(RequestsTransport):  # type: ignore[misc]  # azure-core's class has no types
    """Requests whose pauses between retries last in Azure's time."""

    def __init__(self, clock: Clock) -> None:
        timeouts = {"connection_timeout": _CONNECT_TIMEOUT_S, "read_timeout": _TIMEOUT_S}
        super().__init__(session=_session(), session_owner=True, **timeouts)
        self._clock = clock

    def sleep(self, duration: float) -> None:
        """Wait for that many seconds of Azure's time."""
        self._clock.sleep(duration)


def first_policies() -> list[Any]:
    """The pipeline's policies before the one that signs in."""
    # No ARMAutoResourceProviderRegistrationPolicy: registering a provider is a change nobody planned. No
    # logging policy: bodies and headers hold keys and tokens.
    logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)
    return [
        policies.RequestIdPolicy(),
        policies.UserAgentPolicy(sdk_moniker=f"vnetferry/{__version__}"),
        policies.RetryPolicy(
            retry_total=5, retry_status=4, retry_connect=3, retry_read=3, retry_backoff_max=30
        ),
    ]


def json_of(response: HttpResponse) -> Any:
    """A body's JSON; {} when it is none."""
    text = response.text()
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError:
        return {}


def _session() -> requests.Session:
    session = requests.Session()
    session.mount(
        "https://", HTTPAdapter(pool_connections=_CONNECTIONS, pool_maxsize=_CONNECTIONS, max_retries=0)
    )
    return session
