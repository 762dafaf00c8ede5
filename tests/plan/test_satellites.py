"""What hangs on a workspace and its endpoints, planned anew for the target; and what is left of it afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from vnetferry.models.config import MigrationConfig
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import STORAGE_ACCOUNT, Document, Inventory
from vnetferry.models.plan import Plan, Step
from vnetferry.plan.build import build
from vnetferry.plan.files import plan_text
from vnetferry.plan.reverse import Reversal, build_reversal
from vnetferry.plan.satellites import needed_actions, orphans
from vnetferry.plan.scope import scope_of
from vnetferry.plan.stale import changes

REQUESTS = {"credit": "ab" * 32}
Configure = Callable[..., MigrationConfig]
Json = dict[str, Any]
SUBSCRIPTION = "/subscriptions/11111111-2222-4333-8444-555555555555"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-legacy"
SOURCE = ResourceId(f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ws-legacy")
TARGET = ResourceId(str(SOURCE).replace("rg-legacy", "rg-secure").replace("ws-legacy", "ws-secure"))
CREDIT, NEW_CREDIT = SOURCE.child("onlineEndpoints", "credit"), TARGET.child("onlineEndpoints", "credit-v2")
BLUE, NEW_BLUE = CREDIT.child("deployments", "blue"), NEW_CREDIT.child("deployments", "blue")
CREDITS_OWN = "AAAA0000-0000-4000-8000-00000000000a"
WORKSPACES_OWN = "bbbb0000-0000-4000-8000-00000000000b"
PERSON = "cccc0000-0000-4000-8000-00000000000c"
ACR_PULL, READER = "7f951dda-4ed3-4680-a7ca-43fe172d538d", "acdd72a7-3385-48ef-bd42-f606fba81ae7"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
VAULT = f"{SUBSCRIPTION}/resourceGroups/rg-keys/providers/Microsoft.KeyVault/vaults/kv-team"
INSIGHTS = "providers/Microsoft.Insights"


@pytest.fixture
def plan_with(inventory: Inventory, configure: Configure) -> Callable[..., Plan]:
    """The plan of the legacy workspace, whose credit and itself have identities, with further documents."""

    def make(*more: Document, **sections: Any) -> Plan:
        return build(_known(inventory, more), configure(**sections), REQUESTS)

    return make


def _known(inventory: Inventory, more: tuple[Document, ...]) -> Inventory:
    own = {CREDIT: CREDITS_OWN, SOURCE: WORKSPACES_OWN}
    documents = [
        Document(id=d.id, body={**d.body, "identity": {"type": "SystemAssigned", "principalId": own[d.id]}})
        if d.id in own
        else d
        for d in inventory.documents
        if "roleAssignments" not in str(d.id)
    ]
    return inventory.model_copy(update={"documents": (*documents, *more)})


def _document(identifier: str, properties: Json, **body: Any) -> Document:
    return Document(id=ResourceId(identifier), body={"id": identifier, **body, "properties": properties})


def assignment(name: str, role: str, scope: str, principal: str, **more: Any) -> Document:
    properties = {
        "principalId": principal,
        "principalType": "ServicePrincipal",
        "roleDefinitionId": f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}",
        "scope": scope,
        "createdOn": "2024-01-01T00:00:00Z",
        **more,
    }
    return _document(f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}", properties)


def autoscale(target: ResourceId = BLUE, **more: Any) -> Document:
    rule = {
        "metricTrigger": {"metricName": "Cpu", "metricResourceUri": str(target), "operator": "GreaterThan"}
    }
    hook = {"serviceUri": "https://hooks.contoso.com/T0/very-secret", "properties": {}}
    properties = {
        "name": "scale",
        "enabled": True,
        "targetResourceUri": str(target).lower(),
        "targetResourceLocation": "West Europe",
        "profiles": [{"name": "p", "capacity": {"minimum": "1"}, "rules": [rule]}],
        "notifications": [{"operation": "Scale", "webhooks": [hook]}],
        **more,
    }
    return _document(f"{GROUP}/{INSIGHTS}/autoscalesettings/scale", properties, location="westeurope")


def alert(*scopes: str, **more: Any) -> Document:
    criteria = {
        "odata.type": "x",
        "allOf": [{"name": "c", "metricName": "RequestLatency", "operator": "GreaterThan"}],
    }
    properties = {
        "scopes": list(scopes),
        "enabled": False,
        "criteria": criteria,
        "lastUpdatedTime": "t",
        **more,
    }
    return _document(
        f"{GROUP}/{INSIGHTS}/metricAlerts/slow", properties, location="global", tags={"team": "risk"}
    )


def log_alert(query: str, scope: str) -> Document:
    criteria = {
        "allOf": [{"query": query, "timeAggregation": "Count", "operator": "GreaterThan", "threshold": 1}]
    }
    properties = {"scopes": [scope], "enabled": True, "criteria": criteria}
    return _document(f"{GROUP}/{INSIGHTS}/scheduledQueryRules/errors", properties, location="westeurope")


def _roles(plan: Plan) -> list[Step]:
    """The steps that make the source's assignments again."""
    return [step for step in plan.of_kind("assign_role") if step.source]


