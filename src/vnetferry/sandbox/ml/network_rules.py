"""A managed network's outbound rules as values: which ones the service makes, and which ones it takes.

Nothing here changes a document. Source: how to secure a workspace with a managed network (Azure Machine
Learning); the list of service tags is that of the recorded service.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.ml.rule_destinations import fqdns, refuse, require_fqdn, require_service_tag
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

Rules = dict[str, Json]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}")
_REQUIRED_TAGS = (
    "AzureActiveDirectory",
    "AzureContainerRegistry",
    "AzureFrontDoor.FirstParty",
    "AzureMachineLearning",
    "AzureMonitor",
    "AzureResourceManager",
    "BatchNodeManagement",
    "MicrosoftContainerRegistry",
    "VirtualNetwork",
)
_SUBRESOURCES = {
    "microsoft.apimanagement/service": {"gateway"},
    "microsoft.cache/redis": {"rediscache"},
    "microsoft.cognitiveservices/accounts": {"account"},
    "microsoft.containerregistry/registries": {"registry"},
    "microsoft.databricks/workspaces": {"databricks_ui_api", "browser_authentication"},
    "microsoft.datafactory/factories": {"datafactory", "portal"},
    "microsoft.dbformariadb/servers": {"mariadbserver"},
    "microsoft.dbformysql/flexibleservers": {"mysqlserver"},
    "microsoft.dbformysql/servers": {"mysqlserver"},
    "microsoft.dbforpostgresql/flexibleservers": {"postgresqlserver"},
    "microsoft.dbforpostgresql/servers": {"postgresqlserver"},
    "microsoft.documentdb/databaseaccounts": {"sql", "mongodb", "cassandra", "gremlin", "table"},
    "microsoft.eventhub/namespaces": {"namespace"},
    "microsoft.insights/privatelinkscopes": {"azuremonitor"},
    "microsoft.keyvault/vaults": {"vault"},
    "microsoft.machinelearningservices/registries": {"amlregistry"},
    "microsoft.machinelearningservices/workspaces": {"amlworkspace"},
    "microsoft.search/searchservices": {"searchservice"},
    "microsoft.sql/servers": {"sqlserver"},
    "microsoft.storage/storageaccounts": {"blob", "table", "queue", "file", "web", "dfs"},
}
_APPLICATION_GATEWAY = "microsoft.network/applicationgateways"  # its sub-resource is a frontend's own name


def required_rules(world: World, workspace: Json) -> Rules:
    """The rules that the service itself makes in the workspace's isolation mode, none of them active yet."""
    properties = workspace["properties"]
    everything = properties["managedNetwork"]["isolationMode"] == "AllowOnlyApprovedOutbound"
    rules = {f"__SYS_ST_{tag}": _tag_rule(tag) for tag in _REQUIRED_TAGS} if everything else {}
    for target, subresources, always in _dependencies(workspace):
        document = workspace if target == workspace["id"] else world.documents.get(target)
        if everything or always or _is_private(document):
            name = target.rpartition("/")[2]
            rules |= {f"__SYS_PE_{name}_{part}": private_endpoint_rule(target, part) for part in subresources}
    return rules


def private_endpoint_rule(target: str, subresource: str, category: str = "Required") -> Json:
    """A private endpoint rule that is not active yet."""
    destination = {"serviceResourceId": target, "subresourceTarget": subresource, "sparkEnabled": False}
    return {
        "type": "PrivateEndpoint",
        "destination": {**destination, "sparkStatus": "Inactive"},
        "status": "Inactive",
        "category": category,
    }


def new_rule(wanted: Json) -> Json:
    """The rule that a body asks for, as it is stored: user defined and not active yet."""
    rule: Json = {"type": wanted["type"], "destination": wanted["destination"]}
    if wanted["type"] == "ServiceTag":
        given = wanted["destination"]
        rule["destination"] = {**given, **{name: _or_all(given, name) for name in ("protocol", "portRanges")}}
    if wanted["type"] == "PrivateEndpoint":
        given = wanted["destination"]
        rule["destination"] = {
            **given,
            "sparkEnabled": bool(given.get("sparkEnabled")),
            "sparkStatus": "Inactive",
        }
        if wanted.get("fqdns"):
            rule["fqdns"] = wanted["fqdns"]
    return {**rule, "status": "Inactive", "category": "UserDefined"}


