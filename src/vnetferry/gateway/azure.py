"""The way in: one credential, one ARM, one clock, and the SDK's client of each workspace when needed."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import threading
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from azure.core.credentials import TokenCredential
from azure.identity import DefaultAzureCredential

from vnetferry.gateway.arm import SCOPE, Arm
from vnetferry.gateway.clock import Clock
from vnetferry.gateway.credential import RememberingCredential
from vnetferry.gateway.faults import translated
from vnetferry.models.ids import ResourceId

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

_LOCK = threading.Lock()
_CLI_TIMEOUT_S = 20  # az needs a few seconds to start; a hung one must not hang us


@dataclass(frozen=True)
class Azure:
    """Azure for one credential. Safe to share between threads."""

    credential: TokenCredential
    arm: Arm
    clock: Clock
    _clients: dict[ResourceId, MLClient] = field(default_factory=dict, repr=False)

    def ml_client(self, workspace: ResourceId) -> MLClient:
        """The SDK's client of one workspace, always the same one."""
        with _LOCK:
            if workspace not in self._clients:
                self._clients[workspace] = _ml_client(self.credential, workspace)
            return self._clients[workspace]

    def token(self, scope: str) -> str:
        """A bearer token; a secret. Raises: PermissionDenied when nobody is signed in."""
        with translated(scope, "signing in"):
            return self.credential.get_token(scope).token


def connect() -> Azure:
    """Azure as whoever is signed in: the environment's service principal, a managed identity, or `az login`.

    Out: the same value for the whole process. No request is sent yet.
    """
    with _LOCK:
        return _connect()


def actor(azure: Azure) -> str:
    """The object id of the caller, for the audit file; "" when its token does not say.

    Raises: PermissionDenied when nobody is signed in.
    """
    claims = _claims(azure.token(SCOPE))
    return str(claims.get("oid") or claims.get("appid") or "")


@cache
def _connect() -> Azure:
    for noisy in ("azure.identity", "azure.core.pipeline.policies.http_logging_policy"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    clock, credential = Clock.from_environment(), RememberingCredential(_credential())
    return Azure(credential, Arm(credential, clock), clock)


def _credential() -> TokenCredential:
    # Left out: everything that may ask a person or wait for a desktop application, because workers have
    # neither.
    return DefaultAzureCredential(
        exclude_interactive_browser_credential=True,
        exclude_shared_token_cache_credential=True,
        exclude_visual_studio_code_credential=True,
        exclude_powershell_credential=True,
        exclude_broker_credential=True,
        process_timeout=_CLI_TIMEOUT_S,
    )


def _ml_client(credential: TokenCredential, workspace: ResourceId) -> MLClient:
    from azure.ai.ml import MLClient  # takes seconds to import, and most commands never need it

    scope = (workspace.subscription_id, workspace.resource_group, workspace.name)
    client = MLClient(credential, *scope, show_progress=False, enable_telemetry=False)
    # Each of its modules has a logger that writes to the terminal, which is not its to write to.
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("azure.ai.ml")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # errors reach the caller as exceptions
    return client


def _claims(token: str) -> dict[str, object]:
    """What a JWT says, unverified: it is our own token, and only a name is taken from it."""
    try:
        payload = token.split(".")[1]
        return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
    except (IndexError, ValueError, TypeError, binascii.Error):
        return {}
