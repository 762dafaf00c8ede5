"""What is set on an account's services is read where the account has them, and set on accounts of ours alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from vnetferry.errors import NotOurs
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.readings import Readings
from vnetferry.gateway.storage_services import read_storage_services, set_storage_service
from vnetferry.models.ids import ResourceId

Json = dict[str, Any]
TAGS = {"vnetferry-plan": "p1", "vnetferry-source": "/subscriptions/s/old"}
KEPT: Json = {"properties": {"deleteRetentionPolicy": {"enabled": True, "days": 14}}}


def account(azure: Azure, source: ResourceId, name: str, tags: Json, **more: Any) -> ResourceId:
    resource = ResourceId(f"{source.group_id}/providers/Microsoft.Storage/storageAccounts/{name}")
    body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "tags": tags}
    azure.arm.put(resource, api_versions.STORAGE, {**body, **more})
    return resource


def test_services_are_read_of_the_accounts_that_have_them(azure: Azure, source: ResourceId) -> None:
    """Accounts for files alone answer that they have no blobs, which is no reading that failed."""
    general = account(azure, source, "stgeneral", {})
    files = account(azure, source, "stfilesalone", {}, kind="FileStorage", sku={"name": "Premium_LRS"})
    with ThreadPoolExecutor(2) as pool:
        readings = Readings(azure, pool)
        read = read_storage_services(readings, [general, files])
    found = {(document.id.parent.name, document.id.type.rpartition("/")[2]) for document in read}
    assert found == {
        ("stgeneral", "blobServices"),
        ("stgeneral", "fileServices"),
        ("stgeneral", "queueServices"),
        ("stgeneral", "tableServices"),
        ("stfilesalone", "fileServices"),
    }
    assert readings.unread == set()


def test_service_is_set_once(
    azure: Azure, source: ResourceId, requests_since: Callable[[], list[Json]]
) -> None:
    service = account(azure, source, "stours", TAGS).child("blobServices", "default")
    before = len(requests_since())
    written = [set_storage_service(azure, service, KEPT, TAGS, guid="", workspace="") for _ in range(2)]
    assert [each.changed for each in written] == [True, False]
    assert len(requests_since()) == before + 1


def test_service_of_an_account_of_others_is_left_alone(azure: Azure, source: ResourceId) -> None:
    service = account(azure, source, "stothers", {"team": "x"}).child("blobServices", "default")
    with pytest.raises(NotOurs):
        set_storage_service(azure, service, KEPT, TAGS, guid="", workspace="")


def test_rules_for_other_origins_that_were_added_since_stay(azure: Azure, source: ResourceId) -> None:
    service = account(azure, source, "storigins", TAGS).child("blobServices", "default")
    body = {"properties": {"cors": {"corsRules": [origin("https://ours.example")]}}}
    set_storage_service(azure, service, body, TAGS, guid="", workspace="")
    both = [origin("https://ours.example"), origin("https://ml.azure.com")]
    azure.arm.put(service, api_versions.STORAGE, {"properties": {"cors": {"corsRules": both}}})
    again = set_storage_service(azure, service, body, TAGS, guid="", workspace="")
    assert not again.changed
    assert azure.arm.get(service, api_versions.STORAGE)["properties"]["cors"]["corsRules"] == both
    body["properties"]["cors"]["corsRules"] = [origin("https://more.example")]
    assert set_storage_service(azure, service, body, TAGS, guid="", workspace="").changed
    rules = azure.arm.get(service, api_versions.STORAGE)["properties"]["cors"]["corsRules"]
    assert rules == [*both, origin("https://more.example")]


def origin(name: str) -> Json:
    """A rule for another origin."""
    headers: Json = {"exposedHeaders": ["*"], "allowedHeaders": ["*"]}
    return {"allowedOrigins": [name], "allowedMethods": ["GET"], "maxAgeInSeconds": 60, **headers}


def test_guid_in_lifecycle_rules_gives_way_to_the_workspaces(azure: Azure, source: ResourceId) -> None:
    rules = account(azure, source, "strules", TAGS).child("managementPolicies", "default")
    rule = {
        "name": "old",
        "type": "Lifecycle",
        "definition": {
            "filters": {"blobTypes": ["blockBlob"], "prefixMatch": ["azureml-blobstore-OLD/logs"]},
            "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 1}}},
        },
    }
    body = {"properties": {"policy": {"rules": [rule]}}}
    set_storage_service(azure, rules, body, TAGS, guid="OLD", workspace=str(source))
    (held,) = azure.arm.get(rules, api_versions.STORAGE)["properties"]["policy"]["rules"]
    own = azure.arm.get(source, api_versions.ML)["properties"]["workspaceId"]
    assert held["definition"]["filters"]["prefixMatch"] == [f"azureml-blobstore-{own}/logs"]
