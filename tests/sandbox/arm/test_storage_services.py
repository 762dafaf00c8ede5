"""What is set on an account's services, and its lifecycle rules: held, completed, and refused where Azure does."""

from __future__ import annotations

from typing import Any

import pytest

SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001"
ACCOUNTS = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts"
ACCOUNT = f"{ACCOUNTS}/stblobs"
VERSION = "2023-05-01"
SERVICES = ("blobServices", "fileServices", "queueServices", "tableServices")
INVALID, UNSUPPORTED = "InvalidValuesForRequestParameters", "FeatureNotSupportedForAccount"
Json = dict[str, Any]
CORS = {
    "allowedOrigins": ["https://ml.azure.com"],
    "allowedMethods": ["GET"],
    "maxAgeInSeconds": 1800,
    "exposedHeaders": ["*"],
    "allowedHeaders": ["*"],
}
KEPT = {"enabled": True, "days": 7}
RESTORED = {
    "isVersioningEnabled": True,
    "changeFeed": {"enabled": True},
    "deleteRetentionPolicy": KEPT,
    "restorePolicy": {"enabled": True, "days": 6},
}


def account(
    name: str = "stblobs", kind: str = "StorageV2", sku: str = "Standard_LRS", **properties: Any
) -> Json:
    return {
        "id": f"{ACCOUNTS}/{name}",
        "name": name,
        "location": "westeurope",
        "kind": kind,
        "sku": {"name": sku},
        "properties": properties,
    }


@pytest.fixture
def arm(arm_of: Any) -> Any:
    return arm_of(account())


def set_(arm: Any, service: str, properties: Json, on: str = ACCOUNT) -> Any:
    return arm.put(f"{on}/{service}/default", {"properties": properties}, VERSION)


@pytest.mark.parametrize("service", SERVICES)
def test_service_is_there_with_its_account(arm: Any, service: str) -> None:
    found = arm.get(f"{ACCOUNT}/{service}/default", VERSION)
    assert (found.status, found.body["name"]) == (200, "default")
    assert found.body["type"] == f"Microsoft.Storage/storageAccounts/{service}"
    assert found.body["properties"]["cors"] == {"corsRules": []}
    assert arm.get(f"{ACCOUNT}/{service}", VERSION).body["value"] == [found.body]
    assert arm.get(f"{ACCOUNT}/{service}/other", VERSION).status == 404
    assert arm.get(f"{ACCOUNTS}/absent/{service}/default", VERSION).code == "ResourceNotFound"


@pytest.mark.parametrize("service", SERVICES)
def test_service_holds_what_is_set(arm: Any, service: str) -> None:
    assert set_(arm, service, {"cors": {"corsRules": [CORS]}}).status == 200
    assert arm.get(f"{ACCOUNT}/{service}/default", VERSION).body["properties"]["cors"]["corsRules"] == [CORS]


def test_service_keeps_what_a_put_leaves_out(arm: Any) -> None:
    set_(arm, "blobServices", {"deleteRetentionPolicy": KEPT})
    found = set_(arm, "blobServices", {"isVersioningEnabled": True}).body["properties"]
    assert (found["deleteRetentionPolicy"], found["isVersioningEnabled"]) == (KEPT, True)
    off = set_(arm, "blobServices", {"deleteRetentionPolicy": {"enabled": False, "days": 7}})
    assert off.body["properties"]["deleteRetentionPolicy"] == {"enabled": False}


def test_service_tells_when_restoring_began_and_what_tracks_access(arm: Any) -> None:
    tracking = {"lastAccessTimeTrackingPolicy": {"enable": True}}
    found = set_(arm, "blobServices", {**RESTORED, **tracking}).body["properties"]
    assert found["lastAccessTimeTrackingPolicy"]["trackingGranularityInDays"] == 1
    since = found["restorePolicy"]["lastEnabledTime"]
    given = {**RESTORED["restorePolicy"], "days": 5, "lastEnabledTime": "2001-01-01T00:00:00Z"}
    arm.wait(60)
    again = set_(arm, "blobServices", {"restorePolicy": given}).body["properties"]
    assert again["restorePolicy"] == {**given, "lastEnabledTime": since, "minRestoreTime": since}


def test_service_goes_with_its_account(arm: Any) -> None:
    set_(arm, "blobServices", {"deleteRetentionPolicy": KEPT})
    arm.send("DELETE", ACCOUNT, version=VERSION)
    assert arm.get(f"{ACCOUNT}/blobServices/default", VERSION).status == 404
    arm.put(ACCOUNT, {k: v for k, v in account().items() if k not in ("id", "name")}, VERSION)
    found = arm.get(f"{ACCOUNT}/blobServices/default", VERSION).body["properties"]
    assert found["deleteRetentionPolicy"]["enabled"] is False