def require_rule(world: World, mode: str, rules: Rules, name: str, wanted: Json) -> None:
    """AzureError 400 unless the rule may be written beside `rules` in that isolation mode.

    A rule of the service's own is refused as such, and not for its name, which nobody else could give.
    """
    require_own(rules, name)
    if rules.get(name, {}).get("category") == "Recommended":
        raise refuse(f"Outbound rule '{name}' is a recommended rule and cannot be modified.")
    if (wanted.get("category") or "UserDefined") != "UserDefined":
        raise refuse(
            f"Outbound rule '{name}' has category {wanted['category']}: only UserDefined rules can be set."
        )
    if not _NAME.fullmatch(name):
        raise refuse(
            f"Outbound rule name '{name}' is invalid. It must match ^[a-zA-Z0-9][a-zA-Z0-9_-]{{2,32}}$."
        )
    _require_mode(mode, wanted["type"])
    _CHECKS[wanted["type"]](world, wanted)
    _require_unique(rules, name, wanted)


def require_own(rules: Rules, name: str) -> None:
    """AzureError 400 when that rule is the service's, which nobody else writes or deletes."""
    if rules.get(name, {}).get("category") in ("Required", "Dependency"):
        raise refuse(f"Outbound rule '{name}' is a required rule and cannot be modified or deleted.")


def destinations(rule: Json) -> set[tuple[str, ...]]:
    """What a rule leads to, comparable between rules."""
    target = rule["destination"]
    if rule["type"] == "FQDN":
        return {("fqdn", name) for name in fqdns(target)}
    if rule["type"] == "PrivateEndpoint":
        return {("pe", target["serviceResourceId"].strip("/").lower(), target["subresourceTarget"].lower())}
    prefixes = ",".join(sorted(target.get("addressPrefixes") or []))
    ports = ",".join(part.strip() for part in _or_all(target, "portRanges").split(","))
    return {("tag", str(target.get("serviceTag")).lower(), prefixes, _or_all(target, "protocol"), ports)}


def _or_all(target: Json, name: str) -> str:
    """The protocol or the ports of a service tag's destination: the API definition demands neither."""
    value = target.get(name)
    return "*" if value is None else str(value)


def _dependencies(workspace: Json) -> list[tuple[str, tuple[str, ...], bool]]:
    """(id, sub-resources, whether its rule exists in every mode) of what a workspace cannot do without.

    Recorded: in AllowInternetOutbound only the vault has a rule always; the others do when they are private.
    """
    properties = workspace["properties"]
    listed = [
        (properties.get("keyVault"), ("vault",), True),
        (properties.get("storageAccount"), ("blob", "file"), False),
        (properties.get("containerRegistry"), ("registry",), False),
        (workspace["id"], ("amlworkspace",), False),
    ]
    return [(target, parts, always) for target, parts, always in listed if target]


def _is_private(document: Json | None) -> bool:
    return ((document or {}).get("properties") or {}).get("publicNetworkAccess") == "Disabled"


def _tag_rule(tag: str) -> Json:
    return {
        "type": "ServiceTag",
        "destination": {"serviceTag": tag, "protocol": "*", "portRanges": "*"},
        "status": "Inactive",
        "category": "Required",
    }


def _require_mode(mode: str, kind: str) -> None:
    if mode == "Disabled":
        raise refuse("Outbound rules are not supported when managed network isolation mode is Disabled.")
    if mode == "AllowInternetOutbound" and kind != "PrivateEndpoint":
        message = (
            'Only "PrivateEndpoint" outbound rules are supported when managed network isolation mode is "{}".'
        )
        raise refuse(message.format(mode))


def _require_unique(rules: Rules, name: str, wanted: Json) -> None:
    for other, rule in rules.items():
        if other != name and destinations(rule) & destinations(wanted):
            raise refuse(f"Outbound rule '{name}': a rule to this destination already exists ('{other}').")


def _check_fqdn(_world: World, wanted: Json) -> None:
    require_fqdn(wanted["destination"])


def _check_service_tag(_world: World, wanted: Json) -> None:
    require_service_tag(wanted["destination"])


def _check_private_endpoint(world: World, wanted: Json) -> None:
    target, part = wanted["destination"]["serviceResourceId"], wanted["destination"]["subresourceTarget"]
    kind = resource_type(target).lower()
    if kind not in _SUBRESOURCES and kind != _APPLICATION_GATEWAY:
        raise refuse(f"Private endpoint outbound rules are not supported for the resource '{target}'.")
    if kind != _APPLICATION_GATEWAY and part.lower() not in _SUBRESOURCES[kind]:
        allowed = ", ".join(sorted(_SUBRESOURCES[kind]))
        raise refuse(f"Subresource target '{part}' is not valid for {kind}. Valid targets: {allowed}.")
    if kind == _APPLICATION_GATEWAY and not wanted.get("fqdns"):
        raise refuse("A private endpoint outbound rule to an application gateway needs fqdns.")
    if world.documents.get(target) is None:
        raise refuse(f"The target resource '{target}' of the private endpoint outbound rule was not found.")


_CHECKS = {"FQDN": _check_fqdn, "ServiceTag": _check_service_tag, "PrivateEndpoint": _check_private_endpoint}