def _scope(step: Step) -> str:
    return str(step.resource).partition("/providers/Microsoft.Authorization/")[0]


# --- Roles --------------------------------------------------------------------------------------------------------


def test_role_of_an_endpoints_identity_gets_a_twin_on_the_same_scope(plan_with: Callable[..., Plan]) -> None:
    more = {"condition": "@Resource[x] StringEquals 'y'", "conditionVersion": "2.0", "description": "reads"}
    plan = plan_with(assignment("1", READER, VAULT, CREDITS_OWN.lower(), **more))
    (step,) = _roles(plan)
    assert _scope(step) == VAULT
    assert step.spec == {"holder": str(NEW_CREDIT), "principal": ""}
    assert step.body["properties"] == {
        **more,
        "principalType": "ServicePrincipal",
        "roleDefinitionId": step.body["properties"]["roleDefinitionId"],
    }
    assert step.depends_on == ("create_endpoint:credit-v2",)
    assert step.id in plan.step("create_deployment:credit-v2/blue").depends_on
    assert plan.step("create_deployment:credit-v2/blue").spec["roles"] == [str(step.resource)]
    assert plan.step("create_deployment:churn-v2/main").spec["roles"] == []


def test_role_of_the_workspaces_identity_comes_before_its_network(plan_with: Callable[..., Plan]) -> None:
    plan = plan_with(assignment("1", READER, VAULT, WORKSPACES_OWN))
    (step,) = _roles(plan)
    assert step.spec["holder"] == str(TARGET)
    assert step.id in plan.step("provision_network:ws-secure").depends_on


def test_role_of_an_endpoints_identity_on_its_own_deployment_is_given_once_that_is_there(
    plan_with: Callable[..., Plan],
) -> None:
    plan = plan_with(
        assignment("1", READER, str(BLUE), CREDITS_OWN), assignment("2", READER, str(BLUE), WORKSPACES_OWN)
    )
    steps = _roles(plan)
    assert [_scope(step) for step in steps] == [str(NEW_BLUE)] * 2
    deploy = plan.step("create_deployment:credit-v2/blue")
    assert all(deploy.id in step.depends_on for step in steps)
    assert deploy.spec["roles"] == []


@pytest.mark.parametrize(
    ("before", "after"),
    [(str(CREDIT), str(NEW_CREDIT)), (str(SOURCE), str(TARGET)), (str(BLUE), str(NEW_BLUE))],
    ids=["endpoint", "workspace", "deployment"],
)
def test_role_of_a_person_on_what_moves_gets_a_twin_there(
    plan_with: Callable[..., Plan], before: str, after: str
) -> None:
    plan = plan_with(assignment("1", READER, before, PERSON, principalType="User"))
    (step,) = _roles(plan)
    assert _scope(step) == after
    assert step.spec == {"holder": "", "principal": PERSON}
    assert step.body["properties"]["principalType"] == "User"
    assert step.id in plan.step("hand_off:handoff.json").depends_on


@pytest.mark.parametrize(
    ("store", "maker"),
    [("shared_models", "copy_datastore:shared_models"), ("workspaceblobstore", "create_workspace:ws-secure")],
)
def test_role_on_a_datastore_gets_a_twin_once_the_targets_is_there(
    plan_with: Callable[..., Plan], store: str, maker: str
) -> None:
    (step,) = _roles(plan_with(assignment("1", READER, str(SOURCE.child("datastores", store)), PERSON)))
    assert _scope(step) == str(TARGET.child("datastores", store))
    assert step.depends_on == (maker,)


