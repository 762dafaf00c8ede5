"""An admitted request to a key vault, the versions that it is about, and how the vault refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json, Request, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

Version = dict[str, str]


@dataclass(frozen=True)
class VaultCall:
    """One admitted request. `names` are the path's parts after the collection: name and version."""

    world: World
    request: Request
    vault: Json
    names: tuple[str, ...]

    @property
    def base(self) -> str:
        """The vault's URL."""
        return f"https://{self.request.host}"

    @property
    def key(self) -> str:
        """The secret's place among `world.secrets.vaults`."""
        return f"{self.vault['name']}/{self.names[0]}".lower()

    def now_s(self) -> int:
        """Azure's time as Key Vault writes it."""
        return int(self.world.clock.now().timestamp())

    def versions(self) -> list[Version]:
        """All versions of the secret, newest last; AzureError 404 when it is absent or deleted."""
        found = self.world.secrets.vaults.get(self.key)
        if not found or is_deleted(found):
            raise not_found(self.names[0])
        return found

    def deleted(self) -> list[Version]:
        """The versions of a deleted secret; AzureError 404 when it is not deleted."""
        found = self.world.secrets.vaults.get(self.key)
        if not found or not is_deleted(found):
            raise not_found(self.names[0])
        return found


@dataclass(frozen=True)
class VaultOperation:
    """One operation: its name in Azure's API definition, and the right it needs by RBAC and by policy."""

    name: str
    action: str
    policy: str
    handle: Callable[[VaultCall], Response]


def is_deleted(versions: list[Version]) -> bool:
    """Whether a secret with these versions is deleted (and not purged)."""
    return bool(versions) and "deleted" in versions[-1]


def not_found(name: str) -> AzureError:
    """404: no such secret, or no such version of it."""
    message = (
        f"A secret with (name/id) {name} was not found in this key vault. If you recently deleted this "
        "secret you may be able to recover it using the correct recovery command. For help resolving this "
        "issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"
    )
    return AzureError(404, "SecretNotFound", message)


def conflict(name: str) -> AzureError:
    """409: a deleted secret holds the name."""
    message = (
        f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; "
        "in this state, the secret can only be recovered or purged."
    )
    return AzureError(409, "Conflict", message, details=[{"innererror": "ObjectIsDeletedButRecoverable"}])


def forbidden(message: str, inner: str) -> AzureError:
    """403 with its inner error code, such as `ForbiddenByRbac`."""
    return AzureError(403, "Forbidden", message, details=[{"innererror": inner}])


def bad_parameter(message: str) -> AzureError:
    """400."""
    return AzureError(400, "BadParameter", message)