def test_service_of_a_scenario_is_as_the_scenario_says(arm_of: Any) -> None:
    held = {
        "id": f"{ACCOUNT}/fileServices/default",
        "properties": {"shareDeleteRetentionPolicy": {"enabled": False}},
    }
    arm = arm_of(account(), held)
    found = arm.get(f"{ACCOUNT}/fileServices/default", VERSION).body
    assert found["properties"]["shareDeleteRetentionPolicy"] == {"enabled": False}
    assert found["sku"] == {"name": "Standard_LRS"}


@pytest.mark.parametrize(
    ("kind", "sku", "served"),
    [
        ("StorageV2", "Standard_LRS", SERVICES),
        ("Storage", "Standard_GRS", SERVICES),
        ("StorageV2", "Premium_LRS", SERVICES[:1]),
        ("BlobStorage", "Standard_LRS", SERVICES[:1]),
        ("BlockBlobStorage", "Premium_LRS", SERVICES[:1]),
        ("FileStorage", "Premium_LRS", SERVICES[1:2]),
    ],
)
def test_account_has_the_services_of_its_kind(
    arm_of: Any, kind: str, sku: str, served: tuple[str, ...]
) -> None:
    arm = arm_of(account(kind=kind, sku=sku))
    for service in SERVICES:
        found = arm.get(f"{ACCOUNT}/{service}/default", VERSION)
        assert (found.status == 200) is (service in served)
        assert (found.status == 400 and found.code == UNSUPPORTED) is (service not in served)
        assert bool(arm.get(f"{ACCOUNT}/{service}", VERSION).body["value"]) is (service in served)
        assert (set_(arm, service, {}).status == 200) is (service in served)


@pytest.mark.parametrize(
    ("service", "properties", "code"),
    [
        ("blobServices", {"colour": 1}, "InvalidRequestContent"),
        ("queueServices", {"deleteRetentionPolicy": KEPT}, "InvalidRequestContent"),
        ("blobServices", {"deleteRetentionPolicy": {"colour": 1}}, "InvalidRequestContent"),
        ("blobServices", {"deleteRetentionPolicy": {"enabled": "yes"}}, "InvalidRequestContent"),
        ("blobServices", {"deleteRetentionPolicy": {"enabled": True}}, INVALID),
        ("blobServices", {"deleteRetentionPolicy": {**KEPT, "days": 0}}, INVALID),
        ("blobServices", {"containerDeleteRetentionPolicy": {**KEPT, "days": 366}}, INVALID),
        ("fileServices", {"shareDeleteRetentionPolicy": {**KEPT, "days": 366}}, INVALID),
        ("blobServices", {"changeFeed": {"enabled": True, "retentionInDays": 146001}}, INVALID),
        ("blobServices", {"lastAccessTimeTrackingPolicy": {"name": "x"}}, "InvalidRequestContent"),
        ("blobServices", {"restorePolicy": {"days": 1}}, "InvalidRequestContent"),
        ("blobServices", {**RESTORED, "isVersioningEnabled": False}, INVALID),
        ("blobServices", {**RESTORED, "changeFeed": {"enabled": False}}, INVALID),
        ("blobServices", {**RESTORED, "deleteRetentionPolicy": {"enabled": False}}, INVALID),
        (
            "blobServices",
            {**RESTORED, "deleteRetentionPolicy": {**KEPT, "allowPermanentDelete": True}},
            INVALID,
        ),
        ("blobServices", {**RESTORED, "restorePolicy": KEPT}, INVALID),
        ("blobServices", {**RESTORED, "restorePolicy": {"enabled": True}}, INVALID),
        ("blobServices", {"cors": {"corsRules": [CORS] * 6}}, INVALID),
        ("tableServices", {"cors": {"corsRules": [{**CORS, "allowedMethods": ["FETCH"]}]}}, INVALID),
        ("tableServices", {"cors": {"corsRules": [{**CORS, "maxAgeInSeconds": -1}]}}, INVALID),
        ("tableServices", {"cors": {"corsRules": [{"allowedMethods": ["GET"]}]}}, INVALID),
        ("tableServices", {"cors": {"corsRules": [{**CORS, "colour": 1}]}}, "InvalidRequestContent"),
        ("fileServices", {"protocolSettings": {"smb": {"multichannel": {"enabled": True}}}}, UNSUPPORTED),
    ],
)
def test_service_refuses_what_cannot_be_set(arm: Any, service: str, properties: Json, code: str) -> None:
    before = arm.get(f"{ACCOUNT}/{service}/default", VERSION).body
    refused = set_(arm, service, properties)
    assert (refused.status, refused.code) == (400, code)
    assert arm.get(f"{ACCOUNT}/{service}/default", VERSION).body == before


def test_restoring_that_is_set_with_what_it_needs_is_taken(arm: Any) -> None:
    assert set_(arm, "blobServices", RESTORED).status == 200


