"""Mending what a preflight found, where that is safe and can be taken back: one small change each.

Every remedy looks first, so that doing it twice does it once.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from vnetferry.errors import Conflict
from vnetferry.gateway import api_versions
from vnetferry.gateway.api_versions import api_version
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.documents import Written
from vnetferry.gateway.rbac import find_assignment
from vnetferry.models.base import Json
from vnetferry.models.finding import Fix, FixKind
from vnetferry.models.ids import ResourceId

_REGISTER_DEADLINE_S, _REGISTER_PAUSE_S = 900.0, 15.0
_NAMES = uuid.UUID(
    "6d5a1f0e-57c5-4a0e-8a54-3c5b8f1a7d21"
)  # of role assignments: the same one gets the same name


def apply_fix(azure: Azure, fix: Fix) -> Written:
    """Mend one finding.

    Raises:  PermissionDenied, or what else Azure's refusal is.
    Effects: at most one write; `changed` is False when somebody has mended it since.
    """
    return _REMEDIES[fix.kind](azure, fix)


def _register_provider(azure: Azure, fix: Fix) -> Written:
    """Register a resource provider and wait until it is."""
    path = f"{fix.resource}/providers/{fix.parameters['namespace']}"
    before = azure.arm.get(path, api_versions.RESOURCES)
    if _is_registered(before):
        return Written(False, before, before)
    answer = azure.arm.post(f"{path}/register", api_versions.RESOURCES)
    began_s, after = azure.clock.elapsed_s(), before
    while not _is_registered(after) and azure.clock.elapsed_s() - began_s < _REGISTER_DEADLINE_S:
        azure.clock.sleep(_REGISTER_PAUSE_S)
        after = azure.arm.get(path, api_versions.RESOURCES)
    return Written(True, before, after, answer.request_id)


def _is_registered(provider: Json) -> bool:
    return str(provider.get("registrationState")).lower() == "registered"


def _let_services_by(azure: Azure, fix: Fix) -> Written:
    """Let trusted Azure services by a vault's firewall; what else it lets in or keeps out stays."""
    before = azure.arm.get(fix.resource, api_versions.KEY_VAULT)
    rules = before["properties"].get("networkAcls") or {}
    if "azureservices" in str(rules.get("bypass", "")).lower():
        return Written(False, before, before)
    wanted = {"defaultAction": "Deny", **rules, "bypass": "AzureServices"}
    answer = azure.arm.patch(fix.resource, api_versions.KEY_VAULT, {"properties": {"networkAcls": wanted}})
    return Written(True, before, azure.arm.wait(answer, "document"), answer.request_id)


def _approve_connection(azure: Azure, fix: Fix) -> Written:
    """Approve a private endpoint connection that waits for it, and keep its description, by which Azure's are known."""
    version = api_version(ResourceId(fix.resource).parent.type)
    before = azure.arm.get(fix.resource, version)
    state = before["properties"].get("privateLinkServiceConnectionState") or {}
    if str(state.get("status")).lower() != "pending":
        return Written(False, before, before)
    wanted = {"status": "Approved", "description": state.get("description") or "Approved by vnetferry"}
    body = {"properties": {"privateLinkServiceConnectionState": wanted}}
    answer = azure.arm.put(fix.resource, version, body)
    return Written(True, before, azure.arm.wait(answer, "document"), answer.request_id)


def _leave_legacy_mode(azure: Azure, fix: Fix) -> Written:
    """Switch a workspace's v1 legacy mode off. It takes effect within an hour, which is not waited for."""
    before = azure.arm.get(fix.resource, api_versions.ML)
    if not before["properties"].get("v1LegacyMode"):
        return Written(False, before, before)
    answer = azure.arm.patch(fix.resource, api_versions.ML, {"properties": {"v1LegacyMode": False}})
    return Written(True, before, azure.arm.wait(answer, "workspace"), answer.request_id)


def _assign_role(azure: Azure, fix: Fix) -> Written:
    """Assign a built-in role to an identity on one resource."""
    scope, principal, role = ResourceId(fix.resource), fix.parameters["principal"], fix.parameters["role"]
    if held := find_assignment(azure, principal, scope, role):
        return Written(False, held, held)
    subscription = f"/subscriptions/{scope.subscription_id}"
    name = uuid.uuid5(_NAMES, f"{scope.key}|{principal.lower()}|{role}")
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
    body = {
        "properties": {
            "roleDefinitionId": f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}",
            "principalId": principal,
            "principalType": "ServicePrincipal",
        }
    }
    try:
        answer = azure.arm.put(path, api_versions.AUTHORIZATION, body)
    except Conflict:  # somebody else has assigned it since we looked
        held = find_assignment(azure, principal, scope, role)
        if held is None:
            raise
        return Written(False, held, held)
    return Written(True, None, dict(answer.body), answer.request_id)


_REMEDIES: Mapping[FixKind, Callable[[Azure, Fix], Written]] = {
    "register_provider": _register_provider,
    "let_services_by": _let_services_by,
    "approve_connection": _approve_connection,
    "leave_legacy_mode": _leave_legacy_mode,
    "assign_role": _assign_role,
}