@pytest.mark.parametrize("which", ["models/churn", "models/churn/versions/1"])
def test_role_on_a_model_that_moves_gets_a_twin_once_the_targets_is_there(
    plan_with: Callable[..., Plan], which: str
) -> None:
    plan = plan_with(assignment("1", READER, f"{SOURCE}/{which}", PERSON))
    (step,) = _roles(plan)
    assert _scope(step) == f"{TARGET}/{which}"
    assert step.depends_on == ("copy_model:churn/1",)
    assert step.source
    assert step.source.key in plan.fingerprint


def test_role_of_a_person_on_what_is_made_anew_is_given_there_too(
    plan_with: Callable[..., Plan], inventory: Inventory
) -> None:
    storage = str(inventory.workspace.get("storageAccount"))
    held = assignment("1", READER, storage, PERSON, principalType="User")
    assert _roles(plan_with(held)) == []
    plan = plan_with(held, target={"associated_resources": "create"})
    (step,) = _roles(plan)
    (made,) = (s for s in plan.of_kind("create_associated") if s.resource.type == STORAGE_ACCOUNT)
    assert (_scope(step), step.depends_on) == (str(made.resource), (made.id,))


def test_role_that_leads_nowhere_new_gets_no_twin(plan_with: Callable[..., Plan]) -> None:
    stays = [
        assignment("1", READER, VAULT, PERSON),
        assignment("2", READER, str(SOURCE.child("onlineEndpoints", "churn")), PERSON),
        assignment(
            "3", READER, str(SOURCE.child("onlineEndpoints", "churn")), "dddd0000-0000-4000-8000-00000000000d"
        ),
    ]
    plan = plan_with(*stays, endpoints={"exclude": ["churn"]})
    assert _roles(plan) == []


def test_role_on_what_does_not_move_is_said_to_stay(plan_with: Callable[..., Plan]) -> None:
    on = str(SOURCE.child("computes", "cpu-cluster"))
    plan = plan_with(assignment("1", READER, on, PERSON), assignment("2", READER, GROUP, PERSON))
    texts = [w.text for w in plan.warnings]
    assert any("on what does not move" in text for text in texts)
    assert any("1 role assignments on rg-legacy reach the source from above" in text for text in texts)
    assert _roles(plan) == []


def test_role_that_azure_gives_by_itself_is_not_given_twice(
    plan_with: Callable[..., Plan], inventory: Inventory
) -> None:
    registry, storage = (str(inventory.workspace.get(n)) for n in ("containerRegistry", "storageAccount"))
    own = [
        assignment("1", ACR_PULL, registry, CREDITS_OWN),
        assignment("2", CONTRIBUTOR, storage, WORKSPACES_OWN),
        assignment("3", CONTRIBUTOR, GROUP, WORKSPACES_OWN),
    ]
    assert _roles(plan_with(*own)) == []
    assert len(_roles(plan_with(*own, assignment("4", ACR_PULL, VAULT, CREDITS_OWN)))) == 1
    # With a registry of its own, the target's deployments may still pull images of the source's.
    (step,) = _roles(plan_with(*own, target={"associated_resources": "create"}))
    assert _scope(step) == registry


def test_role_above_subscriptions_gets_a_twin_there(plan_with: Callable[..., Plan]) -> None:
    group = "/providers/Microsoft.Management/managementGroups/mg-all"
    plan = plan_with(assignment("1", READER, group, CREDITS_OWN), assignment("2", READER, "", CREDITS_OWN))
    assert {_scope(step) for step in _roles(plan)} == {group, ""}


@pytest.mark.parametrize(
    ("assignable", "warned"), [(GROUP, True), (str(TARGET.group_id), False), (SUBSCRIPTION, False)]
)
def test_custom_role_that_cannot_be_assigned_on_the_target_is_flagged(
    plan_with: Callable[..., Plan], assignable: str, warned: bool
) -> None:
    identifier = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{'c' * 8}"
    role = _document(
        identifier, {"roleName": "scorers", "type": "CustomRole", "assignableScopes": [assignable]}
    )
    plan = plan_with(role, assignment("1", "c" * 8, str(CREDIT), PERSON))
    assert any("Role scorers cannot be assigned on" in w.text for w in plan.warnings) is warned


def test_role_twins_have_names_of_their_own_that_do_not_change(plan_with: Callable[..., Plan]) -> None:
    held = [assignment("1", READER, VAULT, CREDITS_OWN), assignment("2", READER, VAULT, WORKSPACES_OWN)]
    names = [step.resource.name for step in _roles(plan_with(*held))]
    assert names == [step.resource.name for step in _roles(plan_with(*held, autoscale()))]
    assert len(set(names)) == 2