@pytest.mark.parametrize(
    "properties", [{"isVersioningEnabled": True}, {"changeFeed": {"enabled": True}}, RESTORED]
)
def test_account_with_a_hierarchical_namespace_lacks_versions(arm_of: Any, properties: Json) -> None:
    refused = set_(arm_of(account(isHnsEnabled=True)), "blobServices", properties)
    assert (refused.status, refused.code) == (400, UNSUPPORTED)


def rule(name: str = "old", types: tuple[str, ...] = ("blockBlob",), **actions: Any) -> Json:
    filters = {"blobTypes": list(types), "prefixMatch": ["logs/"]}
    wanted = actions or {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 90}}}
    return {"name": name, "type": "Lifecycle", "definition": {"filters": filters, "actions": wanted}}


def rules(arm: Any, *given: Json) -> Any:
    return set_(arm, "managementPolicies", {"policy": {"rules": list(given)}})


def base(**actions: Any) -> Json:
    return rule(baseBlob=actions)


def test_lifecycle_rules_are_held_and_go(arm: Any) -> None:
    path = f"{ACCOUNT}/managementPolicies/default"
    assert (arm.get(path, VERSION).status, arm.get(path, VERSION).code) == (404, "ManagementPolicyNotFound")
    assert arm.send("DELETE", path, version=VERSION).status == 204
    made = rules(arm, rule())
    assert (made.status, made.body["name"]) == (200, "DefaultManagementPolicy")
    assert made.body["properties"]["policy"] == {"rules": [{**rule(), "enabled": True}]}
    assert arm.get(path, VERSION).body == made.body
    assert arm.send("DELETE", path, version=VERSION).status == 200
    assert arm.get(path, VERSION).status == 404


def test_lifecycle_rules_by_the_last_access_need_what_tracks_it(arm: Any) -> None:
    by_access = base(tierToCool={"daysAfterLastAccessTimeGreaterThan": 3}, enableAutoTierToHotFromCool=True)
    assert rules(arm, by_access).code == "MissingLastAccessTimeBasedTrackingPolicy"
    set_(arm, "blobServices", {"lastAccessTimeTrackingPolicy": {"enable": True}})
    assert rules(arm, by_access).status == 200


@pytest.mark.parametrize(
    "wanted",
    [
        rule(
            snapshot={"delete": {"daysAfterCreationGreaterThan": 1}},
            version={"tierToCool": {"daysAfterCreationGreaterThan": 1}},
        ),
        base(tierToArchive={"daysAfterModificationGreaterThan": 1, "daysAfterLastTierChangeGreaterThan": 7}),
        rule(types=("appendBlob", "blockBlob")),
    ],
)
def test_lifecycle_rule_that_azure_takes_is_taken(arm: Any, wanted: Json) -> None:
    assert rules(arm, wanted).status == 200


AGE = {"daysAfterModificationGreaterThan": 1}


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {**rule(), "colour": 1},
        {**rule(), "type": "Retention"},
        {k: v for k, v in rule().items() if k != "name"},
        {**rule(), "definition": {"filters": {"blobTypes": ["blockBlob"]}}},
        {**rule(), "definition": {"actions": {}}},
        rule(types=()),
        rule(types=("pageBlob",)),
        rule(types=("appendBlob",), baseBlob={"tierToCool": AGE}),
        base(delete={}),
        base(delete={**AGE, "daysAfterCreationGreaterThan": 1}),
        base(delete={"daysAfterModificationGreaterThan": -1}),
        base(delete={"daysAfterModificationGreaterThan": 1.5}),
        base(delete={**AGE, "daysAfterLastTierChangeGreaterThan": 7}),
        base(tierToHot=AGE),
        base(tierToWarm=AGE),
        base(tierToCool=AGE, enableAutoTierToHotFromCool=True),
        rule(snapshot={"delete": AGE}),
        rule(leases={"delete": AGE}),
    ],
)
def test_lifecycle_rule_that_cannot_be_is_refused(arm: Any, wanted: Json) -> None:
    assert rules(arm, wanted).status == 400
    assert arm.get(f"{ACCOUNT}/managementPolicies/default", VERSION).status == 404


def test_lifecycle_rules_are_some_and_have_names_of_their_own(arm: Any) -> None:
    assert rules(arm).status == rules(arm, rule(), rule()).status == 400
    assert rules(arm, *(rule(str(number)) for number in range(101))).status == 400
    assert rules(arm, rule("a"), rule("A")).status == 200


@pytest.mark.parametrize("kind", ["Storage", "FileStorage"])
def test_account_of_a_kind_without_lifecycle_refuses_rules(arm_of: Any, kind: str) -> None:
    refused = rules(arm_of(account(kind=kind)), rule())
    assert (refused.status, refused.code) == (400, UNSUPPORTED)


def test_tiering_to_hot_is_for_premium_block_blobs(arm_of: Any) -> None:
    arm = arm_of(account(kind="BlockBlobStorage", sku="Premium_LRS"))
    assert rules(arm, base(tierToHot=AGE)).status == 200
