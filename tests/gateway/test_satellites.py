"""Roles, diagnostic settings and alerts are made once; what needs a role that was just given waits for it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from vnetferry.errors import NotFound, NotOurs, PermissionDenied, Rejected
from vnetferry.gateway import api_versions, endpoints, monitors, roles
from vnetferry.gateway.azure import Azure, actor
from vnetferry.gateway.propagation import HORIZON_S, Granted, caller_grant, identity_grant, until_known
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

READER, TAGS = (
    "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    {"vnetferry-plan": "p1", "vnetferry-source": "/subscriptions/s/old"},
)
INSIGHTS = "providers/Microsoft.Insights"
Requests = Callable[[], list[Json]]


_ENDPOINT: Json = {
    "location": "westeurope",
    "properties": {"authMode": "Key"},
    "identity": {"type": "SystemAssigned"},
}


def _assignment(scope: ResourceId, role: str = READER) -> tuple[ResourceId, Json]:
    definition = (
        f"/subscriptions/{scope.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    )
    resource = ResourceId(f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}")
    return resource, {"properties": {"roleDefinitionId": definition, "principalType": "ServicePrincipal"}}


@pytest.fixture(scope="module")
def endpoint(azure: Azure, source: ResourceId) -> ResourceId:
    resource = source.child("onlineEndpoints", "with-satellites")
    endpoints.create_endpoint(azure, resource, _ENDPOINT, None, TAGS)
    return resource


# --- Roles -------------------------------------------------------------------------------------------------------


def test_assign_role_twice_writes_once(azure: Azure, source: ResourceId, requests_since: Requests) -> None:
    resource, body = _assignment(source)
    somebody = str(uuid.uuid4())
    first, second = (roles.assign_role(azure, resource, body, somebody) for _ in range(2))
    assert (first.changed, second.changed) == (True, False)
    assert azure.arm.get(resource, api_versions.AUTHORIZATION)["properties"]["principalId"] == somebody
    assert len(requests_since()) == 1


def test_assign_role_that_exists_under_another_name_is_done(
    azure: Azure, source: ResourceId, requests_since: Requests
) -> None:
    somebody = str(uuid.uuid4())
    (by_hand, body), (ours, _) = _assignment(source), _assignment(source)
    azure.arm.put(
        by_hand, api_versions.AUTHORIZATION, {"properties": {**body["properties"], "principalId": somebody}}
    )
    written = roles.assign_role(azure, ours, body, somebody)
    assert (written.changed, written.after["id"]) == (False, str(by_hand))
    assert len(requests_since()) == 1


def test_assign_role_to_an_identity_that_was_made_anew_takes_the_old_one_away(
    azure: Azure, source: ResourceId
) -> None:
    resource, body = _assignment(source)
    roles.assign_role(azure, resource, body, str(uuid.uuid4()))
    new = str(uuid.uuid4())
    assert roles.assign_role(azure, resource, body, new).changed
    assert azure.arm.get(resource, api_versions.AUTHORIZATION)["properties"]["principalId"] == new


def test_assign_role_to_a_new_identity_says_what_kind_it_is(azure: Azure, endpoint: ResourceId) -> None:
    """Azure does not know its principal for a while; without the kind, the request is refused so long."""
    principal = roles.read_principal(azure, endpoint)
    resource, body = _assignment(endpoint)
    assert roles.assign_role(azure, resource, body, principal).changed


# --- Propagation -----------------------------------------------------------------------------------------------


class _Refusing:
    """Does nothing but refuse, until `ends`; how often it was asked is `times`."""

    def __init__(self, error: Exception, ends: Callable[[], bool] = lambda: False) -> None:
        self.error, self.ends, self.times = error, ends, 0

    def __call__(self) -> str:
        self.times += 1
        if self.ends():
            return "done"
        raise self.error


def _lacking(action: str, scope: ResourceId) -> PermissionDenied:
    return PermissionDenied(
        f"the caller (x) has no right to {action}", resource=str(scope), code="AuthorizationFailed"
    )


def test_until_known_tries_again_while_the_identity_is_young(azure: Azure, endpoint: ResourceId) -> None:
    refusing = _Refusing(
        PermissionDenied("no pull permission", code="BadArgument"), lambda: refusing.times == 4
    )
    assert until_known(azure, refusing, identity_grant(azure, endpoint)) == "done"


def test_until_known_gives_up_when_the_horizon_has_passed(azure: Azure) -> None:
    began: datetime = azure.clock.now()
    refusing = _Refusing(PermissionDenied("no pull permission", code="BadArgument"))
    with pytest.raises(PermissionDenied):
        until_known(azure, refusing, lambda _: began)
    assert refusing.times > 10
    assert azure.clock.now() - began >= timedelta(seconds=HORIZON_S - 60)


def test_until_known_tells_at_once_what_no_young_role_explains(azure: Azure, endpoint: ResourceId) -> None:
    old, young = azure.clock.now() - timedelta(seconds=HORIZON_S), identity_grant(azure, endpoint)
    nothing = identity_grant(azure, endpoint.parent.child("onlineEndpoints", "none"))
    cases: list[tuple[Exception, Granted]] = [
        (PermissionDenied("no pull permission", code="BadArgument"), lambda _: old),
        (Rejected("no such model", code="BadArgument"), young),
        (PermissionDenied("policy", code="RequestDisallowedByPolicy"), young),
        (Rejected("no right to a secret", code="SecretsInjectionError"), nothing),
    ]
    for error, granted in cases:
        refusing = _Refusing(error)
        with pytest.raises(type(error)):
            until_known(azure, refusing, granted)
        assert refusing.times == 1


def test_until_known_waits_for_secrets_only_when_a_role_was_given_for_them(
    azure: Azure, source: ResourceId
) -> None:
    """Azure gives a new endpoint roles for images and models, none for secrets."""
    resource = source.child("onlineEndpoints", "without-secrets")
    endpoints.create_endpoint(azure, resource, _ENDPOINT, None, TAGS)
    error = Rejected("no right to a secret", code="SecretsInjectionError")
    assert identity_grant(azure, resource)(error) is None
    assignment, role = _assignment(source)
    roles.assign_role(azure, assignment, role, roles.read_principal(azure, resource))
    assert identity_grant(azure, resource)(error) is not None


def test_until_known_waits_for_the_secrets_of_connections_alone_when_azure_gives_them(
    azure: Azure, source: ResourceId
) -> None:
    """An endpoint that is to have access to the default stores is given those of connections, and no key vault's."""
    resource = source.child("onlineEndpoints", "with-connections")
    marks = {"properties": {"enforce_access_to_default_secret_stores": "enabled"}}
    body = {**_ENDPOINT, "properties": {**_ENDPOINT["properties"], **marks}}
    endpoints.create_endpoint(azure, resource, body, None, TAGS)
    not_authorized = "endpoint identity 'x' is not authorized to perform '{}'"
    connection = "Microsoft.MachineLearningServices/workspaces/connections/listsecrets/action"
    vault = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
    errors = [
        Rejected(not_authorized.format(action), code="SecretsInjectionError")
        for action in (connection, vault)
    ]
    assert [identity_grant(azure, resource)(error) is None for error in errors] == [False, True]