# --- Diagnostic settings, alerts and autoscale settings ---------------------------------------------------------


def test_diagnostic_setting_keeps_its_name_and_its_sinks(plan_with: Callable[..., Plan]) -> None:
    properties = {"workspaceId": f"{GROUP}/logs", "logs": [{"category": "c", "enabled": True}], "metrics": []}
    plan = plan_with(_document(f"{BLUE}/{INSIGHTS}/diagnosticSettings/to-logs", properties, location=None))
    (step,) = plan.of_kind("create_diagnostic_setting")
    assert str(step.resource) == f"{NEW_BLUE}/{INSIGHTS}/diagnosticSettings/to-logs"
    assert step.body == {"properties": properties}
    assert step.depends_on == ("create_deployment:credit-v2/blue",)


def test_autoscale_setting_scales_the_new_deployment_after_the_handoff(
    plan_with: Callable[..., Plan],
) -> None:
    plan = plan_with(autoscale(), target={"location": "northeurope"})
    (step,) = plan.of_kind("create_autoscale_setting")
    assert step.resource.group_id == TARGET.group_id
    assert step.resource.name.startswith("scale-")
    properties = step.body["properties"]
    assert (properties["name"], properties["enabled"]) == (step.resource.name, True)
    assert properties["targetResourceUri"] == str(NEW_BLUE)
    assert properties["profiles"][0]["rules"][0]["metricTrigger"]["metricResourceUri"] == str(NEW_BLUE)
    assert {step.body["location"], properties["targetResourceLocation"]} == {"northeurope"}
    assert step.depends_on == ("set_traffic:credit-v2", "hand_off:handoff.json")
    assert plan.step("create_deployment:credit-v2/blue").spec["autoscaled"] is True
    assert plan.step("create_deployment:credit-v2/green").spec["autoscaled"] is False


def test_autoscale_settings_webhook_is_in_no_plan(plan_with: Callable[..., Plan]) -> None:
    plan = plan_with(autoscale())
    (step,) = plan.of_kind("create_autoscale_setting")
    assert "very-secret" not in plan_text(plan)
    assert step.spec["secrets"] == [["properties", "notifications", 0, "webhooks", 0, "serviceUri"]]


def test_autoscale_setting_by_a_metric_of_what_stays_is_flagged(plan_with: Callable[..., Plan]) -> None:
    churn = SOURCE.child("onlineEndpoints", "churn")
    rule = {"metricTrigger": {"metricResourceUri": str(churn)}}
    setting = autoscale(profiles=[{"capacity": {}, "rules": [rule]}])
    plan = plan_with(setting, endpoints={"exclude": ["churn"]})
    (step,) = plan.of_kind("create_autoscale_setting")
    assert step.body["properties"]["profiles"][0]["rules"] == [rule]
    assert any("goes by a metric of" in w.text for w in plan.warnings)


def test_metric_alert_watches_what_moves_alone(plan_with: Callable[..., Plan]) -> None:
    churn = SOURCE.child("onlineEndpoints", "churn")
    plan = plan_with(alert(str(CREDIT), str(churn)), endpoints={"exclude": ["churn"]})
    (step,) = plan.of_kind("create_alert")
    assert step.body["properties"]["scopes"] == [str(NEW_CREDIT)]
    assert (step.body["location"], step.body["properties"]["enabled"]) == ("global", False)
    assert step.depends_on == ("set_traffic:credit-v2",)
    assert step.id in plan.step("hand_off:handoff.json").depends_on
    assert any("watches what stays too" in w.text for w in plan.warnings)


def test_metric_alert_on_the_group_watches_the_targets_group(plan_with: Callable[..., Plan]) -> None:
    kind = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
    (step,) = plan_with(alert(GROUP, targetResourceType=kind)).of_kind("create_alert")
    assert step.body["properties"]["scopes"] == [str(TARGET.group_id)]
    assert (
        plan_with(alert(GROUP, targetResourceType="Microsoft.Compute/virtualMachines")).of_kind(
            "create_alert"
        )
        == ()
    )
    assert plan_with(alert(VAULT)).of_kind("create_alert") == ()


LOGS = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs"


