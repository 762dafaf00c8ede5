"""Each check finds what it is for, says how to mend it, and finds nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vnetferry.checks.facts import Facts
from vnetferry.checks.preflight import blocks, run_preflight
from vnetferry.checks.quotas import cores_by_family
from vnetferry.models.finding import Finding
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document

Make = Callable[..., Facts]
Json = dict[str, Any]


def _only(findings: list[Finding]) -> Finding:
    """The one finding besides what this workspace has in good order too: legacy isolation."""
    found = [f for f in findings if f.severity != "informs"]
    assert len(found) == 1, found
    return found[0]


def _set(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def edit(body: dict[str, Any]) -> None:
        for part in path[:-1]:
            body = body.setdefault(part, {})
        body[path[-1]] = value

    return edit


def test_preflight_of_a_workspace_in_good_order_only_informs(facts: Make) -> None:
    findings = run_preflight(facts())
    assert [(f.check, f.severity) for f in findings] == [
        ("legacy_isolation", "informs"),
    ]
    assert "churn/main, credit/blue, credit/green" in findings[0].evidence
    assert not blocks(findings)


@pytest.mark.parametrize(
    ("change", "check", "evidence", "remedy"),
    [
        (("crlegacy", ("sku", "name"), "Standard"), "registry", "Standard", "--sku Premium"),
        (
            ("kv-legacy", ("properties", "networkAcls", "bypass"), "None"),
            "key_vault",
            "None",
            "--bypass AzureServices",
        ),
        (("stlegacy", ("properties", "isHnsEnabled"), True), "storage", "hierarchical", "another account"),
        (("stlegacy", ("sku", "name"), "Premium_LRS"), "storage", "premium", "another account"),
        (("stlegacy", ("kind",), "BlobStorage"), "storage", "BlobStorage", "another account"),
        (("ws-legacy", ("properties", "v1LegacyMode"), True), "legacy_mode", "true", "30 to 60 minutes"),
    ],
)
def test_preflight_blocks_on_a_resource_that_is_not_fit(
    facts: Make, change: tuple[str, tuple[str, ...], Any], check: str, evidence: str, remedy: str
) -> None:
    name, path, value = change
    finding = _only(run_preflight(facts({name: _set(*path, value=value)})))
    assert (finding.check, finding.severity) == (check, "blocks")
    assert evidence in finding.evidence
    assert remedy in finding.remedy
    assert finding.resource.endswith(name)


def test_preflight_blocks_on_a_provider_that_is_not_registered(facts: Make) -> None:
    finding = _only(run_preflight(facts(registrations={"microsoft.network": "NotRegistered"})))
    assert finding.check == "providers"
    assert "az provider register --namespace Microsoft.Network" in finding.remedy


def test_preflight_blocks_on_a_name_that_is_taken_in_the_region(facts: Make) -> None:
    finding = _only(run_preflight(facts(regional_endpoints=("Credit-V2", "other"))))
    assert (finding.check, finding.severity) == ("names", "blocks")
    assert "credit-v2" in finding.evidence


def test_preflight_blocks_on_a_target_that_someone_else_made(facts: Make) -> None:
    assert _only(run_preflight(facts(target={"tags": {"team": "other"}}))).check == "target"


def test_preflight_goes_on_with_a_target_that_this_migration_made(facts: Make) -> None:
    source = str(facts().inventory.source)
    tags = {"vnetferry-plan": "0123456789ab", "vnetferry-source": source.upper()}
    made = {"credit-v2": {"tags": tags}}
    resumed = facts(target={"tags": tags}, regional_endpoints=("credit-v2",), target_endpoints=made)
    assert not blocks(run_preflight(resumed))


def test_preflight_blocks_on_an_endpoint_that_someone_else_made_in_our_target(facts: Make) -> None:
    tags = {"vnetferry-plan": "0123456789ab", "vnetferry-source": str(facts().inventory.source)}
    theirs = {"credit-v2": {"tags": {"team": "other"}}}
    found = facts(target={"tags": tags}, regional_endpoints=("credit-v2",), target_endpoints=theirs)
    assert _only(run_preflight(found)).check == "names"


def test_preflight_blocks_on_a_resource_group_that_is_missing(facts: Make) -> None:
    assert "az group create" in _only(run_preflight(facts(group_exists=False))).remedy


def test_preflight_blocks_on_rights_that_are_missing(facts: Make) -> None:
    finding = _only(
        run_preflight(facts(missing_actions={"/subscriptions/s/resourceGroups/rg": ("a/write", "b/write")}))
    )
    assert (finding.check, finding.severity) == ("permissions", "blocks")
    assert "a/write, b/write" in finding.evidence
    assert "az role assignment create" in finding.remedy
    assert "--scope /subscriptions/s/resourceGroups/rg;" in finding.remedy


def test_preflight_warns_of_roles_that_somebody_else_must_give(facts: Make) -> None:
    scope, action = "/subscriptions/s/resourceGroups/rg", "Microsoft.Authorization/roleAssignments/write"
    alone, both = (
        [f for f in run_preflight(facts(missing_actions={scope: actions})) if f.check == "permissions"]
        for actions in ((action,), ("a/write", action))
    )
    assert [(f.severity, f.resource) for f in alone] == [("warns", scope)]
    assert [f.severity for f in both] == ["blocks", "warns"]
    assert action not in both[0].evidence


@pytest.mark.parametrize("level", ["ReadOnly", "CanNotDelete"])
def test_preflight_blocks_on_a_lock_of_any_level(facts: Make, level: str) -> None:
    lock = {
        "id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Authorization/locks/keep",
        "name": "keep",
        "properties": {"level": level},
    }
    finding = _only(run_preflight(facts(locks=(lock,))))
    assert (finding.check, finding.severity) == ("locks", "blocks")
    assert finding.resource == "/subscriptions/s/resourceGroups/rg"


@pytest.mark.parametrize(
    ("crowded", "evidence"),
    [
        (
            {"regional_endpoints": tuple(f"endpoint-{n}" for n in range(99))},
            "2 online endpoints are needed besides 99 in use, and the limit is 100",
        ),
        (
            {"regional_deployments": 498},
            "3 online deployments are needed besides 498 in use, and the limit is 500",
        ),
        ({"group_workspaces": 800}, "1 workspaces are needed besides 800 in use, and the limit is 800"),
        (
            {"role_assignments": 3995},
            "6 role assignments are needed besides 3995 in use, and the limit is 4000",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_preflight_blocks_when_there_is_one_too_many(
    facts: Make, crowded: dict[str, Any], evidence: str
) -> None:
    finding = _only(run_preflight(facts(**crowded)))
    assert finding.evidence == evidence
    ((name, count),) = crowded.items()
    assert finding.remedy.startswith("Delete 1 role" if name == "role_assignments" else "Request 1 more")
    roomier = {name: count[1:] if isinstance(count, tuple) else count - 1}
    assert not blocks(run_preflight(facts(**roomier)))


def test_preflight_counts_what_an_earlier_run_has_not_made_yet(facts: Make) -> None:
    tags = {"vnetferry-plan": "0123456789ab", "vnetferry-source": str(facts().inventory.source)}
    blue = "onlineEndpoints/credit-v2/deployments/blue"
    made: Json = {
        "target": {"tags": tags},
        "target_endpoints": {"credit-v2": {"tags": tags}},
        "target_deployments": (facts().scope.target.key + f"/{blue}".lower(),),
    }
    # Of 1, 2 and 1 instances of 4 cores, 2 and 1 of which count as 3 and 2, those of blue run already.
    usage = {"name": {"value": "standardDSv2Family"}, "currentValue": 93, "limit": 100}
    finding = _only(run_preflight(facts(usages=(usage,), **made)))
    assert "DSv2 cores are needed besides 93" in finding.evidence
    assert "28 DSv2" not in finding.evidence
    crowded = tuple(f"endpoint-{n}" for n in range(100))
    found = _only(run_preflight(facts(regional_endpoints=crowded, **made)))
    assert found.evidence == "1 online endpoints are needed besides 100 in use, and the limit is 100"


def test_preflight_in_place_counts_the_roles_of_the_new_identities_and_nothing_else(facts: Make) -> None:
    """Azure keeps the assignments of identities that are gone; endpoints, deployments and cores are freed first."""
    source = facts().inventory.workspace.body
    own: Json = {
        "sections": {"mode": "in_place", "validation": {"requests": {"credit": "a.json", "churn": "b.json"}}},
        "target_config": {"workspace": "ws-legacy", "image_build_compute": None},
        "target": source,
        "regional_endpoints": tuple(map(str, range(100))),
    }

    def crowded(count: int) -> list[Finding]:
        return [f for f in run_preflight(facts(role_assignments=count, **own)) if f.check == "quotas"]

    (finding,) = crowded(3995)
    assert finding.evidence.startswith("6 role assignments are needed besides 3995 in use")
    assert "endpoints.exclude" not in finding.remedy
    assert crowded(3994) == []


def test_preflight_tells_of_a_deployment_that_is_not_up_and_stays(facts: Make) -> None:
    failed = {
        "credit": _set("properties", "traffic", value={"blue": 100}),
        "green": _set("properties", "provisioningState", value="Failed"),
    }
    (finding,) = [f for f in run_preflight(facts(failed)) if f.check == "left_out"]
    assert finding.severity == "informs"
    assert finding.evidence == "Deployment credit/green is Failed and is left out."
    assert not [f for f in run_preflight(facts()) if f.check == "left_out"]


@pytest.mark.parametrize("name", ["standardDSv2Family", "Standard DSv2 Family Cluster Dedicated vCPUs"])
def test_preflight_blocks_when_cores_are_short_by_the_upgrade_reserve(facts: Make, name: str) -> None:
    # 1, 2 and 1 instances of 4 cores count as 2, 3 and 2: 28 cores with the reserve, 16 without.
    usage = {"name": {"value": name}, "currentValue": 73, "limit": 100}
    finding = _only(run_preflight(facts(usages=(usage,))))
    assert (finding.check, finding.severity) == ("quotas", "blocks")
    assert "28 DSv2 cores" in finding.evidence
    command = (
        f"az quota update --resource-name {name} --scope " if " " not in name else f"--resource-name '{name}'"
    )
    assert command in finding.remedy
    assert "/locations/westeurope --resource-type dedicated" in finding.remedy
    assert "limit-object-type=LimitValue value=101)" in finding.remedy
    enough = {**usage, "currentValue": 72}
    assert not blocks(run_preflight(facts(usages=(enough,))))


@pytest.mark.parametrize(
    ("size", "family", "cores"),
    [
        ("Standard_DS3_v2", "DSv2", 8),
        ("Standard_D8s_v3", "DSv3", 16),
        ("Standard_F4s_v2", "FSv2", 8),
        ("Standard_E16ds_v4", "EDSv4", 32),
    ],
)
def test_cores_by_family_reads_size_names_as_azure_means_them(size: str, family: str, cores: int) -> None:
    resource = ResourceId(
        "/subscriptions/s/resourceGroups/r/providers/A.B/workspaces/w/onlineEndpoints/e/deployments/d"
    )
    document = Document(id=resource, body={"properties": {"instanceType": size}, "sku": {"capacity": 1}})
    assert cores_by_family((document,)) == {family: cores}


def test_cores_by_family_keeps_no_reserve_for_the_largest_gpus() -> None:
    resource = ResourceId(
        "/subscriptions/s/resourceGroups/r/providers/A.B/workspaces/w/onlineEndpoints/e/deployments/d"
    )
    body = {"properties": {"instanceType": "Standard_ND40rs_v2"}, "sku": {"capacity": 2}}
    assert sum(cores_by_family((Document(id=resource, body=body),)).values()) == 80


def test_preflight_warns_of_an_image_build_that_cannot_reach_the_registry(facts: Make) -> None:
    finding = _only(run_preflight(facts(target_config={"image_build_compute": None})))
    assert (finding.check, finding.severity) == ("image_build", "warns")
    assert "credit/blue, credit/green" in finding.evidence
    assert "churn" not in finding.evidence  # its environment is a registry's


def test_preflight_warns_of_an_endpoint_without_a_request(facts: Make) -> None:
    sections = {"validation": {"requests": {"credit": "credit.json"}}}
    assert "no request for churn" in _only(run_preflight(facts(sections=sections))).evidence


def test_preflight_warns_once_of_all_endpoints_without_a_request(facts: Make) -> None:
    finding = _only(run_preflight(facts(sections={})))
    assert finding.evidence == "validation.requests names no request for churn, credit"
    assert "for each" in finding.remedy
    assert finding.resource.endswith("/ws-legacy")


def test_preflight_warns_when_isolation_can_be_probed_from_one_place_alone(facts: Make) -> None:
    assert _only(run_preflight(facts(vantages=("here",)))).check == "vantages"


def test_preflight_warns_of_what_could_not_be_read(facts: Make) -> None:
    finding = _only(run_preflight(facts(unread=("role assignments: forbidden",))))
    assert "role assignments: forbidden" in finding.evidence


def test_preflight_warns_when_the_target_has_no_registry(facts: Make) -> None:
    held = facts().associated
    own = {name: held[name] for name in ("storage_account", "key_vault")}
    found = facts({"ws-legacy": lambda body: body["properties"].pop("containerRegistry")}, associated=own)
    assert "Name a Premium registry" in _only(run_preflight(found)).remedy


def test_preflight_warns_that_public_egress_ends(facts: Make) -> None:
    change = {"green": _set("properties", "egressPublicNetworkAccess", value="Enabled")}
    finding = _only(run_preflight(facts(change)))
    assert finding.check == "legacy_isolation"
    assert finding.evidence.endswith("credit/green")


def test_preflight_puts_the_gravest_first(facts: Make) -> None:
    found = run_preflight(facts(vantages=(), missing_actions={"/subscriptions/s": ("x/write",)}))
    assert [f.severity for f in found] == ["blocks", "warns", "informs"]


@pytest.mark.parametrize(
    ("access", "credit_access", "said"),
    [
        ("disabled", "Enabled", "nobody from the internet"),
        ("as_is", "Disabled", "nobody from the internet"),
        ("as_is", "Enabled", "nobody from the internet, but its public endpoints (credit-v2) everybody"),
        (
            "enabled",
            "Disabled",
            "nobody from the internet, but its public endpoints (churn-v2, credit-v2) everybody",
        ),
    ],
)
def test_ip_rules_say_which_endpoints_lose_their_protection(
    facts: Make, access: str, credit_access: str, said: str
) -> None:
    rules = {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.0/24"}]}
    change = {
        "ws-legacy": _set("properties", "networkAcls", value=rules),
        "credit": _set("properties", "publicNetworkAccess", value=credit_access),
    }
    requests = {"credit": "credit.json", "churn": "churn.json"}
    sections = {"validation": {"requests": requests}, "endpoints": {"public_network_access": access}}
    found = _only(run_preflight(facts(change, sections=sections)))
    assert found.check == "ip_rules"
    assert found.evidence.endswith(said)
