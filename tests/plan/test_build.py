"""What a plan of a whole legacy workspace holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from vnetferry.errors import ConfigError
from vnetferry.models.config import MigrationConfig
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document, Inventory
from vnetferry.models.plan import Plan
from vnetferry.plan.build import build, plan_id
from vnetferry.plan.files import plan_text

REQUESTS = {"credit": "ab" * 32}
Configure = Callable[..., MigrationConfig]
Edit = Callable[..., Inventory]


def test_build_twice_gives_the_same_bytes(inventory: Inventory, configure: Configure, plan: Plan) -> None:
    assert plan_text(build(inventory, configure(), REQUESTS)) == plan_text(plan)
    assert plan.id == plan_id(plan)


def test_build_from_shuffled_keys_gives_the_same_id(
    inventory: Inventory, configure: Configure, plan: Plan
) -> None:
    text = json.dumps(json.loads(inventory.model_dump_json()), sort_keys=True)
    assert build(Inventory.model_validate_json(text), configure(), REQUESTS).id == plan.id


def test_build_orders_steps_after_what_they_depend_on(plan: Plan) -> None:
    seen: set[str] = set()
    for step in plan.steps:
        assert set(step.depends_on) <= seen, step.id
        assert step.id not in seen
        seen.add(step.id)


def test_build_lets_only_deployments_wait_for_the_network(plan: Plan) -> None:
    network = "provision_network:ws-secure"
    assert {s.kind for s in plan.steps if network in s.depends_on} == {"create_deployment"}


def test_build_sets_traffic_only_after_every_proof(plan: Plan) -> None:
    traffic = plan.step("set_traffic:credit-v2")
    assert set(traffic.depends_on) == {"compare_answers:credit-v2", "probe_isolation:credit-v2"}
    assert set(plan.step("compare_answers:credit-v2").depends_on) == {
        "smoke_test:credit-v2/blue",
        "smoke_test:credit-v2/green",
    }
    assert "create_private_endpoint:pe-ws-secure" in plan.step("smoke_test:credit-v2/blue").depends_on


def test_build_leaves_no_source_workspace_in_any_body(plan: Plan) -> None:
    for step in plan.steps:
        assert "workspaces/ws-legacy" not in json.dumps(step.body), step.id


def test_build_drops_the_legacy_flag_and_what_azure_injected(plan: Plan) -> None:
    properties = plan.step("create_deployment:churn-v2/main").body["properties"]
    assert "egressPublicNetworkAccess" not in properties
    assert properties["environmentVariables"].keys() == {"THRESHOLD", "UPSTREAM", "DB_URL"}
    assert properties["properties"] == {}


def test_build_carries_what_the_sdk_would_lose(plan: Plan) -> None:
    properties = plan.step("create_deployment:churn-v2/main").body["properties"]
    assert properties["modelMountPath"] == "/var/models"
    assert properties["startupProbe"]["timeout"] == "PT2S"


def test_build_keeps_a_secret_variable_out_of_the_plan(plan: Plan) -> None:
    assert "s3cr3t-token-value" not in plan_text(plan)
    assert plan.step("create_deployment:churn-v2/main").spec["secret_variables"] == ["API_TOKEN"]


def test_build_keeps_a_variable_that_a_person_set_over_the_injected_one(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    def change(body: dict[str, Any]) -> None:
        body["properties"]["environmentVariables"]["AZUREML_MODEL_DIR"] = "/mnt/own"

    changed = edit(inventory, "churn/deployments/main", change)
    step = build(changed, configure(), REQUESTS).step("create_deployment:churn-v2/main")
    assert step.body["properties"]["environmentVariables"]["AZUREML_MODEL_DIR"] == "/mnt/own"


def test_build_keeps_a_variable_that_only_looks_injected_where_azure_injects_none(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    """A container of one's own, without a model and code, gets no such variables of Azure's."""
    written = {"AZUREML_MODEL_DIR": "/var/azureml-app/models", "AML_APP_ROOT": "/var/azureml-app"}

    def change(body: dict[str, Any]) -> None:
        body["properties"] |= {"model": None, "codeConfiguration": None, "environmentVariables": written}

    plan = build(edit(inventory, "churn/deployments/main", change), configure(), REQUESTS)
    assert plan.step("create_deployment:churn-v2/main").body["properties"]["environmentVariables"] == written


def test_build_accounts_for_every_property_of_every_document_it_relies_on(
    inventory: Inventory, plan: Plan
) -> None:
    announced: dict[str, set[str]] = {}
    for entry in plan.carry_over:
        announced.setdefault(entry.source.key, set()).add(entry.path)
    for document in inventory.documents:
        if document.id.key in plan.fingerprint and document.name != "workspaceblobstore":
            for path in _leaves(document.body):
                paths = announced[document.id.key]
                assert any(path == p or path.startswith(f"{p}.") for p in paths), (document.id, path)


def _leaves(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in _leaves(v, f"{path}.{k}" if path else k)]
    return [] if value is None else [path]


def test_build_carries_and_flags_a_property_it_does_not_know(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    def change(body: dict[str, Any]) -> None:
        body["properties"]["brandNew"] = {"level": 3}

    changed = build(edit(inventory, "credit/deployments/blue", change), configure(), REQUESTS)
    assert changed.step("create_deployment:credit-v2/blue").body["properties"]["brandNew"] == {"level": 3}
    assert any("brandNew.level is not known" in w.text for w in changed.warnings)


def test_build_carries_user_assigned_identities_by_their_ids(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    """What Azure answers beside the id is the identity's own, and the same wherever it is worn."""
    worn = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id.1"
    identity = {
        "type": "UserAssigned",
        "userAssignedIdentities": {worn: {"principalId": "p", "clientId": "c"}},
    }
    known = edit(inventory, "onlineEndpoints/churn", lambda body: body.update(identity=identity))
    plan = build(known, configure(), REQUESTS)
    churn = inventory.source.child("onlineEndpoints", "churn")
    told = {e.path: e.disposition for e in plan.carry_over if e.source == churn and "identity" in e.path}
    assert told == {"identity.type": "carried", f"identity.userAssignedIdentities.{worn}": "carried"}
    assert plan.step("create_endpoint:churn-v2").body["identity"]["userAssignedIdentities"] == {worn: {}}


