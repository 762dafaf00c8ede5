"""How a scenario becomes the sandbox's first state: documents, blobs, secrets and keys.

A document that nobody registers specially is kept as it is; a group that documents lie in exists. What makes
no sense is a SandboxError with one sentence.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from vnetferry.sandbox import vault
from vnetferry.sandbox.arm import groups, policies
from vnetferry.sandbox.arm import site as arm
from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.errors import AzureError, SandboxError
from vnetferry.sandbox.wire import INTERNET, Json, copied

if TYPE_CHECKING:
    from vnetferry.sandbox.scenario import BlobContent
    from vnetferry.sandbox.world import World

_ID = re.compile(r"^/subscriptions/[^/]+(/[^/]+/[^/]+)*(/providers/[^/]+(/[^/]+/[^/]+)+)*$", re.IGNORECASE)
# What is Azure's own and lies in no subscription: built-in policies.
_BUILT_IN = re.compile(r"^/providers/Microsoft\.Authorization/policy(Set)?Definitions/[^/]+$", re.IGNORECASE)
_NETWORK = "microsoft.network/virtualnetworks"
# Registered last: their connections become part of targets that must be there.
_LAST = "microsoft.network/privateendpoints"


def fill(world: World) -> None:
    """Put everything that the scenario holds into the world."""
    scenario = world.scenario
    world.secrets.endpoint_keys.update({k.lower(): dict(v) for k, v in scenario.endpoint_keys.items()})
    for document in sorted(map(_whole, scenario.resources), key=_turn):
        _register(world, document)
    groups.adopt_implied(world)
    policies.require_sound(world)
    for place, content in scenario.blobs.items():
        _put_blob(world, place, content)
    for place, value in scenario.secrets.items():
        if place.count("/") != 1:
            raise SandboxError(f"The scenario's secret '{place}' has no vault; write it as vault/name.")
        vault.keep_secret(world, place, value)


def require_distinct_networks(world: World) -> list[str]:
    """The ids of the virtual networks, each of which is a vantage; SandboxError when two share a name."""
    found = world.documents.below("/", _NETWORK)
    names = [document["name"] for document in found]
    for name in names:
        if names.count(name) > 1 or name == INTERNET:
            raise SandboxError(
                f"The scenario has two vantages named '{name}'; give its virtual networks different names."
            )
    return [document["id"] for document in found]


def _whole(document: Json) -> Json:
    """A copy with the name and type that its id implies; SandboxError when it has no sound id."""
    identifier = document.get("id")
    if not isinstance(identifier, str) or not (_ID.match(identifier) or _BUILT_IN.match(identifier)):
        shown = repr(identifier or document.get("name") or document)[:120]
        raise SandboxError(
            f"The scenario's resource {shown} has no ARM id; give it the `id` that Azure returns."
        )
    kind = resource_type(identifier)
    stated = document.get("type", kind)
    if str(stated).lower() != kind.lower():
        raise SandboxError(
            f"The scenario's resource '{identifier}' says type '{stated}', but its id says '{kind}'."
        )
    return {
        **copied(document),
        "name": document.get("name", identifier.rpartition("/")[2]),
        "type": stated,
    }


def _turn(document: Json) -> tuple[bool, int]:
    """Parents come before children, private endpoints after all."""
    return document["type"].lower() == _LAST, document["id"].count("/")


def _register(world: World, document: Json) -> None:
    """Adopt a document; SandboxError for one that lacks what its service needs."""
    try:
        arm.ADOPT.get(document["type"].lower(), _keep)(world, document)
    except (AzureError, KeyError, TypeError, ValueError, AttributeError) as err:
        lacks = f"it lacks {err}" if isinstance(err, KeyError) else str(err)
        raise SandboxError(
            f"The scenario's resource '{document['id']}' is not as Azure returns it: {lacks}; mend it there."
        ) from err


def _keep(world: World, document: Json) -> None:
    world.documents.put(document)


def _put_blob(world: World, place: str, content: BlobContent) -> None:
    account, _, rest = place.partition("/")
    container, _, name = rest.partition("/")
    if not (account and container and name):
        raise SandboxError(f"The scenario's blob '{place}' is not account/container/path; name all three.")
    world.blobs.ensure_container(account, container)
    world.blobs.put(account, container, name, _content(place, content))


def _content(place: str, content: BlobContent) -> bytes:
    if (content.file is None) == (content.text is None):
        raise SandboxError(f"The scenario's blob '{place}' needs either `file` or `text`, and not both.")
    if content.text is not None:
        return content.text.encode()
    try:
        return Path(content.file or "").read_bytes()
    except OSError as err:
        raise SandboxError(
            f"The scenario's blob '{place}' cannot be read from '{content.file}': {err.strerror}."
        ) from err