@pytest.mark.parametrize(
    ("query", "after"),
    [
        ("T | where EndpointName == 'credit'", "T | where EndpointName == 'credit-v2'"),
        (
            f'T | where _ResourceId == "{str(CREDIT).lower()}"',
            f'T | where _ResourceId == "{str(NEW_CREDIT).lower()}"',
        ),
        (
            "T | where _ResourceId has '/onlineEndpoints/credit/'",
            "T | where _ResourceId has '/onlineEndpoints/credit-v2/'",
        ),
        (f"T | where Id startswith '{SOURCE}'", f"T | where Id startswith '{TARGET}'"),
    ],
)
def test_log_alert_asks_of_the_target_what_it_asked_of_the_source(
    plan_with: Callable[..., Plan], query: str, after: str
) -> None:
    plan = plan_with(log_alert(query, LOGS))
    (step,) = plan.of_kind("create_alert")
    assert step.body["properties"]["criteria"]["allOf"][0]["query"] == after
    assert step.body["properties"]["scopes"] == [LOGS]
    assert any("is rewritten for" in w.text for w in plan.warnings)


def test_log_alert_on_all_that_is_logged_stays_as_it_is(plan_with: Callable[..., Plan]) -> None:
    assert plan_with(log_alert("AmlOnlineEndpointTrafficLog | count", LOGS)).of_kind("create_alert") == ()
    (step,) = plan_with(log_alert("T | where x == 'other'", str(CREDIT))).of_kind("create_alert")
    assert step.body["properties"]["scopes"] == [str(NEW_CREDIT)]


def test_satellites_that_are_not_made_again_have_a_line_that_says_why(plan_with: Callable[..., Plan]) -> None:
    churn = SOURCE.child("onlineEndpoints", "churn")
    stays = [
        (assignment("1", CONTRIBUTOR, GROUP, WORKSPACES_OWN), "Azure gives the new identity the same role"),
        (assignment("2", READER, str(churn), PERSON), "what it is on stays"),
        (assignment("3", READER, VAULT, PERSON), "neither who has it nor what it is on moves"),
        (autoscale(churn.child("deployments", "main")), "what it scales stays"),
        (alert(str(churn)), "what it watches stays"),
        (log_alert("T | count", LOGS), "source and target share"),
    ]
    plan = plan_with(*(document for document, _ in stays), endpoints={"exclude": ["churn"]})
    for document, words in stays:
        (entry,) = (e for e in plan.carry_over if e.source == document.id)
        assert words in entry.reason


# --- The whole ------------------------------------------------------------------------------------------------------


def test_satellites_have_every_property_in_the_carry_over_table(plan_with: Callable[..., Plan]) -> None:
    documents = (
        assignment("1", READER, VAULT, CREDITS_OWN),
        autoscale(brandNew=1),
        alert(str(CREDIT)),
        log_alert("T", str(CREDIT)),
    )
    plan = plan_with(*documents)
    paths = {(entry.source.key, entry.path): entry for entry in plan.carry_over}
    for document in documents:
        for path in _leaves(document.body):
            assert any(path == p or path.startswith(f"{p}.") for key, p in paths if key == document.id.key), (
                path
            )
    role, scale = documents[0].id.key, documents[1].id.key
    assert paths[role, "properties.principalId"].disposition == "re-created"
    assert paths[scale, "properties.targetResourceUri"].disposition == "remapped"
    assert paths[scale, "properties.enabled"].disposition == "carried"
    assert paths[scale, "properties.brandNew"].disposition == "carried"
    assert any("brandNew is not known" in w.text for w in plan.warnings)


def _leaves(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in _leaves(v, f"{path}.{k}" if path else k)]
    return [] if value is None else [path]


def test_plan_is_stale_when_a_satellite_changed_but_not_when_autoscale_scaled(
    plan_with: Callable[..., Plan], inventory: Inventory
) -> None:
    held = (autoscale(), assignment("1", READER, VAULT, CREDITS_OWN))
    plan = plan_with(*held)

    def scaled(document: Document) -> Document:
        body = json.loads(json.dumps(document.body))
        body.setdefault("sku", {})["capacity"] = 9
        return Document(id=document.id, body=body)

    known = _known(inventory, held)
    grown = tuple(scaled(d) if d.id == BLUE else d for d in known.documents)
    assert changes(plan, known.model_copy(update={"documents": grown})) == []
    assert "autoscalesetting scale changed" in " ".join(
        changes(plan, _known(inventory, (autoscale(enabled=False), held[1])))
    )
    assert "is new" in " ".join(changes(plan, _known(inventory, (*held, alert(str(CREDIT))))))