def test_build_flags_an_unknown_workspace_property_as_left_out(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    def change(body: dict[str, Any]) -> None:
        body["brandNew"] = body["properties"]["brandNew"] = 3
        body["identity"] = {"type": "SystemAssigned", "brandNew": True}
        body["properties"]["encryption"] = {"status": "Enabled", "brandNew": {"level": 3}}

    changed = build(edit(inventory, "workspaces/ws-legacy", change), configure(), REQUESTS)
    texts = [w.text for w in changed.warnings]
    for path in (
        "brandNew",
        "properties.brandNew",
        "identity.brandNew",
        "properties.encryption.brandNew.level",
    ):
        (entry,) = (e for e in changed.carry_over if e.path == path)
        assert entry.disposition == "dropped"
        assert f"{path} is not known to vnetferry and is left out; check it." in texts
    spec = changed.step("create_workspace:ws-secure").spec
    assert spec["encryption"] == {"status": "Enabled"}
    assert spec["identity"] == {"type": "SystemAssigned"}


def test_build_carries_of_serverless_compute_all_but_its_subnet(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    settings = {"serverlessComputeCustomSubnet": "/subscriptions/s", "serverlessComputeNoPublicIP": True}
    known = edit(
        inventory,
        "workspaces/ws-legacy",
        lambda body: body["properties"].update(serverlessComputeSettings=settings),
    )
    plan = build(known, configure(), REQUESTS)
    assert plan.step("create_workspace:ws-secure").spec["serverless_without_public_ip"] is True
    told = {e.path.rpartition(".")[2]: e.disposition for e in plan.carry_over if "serverless" in e.path}
    assert told == {"serverlessComputeCustomSubnet": "dropped", "serverlessComputeNoPublicIP": "carried"}


def test_build_shares_the_sources_resources_with_data_isolation(plan: Plan) -> None:
    spec = plan.step("create_workspace:ws-secure").spec
    assert spec["associated"]["storage_account"].endswith("/storageAccounts/stlegacy")
    assert spec["data_isolation"] is True


def test_build_with_create_makes_what_the_workspace_stands_on_first(
    inventory: Inventory, configure: Configure
) -> None:
    created = build(inventory, configure(target={"associated_resources": "create"}), REQUESTS)
    workspace = created.step("create_workspace:ws-secure")
    made = created.of_kind("create_associated")
    named = set(workspace.spec["associated"].values())
    assert named < {
        str(step.resource) for step in made
    }  # but for the log workspace, on which another of them stands
    assert {step.id for step in made} <= set(workspace.depends_on)
    assert workspace.spec["data_isolation"] is False
    entry = next(e for e in created.carry_over if e.path == "properties.storageAccount")
    assert (entry.disposition, entry.after in named) == ("remapped", True)


def test_build_reaches_the_account_that_holds_a_used_model(plan: Plan) -> None:
    rules = plan.step("create_workspace:ws-secure").spec["outbound_rules"]
    assert rules["vf-stshared-blob"]["destination"]["serviceResourceId"].endswith("/stshared")
    assert plan.step("copy_model:churn/1").spec["content"] == ""
    assert "copy_datastore:shared_models" in plan.step("copy_model:churn/1").depends_on


def test_build_lets_the_target_decide_where_code_goes(plan: Plan) -> None:
    step = plan.step("copy_code:credit-src/1")
    assert "codeUri" not in step.body["properties"]
    assert step.spec["content"].startswith("https://stlegacy.blob.core.windows.net")
    assert step.spec["content_field"] == "properties.codeUri"


def test_build_without_a_request_compares_nothing_and_says_so(plan: Plan) -> None:
    assert not [s for s in plan.of_kind("compare_answers") if s.resource.name == "churn-v2"]
    assert any("no request for churn" in w.text for w in plan.warnings)


def test_build_says_once_what_is_true_of_several_endpoints(
    inventory: Inventory, configure: Callable[..., MigrationConfig]
) -> None:
    (said,) = [w.text for w in build(inventory, configure(), {}).warnings if "has no request" in w.text]
    assert said.startswith(
        "validation.requests has no request for churn, credit, so the new ones are not scored"
    )


def test_build_names_what_is_not_moved(plan: Plan) -> None:
    texts = " ".join(w.text for w in plan.warnings if w.kind == "cannot_carry")
    assert "cpu-cluster" in texts
    assert "old-scorecard/7" in texts


def test_build_critical_path_is_shorter_than_the_sum(plan: Plan) -> None:
    longest = 60 + 5 + 2400 + 1200 + 5 + 5 + 20 + 1
    assert plan.critical_path_s == longest < sum(s.duration_s for s in plan.steps)


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"endpoints": {"include": ["nothing-*"]}}, ["no endpoint", "nothing-*", "There are: churn, credit"]),
        ({"endpoints": {"include": ["credi"]}}, ["Did you mean 'credit'?"]),
        ({"endpoints": {"exclude": ["*"]}}, ["excludes every endpoint"]),
        (
            {"endpoints": {"rename": "{name}-much-longer-than-azure-allows"}},
            ["churn", "32 at most", "rename"],
        ),
        ({"endpoints": {"rename": "{name}--v2"}}, ["single dashes"]),
        ({"endpoints": {"rename": "2{name}"}}, ["must begin with a letter"]),
        ({"endpoints": {"rename": "{name}"}}, ["same region"]),
        ({"target": {"workspace": "x"}}, ["'x'", "3 to 32"]),
        ({"target": {"workspace": "ws-legacy", "resource_group": None}}, ["is the source workspace"]),
        ({"target": {"inbound": {"subnet_id": "/subscriptions/s/resourceGroups/r"}}}, ["not a subnet"]),
    ],
)
def test_build_from_what_cannot_work_says_how_to_mend_it(
    inventory: Inventory, configure: Configure, sections: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        build(inventory, configure(**sections), REQUESTS)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_build_with_a_request_for_an_unknown_endpoint_is_refused(
    inventory: Inventory, configure: Configure
) -> None:
    with pytest.raises(ConfigError, match=r"'kredit'.*Did you mean 'credit'"):
        build(inventory, configure(), {"kredit": "00"})


def test_build_in_another_region_may_keep_the_names(inventory: Inventory, configure: Configure) -> None:
    config = configure(target={"location": "northeurope"}, endpoints={"rename": "{name}"})
    assert build(inventory, config, REQUESTS).step("create_endpoint:credit").body["location"] == "northeurope"


def test_build_leaves_a_kubernetes_endpoint_out_and_says_so(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    def change(body: dict[str, Any]) -> None:
        body["properties"]["endpointComputeType"] = "Kubernetes"

    changed = edit(inventory, "churn/deployments/main", change)
    planned = build(changed, configure(), REQUESTS)
    assert [s.resource.name for s in planned.of_kind("create_endpoint")] == ["credit-v2"]
    assert any("Kubernetes" in w.text and w.kind == "cannot_carry" for w in planned.warnings)
    with pytest.raises(ConfigError, match="endpoint 'churn' runs on attached Kubernetes"):
        build(changed, configure(endpoints={"include": ["churn"]}), {})


def test_build_with_a_failed_deployment_that_has_traffic_is_refused(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    def change(body: dict[str, Any]) -> None:
        body["properties"]["provisioningState"] = "Failed"

    with pytest.raises(ConfigError, match="'credit/blue' is Failed and has traffic"):
        build(edit(inventory, "credit/deployments/blue", change), configure(), REQUESTS)


def test_build_with_an_asset_that_was_not_read_is_refused(
    inventory: Inventory, configure: Configure, edit: Edit
) -> None:
    gone = edit(inventory, "models/churn/versions/1", lambda body: False)
    with pytest.raises(ConfigError, match="'churn/main' uses an asset that could not be read"):
        build(gone, configure(), REQUESTS)


@pytest.mark.parametrize(("access", "kept"), [("Disabled", False), ("Enabled", True)])
def test_build_with_internet_egress_keeps_a_rule_that_azure_does_not_make(
    inventory: Inventory, configure: Configure, edit: Edit, access: str, kept: bool
) -> None:
    def change(body: dict[str, Any]) -> None:
        body["properties"]["publicNetworkAccess"] = access

    account = str(inventory.workspace.get("storageAccount"))
    where = {"service_resource_id": account, "subresource_target": "blob"}
    rule = {"name": "own-storage", "type": "private_endpoint", "destination": where}
    config = configure(target={"isolation_mode": "allow_internet_outbound", "outbound_rules": [rule]})
    planned = build(edit(inventory, "storageAccounts/stlegacy", change), config, REQUESTS)
    rules = planned.step("create_workspace:ws-secure").spec["outbound_rules"]
    assert ("own-storage" in rules) is kept


def test_build_registers_callers_only_in_the_zones_of_the_workspace(
    inventory: Inventory, configure: Configure
) -> None:
    """Its storage's private endpoint registers in a zone of its own kind, which has no record of a workspace."""
    storage = str(inventory.workspace.get("storageAccount"))
    ours = _private_endpoint("pe-ws", str(inventory.source), "privatelink.api.azureml.ms")
    others = _private_endpoint("pe-st", storage, "privatelink.blob.core.windows.net")
    known = inventory.model_copy(update={"documents": (*inventory.documents, *ours, *others)})

    (step,) = build(known, configure(), REQUESTS).of_kind("create_private_endpoint")

    (group,) = step.spec["dns_zone_groups"]
    assert [zone["id"] for zone in group["zones"]] == [_zone("privatelink.api.azureml.ms")]


def _private_endpoint(name: str, to: str, zone: str) -> tuple[Document, Document]:
    resource = ResourceId(
        f"/subscriptions/s/resourceGroups/n/providers/Microsoft.Network/privateEndpoints/{name}"
    )
    connection = {"name": name, "properties": {"privateLinkServiceId": to}}
    config = {"name": "zone", "properties": {"privateDnsZoneId": _zone(zone)}}
    return (
        Document(id=resource, body={"properties": {"privateLinkServiceConnections": [connection]}}),
        Document(
            id=resource.child("privateDnsZoneGroups", "default"),
            body={"properties": {"privateDnsZoneConfigs": [config]}},
        ),
    )


def _zone(name: str) -> str:
    return f"/subscriptions/s/resourceGroups/n/providers/Microsoft.Network/privateDnsZones/{name}"
