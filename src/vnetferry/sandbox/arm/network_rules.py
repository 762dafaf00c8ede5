"""`networkAcls` of storage accounts and Key Vaults, and `networkRuleSet` of registries."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from vnetferry.sandbox.arm.bodies import default_choice, require_known, require_object
from vnetferry.sandbox.wire import Json

_MEMBERS = frozenset(
    {"bypass", "defaultAction", "ipRules", "ipv6Rules", "virtualNetworkRules", "resourceAccessRules"}
)


def complete_acls(asked: Any, path: str, bypass: str) -> Json:
    """The rules with Azure's defaults: everything allowed, and `bypass` for what may pass anyhow."""
    acls = deepcopy(require_object(asked, path))
    require_known(acls, _MEMBERS, "NetworkRuleSet", path)
    default_choice(acls, "defaultAction", ("Allow", "Deny"), "Allow", path)
    acls["bypass"] = acls.get("bypass") or bypass
    for name in ("ipRules", "virtualNetworkRules"):
        acls[name] = acls.get(name) or []
    return acls
