"""Whether an endpoint's identity may read the secrets that its deployments' variables name.

They are fetched before the container starts, as the endpoint. Source: secret injection in online endpoints (the roles
that the identity needs, that a vault must take roles); troubleshoot online endpoints (SecretsInjectionError). The
words of the refusals are assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vnetferry.sandbox.arm.authorization import allowed
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.ml.deployment_identity import identities_of
from vnetferry.sandbox.scoring.secret_references import Reference, references, value_of
from vnetferry.sandbox.scoring.specification import workspace_id_of
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_GET_FROM_VAULT = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
_LIST_OF_CONNECTION = "Microsoft.MachineLearningServices/workspaces/connections/listsecrets/action"


def check_secrets(world: World, deployment: Json) -> None:
    """AzureError `SecretsInjectionError` unless every secret is there and may be read."""
    for reference in references(deployment):
        for name, principal in identities_of(world, deployment):
            _require_right(world, deployment, reference, name, principal)
        if value_of(world, deployment, reference) is None:
            raise _error(
                f"the secret that environment variable '{reference.variable}' refers to could not be found"
            )


def _require_right(world: World, deployment: Json, reference: Reference, name: str, principal: str) -> None:
    if reference.connection:
        workspace_id = workspace_id_of(deployment["id"])
        action, scope = _LIST_OF_CONNECTION, f"{workspace_id}/connections/{reference.connection}"
    else:
        vault_id = _require_vault(world, reference.vault)
        action, scope = _GET_FROM_VAULT, f"{vault_id}/secrets/{reference.secret}"
    if not allowed(world, principal, action, scope, data=not reference.connection):
        raise _error(f"endpoint identity '{name}' is not authorized to perform '{action}' on '{scope}'")


def _require_vault(world: World, name: str) -> str:
    """The id of a vault that takes roles."""
    vault = world.find_named("Microsoft.KeyVault/vaults", name)
    if vault is None:
        raise _error(f"key vault '{name}' could not be found")
    if not vault["properties"].get("enableRbacAuthorization"):
        raise _error(f"key vault '{name}' does not use the role-based access control permission model")
    return str(vault["id"])


def _error(why: str) -> AzureError:
    message = f"Failed to inject secrets into the user container: {why}. See https://aka.ms/oe-tsg#error-secretsinjectionerror"
    return AzureError(400, "SecretsInjectionError", message)