def test_needed_actions_are_asked_for_where_the_scope_is_there_already(
    inventory: Inventory, configure: Configure
) -> None:
    logs = f"{SUBSCRIPTION}/resourceGroups/rg-hub/providers/Microsoft.OperationalInsights/workspaces/central"
    account = f"{SUBSCRIPTION}/resourceGroups/rg-hub/providers/Microsoft.Storage/storageAccounts/stlogs"
    held = (
        assignment("1", READER, VAULT, CREDITS_OWN),
        assignment("2", READER, str(CREDIT), PERSON),
        assignment("3", READER, "/providers/Microsoft.Management/managementGroups/mg-all", CREDITS_OWN),
        alert(str(CREDIT)),
        _document(
            f"{BLUE}/{INSIGHTS}/diagnosticSettings/to-logs",
            {"workspaceId": logs, "storageAccountId": account, "logs": [{"category": "x", "enabled": True}]},
        ),
    )
    scope = scope_of(_known(inventory, held), configure(), {})
    give = "Microsoft.Authorization/roleAssignments/write"
    assert needed_actions(scope) == {
        ResourceId(VAULT): (give,),
        ResourceId(f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stshared"): (give,),
        ResourceId(logs): ("Microsoft.OperationalInsights/workspaces/sharedKeys/action",),
        ResourceId(account): ("Microsoft.Storage/storageAccounts/listKeys/action",),
        TARGET.group_id: (
            give,
            "Microsoft.Insights/diagnosticSettings/write",
            "Microsoft.Insights/metricAlerts/write",
        ),
    }


def test_needed_actions_in_place_are_those_for_what_goes_with_the_endpoints(
    inventory: Inventory, configure: Configure
) -> None:
    """Alerts and autoscale settings stay, and so does the workspace's identity with its roles."""
    elsewhere = f"{SUBSCRIPTION}/resourceGroups/rg-elsewhere"
    held = (
        assignment("1", READER, VAULT, CREDITS_OWN),
        assignment("2", READER, elsewhere, WORKSPACES_OWN),
        autoscale(),
        alert(str(CREDIT)),
    )
    source = configure().source
    assert source is not None
    config = MigrationConfig.model_validate({"mode": "in_place", "source": source.model_dump()})
    found = needed_actions(scope_of(_known(inventory, held), config, {}))
    assert found[ResourceId(VAULT)] == ("Microsoft.Authorization/roleAssignments/write",)
    assert [action for actions in found.values() for action in actions if "Insights" in action] == []
    assert ResourceId(elsewhere) not in found


def test_orphans_are_what_is_left_without_a_purpose(inventory: Inventory) -> None:
    green = CREDIT.child("deployments", "green")
    churn = str(SOURCE.child("onlineEndpoints", "churn"))
    setting = _document(f"{BLUE}/{INSIGHTS}/diagnosticSettings/to-logs", {})
    purposeless = (
        assignment("1", READER, VAULT, CREDITS_OWN),
        assignment("2", READER, str(CREDIT), PERSON),
        autoscale(green),
        alert(str(CREDIT), str(BLUE)),
        setting,
    )
    needed = (
        assignment("3", READER, churn, PERSON),
        assignment("4", READER, VAULT, WORKSPACES_OWN),
        _document(f"{GROUP}/{INSIGHTS}/metricAlerts/both", {"scopes": [str(CREDIT), churn]}),
    )
    known = _known(inventory, (*purposeless, *needed))
    assert {d.id for d in orphans(known, [CREDIT])} == {d.id for d in purposeless}
    assert {d.id for d in orphans(known, [SOURCE])} == {d.id for d in (*purposeless, *needed)}


def test_reversal_takes_a_role_from_an_endpoints_identity_before_the_endpoint(
    plan_with: Callable[..., Plan],
) -> None:
    """The deployment, which goes with its endpoint, waited for the role; the role waited for the endpoint."""
    planned = plan_with(assignment("one", READER, VAULT, CREDITS_OWN))
    steps = {step.id: step for step in build_reversal(planned, Reversal())}
    role = f"undo_{_roles(planned)[0].id}"
    endpoint = "undo_create_endpoint:credit-v2"
    assert role in steps[endpoint].depends_on
    assert endpoint not in steps[role].depends_on
