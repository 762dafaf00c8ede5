"""Registries by Resource Manager: made and deleted by the SDK, and what is refused; their data plane's front."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Registry
from azure.ai.ml.entities._registry.registry_support_classes import (
    RegistryRegionDetails,
    SystemCreatedAcrAccount,
    SystemCreatedStorageAccount,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceRequestError

from tests.sandbox.contract.strict import faults
from tests.sandbox.ml.registry_world import (
    CONTAINERS,
    MANAGED,
    NAME,
    REGISTRY,
    STORAGE,
    account,
    registry,
    registry_client,
    version,
)
from tests.sandbox.ml.workspace_world import (
    GROUP,
    SUBSCRIPTION,
    WORKSPACE,
    Arm,
    Start,
    associated,
    workspace_body,
)
from vnetferry.sandbox.dns import public
from vnetferry.sandbox.ml import registry_plane
from vnetferry.sandbox.ml.registry_documents import guid_of
from vnetferry.sandbox.server import Sandbox

VERSION = "2022-10-01-preview"
BODY: dict[str, Any] = {
    "location": "WestEurope",
    "identity": {"type": "SystemAssigned"},
    "tags": {"a": "b"},
    "properties": {"regionDetails": [{"location": "WestEurope"}, {"location": "northeurope"}]},
}
API = "https://westeurope.api.azureml.ms"
FRONT = "https://cert-westeurope.experiments.azureml.net/mferp/managementfrontend"
DATA_VERSION = "2021-10-01-dataplanepreview"
ROLES = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
VNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet-callers"


def _region(location: str) -> RegistryRegionDetails:
    return RegistryRegionDetails(
        acr_config=[SystemCreatedAcrAccount(acr_account_sku="Premium")],
        location=location,
        storage_config=SystemCreatedStorageAccount(
            storage_account_hns=False, storage_account_type="standard_lrs"
        ),
    )


def _call(arm: Arm, method: str, url: str, body: Any = None, version: str = DATA_VERSION) -> Any:
    return arm.ask(method, url, body, **{"api-version": version})


def test_registry_by_the_sdk_is_made_listed_and_deleted(start: Start, client: Callable[[], MLClient]) -> None:
    start(associated())
    registries = client().registries
    asked = Registry(
        name="contosoreg",
        location="WestEurope",
        tags={"a": "b"},
        replication_locations=[_region("WestEurope"), _region("northeurope")],
    )
    made = registries.begin_create(asked).result()
    assert (made.location, made.tags, made.identity.type) == ("westeurope", {"a": "b"}, "SystemAssigned")
    assert made.discovery_url == f"{API}/registrymanagement/v1.0/registries/contosoreg/discovery"
    managed = made.managed_resource_group["resourceId"]
    assert f"/resourceGroups/azureml-rg-{NAME}_" in managed
    found = [(each.location, each.storage_config.arm_resource_id) for each in made.replication_locations]
    assert [location for location, _ in found] == ["westeurope", "northeurope"]
    assert all(identifier.startswith(f"{managed}/providers/Microsoft.Storage/") for _, identifier in found)
    assert len({each.acr_config[0].arm_resource_id for each in made.replication_locations}) == 1
    assert [each.name for each in registries.list()] == ["contosoreg"]
    assert [each.name for each in registries.list(scope="subscription")] == ["contosoreg"]
    assert registry_client().models.list() is not None
    registries.begin_delete(name="contosoreg").result()
    with pytest.raises(ResourceNotFoundError):
        registries.get("contosoreg")
    groups = Arm().get(f"/subscriptions/{SUBSCRIPTION}/resourceGroups", **{"api-version": "2021-04-01"})
    assert [each["name"] for each in groups["value"]] == ["rg"]


def test_registry_put_is_202_without_a_body_and_ends_as_recorded(arm: Arm) -> None:
    answer = arm.send("PUT", REGISTRY, BODY, **{"api-version": VERSION})
    assert (answer.status_code, answer.text()) == (202, "")
    assert "/registryOperationsStatus/" in answer.headers["Azure-AsyncOperation"]
    assert "type=location" in answer.headers["Location"]
    assert arm.finish(answer) == {"status": "Succeeded", "percentComplete": 100.0}
    document = arm.get(REGISTRY, **{"api-version": VERSION})
    assert arm.read(answer.headers["Location"]).json() == document
    unknown = {"has no member 'userCreatedStorageAccount'", "has no member 'userCreatedAcrAccount'"}
    surplus = [fault for fault in faults("Registry", document) if not any(u in fault for u in unknown)]
    assert surplus == []
    assert document["systemData"] is None


def test_registry_put_again_adds_a_region_and_keeps_the_others(arm: Arm) -> None:
    first = {**BODY, "properties": {"regionDetails": [{"location": "westeurope"}]}}
    arm.done("PUT", REGISTRY, first, **{"api-version": VERSION})
    before = arm.get(REGISTRY)["properties"]["regionDetails"]
    arm.done("PUT", REGISTRY, BODY, **{"api-version": VERSION})
    details = arm.get(REGISTRY)["properties"]["regionDetails"]
    assert (details[0], details[1]["location"]) == (before[0], "northeurope")


def test_registry_patch_replaces_tags_and_takes_no_properties(start: Start) -> None:
    start([*associated(), registry()])
    arm = Arm()
    assert arm.send("PATCH", REGISTRY, {"tags": {"c": "d"}}).json()["tags"] == {"c": "d"}
    assert arm.refused("PATCH", REGISTRY, {"properties": {"publicNetworkAccess": "Disabled"}})[0] == 400
    assert arm.get(REGISTRY)["properties"]["publicNetworkAccess"] == "Enabled"


@pytest.mark.parametrize(
    ("name", "body", "status", "says"),
    [
        ("ab", BODY, 400, "3 to 33 characters"),
        ("_abc", BODY, 400, "begin with a letter or a digit"),
        ("good", {**BODY, "location": "mars"}, 400, "is not available"),
        ("good", {**BODY, "location": "uksouth"}, 400, "must be one of the regions"),
        (
            "good",
            {
                **BODY,
                "properties": {"regionDetails": [{"location": "westeurope"}, {"location": "West Europe"}]},
            },
            400,
            "only once",
        ),
        ("good", {**BODY, "properties": {"replicas": 2}}, 400, "Could not find member 'replicas'"),
        (
            "good",
            {
                **BODY,
                "properties": {
                    "regionDetails": [
                        {
                            "location": "westeurope",
                            "acrDetails": [{"systemCreatedAcrAccount": {"acrAccountSku": "Basic"}}],
                        }
                    ]
                },
            },
            400,
            "one of Premium",
        ),
        (
            "good",
            {
                **BODY,
                "properties": {
                    "regionDetails": [
                        {
                            "location": "westeurope",
                            "storageAccountDetails": [
                                {"userCreatedStorageAccount": {"armResourceId": {"resourceId": f"{GROUP}/x"}}}
                            ],
                        }
                    ]
                },
            },
            400,
            "is not a Microsoft.Storage/storageAccounts that exists",
        ),
    ],
)
def test_registry_unfit_is_refused(arm: Arm, name: str, body: Any, status: int, says: str) -> None:
    path = REGISTRY.removesuffix(NAME) + name
    found, _, message = arm.refused("PUT", path, body)
    assert found == status
    assert says in message
    assert arm.send("GET", path).status_code == 404


def test_registry_whose_name_is_taken_in_another_group_is_refused(start: Start) -> None:
    other = {"id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg2", "location": "westeurope"}
    start([*associated(), registry(), other])
    path = REGISTRY.replace("/resourceGroups/rg/", "/resourceGroups/rg2/")
    assert Arm().refused("PUT", path.replace(NAME, NAME.upper()), BODY)[0] == 409
    assert Arm().send("GET", path).status_code == 404


def test_registry_busy_is_a_conflict(start: Start) -> None:
    start([*associated(), registry()], durations_s={"Registries_Delete": 1e9})
    arm = Arm()
    assert arm.send("DELETE", REGISTRY).status_code == 202
    assert arm.refused("DELETE", REGISTRY)[0] == 409
    assert arm.refused("PUT", REGISTRY, BODY)[0] == 409
    assert arm.get(REGISTRY)["name"] == NAME


def test_registry_absent_and_unknown_version_are_refused(arm: Arm) -> None:
    assert arm.refused("GET", REGISTRY)[:2] == (404, "ResourceNotFound")
    assert arm.send("DELETE", REGISTRY).status_code == 204
    status, code, message = arm.refused("GET", REGISTRY, **{"api-version": "2022-05-01"})
    assert (status, code) == (400, "NoRegisteredProviderFound")
    assert VERSION in message


def test_registry_adopted_has_the_accounts_that_it_names(start: Start) -> None:
    start(
        [
            *associated(),
            registry(),
            version("models", "m", modelUri="https://conto1.blob.core.windows.net/c/m"),
        ]
    )
    arm = Arm()
    for identifier in (STORAGE, CONTAINERS):
        assert arm.get(identifier, **{"api-version": "2023-01-01" if identifier == STORAGE else "2023-07-01"})
    found = arm.get(f"{REGISTRY}/models/m/versions/1")
    assert (found["id"], found["type"].rpartition("/")[2]) == (f"{REGISTRY}/models/m/versions/1", "versions")
    assert arm.get(f"{REGISTRY}/models/m")["properties"]["latestVersion"] == "1"
    assert [each.name for each in registry_client().models.list()] == ["m"]


def test_registry_adopted_is_answered_as_it_was(start: Start) -> None:
    start([*associated(), registry(), account(STORAGE), account(CONTAINERS)])
    asked, answered = registry(), Arm().get(REGISTRY)
    assert answered["properties"].items() >= asked["properties"].items()
    assert answered["properties"]["managedResourceGroup"] == {"resourceId": MANAGED}


def test_discovery_tells_where_a_registry_is(start: Start) -> None:
    start([*associated(), registry()])
    found = _call(
        Arm(), "GET", "https://eastus.api.azureml.ms/registrymanagement/v1.0/registries/CONTOSOREG/discovery"
    )
    body = found.json()
    assert (found.status_code, body["registryName"], body["subscriptionId"]) == (200, NAME, SUBSCRIPTION)
    assert body["primaryRegionResourceProviderUri"] == "https://cert-westeurope.experiments.azureml.net/"
    assert body["registryFqdns"]["westeurope"]["uri"].startswith(
        f"https://{body['registryId']}.registry.westeurope."
    )


def test_discovery_of_an_absent_registry_is_forbidden(arm: Arm) -> None:
    answer = _call(arm, "GET", f"{API}/registrymanagement/v1.0/registries/nobody/discovery")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "UserError")
    with pytest.raises(HttpResponseError):
        registry_client("nobody")


def test_data_plane_refuses_an_unknown_version_and_a_wrong_place(start: Start) -> None:
    start([*associated(), registry()])
    arm = Arm()
    bad = _call(arm, "GET", f"{FRONT}{REGISTRY}/models", version="2024-04-01")
    assert bad.status_code == 400
    assert DATA_VERSION in bad.json()["error"]["message"]
    with pytest.raises(ServiceRequestError, match="NXDOMAIN"):
        _call(
            arm, "GET", f"https://cert-mars.experiments.azureml.net/mferp/managementfrontend{REGISTRY}/models"
        )
    assert _call(arm, "GET", f"{API}/mlflow/v1.0/x").status_code == 501
    assert _call(arm, "GET", f"{API}/assetstore/v1.0/operations/x").status_code == 404
    assert _call(arm, "POST", f"{API}/assetstore/v1.0/operations/x").status_code == 405


def test_data_plane_paths_are_compared_without_case(start: Start) -> None:
    start([*associated(), registry(), version("models", "m", modelUri="https://x/c/m")])
    path = REGISTRY.replace("resourceGroups", "resourcegroups").replace("registries", "Registries")
    answer = _call(Arm(), "GET", f"{FRONT}{path}/Models/m/Versions/1")
    assert answer.json()["id"] == f"azureml://registries/{NAME}/models/m/versions/1"


def test_upload_to_an_asset_that_exists_is_a_conflict(start: Start) -> None:
    start([*associated(), registry(), version("models", "m", modelUri="https://x/c/m")])
    asked = {"assetId": f"azureml://registries/{NAME}/models/m/versions/1"}
    answer = _call(Arm(), "PUT", f"{FRONT}{REGISTRY}/tempdatarefs/m/versions/1", asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "UserError")
    other = _call(Arm(), "PUT", f"{FRONT}{REGISTRY}/tempdatarefs/m/versions/2", asked)
    assert other.status_code == 400


def test_write_to_a_registry_is_an_operation_of_the_asset_store(start: Start) -> None:
    start([*associated(), registry()])
    arm, path = Arm(), f"{FRONT}{REGISTRY}/models/m/versions/1"
    answer = _call(arm, "PUT", path, {"properties": {"modelUri": "https://conto1.blob.core.windows.net/c/m"}})
    assert (answer.status_code, answer.text()) == (202, "null")
    assert answer.headers["x-ms-async-operation-timeout"] == "PT1H"
    while (found := arm.read(answer.headers["Location"])).status_code == 202:
        assert found.text() == ""
    assert found.json() == {"assetId": f"azureml://registries/{NAME}/models/m/versions/1"}
    unfit = _call(arm, "PUT", path, {"properties": {"modelUri": "azureml://datastores/x/paths/y"}})
    assert unfit.status_code == 400
    assert arm.get(f"{REGISTRY}/models/m/versions/1")["properties"]["modelUri"].endswith("/c/m")


def test_import_that_fails_on_purpose_leaves_no_asset(start: Start) -> None:
    fault = {
        "match": "PUT */registries/*/models/*",
        "kind": "lro_failure",
        "body": {"error": {"code": "X", "message": "m"}},
    }
    start([*associated(), registry()], faults=[fault])
    arm, path = Arm(), f"{REGISTRY}/models/m/versions/1"
    answer = _call(
        arm, "PUT", FRONT + path, {"properties": {"modelUri": "https://conto1.blob.core.windows.net/c/m"}}
    )
    while (found := arm.read(answer.headers["Location"])).status_code == 202:
        pass
    assert (found.status_code, found.json()["error"]["code"]) == (400, "X")
    assert arm.send("GET", path).status_code == 404


@pytest.mark.parametrize(
    ("source", "status"),
    [("models/absent", 404), ("models/m", 400), ("codes/c", 400)],
    ids=["absent", "content absent", "kind that is not shared"],
)
def test_import_of_what_cannot_be_copied_is_refused(start: Start, source: str, status: int) -> None:
    start([*associated(), registry()])
    arm = Arm()
    arm.done("PUT", WORKSPACE, workspace_body())
    arm.send(
        "PUT",
        f"{WORKSPACE}/models/m/versions/1",
        {"properties": {"modelUri": "azureml://datastores/workspaceblobstore/paths/m"}},
    )
    guid = arm.get(WORKSPACE)["properties"]["workspaceId"]
    uri = f"azureml://locations/westeurope/workspaces/{guid}/{source}/versions/1"
    body = {
        "properties": {
            "referenceType": "Id",
            "sourceAssetId": uri,
            "destinationName": "d",
            "destinationVersion": "1",
        }
    }
    answer = _call(arm, "POST", f"{FRONT}{REGISTRY}/import", body)
    while answer.status_code == 202:
        answer = arm.read(answer.headers.get("Location") or answer.request.url)
    assert answer.status_code == status
    assert arm.send("GET", f"{REGISTRY}/models/d/versions/1").status_code == 404


@pytest.mark.parametrize("excepted", [False, True], ids=["closed", "open to the registry"])
def test_import_from_storage_closed_to_the_public_is_refused(start: Start, excepted: bool) -> None:
    rules = [{"tenantId": "t", "resourceId": REGISTRY}] if excepted else []
    acls = {"defaultAction": "Deny", "bypass": "AzureServices", "resourceAccessRules": rules}
    closed = associated(properties={"publicNetworkAccess": "Disabled", "networkAcls": acls})
    place = f"{WORKSPACE}/environments/e/versions/1"
    start(
        [
            *closed,
            registry(),
            {
                "id": WORKSPACE,
                "location": "westeurope",
                "properties": {"storageAccount": closed[1]["id"], "workspaceId": "9" * 32},
            },
            {"id": place, "properties": {"image": "x:1"}},
        ]
    )
    arm = Arm()
    uri = f"azureml://locations/westeurope/workspaces/{'9' * 32}/environments/e/versions/1"
    body = {"properties": {"referenceType": "Id", "sourceAssetId": uri}}
    answer = _call(arm, "POST", f"{FRONT}{REGISTRY}/import", body)
    assert answer.status_code == (202 if excepted else 400)
    if not excepted:
        assert "public network access disabled" in answer.json()["error"]["message"]
        assert arm.send("GET", f"{REGISTRY}/environments/e/versions/1").status_code == 404


def test_environment_in_a_registry_with_a_private_container_registry_is_refused(start: Start) -> None:
    start([*associated(), registry(), account(CONTAINERS, publicNetworkAccess="Disabled")])
    arm, path = Arm(), f"{REGISTRY}/environments/e/versions/1"
    answer = _call(arm, "PUT", FRONT + path, {"properties": {"image": "x:1"}})
    assert answer.status_code == 400
    assert "public network access disabled" in answer.json()["error"]["message"]
    assert arm.send("GET", path).status_code == 404


def _reader(right: str) -> list[dict[str, Any]]:
    """A role with one action on the group, assigned to the client."""
    role = f"{ROLES}/11111111-1111-4111-8111-111111111111"
    definition = {
        "id": role,
        "properties": {"roleName": "r", "permissions": [{"actions": [right]}], "assignableScopes": [GROUP]},
    }
    assignment = {
        "id": f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{'2' * 8}-2222-4222-8222-{'2' * 12}",
        "properties": {
            "roleDefinitionId": role,
            "principalId": "5a4d1c0e-7d3b-4b61-9c55-000000000c11",
            "scope": GROUP,
        },
    }
    return [definition, assignment]


def test_registry_user_reads_and_writes_assets_and_nothing_else(start: Start) -> None:
    assignment = _reader("")[1]
    assignment["properties"]["roleDefinitionId"] = f"{ROLES}/1823dd4f-9b8c-4ab6-ab4e-7397a3684615"
    start([*associated(), registry(), assignment])
    arm = Arm()
    assert _call(arm, "GET", f"{FRONT}{REGISTRY}/models").status_code == 200
    made = _call(arm, "PUT", f"{FRONT}{REGISTRY}/environments/e/versions/1", {"properties": {"image": "x:1"}})
    assert made.status_code == 202
    assert arm.refused("DELETE", REGISTRY)[0] == 403
    assert arm.get(REGISTRY)["name"] == NAME


def test_registry_reader_without_rights_on_assets_is_forbidden(start: Start) -> None:
    start([*associated(), registry(), *_reader("Microsoft.MachineLearningServices/registries/read")])
    arm = Arm()
    answer = _call(arm, "GET", f"{FRONT}{REGISTRY}/models")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "AuthorizationFailed")
    assert "registries/assets/read" in answer.json()["error"]["message"]


def _private_endpoint() -> list[dict[str, Any]]:
    """A network with a private endpoint for the registry in it."""
    subnet = f"{VNET}/subnets/pe"
    link = {"name": "c", "properties": {"privateLinkServiceId": REGISTRY, "groupIds": ["amlregistry"]}}
    network = {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "subnets": [{"name": "pe", "id": subnet, "properties": {"addressPrefix": "10.0.0.0/24"}}],
    }
    return [
        {"id": VNET, "location": "westeurope", "properties": network},
        {
            "id": f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe-registry",
            "location": "westeurope",
            "properties": {"subnet": {"id": subnet}, "privateLinkServiceConnections": [link]},
        },
        *_zone(),
    ]


def _zone() -> list[dict[str, Any]]:
    """The private zone in which the network finds the registry at an address of its own."""
    zone = f"{GROUP}/providers/Microsoft.Network/privateDnsZones/privatelink.api.azureml.ms"
    link = {"virtualNetwork": {"id": VNET}, "virtualNetworkLinkState": "Completed"}
    record = {"ttl": 10, "aRecords": [{"ipv4Address": "10.0.0.4"}]}
    return [
        {"id": zone, "location": "global", "properties": {}},
        {"id": f"{zone}/virtualNetworkLinks/callers", "location": "global", "properties": link},
        {"id": f"{zone}/A/{guid_of({'id': REGISTRY})}.registry.westeurope", "properties": record},
    ]


def test_registry_without_public_access_answers_through_its_private_endpoint_alone(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox: Sandbox = start([*associated(), registry(publicNetworkAccess="Disabled"), *_private_endpoint()])
    answer = _call(Arm(), "GET", f"{FRONT}{REGISTRY}/models")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "Forbidden")
    connections = Arm().get(REGISTRY)["properties"]["registryPrivateEndpointConnections"]
    assert connections[0]["properties"]["registryPrivateLinkServiceConnectionState"]["status"] == "Approved"
    guid = guid_of({"id": REGISTRY})
    found = public.find(sandbox.world, f"{guid}.registry.westeurope.api.azureml.ms").records
    assert [(each.kind, each.value) for each in found] == [
        ("CNAME", f"{guid}.registry.westeurope.privatelink.api.azureml.ms")
    ]
    for name, value in sandbox.env("vnet-callers").items():
        monkeypatch.setenv(name, value)
    assert list(registry_client().models.list()) == []


UNFIT: tuple[Any, ...] = (
    [],
    "x",
    {"properties": None},
    {"properties": []},
    {"properties": {"modelUri": 1, "codeUri": [], "dataUri": {}, "componentSpec": "x", "condaFile": 2}},
    {"properties": {"tags": [1], "properties": {"a": {}}, "image": {"b": 1}, "build": "x"}},
    {"properties": {"referenceType": "Id", "sourceAssetId": "azureml://x", "destinationName": 5}},
    {"assetId": "azureml://registries", "blobUri": "https://", "temporaryDataReferenceType": 1},
    {"assetId": 1, "blobUri": None},
)


def test_data_plane_refuses_unfit_bodies_and_has_no_defect(start: Start) -> None:
    start([*associated(), registry()])
    arm, names = Arm(), {"subscriptionId": SUBSCRIPTION, "resourceGroup": "rg", "registry": NAME}
    for row in registry_plane.routes().operations:
        path = row.path.format(**names, name="m", version="1")
        for body in UNFIT if row.method != "GET" else ({},):
            answer = _call(arm, row.method, FRONT + path, body)
            assert answer.status_code < 500, (row.name, body, answer.text())
    assert arm.send("GET", f"{REGISTRY}/models/m").status_code in (200, 404)


@pytest.mark.parametrize(
    "properties",
    [
        {"regionDetails": "x"},
        {"regionDetails": [1]},
        {"regionDetails": [{"location": 5}]},
        {
            "regionDetails": [
                {"location": "westeurope", "storageAccountDetails": [{"userCreatedStorageAccount": {}}]}
            ]
        },
        {"regionDetails": [{"location": "westeurope", "acrDetails": {}}]},
        {"publicNetworkAccess": "maybe"},
        {"managedResourceGroupTags": [1]},
    ],
)
def test_registry_of_unfit_parts_is_refused(arm: Arm, properties: dict[str, Any]) -> None:
    assert arm.refused("PUT", REGISTRY, {"location": "westeurope", "properties": properties})[0] == 400
    assert arm.send("GET", REGISTRY).status_code == 404


BLOB = "https://conto1.blob.core.windows.net/contosoreg-1/x"
MADE: dict[str, tuple[str, dict[str, Any]]] = {
    "models": ("Model", {"modelUri": BLOB, "modelType": "custom_model"}),
    "codes": ("Code", {"codeUri": BLOB}),
    "data": ("Data", {"dataUri": BLOB, "dataType": "uri_file"}),
    "environments": ("Environment", {"image": "x:1", "condaFile": "name: e"}),
    "components": ("Component", {"componentSpec": {"type": "command", "command": "x"}}),
}


@pytest.mark.parametrize("plural", MADE)
def test_asset_of_a_registry_has_no_member_that_the_sdks_model_has_not(start: Start, plural: str) -> None:
    title, properties = MADE[plural]
    start([*associated(), registry()])
    arm, path = Arm(), f"{FRONT}{REGISTRY}/{plural}/a"
    answer = _call(arm, "PUT", f"{path}/versions/1", {"properties": properties})
    while (found := arm.read(answer.headers["Location"])).status_code == 202:
        pass
    assert found.status_code == 200
    version_model = "DataVersionBase" if plural == "data" else f"{title}Version"
    assert faults(version_model, _call(arm, "GET", f"{path}/versions/1").json()) == []
    assert faults(f"{title}Container", _call(arm, "GET", path).json()) == []
    assert faults(version_model, arm.get(f"{REGISTRY}/{plural}/a/versions/1")) == []
    listed = _call(arm, "GET", f"{FRONT}{REGISTRY}/{plural}").json()["value"]
    assert [each["id"] for each in listed] == [f"azureml://registries/{NAME}/{plural}/a"]
