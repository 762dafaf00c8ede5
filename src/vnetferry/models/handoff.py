"""Where callers find old URI -> new URI, and what they find there: the `handoff` section of migration.yaml, as values.

No secret is in any of them: a webhook's key, and its URL if that holds one, are named and read when they are used.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from vnetferry.models.base import Value
from vnetferry.models.ids import ResourceId

ENDPOINT_FIELD = "{endpoint}"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# What a query names when the URL alone is enough to post there.
_SIGNED = ("sig", "code", "token", "key", "secret")


class FileHandoff(Value):
    """A JSON file, relative to the configuration."""

    kind: Literal["file"] = "file"
    path: str = "handoff.json"

    @property
    def place(self) -> str:
        """Where it is, for people; different for different handoffs."""
        return self.path


class KeyVaultHandoff(Value):
    """A secret in a key vault; a new version is written and the old ones are kept.

    secret: its name. With {endpoint} in it there is one secret for each endpoint, which holds its scoring URI alone;
            without, one secret holds the whole mapping as the file has it.
    """

    kind: Literal["key_vault_secret"] = "key_vault_secret"
    vault: str = Field(description="The vault's name.")
    secret: str = f"{ENDPOINT_FIELD}-scoring-uri"

    @field_validator("vault")
    @classmethod
    def _is_a_vault(cls, value: str) -> str:
        return require_name(value, "a key vault's name, such as kv-apps")

    @field_validator("secret")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        plain = value.replace(ENDPOINT_FIELD, "e")
        if not plain or not all(c.isascii() and (c.isalnum() or c == "-") for c in plain):
            raise ValueError("must be letters, digits and dashes, with {endpoint} where its name goes")
        return value

    @property
    def place(self) -> str:
        """Where it is, for people; different for different handoffs."""
        return f"{self.vault}/{self.secret}"


class AppConfigurationHandoff(Value):
    """A key in an App Configuration store, with a label or without; as for secrets, {endpoint} makes one of each."""

    kind: Literal["app_configuration_key"] = "app_configuration_key"
    store: str = Field(description="The store's name.")
    key: str = f"{ENDPOINT_FIELD}:scoring-uri"
    label: str | None = None

    @field_validator("store")
    @classmethod
    def _is_a_store(cls, value: str) -> str:
        return require_name(value, "an App Configuration store's name, such as appcs-apps")

    @field_validator("key")
    @classmethod
    def _is_a_key(cls, value: str) -> str:
        if not value or value in (".", "..") or "%" in value:
            raise ValueError("must not be empty, '.' or '..', and holds no '%'")
        return value

    @property
    def place(self) -> str:
        """Where it is, for people; different for different handoffs."""
        return f"{self.store}/{self.key}" + (f" ({self.label})" if self.label else "")


class SecretSource(Value):
    """Where a secret is read from when it is needed: an environment variable, or a key vault."""

    environment: str = ""
    vault: str = ""
    secret: str = ""

    @model_validator(mode="after")
    def _names_one(self) -> SecretSource:
        if self.vault:
            require_name(self.vault, "a key vault's name, such as kv-apps")
        if bool(self.environment) == bool(self.vault or self.secret) or bool(self.vault) != bool(self.secret):
            raise ValueError("must be {environment: NAME} or {vault: NAME, secret: NAME}")
        return self


class WebhookHandoff(Value):
    """A POST to a URL of yours, signed with a key that both sides know.

    url:             https. One that is a secret itself (a signature in its query) is left out, and
    url_environment: names the environment variable that holds it instead.
    secret:          the key of the signature.
    """

    kind: Literal["webhook"] = "webhook"
    url: str = ""
    url_environment: str = ""
    secret: SecretSource

    @field_validator("url")
    @classmethod
    def _may_be_written_down(cls, value: str) -> str:
        if value:
            require_url(value)
        return value

    @model_validator(mode="after")
    def _has_one_url(self) -> WebhookHandoff:
        if bool(self.url) == bool(self.url_environment):
            raise ValueError("a webhook needs either url or url_environment")
        return self

    @property
    def place(self) -> str:
        """Where it is, for people; different for different handoffs."""
        parts = urlsplit(self.url)
        return f"{parts.netloc}{parts.path}" if self.url else f"${self.url_environment}"


def require_name(name: str, what: str) -> str:
    """The name, if a host can begin with it. Raises: ValueError."""
    if not all(c.isascii() and (c.isalnum() or c == "-") for c in name) or not 3 <= len(name) <= 50:
        raise ValueError(f"must be {what}: it is the first part of the host, not a URL or an id")
    return name


def require_url(url: str, *, secret: bool = False) -> None:
    """Raise ValueError unless a webhook may be at `url`; `secret`: it is not written down, so it may hold one."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("must begin with https://")
    if not parts.hostname:
        raise ValueError("must name a host")
    names = {part.partition("=")[0].lower() for part in parts.query.split("&") if part}
    if not secret and (parts.password or names & set(_SIGNED)):
        raise ValueError(
            "holds a secret: put it into an environment variable, and name that in url_environment"
        )


def _kind_of(value: Any) -> str:
    """The kind that a handoff says it is; a file when it says none."""
    return str((value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)) or "file")


HandoffConfig = Annotated[
    Annotated[FileHandoff, Tag("file")]
    | Annotated[KeyVaultHandoff, Tag("key_vault_secret")]
    | Annotated[AppConfigurationHandoff, Tag("app_configuration_key")]
    | Annotated[WebhookHandoff, Tag("webhook")],
    Discriminator(
        _kind_of,
        custom_error_type="handoff_kind",
        custom_error_message="kind must be file, key_vault_secret, app_configuration_key or webhook",
    ),
]


class Row(Value):
    """Where the callers of one endpoint go.

    endpoint:        its name in the source. source_uri: where they went before.
    target_endpoint: the endpoint that serves them; target_uri: where they go.
    """

    endpoint: str
    source_uri: str
    target_endpoint: str
    target_uri: str
    auth_mode: str


class Message(Value):
    """What a handoff says: where the callers of each endpoint go. It holds no key."""

    source: ResourceId
    target: ResourceId
    plan: str
    endpoints: tuple[Row, ...]

    @property
    def text(self) -> str:
        """As JSON, the same for the same message."""
        return json.dumps(self.model_dump(mode="json"), indent=2) + "\n"

    def values(self, template: str) -> dict[str, str]:
        """Name -> value, for what holds a value under a name: one of each endpoint, or the whole in one."""
        if ENDPOINT_FIELD not in template:
            return {template: self.text}
        return {template.replace(ENDPOINT_FIELD, row.endpoint): row.target_uri for row in self.endpoints}
