"""Lifecycle rules of a storage account's blobs. They are held, and no blob is moved or deleted by them.

Members, words, and what an action may go by are specified (management policies, Microsoft.Storage 2023-05-01; lifecycle
management overview); the refusal of rules by the last access without what tracks it is as users quote it, the words and
codes of others are assumed, and so is that accounts of the first generation refuse rules.
"""

from __future__ import annotations

from typing import Any

from vnetferry.sandbox.arm import tracked
from vnetferry.sandbox.arm.bodies import require_choice, require_known, require_member
from vnetferry.sandbox.arm.shapes import Shape, reader
from vnetferry.sandbox.arm.storage_services import (
    BLOBS,
    invalid,
    kind_of,
    require_default,
    settings_of,
    unsupported,
)
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Handler, Operation
from vnetferry.sandbox.wire import Json, Response

_TYPE = "Microsoft.Storage/storageAccounts/managementPolicies"
_KINDS = ("storagev2", "blobstorage", "blockblobstorage")
_RULES_MAX, _MATCHES_MAX = 100, 10
_TIERS = ("tierToCool", "tierToArchive", "tierToCold", "tierToHot")
_MODIFIED, _CREATED = "daysAfterModificationGreaterThan", "daysAfterCreationGreaterThan"
_ACCESSED, _MOVED = "daysAfterLastAccessTimeGreaterThan", "daysAfterLastTierChangeGreaterThan"
_AUTOMATIC = "enableAutoTierToHotFromCool"
_ACTION: Shape = dict.fromkeys((_MODIFIED, _CREATED, _ACCESSED, _MOVED), float)
_ACTIONS: Shape = dict.fromkeys((*_TIERS, "delete"), _ACTION)
_AGES = {"baseBlob": (_MODIFIED, _CREATED, _ACCESSED, _MOVED), "snapshot": (_CREATED, _MOVED)}
_RULE: Shape = {
    "name": str,
    "enabled": bool,
    "type": str,
    "definition": {
        "filters": {
            "blobTypes": [str],
            "prefixMatch": [str],
            "blobIndexMatch": [{"name": str, "op": str, "value": str}],
        },
        "actions": {
            "baseBlob": {**_ACTIONS, _AUTOMATIC: bool},
            "snapshot": _ACTIONS,
            "version": _ACTIONS,
        },
    },
}
_DEFINITION = "properties.policy.rules.definition"


def operations(account: str, versions: frozenset[str]) -> list[Operation]:
    """The one policy of an account."""
    path = f"{account}/managementPolicies/{{policy}}"
    read_body = reader({"properties": {"policy": {"rules": [_RULE]}}})

    def row(verb: str, method: str, handle: Handler, right: str) -> Operation:
        name, action = f"ManagementPolicies_{verb}", f"{_TYPE}/{right}"
        note = "Rules are held and shown; nothing is moved or deleted by them." if right == "write" else ""
        return Operation(name, method, path, handle, action, versions, "specified", note, read_body)

    return [
        row("Get", "GET", _get, "read"),
        row("CreateOrUpdate", "PUT", _put, "write"),
        row("Delete", "DELETE", _delete, "delete"),
    ]


async def _get(call: Call) -> Response:
    account = _account(call)
    found = call.world.documents.get(_id(account))
    if found is None:
        message = f"No ManagementPolicy found for account {account['name']}"
        raise AzureError(404, "ManagementPolicyNotFound", message)
    return Response(200, {**found, "name": "DefaultManagementPolicy", "type": _TYPE})


async def _put(call: Call) -> Response:
    account = _account(call)
    if kind_of(account) not in _KINDS:
        raise unsupported("Lifecycle management")
    body = call.json()
    require_known(body, {"id", "name", "type", "properties"}, "ManagementPolicy")
    properties = require_member(body, "properties")
    require_known(properties, {"policy", "lastModifiedTime"}, "ManagementPolicyProperties", "properties")
    policy = require_member(properties, "policy", path="properties")
    require_known(policy, {"rules"}, "ManagementPolicySchema", "properties.policy")
    rules = require_member(policy, "rules", path="properties.policy")
    _require_rules(call, account, rules)
    tracked.require_lasting(call, account["id"])
    held = {"policy": {"rules": rules}, "lastModifiedTime": call.world.clock.stamp()}
    call.world.documents.put({"id": _id(account), "properties": held})
    return await _get(call)


async def _delete(call: Call) -> Response:
    account = _account(call)
    if _id(account) not in call.world.documents:
        return Response(204)
    call.world.documents.remove(_id(account))
    return Response(200)


def _account(call: Call) -> Json:
    account = call.world.documents.require(call.path.rpartition("/")[0].rpartition("/")[0])
    require_default(call, call.params["policy"])
    return account


def _id(account: Json) -> str:
    return f"{account['id']}/managementPolicies/default"


