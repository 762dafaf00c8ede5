"""What a workspace must fulfil to be made or changed; nothing here changes anything.

Source: Azure Machine Learning workspaces (associated resources), and the refusals that users have quoted.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.errors import AzureError, account_error
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}")
_ASSOCIATED = {
    "storageAccount": ("Storage Account", "microsoft.storage/storageaccounts", True),
    "keyVault": ("Key Vault", "microsoft.keyvault/vaults", True),
    "applicationInsights": ("Application Insights", "microsoft.insights/components", False),
    "containerRegistry": ("Container Registry", "microsoft.containerregistry/registries", False),
}


def bad_request(message: str) -> AzureError:
    """400 in the workspace service's words."""
    return account_error(400, "BadRequest", message)


def require_name(name: str) -> None:
    """AzureError 400 unless 3 to 33 letters, digits, - and _, beginning with a letter or digit."""
    if not _NAME.fullmatch(name):
        message = (
            f"Workspace name '{name}' is invalid. It must be 3 to 33 characters long, begin with a letter "
            "or a digit and hold only letters, digits, hyphens and underscores."
        )
        raise account_error(400, "InvalidWorkspaceName", message)


def require_creatable(world: World, subscription_id: str, body: Json) -> None:
    """AzureError 400 unless a workspace can be made from `body` (as read by CREATE) in that subscription."""
    if (body.get("kind") or "Default").lower() != "default":
        raise bad_request(f"Workspaces of kind '{body['kind']}' are not served: only Default.")
    if body.get("identity") is None or body["identity"]["type"] == "None":
        raise bad_request("Make sure to create your workspace using a client which support MSI")
    for name in _ASSOCIATED:
        _require_associated(world, subscription_id, name, body["properties"].get(name))
    require_primary_identity(body["identity"], body["properties"])
    require_served(body["properties"])
    if (body["properties"].get("networkAcls") or {}).get("ipRules"):
        raise bad_request("IP rules can only be set after the workspace is created.")


def require_served(properties: Json) -> None:
    """AzureError 400 for what belongs to feature stores, hubs and projects, which are not served."""
    for name in ("featureStoreSettings", "workspaceHubConfig", "existingWorkspaces", "hubResourceId"):
        if _says_something(properties.get(name)):
            raise bad_request(f"The {name} of a workspace of kind Default cannot be set.")


def _says_something(value: object) -> bool:
    """Whether any leaf of a value is neither null nor empty: templates send whole objects of nulls."""
    if isinstance(value, dict):
        return any(_says_something(each) for each in value.values())
    return bool(value)


def require_primary_identity(identity: Json | None, properties: Json) -> None:
    """AzureError 400 unless a primary user-assigned identity is one of the workspace's."""
    primary = properties.get("primaryUserAssignedIdentity")
    assigned = {key.lower() for key in (identity or {}).get("userAssignedIdentities") or {}}
    if primary and primary.lower() not in assigned:
        raise bad_request(f"Primary user assigned identity '{primary}' is not assigned to the workspace.")


def require_unchanged(workspace: Json, body: Json) -> None:
    """AzureError 400 for a body that changes what is settled when a workspace is made."""
    properties, before = body.get("properties") or {}, workspace["properties"]
    for name, present in (("location", workspace["location"]), ("kind", workspace.get("kind") or "Default")):
        if not _same_word(body.get(name) or present, present):
            raise bad_request(f"The {name} of a workspace cannot be changed.")
    for name, words in (("storageAccount", "Storage Account"), ("keyVault", "Key Vault")):
        wanted = properties.get(name)
        if wanted and wanted.lower() != str(before.get(name)).lower():
            raise bad_request(f"{words} update is not supported yet")
    wanted = properties.get("hbiWorkspace")
    if wanted is not None and wanted != before.get("hbiWorkspace", False):
        raise bad_request("The hbiWorkspace flag cannot be changed after the workspace is created.")


def _same_word(one: str, other: str) -> bool:
    return one.replace(" ", "").lower() == other.replace(" ", "").lower()


def require_changeable(world: World, workspace: Json, properties: Json) -> None:
    """AzureError 400 unless these changes of properties may be made to the workspace."""
    subscription_id = workspace["id"].split("/")[2]
    for name in ("applicationInsights", "containerRegistry"):
        if properties.get(name):
            _require_associated(world, subscription_id, name, properties[name])
    isolation = properties.get("enableDataIsolation")
    if isolation is not None and isolation != bool(workspace["properties"].get("enableDataIsolation")):
        raise bad_request("The enableDataIsolation flag can only be set when the workspace is created.")
    require_served(properties)
    encryption = (properties.get("encryption") or {}).get("status")
    if encryption == "Disabled" and workspace["properties"].get("encryption"):
        raise bad_request("Encryption with customer-managed keys cannot be taken back.")
    if encryption == "Enabled" and not workspace["properties"].get("encryption"):
        raise bad_request(
            "Encryption with customer-managed keys can only be set when the workspace is created."
        )
    _require_ip_rules((properties.get("networkAcls") or {}).get("ipRules") or [])


def _require_ip_rules(rules: list[Json]) -> None:
    """At most 200, each an IPv4 address or range in CIDR notation (documented; the words are assumed)."""
    if len(rules) > 200:
        raise bad_request("A workspace takes at most 200 IP rules.")
    for rule in rules:
        if not _is_ipv4(rule["value"]):
            raise bad_request(
                f"IP rule '{rule['value']}' is invalid. Give an IPv4 address or a range in CIDR notation."
            )


def _is_ipv4(text: str) -> bool:
    try:
        IPv4Network(text, strict=False)
    except ValueError:
        return False
    return True


def _require_associated(world: World, subscription_id: str, name: str, identifier: str | None) -> None:
    words, kind, required = _ASSOCIATED[name]
    if not identifier:
        if required:
            raise bad_request(f"Missing dependent resources in workspace json: {name}.")
        return
    parts = identifier.strip("/").split("/")
    if len(parts) != 8 or resource_type(identifier).lower() != kind:
        raise bad_request(f"{words} '{identifier}' is not a valid resource id.")
    if parts[1].lower() != subscription_id.lower():
        raise bad_request(f"{words} '{identifier}' must be in the same subscription as the workspace.")
    document = world.documents.get(identifier)
    if document is None:
        raise bad_request(f"{words} '{identifier}' was not found.")
    if name == "storageAccount":
        _require_storage(document)


def _require_storage(document: Json) -> None:
    """No hierarchical namespace, no premium tier, no kind that lacks files or queues."""
    if (document.get("properties") or {}).get("isHnsEnabled"):
        raise bad_request("Cannot use storage with HNS enabled.")
    tier = str((document.get("sku") or {}).get("name", "Standard_LRS"))
    if tier.lower().startswith("premium"):
        raise bad_request(f"Cannot use storage with SKU {tier}: premium storage accounts are not supported.")
    kind = str(document.get("kind", "StorageV2"))
    if kind.lower() not in ("storage", "storagev2"):
        raise bad_request(f"Cannot use storage of kind {kind}: use a general purpose storage account.")
