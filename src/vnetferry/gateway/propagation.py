"""Waiting until a role that was just given is known everywhere.

Azure says at once that an assignment exists, and refuses for up to an hour what it allows; there is no way to ask.
So whatever is refused for want of a right is tried again as long as a grant that would explain it is younger than an
hour by its own time stamp. Who was given nothing lately is told at once, whenever and however often it is tried.

Source: Troubleshoot Azure RBAC (changes take up to ten minutes); Manage access to workspaces, and Troubleshoot online
        endpoints (up to an hour until the service knows).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import chain, repeat
from typing import TypeVar

from vnetferry.checks.rights import grants
from vnetferry.errors import NotFound, PermissionDenied, VnetferryError
from vnetferry.gateway.api_versions import AUTHORIZATION, ML
from vnetferry.gateway.azure import Azure, actor
from vnetferry.gateway.roles import assignments_of, made_at, moment, role_of
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

_LOG = logging.getLogger(__name__)
HORIZON_S = 3600.0
_FIRST_PAUSES_S, _PAUSE_S = (30.0, 60.0, 120.0), 240.0
_ACTION = re.compile(r"has no right to (\S+)$")
_CALLER_CODES = ("authorizationfailed", "linkedauthorizationfailed")
_SECRETS = "secretsinjectionerror"
# What Azure gives an endpoint's identity unasked: AcrPull, Storage Blob Data Reader, AzureML Metrics Writer.
_AZURES_OWN = (
    "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "635dd51f-9968-44d3-b7fb-6d9a6bd613ae",
)
_CONNECTION_SECRETS_READER = "ea01e6af-a1c1-4350-9563-ad00f8c72ec5"  # and that, when it is asked to
T = TypeVar("T")
Granted = Callable[[VnetferryError], datetime | None]


def until_known(azure: Azure, act: Callable[[], T], granted: Granted) -> T:
    """`act`, tried again while it is refused for a right that was given lately.

    In:  act: safe to repeat. granted: when what would explain the refusal was given; None: not at all, or the error
         is about something else.
    """
    pauses = chain(_FIRST_PAUSES_S, repeat(_PAUSE_S))
    while True:
        try:
            return act()
        except VnetferryError as err:
            since = granted(err)
            left_s = HORIZON_S - (azure.clock.now() - since).total_seconds() if since else 0.0
            if left_s <= 0:
                raise
            _LOG.info("%s: refused, and a role was given %s; trying again", err.resource, since)
        azure.clock.sleep(min(next(pauses), left_s))


def identity_grant(azure: Azure, resource: ResourceId, also: Iterable[ResourceId] = ()) -> Granted:
    """When the identities that an endpoint or a workspace acts as were last given a role.

    In: also: assignments to them that the subscription's list does not show, when they lie in another one. Azure itself
        gives a new identity its roles when it makes the resource, so the resource's own age counts too; but it gives
        none for secrets but those of connections, if it is asked to.
    """

    def granted(err: VnetferryError) -> datetime | None:
        if not lacks_right(err):
            return None
        document = azure.arm.find(resource, ML) or {}
        useless = _useless(err)
        found = chain.from_iterable(
            assignments_of(azure, resource.subscription_id, each) for each in _principals(document)
        )
        stamps = [made_at(a) for a in found if role_of(a) not in useless]
        stamps += [made_at(azure.arm.find(each, AUTHORIZATION) or {}) for each in also]
        if _has_own_identity(document) and not (useless and not _is_given_secrets(document, useless)):
            stamps.append(moment((document.get("systemData") or {}).get("createdAt")))
        return max((stamp for stamp in stamps if stamp), default=None)

    return granted


def caller_grant(azure: Azure, subscription_id: str) -> Granted:
    """When the caller was given a role that holds the action that Azure refused, where it refused it."""

    def granted(err: VnetferryError) -> datetime | None:
        action = _ACTION.search(err.what)
        if not action or err.code.lower() not in _CALLER_CODES:
            return None
        found = assignments_of(azure, subscription_id, actor(azure), by_groups=True)
        covering = (a for a in found if _covers(a, err.resource) and _holds(azure, a, action.group(1)))
        return max((at for a in covering if (at := made_at(a))), default=None)

    return granted


def lacks_right(err: VnetferryError) -> bool:
    """Whether an error says, or may mean, that a right is not known yet."""
    code = err.code.lower()
    return code in (_SECRETS, *_CALLER_CODES) or (code == "badargument" and isinstance(err, PermissionDenied))


def either(*sources: Granted) -> Granted:
    """The latest of several."""

    def granted(err: VnetferryError) -> datetime | None:
        return max((at for source in sources if (at := source(err))), default=None)

    return granted


def _principals(document: Json) -> list[str]:
    identity = document.get("identity") or {}
    worn = (identity.get("userAssignedIdentities") or {}).values()
    return [str(each["principalId"]) for each in (identity, *worn) if (each or {}).get("principalId")]


def _has_own_identity(document: Json) -> bool:
    return bool((document.get("identity") or {}).get("principalId"))


def _useless(err: VnetferryError) -> tuple[str, ...]:
    """Roles that Azure gives by itself and that cannot explain an error: of secrets, those for images and models, and
    of a key vault's besides that for connections.
    """
    if err.code.lower() != _SECRETS:
        return ()
    is_of_vault = "keyvault" in err.what.lower().replace(" ", "")
    return (*_AZURES_OWN, _CONNECTION_SECRETS_READER) if is_of_vault else _AZURES_OWN


def _is_given_secrets(endpoint: Json, useless: tuple[str, ...]) -> bool:
    """Whether Azure gives the endpoint's identity by itself the right to the secrets that an error is about."""
    own = (endpoint.get("properties") or {}).get("properties") or {}
    asked = str(own.get("enforce_access_to_default_secret_stores", "")).lower() == "enabled"
    return asked and _CONNECTION_SECRETS_READER not in useless


def _covers(assignment: Json, resource: str) -> bool:
    scope = str((assignment.get("properties") or {}).get("scope") or "/").rstrip("/").lower()
    return f"{resource.lower()}/".startswith(f"{scope}/")


def _holds(azure: Azure, assignment: Json, action: str) -> bool:
    definition = ResourceId(str(assignment["properties"]["roleDefinitionId"]))
    try:
        document = azure.arm.get(definition, AUTHORIZATION)
    except (PermissionDenied, NotFound):
        return False
    return grants(document["properties"].get("permissions") or (), action)