def _require_rules(call: Call, account: Json, rules: list[Json]) -> None:
    path = "properties.policy.rules"
    if not 1 <= len(rules) <= _RULES_MAX:
        raise invalid(path, len(rules), f"There should be between 1 and {_RULES_MAX} rules.")
    for rule in rules:
        _require_rule(account, rule)
    names = [rule["name"] for rule in rules]
    if len(set(names)) < len(names):
        raise invalid(f"{path}.name", ", ".join(names), "The name of a rule must be its own.")
    tracking = settings_of(call, account, BLOBS).get("lastAccessTimeTrackingPolicy") or {}
    if _goes_by_access(rules) and not tracking.get("enable"):
        message = (
            "Last access time based tracking policy must be enabled before using its specific actions in object "
            "lifecycle management policy"
        )
        raise AzureError(400, "MissingLastAccessTimeBasedTrackingPolicy", message)


def _goes_by_access(rules: list[Json]) -> bool:
    actions = (rule["definition"]["actions"].get("baseBlob") or {} for rule in rules)
    return any(_ACCESSED in age for each in actions for age in each.values() if isinstance(age, dict))


def _require_rule(account: Json, rule: Json) -> None:
    require_known(rule, _RULE, "ManagementPolicyRule", "properties.policy.rules")
    require_member(rule, "name", path="properties.policy.rules")
    rule["type"] = require_choice(rule.get("type"), ("Lifecycle",), "properties.policy.rules.type")
    rule.setdefault("enabled", True)
    definition = require_member(rule, "definition", path="properties.policy.rules")
    require_known(definition, ("filters", "actions"), "ManagementPolicyDefinition", _DEFINITION)
    actions = require_member(definition, "actions", path=_DEFINITION)
    types = _require_filters(definition.get("filters") or {"blobTypes": ["blockBlob"]})
    _require_actions(account, actions, types)


def _require_filters(filters: Json) -> list[str]:
    """The types of blobs that a rule is for."""
    path = f"{_DEFINITION}.filters"
    require_known(filters, _RULE["definition"]["filters"], "ManagementPolicyFilter", path)
    types = require_member(filters, "blobTypes", path=path)
    if not types:
        raise invalid(f"{path}.blobTypes", types, "There should be a type.")
    filters["blobTypes"] = [
        require_choice(t, ("blockBlob", "appendBlob"), f"{path}.blobTypes") for t in types
    ]
    for name in ("prefixMatch", "blobIndexMatch"):
        if len(filters.get(name) or ()) > _MATCHES_MAX:
            raise invalid(f"{path}.{name}", len(filters[name]), f"There can be {_MATCHES_MAX}.")
    for match in filters.get("blobIndexMatch") or ():
        require_known(match, ("name", "op", "value"), "TagFilter", f"{path}.blobIndexMatch")
        for name in ("name", "op", "value"):
            require_member(match, name, path=f"{path}.blobIndexMatch")
        require_choice(match["op"], ("==",), f"{path}.blobIndexMatch.op")
    return list(filters["blobTypes"])


def _require_actions(account: Json, actions: Json, types: list[str]) -> None:
    path = f"{_DEFINITION}.actions"
    known = _RULE["definition"]["actions"]
    require_known(actions, known, "ManagementPolicyAction", path)
    if not any(actions.values()):
        raise invalid(path, "", "There should be an action.")
    for blob, wanted in actions.items():
        require_known(wanted, known[blob], "ManagementPolicyAction", f"{path}.{blob}")
        for name, age in wanted.items():
            if name != _AUTOMATIC:
                _require_action(account, name, age, f"{path}.{blob}", types)
    cooled = (actions.get("baseBlob") or {}).get("tierToCool") or {}
    if (actions.get("baseBlob") or {}).get(_AUTOMATIC) and _ACCESSED not in cooled:
        raise invalid(f"{path}.baseBlob.{_AUTOMATIC}", True, f"It needs tierToCool.{_ACCESSED}.")


def _require_action(account: Json, name: str, age: Json, path: str, types: list[str]) -> None:
    """One action: what it goes by, and what it is allowed for."""
    blob, where = path.rpartition(".")[2], f"{path}.{name}"
    known = _AGES.get(blob, _AGES["snapshot"])
    require_known(age, known, "DateAfterModification", where)
    if any(not _is_count(days) for days in age.values()):
        raise invalid(where, age, "Days should be a whole number, zero or more.")
    ways = [each for each in age if each != _MOVED]
    if len(ways) != 1:
        raise invalid(where, sorted(age), "It should go by one age.")
    if _MOVED in age and name != "tierToArchive":
        raise invalid(f"{where}.{_MOVED}", age[_MOVED], "It is for tierToArchive alone.")
    if name in _TIERS and "appendBlob" in types:
        raise invalid(where, "appendBlob", "Only deletion is supported for append blobs.")
    if name == "tierToHot" and kind_of(account) != "blockblobstorage":
        raise unsupported("Tiering to hot")


def _is_count(days: Any) -> bool:
    return days >= 0 and float(days).is_integer()