def test_caller_who_was_given_the_action_lately_is_waited_for(azure: Azure, source: ResourceId) -> None:
    granted = caller_grant(azure, source.subscription_id)
    assert granted(_lacking("Microsoft.Insights/metricAlerts/read", source)) is None
    assignment, body = _assignment(source)
    roles.assign_role(azure, assignment, body, actor(azure))
    assert (
        granted(_lacking("Microsoft.Insights/metricAlerts/read", source.child("onlineEndpoints", "x")))
        is not None
    )
    assert granted(_lacking("Microsoft.Insights/metricAlerts/write", source)) is None
    assert granted(_lacking("Microsoft.Insights/metricAlerts/read", source.group_id)) is None


# --- Settings and alerts --------------------------------------------------------------------------------------


def _log_store(azure: Azure, group: ResourceId, name: str) -> str:
    path = f"{group}/providers/Microsoft.OperationalInsights/workspaces/{name}"
    azure.arm.put(path, api_versions.LOG_ANALYTICS, {"location": "westeurope", "properties": {}})
    return path


def test_diagnostic_setting_is_made_once_and_an_equal_one_counts(
    azure: Azure, endpoint: ResourceId, requests_since: Requests
) -> None:
    logs = [
        {"category": "AmlOnlineEndpointTrafficLog", "enabled": True},
        {"category": "Other", "enabled": False},
    ]
    body = {"properties": {"workspaceId": _log_store(azure, endpoint.group_id, "logs-one"), "logs": logs}}
    setting = ResourceId(f"{endpoint}/{INSIGHTS}/diagnosticSettings/to-logs")
    results = [monitors.create_diagnostic_setting(azure, setting, body).changed for _ in range(2)]
    assert results == [True, False]
    other = ResourceId(f"{endpoint}/{INSIGHTS}/diagnosticSettings/by-policy")
    less = {"properties": {**body["properties"], "logs": logs[:1]}}
    assert not monitors.create_diagnostic_setting(azure, other, less).changed
    elsewhere = {
        "properties": {**body["properties"], "workspaceId": _log_store(azure, endpoint.group_id, "logs-two")}
    }
    assert monitors.create_diagnostic_setting(azure, setting, elsewhere).changed


def test_alert_is_made_once_and_another_hands_is_left_alone(
    azure: Azure, endpoint: ResourceId, requests_since: Requests
) -> None:
    criterion = {
        "name": "c",
        "metricName": "RequestLatency",
        "timeAggregation": "Average",
        "operator": "GreaterThan",
    }
    body = {
        "location": "global",
        "properties": {
            "severity": 3,
            "enabled": False,
            "scopes": [str(endpoint)],
            "evaluationFrequency": "PT1M",
            "windowSize": "PT5M",
            "criteria": {"odata.type": "x", "allOf": [{**criterion, "threshold": 1}]},
            "actions": [],
        },
    }
    alert = ResourceId(f"{endpoint.group_id}/{INSIGHTS}/metricAlerts/slow answers-0a1b2c")
    assert [monitors.create_monitor(azure, alert, body, TAGS).changed for _ in range(2)] == [True, False]
    assert len(requests_since()) == 1
    with pytest.raises(NotOurs):
        monitors.create_monitor(azure, alert, body, {**TAGS, "vnetferry-source": "/subscriptions/s/another"})


def test_with_secrets_puts_the_sources_values_where_the_plan_has_none(
    azure: Azure, endpoint: ResourceId
) -> None:
    body = {"tags": {"vnetferry-plan": "<secret>", "team": "risk"}, "properties": {"list": [1, 2]}}
    whole = monitors.with_secrets(azure, body, endpoint, [["tags", "vnetferry-plan"]])
    assert whole == {**body, "tags": {"vnetferry-plan": "p1", "team": "risk"}}
    with pytest.raises(NotFound, match=r"properties\.hooks\.0"):
        monitors.with_secrets(azure, body, endpoint, [["properties", "hooks", 0]])
