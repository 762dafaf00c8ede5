"""Where callers are told: a file, a key vault, an App Configuration store, a webhook. Each looks before it writes.

What is told is a `Telling`; each medium can say where it does not say so yet, publish it, and point callers back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from vnetferry.errors import ConfigError
from vnetferry.gateway import webhook
from vnetferry.gateway.app_configuration import Setting, find_setting, set_setting
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.vault import find_secret, set_secret
from vnetferry.gateway.workspaces import find_workspace, note
from vnetferry.models.base import canonical_json
from vnetferry.models.handoff import (
    ENDPOINT_FIELD,
    AppConfigurationHandoff,
    FileHandoff,
    KeyVaultHandoff,
    Message,
    Row,
    WebhookHandoff,
)
from vnetferry.models.run import PLAN_TAG, SOURCE_TAG, Run
from vnetferry.whole_file import write_whole

PREVIOUS_TAG = "vnetferry-previous"
_DELIVERED = "vnetferry-webhook-"


class Telling(NamedTuple):
    """What callers are told.

    message: where the callers of each endpoint go. moved_back: the rows of those that are pointed back, as they were
    before: from the new endpoint to the old one. at: when callers were first told, "" for never.
    """

    message: Message
    run: Run
    at: str
    moved_back: tuple[Row, ...] = ()


class Medium(NamedTuple):
    """One kind of place. `unsaid` names what does not say so yet; `point_back` what it changed."""

    unsaid: Callable[[Azure, Any, Telling], list[str]]
    publish: Callable[[Azure, Any, Telling], None]
    point_back: Callable[[Azure, Any, Telling], list[str]]


def leads_to(uri: str, endpoint: str) -> bool:
    """Whether a scoring URI is that of an endpoint, whatever its region."""
    host = (urlsplit(uri).hostname or "").lower()
    return host.startswith(f"{endpoint.lower()}.") and host.endswith(".inference.ml.azure.com")


# --- A file ------------------------------------------------------------------------------------------------------


def _file_unsaid(azure: Azure, handoff: FileHandoff, telling: Telling) -> list[str]:
    said = _read(telling, handoff) == telling.message.text
    return [] if said else [f"the handoff file {handoff.path}"]


def _file_publish(azure: Azure, handoff: FileHandoff, telling: Telling) -> None:
    """Write a whole file or nothing."""
    path = Path(telling.run.folder, handoff.path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, telling.message.text)
    except OSError as err:
        raise ConfigError(
            f"the handoff file {path} cannot be written: {err.strerror}",
            remedy="Set handoff[].path to a writable place.",
        ) from err


def _file_point_back(azure: Azure, handoff: FileHandoff, telling: Telling) -> list[str]:
    if not _says_moved(_read(telling, handoff), telling):
        return []
    _file_publish(azure, handoff, telling)
    return [handoff.path]


def _read(telling: Telling, handoff: FileHandoff) -> str:
    try:
        return Path(telling.run.folder, handoff.path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):  # then it tells callers nothing
        return ""


def _says_moved(text: str, telling: Telling) -> bool:
    """Whether a mapping sends callers to one of the endpoints that they are to be pointed back from."""
    try:
        rows = json.loads(text)["endpoints"]
        uris = [str(row["target_uri"]) for row in rows]
    except (ValueError, KeyError, TypeError):
        return False
    return any(leads_to(uri, row.target_endpoint) for row in telling.moved_back for uri in uris)


# --- A key vault -------------------------------------------------------------------------------------------------


def _vault_unsaid(azure: Azure, handoff: KeyVaultHandoff, telling: Telling) -> list[str]:
    wanted = telling.message.values(handoff.secret)
    found = {name: find_secret(azure, handoff.vault, name) for name in wanted}
    return [
        f"the secret {name} in {handoff.vault}"
        for name, secret in found.items()
        if secret is None or secret.value != wanted[name]
    ]


def _vault_publish(azure: Azure, handoff: KeyVaultHandoff, telling: Telling) -> None:
    for name, value in telling.message.values(handoff.secret).items():
        current = find_secret(azure, handoff.vault, name)
        if current is None or current.value != value:
            tags = {**telling.run.tags, PREVIOUS_TAG: current.version if current else ""}
            set_secret(azure, handoff.vault, name, value, tags)


def _vault_point_back(azure: Azure, handoff: KeyVaultHandoff, telling: Telling) -> list[str]:
    changed = []
    for name, row in _names(handoff.secret, telling).items():
        current = find_secret(azure, handoff.vault, name)
        if current is None or not _leads_away(current.value, row, telling):
            continue
        before = current.tags.get(PREVIOUS_TAG, "") if row else ""
        previous = find_secret(azure, handoff.vault, name, before) if before else None
        value = previous.value if previous else row.source_uri if row else telling.message.text
        set_secret(azure, handoff.vault, name, value, telling.run.tags)
        changed.append(f"{handoff.vault}/{name}")
    return changed


def _names(template: str, telling: Telling) -> dict[str, Row | None]:
    """Name -> the row whose callers it serves; None for a name that holds the whole mapping."""
    if ENDPOINT_FIELD not in template:
        return {template: None}
    return {template.replace(ENDPOINT_FIELD, row.endpoint): row for row in telling.moved_back}


def _leads_away(value: str, row: Row | None, telling: Telling) -> bool:
    return leads_to(value, row.target_endpoint) if row else _says_moved(value, telling)


# --- An App Configuration store ----------------------------------------------------------------------------------


def _store_unsaid(azure: Azure, handoff: AppConfigurationHandoff, telling: Telling) -> list[str]:
    wanted = telling.message.values(handoff.key)
    found = {key: find_setting(azure, handoff.store, key, handoff.label) for key in wanted}
    return [
        f"the key {key} in {handoff.store}"
        for key, setting in found.items()
        if setting is None or setting.value != wanted[key]
    ]


def _store_publish(azure: Azure, handoff: AppConfigurationHandoff, telling: Telling) -> None:
    for key, value in telling.message.values(handoff.key).items():
        current = find_setting(azure, handoff.store, key, handoff.label)
        if current is None or current.value != value:
            before = {PREVIOUS_TAG: current.value} if current and ENDPOINT_FIELD in handoff.key else {}
            tags = {**(current.tags if current else {}), **telling.run.tags, **before}
            _set(azure, handoff, key, current, Setting(value, "", "", tags))


def _store_point_back(azure: Azure, handoff: AppConfigurationHandoff, telling: Telling) -> list[str]:
    changed = []
    for key, row in _names(handoff.key, telling).items():
        current = find_setting(azure, handoff.store, key, handoff.label)
        if current is None or not _leads_away(current.value, row, telling):
            continue
        back = row.source_uri if row else telling.message.text
        own = (PREVIOUS_TAG, PLAN_TAG, SOURCE_TAG)
        tags = {name: tag for name, tag in current.tags.items() if name not in own}
        value = current.tags.get(PREVIOUS_TAG, back) if row else back
        _set(azure, handoff, key, current, Setting(value, "", "", tags))
        changed.append(f"{handoff.store}/{key}")
    return changed


def _set(
    azure: Azure, handoff: AppConfigurationHandoff, key: str, current: Setting | None, wanted: Setting
) -> None:
    """Replace `current`, whose content type stays."""
    kept = wanted._replace(
        etag=current.etag if current else "", content_type=current.content_type if current else ""
    )
    set_setting(azure, handoff.store, key, handoff.label, kept)


# --- A webhook ---------------------------------------------------------------------------------------------------


def _webhook_unsaid(azure: Azure, handoff: WebhookHandoff, telling: Telling) -> list[str]:
    return [] if _is_delivered(azure, handoff, telling) else [f"the webhook {handoff.place}"]


def _webhook_publish(azure: Azure, handoff: WebhookHandoff, telling: Telling) -> None:
    """Post it, and note on the target that it was taken: a run that is killed in between posts it once more, under the
    same idempotency key.
    """
    body, identifier = _posted(telling)
    url = webhook.read_url(handoff.url, handoff.url_environment)
    webhook.post(azure, url, webhook.read_key(azure, handoff.secret), body, identifier)
    note(azure, telling.run.target, {_delivered_tag(handoff): identifier})


def _webhook_point_back(azure: Azure, handoff: WebhookHandoff, telling: Telling) -> list[str]:
    # Without the note, nothing was posted, and nobody has to be told that it does not hold any more.
    if not _delivered(azure, handoff, telling) or _is_delivered(azure, handoff, telling):
        return []
    _webhook_publish(azure, handoff, telling)
    return [handoff.place]


def _posted(telling: Telling) -> tuple[bytes, str]:
    """The body, and the id by which the receiver knows it again: the same for the same telling."""
    event = "moved back" if telling.moved_back else "moved"
    content = {"event": event, "told": telling.at, **telling.message.model_dump(mode="json")}
    body = canonical_json(content).encode()
    return body, hashlib.sha256(body).hexdigest()[:32]


def _is_delivered(azure: Azure, handoff: WebhookHandoff, telling: Telling) -> bool:
    return _delivered(azure, handoff, telling) == _posted(telling)[1]


def _delivered(azure: Azure, handoff: WebhookHandoff, telling: Telling) -> str:
    workspace = find_workspace(azure, telling.run.target) or {}
    return str((workspace.get("tags") or {}).get(_delivered_tag(handoff), ""))


def _delivered_tag(handoff: WebhookHandoff) -> str:
    return _DELIVERED + hashlib.sha256(handoff.place.encode()).hexdigest()[:8]


MEDIA: dict[str, Medium] = {
    "file": Medium(_file_unsaid, _file_publish, _file_point_back),
    "key_vault_secret": Medium(_vault_unsaid, _vault_publish, _vault_point_back),
    "app_configuration_key": Medium(_store_unsaid, _store_publish, _store_point_back),
    "webhook": Medium(_webhook_unsaid, _webhook_publish, _webhook_point_back),
}
