"""Environment variables that name a secret instead of holding one, and what they hold in the container.

A whole connection is what listSecrets answers for it. Source: secret injection in online endpoints (`${{keyvault:…}}`
and `${{azureml://connections/…}}`); that a secret may be named without its version is assumed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vnetferry.sandbox.ml.connections import with_secrets
from vnetferry.sandbox.scoring.specification import workspace_id_of
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_VAULT = re.compile(r"keyvault:https://([^./]+)\.[^/]+/secrets/([^/]+)(?:/([^/]+))?")
_CONNECTION = re.compile(r"azureml://connections/([^/]+)(?:/(credentials|metadata)/([^/]+)|/(target))?")
_WHOLE = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass(frozen=True)
class Reference:
    """What one variable refers to: a secret of a vault, or something of a connection of the workspace.

    vault, secret, version: "" for a connection; version "" for the newest.
    connection, part, key:  part is "credentials", "metadata", "target", or "" for the whole of it.
    """

    variable: str
    vault: str = ""
    secret: str = ""
    version: str = ""
    connection: str = ""
    part: str = ""
    key: str = ""


def references(deployment: Json) -> Iterator[Reference]:
    """Those of a deployment's variables, in their order."""
    for name, value in (deployment["properties"].get("environmentVariables") or {}).items():
        whole = _WHOLE.fullmatch(str(value))
        inner = whole[1] if whole else ""
        if found := _VAULT.fullmatch(inner):
            yield Reference(name, vault=found[1], secret=found[2], version=found[3] or "")
        elif found := _CONNECTION.fullmatch(inner):
            yield Reference(name, connection=found[1], part=found[2] or found[4] or "", key=found[3] or "")


def value_of(world: World, deployment: Json, reference: Reference) -> str | None:
    """What a reference stands for; None when there is no such thing."""
    if reference.vault:
        return _secret(world, reference)
    identifier = f"{workspace_id_of(deployment['id'])}/connections/{reference.connection}"
    connection = world.documents.get(identifier)
    if connection is None:
        return None
    document = with_secrets(world, connection)
    if not reference.part:
        return json.dumps(document)
    held = document["properties"].get(reference.part)
    found = (
        held
        if reference.part == "target"
        else {**(held or {}).get("keys", {}), **(held or {})}.get(reference.key)
    )
    return None if found is None else str(found)


def injected(world: World, deployment: Json) -> dict[str, str]:
    """The variables that name secrets, with the secrets; what cannot be found is left out."""
    values = {each.variable: value_of(world, deployment, each) for each in references(deployment)}
    return {name: value for name, value in values.items() if value is not None}


def _secret(world: World, reference: Reference) -> str | None:
    versions = world.secrets.vaults.get(f"{reference.vault}/{reference.secret}".lower()) or []
    wanted = [v for v in versions if reference.version in ("", v["version"])]
    if not wanted or "deleted" in versions[-1] or wanted[-1].get("enabled") == "false":
        return None
    return wanted[-1]["value"]
