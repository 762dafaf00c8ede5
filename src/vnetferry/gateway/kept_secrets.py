"""What deleting an endpoint would lose for good: its keys and the secret variables of its deployments.

They are kept in the workspace's own key vault, one secret for each endpoint, named by plan and endpoint, from before
the deletion until the new endpoint serves. Values are in no repr, error or log.

Source: Azure Key Vault REST reference, secrets and deleted secrets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from vnetferry.errors import Conflict, NotFound, PermissionDenied, Rejected, VerificationFailed
from vnetferry.gateway import endpoints
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.data_plane import send
from vnetferry.gateway.deployments import find_deployment
from vnetferry.gateway.endpoints import Keys
from vnetferry.gateway.vault import find_secret, set_secret
from vnetferry.models.base import canonical_json
from vnetferry.models.ids import ResourceId

SCOPE = "https://vault.azure.net/.default"
_QUERY = {"api-version": "7.4"}
_LOOKS, _PAUSE_S = 12, 5.0  # at a deletion or recovery, which takes Key Vault some seconds


@dataclass(frozen=True)
class KeptSecrets:
    """keys: None for an endpoint without. variables: deployment -> name -> value."""

    keys: Keys | None = field(repr=False)
    variables: Mapping[str, Mapping[str, str]] = field(repr=False)


def secret_name(plan: str, endpoint: str) -> str:
    """What the secret is called that keeps an endpoint's secrets during a plan."""
    return f"vnetferry-{plan}-{endpoint}"


def read_secrets(
    azure: Azure, endpoint: ResourceId, *, keys: bool, variables: Mapping[str, Sequence[str]]
) -> KeptSecrets:
    """The secrets of an endpoint that is there. In: variables: deployment -> names of its secret variables."""
    return KeptSecrets(
        keys=endpoints.read_keys(azure, endpoint) if keys else None,
        variables={
            name: read_variables(azure, endpoint.child("deployments", name), wanted)
            for name, wanted in variables.items()
        },
    )


def read_variables(azure: Azure, deployment: ResourceId, names: Sequence[str]) -> dict[str, str]:
    """Some of a deployment's environment variables. Raises: NotFound when the deployment is gone."""
    document = find_deployment(azure, deployment)
    if document is None:
        raise NotFound("the deployment does not exist any more", resource=str(deployment), status=404)
    variables = document["properties"].get("environmentVariables") or {}
    return {name: str(variables[name]) for name in names if name in variables}


def keep(azure: Azure, vault: str, name: str, secrets: KeptSecrets, tags: Mapping[str, str]) -> bool:
    """Have the vault hold these secrets, and read them back; whether anything was written.

    Raises:  PermissionDenied when the caller may not, or the vault's firewall refuses; Rejected for more than the 25 KB
             that a secret holds; VerificationFailed when the vault answers others.
    Effects: at most one PUT; a deleted secret that holds the name is recovered first.
    """
    text = _text(secrets)
    current = find_secret(azure, vault, name)
    if current is not None and current.value == text:
        return False
    try:
        set_secret(azure, vault, name, text, tags)
    except Conflict:
        _send(azure, "POST", vault, f"deletedsecrets/{name}/recover")
        _settles(azure, lambda: find_secret(azure, vault, name) is not None)
        set_secret(azure, vault, name, text, tags)
    kept = find_secret(azure, vault, name)
    if kept is None or kept.value != text:
        raise VerificationFailed(
            f"the key vault does not answer what was put into its secret '{name}'",
            resource=vault,
            remedy="Look whether somebody else writes to it, and run again; nothing was deleted.",
        )
    return True


def find_kept(azure: Azure, vault: str, name: str) -> KeptSecrets | None:
    """What a vault keeps under that name; None when it keeps nothing."""
    secret = find_secret(azure, vault, name)
    if secret is None:
        return None
    held = json.loads(secret.value)
    keys = held["keys"]
    return KeptSecrets(Keys(keys["primary"], keys["secondary"]) if keys else None, held["variables"])


def forget(azure: Azure, vault: str, name: str) -> bool:
    """Delete what is kept, and purge it where the vault lets us; whether it is gone for good. Absent is gone.

    A vault with purge protection, or a caller without the right to purge, leaves it deleted until its retention ends.
    """
    if find_secret(azure, vault, name) is not None:
        with suppress(NotFound):  # another run has deleted it since we looked
            _send(azure, "DELETE", vault, f"secrets/{name}")
        _settles(azure, lambda: _is_deleted(azure, vault, name))
    if not _is_deleted(azure, vault, name):
        return True
    try:
        _send(azure, "DELETE", vault, f"deletedsecrets/{name}")
    except NotFound:
        return True
    except (PermissionDenied, Rejected):
        return False
    return True


def _is_deleted(azure: Azure, vault: str, name: str) -> bool:
    try:
        _send(azure, "GET", vault, f"deletedsecrets/{name}")
    except NotFound:
        return False
    except PermissionDenied:
        return True  # the right to look at deleted secrets is one of its own
    return True


def _settles(azure: Azure, holds: Callable[[], bool]) -> None:
    for _ in range(_LOOKS):
        if holds():
            return
        azure.clock.sleep(_PAUSE_S)


def _send(azure: Azure, method: str, vault: str, path: str) -> None:
    send(azure, method, f"https://{vault}.vault.azure.net/{path}", scope=SCOPE, query=_QUERY)


def _text(secrets: KeptSecrets) -> str:
    keys = secrets.keys
    held = {"primary": keys.primary, "secondary": keys.secondary} if keys else None
    return canonical_json({"keys": held, "variables": secrets.variables})
