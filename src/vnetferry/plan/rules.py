"""Outbound rules: from the SDK's YAML shape to Azure's, checked and without those that Azure makes itself.

Source: Workspace managed virtual network isolation (kinds of rules, what each mode takes, FQDN rules are not
        for storage and reach ports 80 and 443 alone). FACTS 2.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from vnetferry.errors import ConfigError
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.plan import PlanWarning
from vnetferry.plan.names import rule_name_problem
from vnetferry.plan.parts import attention

APPROVED_ONLY = "AllowOnlyApprovedOutbound"
WIRE_MODES = {
    "allow_only_approved_outbound": APPROVED_ONLY,
    "allow_internet_outbound": "AllowInternetOutbound",
}
_KEYS = {"name", "type", "destination", "fqdns"}
_HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", re.IGNORECASE)
_STORAGE_HOST = re.compile(r"(.*\.)?((blob|file|queue|table|dfs|web)\.)?core\.windows\.net", re.IGNORECASE)
_PORTS = re.compile(r"\*|\d{1,5}(-\d{1,5})?(\s*,\s*\d{1,5}(-\d{1,5})?)*")
_PROTOCOLS = {"TCP", "UDP", "ICMP", "*"}
_SUBRESOURCES = {
    "microsoft.storage/storageaccounts": {"blob", "table", "queue", "file", "web", "dfs"},
    "microsoft.keyvault/vaults": {"vault"},
    "microsoft.containerregistry/registries": {"registry"},
    "microsoft.machinelearningservices/workspaces": {"amlworkspace"},
    "microsoft.machinelearningservices/registries": {"amlregistry"},
}
Destination = tuple[str, ...]


def wire_rules(
    rules: tuple[dict[str, Any], ...], mode: str, system: set[Destination]
) -> tuple[dict[str, Json], list[PlanWarning]]:
    """The rules by name in Azure's shape, and what was left out of them and why.

    In:     rules as in the SDK's workspace YAML; mode: Azure's word; system: destinations that Azure makes
            rules for.
    Raises: ConfigError naming the rule and how to mend it.
    """
    wire: dict[str, Json] = {}
    warnings: list[PlanWarning] = []
    seen = dict.fromkeys(system, "a rule that Azure makes by itself")
    for index, rule in enumerate(rules):
        name, body = _wire_rule(f"target.outbound_rules[{index}]", rule, mode)
        key = destination(body)
        if key in seen:
            text = f"Outbound rule {name} is left out: {seen[key]} reaches the same destination already."
            warnings.append(attention("target.outbound_rules", text))
        elif name.lower() in map(str.lower, wire):
            raise _wrong(
                f"target.outbound_rules[{index}]", f"the name '{name}' is taken", "Names are unique."
            )
        else:
            seen[key] = f"rule {name}"
            wire[name] = body
    return wire, warnings


def destination(rule: Json) -> Destination:
    """What a rule in Azure's shape reaches, for telling whether two reach the same."""
    where = rule["destination"]
    if rule["type"] == "FQDN":
        return "FQDN", where.lower()
    if rule["type"] == "PrivateEndpoint":
        return "PrivateEndpoint", where["serviceResourceId"].lower(), where["subresourceTarget"].lower()
    prefixes = ",".join(sorted(where.get("addressPrefixes") or []))
    return "ServiceTag", where["serviceTag"].lower(), where["protocol"], where["portRanges"], prefixes


def is_reached(wanted: Destination, taken: set[Destination]) -> bool:
    """Whether a rule leads there already: the same destination, or a wildcard of the host's domain."""
    if wanted in taken:
        return True
    wildcards = [where[1] for where in taken if where[0] == "FQDN" and where[1].startswith("*.")]
    return wanted[0] == "FQDN" and any(wanted[1].endswith(pattern[1:]) for pattern in wildcards)


def needs_firewall(rules: dict[str, Json]) -> bool:
    """Whether Azure makes (and bills) a firewall: the first FQDN rule does it."""
    return any(rule["type"] == "FQDN" for rule in rules.values())


def private_endpoint_rule(service: ResourceId, subresource: str) -> Json:
    """A private endpoint rule in Azure's shape."""
    where = {"serviceResourceId": str(service), "subresourceTarget": subresource, "sparkEnabled": False}
    return {"type": "PrivateEndpoint", "category": "UserDefined", "destination": where}


def _wire_rule(key: str, rule: dict[str, Any], mode: str) -> tuple[str, Json]:
    name, kind = rule.get("name"), str(rule.get("type", "")).lower().replace("_", "")
    unknown = sorted(rule.keys() - _KEYS)
    if unknown:
        raise _wrong(
            key, f"'{unknown[0]}' is not a key of an outbound rule", f"Known: {', '.join(sorted(_KEYS))}."
        )
    if not isinstance(name, str) or rule_name_problem(name):
        raise _wrong(key, f"the rule {rule_name_problem(str(name or ''))}", "Add or mend 'name'.")
    if kind not in ("fqdn", "servicetag", "privateendpoint"):
        raise _wrong(
            key, f"'{rule.get('type')}' is not a type of rule", "Use fqdn, service_tag or private_endpoint."
        )
    if kind != "privateendpoint" and mode != APPROVED_ONLY:
        remedy = "Leave it out, or set target.isolation_mode to allow_only_approved_outbound."
        raise _wrong(key, f"rule '{name}' of type {rule['type']} has no place in {mode}", remedy)
    make = {"fqdn": _fqdn, "servicetag": _service_tag, "privateendpoint": _private_endpoint}[kind]
    return name, make(key, rule)


def _fqdn(key: str, rule: dict[str, Any]) -> Json:
    host = rule.get("destination")
    if not isinstance(host, str) or not _HOST.fullmatch(host):
        remedy = "Write a host such as pypi.example.org or *.example.org, without scheme, port or path."
        raise _wrong(key, f"'{host}' is not a host", remedy)
    if _STORAGE_HOST.fullmatch(host):
        remedy = "Use a private_endpoint rule to the storage account."
        raise _wrong(key, f"'{host}' is a storage account, which FQDN rules cannot reach", remedy)
    return {"type": "FQDN", "category": "UserDefined", "destination": host}


def _service_tag(key: str, rule: dict[str, Any]) -> Json:
    where = _mapping(key, rule, {"service_tag", "protocol", "port_ranges"}, {"address_prefixes"})
    protocol, ports = str(where["protocol"]).upper(), str(where["port_ranges"])
    if protocol not in _PROTOCOLS:
        raise _wrong(key, f"'{where['protocol']}' is not a protocol", "Use TCP, UDP, ICMP or '*'.")
    if not _PORTS.fullmatch(ports) or any(not 1 <= int(p) <= 65535 for p in re.findall(r"\d+", ports)):
        raise _wrong(key, f"'{ports}' are not port ranges", "Write them like '443' or '80,1024-65535'.")
    wire: Json = {"serviceTag": str(where["service_tag"]), "protocol": protocol, "portRanges": ports}
    if where.get("address_prefixes"):
        wire["addressPrefixes"] = [str(prefix) for prefix in where["address_prefixes"]]
    return {"type": "ServiceTag", "category": "UserDefined", "destination": wire}


def _private_endpoint(key: str, rule: dict[str, Any]) -> Json:
    where = _mapping(key, rule, {"service_resource_id", "subresource_target"}, {"spark_enabled"})
    try:
        service = ResourceId(str(where["service_resource_id"]))
    except ValueError as err:
        raise _wrong(key, str(err), "Copy the id from the resource's page in the portal.") from None
    subresource = str(where["subresource_target"])
    known = _SUBRESOURCES.get(service.type.lower())
    if known and subresource not in known:
        raise _wrong(
            key, f"{service.type} has no subresource '{subresource}'", f"Use {' or '.join(sorted(known))}."
        )
    wire = private_endpoint_rule(service, subresource)
    wire["destination"]["sparkEnabled"] = bool(where.get("spark_enabled", False))
    if rule.get("fqdns"):
        wire["fqdns"] = [str(host) for host in rule["fqdns"]]
    return wire


def _mapping(key: str, rule: dict[str, Any], needed: set[str], optional: set[str]) -> dict[str, Any]:
    where = rule.get("destination")
    if not isinstance(where, dict):
        raise _wrong(key, "'destination' must be a mapping", f"It needs {', '.join(sorted(needed))}.")
    problems = [*(f"lacks '{k}'" for k in sorted(needed - where.keys())), *_unknown(where, needed | optional)]
    if problems:
        remedy = f"Known: {', '.join(sorted(needed | optional))}."
        raise _wrong(key, f"'destination' {problems[0]}", remedy)
    return where


def _unknown(where: dict[str, Any], known: set[str]) -> Iterator[str]:
    for key in sorted(where.keys() - known):
        yield f"has the unknown key '{key}'"


def _wrong(key: str, what: str, remedy: str) -> ConfigError:
    return ConfigError(f"{key}: {what}", resource=key, remedy=remedy)
