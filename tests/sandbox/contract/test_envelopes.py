"""How answers are wrapped: each service's refusals, the headers of every answer, addresses of operations."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import FqdnDestination, ManagedNetwork
from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpResponse
from azure.identity import EnvironmentCredential

from tests.sandbox.contract.wire_world import MADE, WORKSPACE_MEMBERS
from tests.sandbox.ml.workspace_world import GROUP, SUBSCRIPTION, WORKSPACE, Arm, workspace_body
from vnetferry.gateway.faults import translate
from vnetferry.sandbox.errors import AzureError

GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
AWAY = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/wsaway"
LOCATIONS = "/providers/Microsoft.MachineLearningServices/locations"


@pytest.fixture(scope="module")
def away(arm: Arm) -> Arm:
    """With a second workspace, in another region."""
    arm.done("PUT", AWAY, {**workspace_body(), "location": "eastus"})
    return arm


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("", "Microsoft.MachineLearningServices/workspaces/absent"),
        (
            "/onlineEndpoints/e",
            "Microsoft.MachineLearningServices/workspaces/wsone/onlineEndpoints/e",
        ),
        (
            "/onlineEndpoints/scoring/deployments/d",
            "Microsoft.MachineLearningServices/workspaces/wsone/onlineEndpoints/scoring/deployments/d",
        ),
    ],
)
def test_what_resource_manager_misses_is_named_from_its_provider_on(arm: Arm, path: str, named: str) -> None:
    answer = arm.send("GET", f"{WORKSPACE}{path}" if path else WORKSPACE.replace("wsone", "absent"))
    assert (answer.status_code, answer.headers["x-ms-failure-cause"]) == (404, "gateway")
    assert "x-ms-response-type" not in answer.headers
    assert answer.json() == {
        "error": {
            "code": "ResourceNotFound",
            "message": f"The Resource '{named}' under resource group 'rg' was not found. For more details please "
            "go to https://aka.ms/ARMResourceNotFoundFix",
        }
    }


@pytest.mark.parametrize(
    ("path", "message", "detail"),
    [
        ("datastores/none", "Could not find datastore: none.", None),
        ("models/none", "Model container with name: none not found.", "ModelNotFound"),
        (
            "environments/none",
            "No environment exists for name: none, version: , label: ",
            "EnvironmentNotFound",
        ),
    ],
)
def test_what_the_service_misses_is_a_user_error_with_where_and_when(
    away: Arm, path: str, message: str, detail: str | None
) -> None:
    answer = away.send("GET", f"{AWAY}/{path}")
    error = answer.json()["error"]
    added = {each["type"]: each["info"]["value"] for each in error["additionalInfo"]}

    assert (answer.status_code, answer.headers["x-ms-response-type"]) == (404, "error")
    assert "x-ms-failure-cause" not in answer.headers
    assert (error["code"], error["message"]) == ("UserError", message)
    assert [each["code"] for each in error["details"]] == ([detail] if detail else [])
    assert list(added) == ["ComponentName", "Correlation", "Environment", "Location", "Time"]
    assert (added["ComponentName"], added["Environment"], added["Location"]) == (
        "managementfrontend",
        "eastus",
        "eastus",
    )
    assert re.fullmatch(r"[0-9a-f]{32}", added["Correlation"]["operation"])
    assert re.fullmatch(r"[0-9a-f]{16}", added["Correlation"]["request"])


def test_missing_connection_is_told_with_where_and_when_beside_the_error(away: Arm) -> None:
    answer = away.send("GET", f"{AWAY}/connections/none", version="2024-04-01-preview")
    body = answer.json()

    assert (answer.status_code, answer.headers["x-ms-response-type"]) == (404, "error")
    assert list(body) == ["error", "correlation", "environment", "location", "time", "componentName"]
    assert body["error"]["message"] == "Connection none can't be found in this workspace"
    assert (body["error"]["details"], body["error"]["innerError"]) == ([], None)
    assert (body["environment"], body["componentName"]) == ("eastus", "account-rp")
    assert set(body["correlation"]) == {"operation", "request"}


_RULES = "/outboundRules"


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("PUT", "", {**workspace_body(), "identity": {"type": "None"}}, "BadRequest"),
        ("PUT", "", workspace_body(unheard="of"), "BadRequest"),
        ("PATCH", "", {"properties": {"managedNetwork": {"isolationMode": "Ajar"}}}, "BadRequest"),
        ("PATCH", "", {"properties": {"managedNetwork": {"outboundRules": {"r": 1}}}}, "BadRequest"),
        ("POST", "/diagnose", {"value": {"unheardOf": {}}}, "BadRequest"),
        (
            "PUT",
            f"{_RULES}/rule",
            {"properties": {"type": "FQDN", "destination": "a.com"}},
            "ValidationError",
        ),
        ("PUT", f"{_RULES}/rule", {"properties": {"type": "FQDN"}}, "ValidationError"),
        ("GET", f"{_RULES}/none", None, "NotFound"),
        ("POST", "/provisionManagedNetwork", {"includeSpark": False}, "ValidationError"),
        ("POST", "/provisionManagedNetwork", {"includeSpark": 7}, "ValidationError"),
        ("PUT", "/connections/made", {"properties": {"unheard": "of"}}, "UserError"),
    ],
)
def test_workspaces_refuse_with_where_and_when_beside_the_error(
    away: Arm, method: str, path: str, body: Any, code: str
) -> None:
    answer = away.send(
        method, AWAY.replace("wsaway", "wsnew") if method == "PUT" and not path else AWAY + path, body
    )
    told = answer.json()

    assert 400 <= answer.status_code < 500
    assert (answer.headers["x-ms-response-type"], told["componentName"]) == ("error", "account-rp")
    assert "x-ms-failure-cause" not in answer.headers
    assert list(told) == ["error", "correlation", "environment", "location", "time", "componentName"]
    assert list(told["error"])[:3] == ["code", "severity", "message"]
    assert (told["error"]["code"], told["error"]["additionalInfo"]) == (code, None)


def test_lost_operation_of_a_workspace_is_told_in_the_same_shape(away: Arm) -> None:
    subscription = "/".join(GROUP.split("/")[:3])
    lost = away.send("GET", f"{subscription}{LOCATIONS}/eastus/workspaceOperationsStatus/none")
    assert (lost.status_code, lost.json()["componentName"]) == (404, "account-rp")
    assert lost.json()["error"]["details"][0]["code"] == "OperationNotFound"


@pytest.mark.parametrize("envelope", ["service", "account"])
def test_service_says_that_it_was_itself_when_it_broke(envelope: Any) -> None:
    broken = AzureError(500, "ServiceError", "InternalServerError", envelope=envelope)
    assert broken.response_headers() == {"x-ms-response-type": "error", "x-ms-failure-cause": "service"}
    mended = AzureError(400, "UserError", "no", envelope=envelope)
    assert mended.response_headers() == {"x-ms-response-type": "error"}


def test_sdk_and_gateway_read_what_a_workspace_refuses(arm: Arm) -> None:
    workspaces = MLClient(EnvironmentCredential(), SUBSCRIPTION, "rg", "wsone").workspaces
    workspace = workspaces.get("wsone")
    workspace.managed_network = ManagedNetwork(
        isolation_mode="AllowInternetOutbound",
        outbound_rules=[FqdnDestination(name="r", destination="a.com")],
    )
    with pytest.raises(HttpResponseError) as raised:
        workspaces.begin_update(workspace)
    said = json.loads(raised.value.response.text())["error"]["message"]  # type: ignore[union-attr]
    # azure-mgmt-core gives up on the shape (`additionalInfo` is null) and shows the whole body.
    assert raised.value.error is None
    assert said in str(raised.value)
    ours = translate(raised.value)
    assert said.rstrip(".") in str(ours)
    assert ours.code == "ValidationError"


def test_missing_compute_is_an_empty_404_of_the_service(arm: Arm) -> None:
    answer = arm.send("GET", f"{WORKSPACE}/computes/none")
    assert (answer.status_code, answer.text()) == (404, "")
    assert answer.headers["x-ms-response-type"] == "error"


def test_every_answer_of_the_service_says_which_cluster_and_how_long(away: Arm) -> None:
    answer = away.send("GET", AWAY)
    headers = answer.headers
    identifier = headers["x-ms-request-id"]

    assert re.fullmatch(GUID, identifier)
    assert headers["x-ms-correlation-request-id"] == identifier
    routed = headers["x-ms-routing-request-id"]
    assert re.fullmatch(rf"[A-Z0-9]+:\d{{8}}T\d{{6}}Z:{identifier}", routed)
    assert headers["x-ms-response-type"] == "standard"
    assert re.fullmatch(r"\d+\.\d{3}", headers["x-request-time"])
    assert headers["azureml-served-by-cluster"] == "vienna-eastus-01"
    assert re.fullmatch(rf"tenantId={GUID},objectId={GUID}/\w+/{GUID}", headers["x-ms-operation-identifier"])


def test_answers_of_other_providers_say_nothing_of_clusters(arm: Arm) -> None:
    answer = arm.send("GET", GROUP, version="2021-04-01")
    assert not {"x-ms-response-type", "x-request-time", "azureml-served-by-cluster"} & set(answer.headers)


def _identifier(answer: HttpResponse) -> str:
    return answer.headers["Azure-AsyncOperation"].partition("?")[0].rpartition("/")[2]


def test_operations_of_workspaces_have_guids_or_43_letters(arm: Arm) -> None:
    found = []
    for number in range(8):
        answer = arm.send("PATCH", WORKSPACE, {"tags": {"n": str(number)}})
        arm.finish(answer)
        found.append(_identifier(answer))
    guids = [each for each in found if re.fullmatch(GUID, each)]
    letters = [each for each in found if re.fullmatch(r"[A-Za-z0-9_-]{43}", each) and each not in guids]

    assert len(guids) + len(letters) == len(found)
    assert guids
    assert letters


def test_operations_of_endpoints_and_deployments_are_named_by_kind_and_workspace(arm: Arm) -> None:
    guid = arm.get(WORKSPACE)["properties"]["workspaceId"]
    for path, kind in (
        ("onlineEndpoints/named", "oeidp"),
        ("onlineEndpoints/named/deployments/blue", "odidp"),
    ):
        body = MADE[path.replace("named", "scoring")]
        answer = arm.send("PUT", f"{WORKSPACE}/{path}", body)
        arm.finish(answer)
        assert re.fullmatch(f"{kind}:{guid}:{GUID}", _identifier(answer))
        assert answer.headers["x-ms-async-operation-timeout"] == "PT30M"
    counted = "x-ms-ratelimit-remaining-subscription-resource-requests"
    assert 0 <= int(answer.headers[counted]) < 25


def test_running_words_and_times_of_an_endpoints_operation(arm: Arm) -> None:
    answer = arm.send("PUT", f"{WORKSPACE}/onlineEndpoints/timed", MADE["onlineEndpoints/scoring"])
    first = arm.read(answer.headers["Azure-AsyncOperation"]).json()
    last = arm.finish(answer)

    assert list(first) == ["id", "name", "startTime", "endTime", "percentComplete", "status"]
    if first["status"] != "Succeeded":
        assert (first["status"], first["endTime"]) == ("Updating", "0001-01-01T00:00:00+00:00")
    assert (last["status"], last["percentComplete"]) == ("Succeeded", 0.0)
    assert last["endTime"] > last["startTime"]


@pytest.mark.parametrize(("version", "body"), [("2022-02-01-preview", "null"), ("2025-06-01", "")])
def test_deletion_of_an_endpoint_has_the_body_of_its_time(arm: Arm, version: str, body: str) -> None:
    path = f"{WORKSPACE}/onlineEndpoints/deleted-{version[:4]}"
    arm.finish(arm.send("PUT", path, MADE["onlineEndpoints/scoring"]))
    gone = arm.send("DELETE", path, version=version)
    assert (gone.status_code, gone.text()) == (202, body)
    assert gone.headers["Content-Length"] == str(len(body))
    assert arm.finish(gone)["status"] == "Succeeded"
    assert arm.send("DELETE", path).status_code == 204


def test_diagnosis_begins_with_location_alone_and_is_polled_with_both(arm: Arm) -> None:
    begun = arm.send("POST", f"{WORKSPACE}/diagnose", {"value": {}})
    assert (begun.status_code, begun.text()) == (202, "")
    assert "Azure-AsyncOperation" not in begun.headers
    while (polled := arm.read(begun.headers["Location"])).status_code == 202:
        assert polled.text() == ""
        assert {"azure-asyncoperation", "location"} <= set(polled.headers)
    assert set(polled.json()["value"]) == {
        f"{group}Results"
        for group in (
            *("userDefinedRoute", "networkSecurityRule", "resourceLock", "dnsResolution", "storageAccount"),
            *("keyVault", "containerRegistry", "applicationInsights", "other"),
        )
    }


def test_workspace_without_a_managed_network_says_what_it_may_become(arm: Arm) -> None:
    assert arm.get(WORKSPACE)["properties"]["managedNetwork"] == {
        "changeableIsolationModes": ["AllowInternetOutbound", "AllowOnlyApprovedOutbound"],
        "isolationMode": "Disabled",
        "enableNetworkMonitor": False,
        "enableFirewallLog": False,
    }


def test_unknown_api_version_is_refused_with_the_known_ones_and_the_regions(arm: Arm) -> None:
    status, code, message = arm.refused("GET", WORKSPACE, version="1999-01-01")
    assert (status, code) == (400, "NoRegisteredProviderFound")
    assert message.startswith(
        "No registered resource provider found for location '' and API version '1999-01-01' for type "
        "'workspaces'. The supported api-versions are '2025-12-01, 2025-10-01-preview, "
    )
    assert "2024-10-01-preview" in message
    assert re.search(r"The supported locations are '[a-z0-9, ]*westeurope[a-z0-9, ]*'\.$", message)


def test_request_without_an_api_version_is_refused(arm: Arm) -> None:
    answer = arm.read(f"https://management.azure.com{WORKSPACE}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "MissingApiVersionParameter")


def test_paths_and_query_names_are_read_without_regard_to_case(arm: Arm) -> None:
    odd = WORKSPACE.replace("resourceGroups", "resourcegroups").replace("Microsoft.M", "microsoft.m")
    url = f"https://management.azure.com{odd.replace('/workspaces/', '/WORKSPACES/')}/ONLINEendpoints"
    answer = arm.read(f"{url}/Scoring/listkeys?API-Version=2024-10-01")
    assert answer.status_code == 405  # it is found, and only to be posted to
    found = arm.read(f"{url}?API-Version=2024-10-01-PREVIEW")
    assert found.status_code == 200
    assert f"{WORKSPACE}/onlineEndpoints/scoring" in [each["id"] for each in found.json()["value"]]


def test_region_of_an_operation_is_that_of_its_address(away: Arm) -> None:
    subscription = "/".join(GROUP.split("/")[:3])
    answer = away.send("GET", f"{subscription}{LOCATIONS}/eastus/mfeOperationsStatus/none")
    assert answer.status_code == 404
    added = {each["type"]: each["info"]["value"] for each in answer.json()["error"]["additionalInfo"]}
    assert added["Location"] == "eastus"


@pytest.mark.parametrize(
    ("path", "version", "is_known"),
    [
        ("", "2022-01-01-preview", True),
        ("", "2022-02-01-preview", False),
        ("/connections", "2022-01-01-preview", True),
        ("/onlineEndpoints", "2022-02-01-preview", True),
        ("/onlineEndpoints", "2022-01-01-preview", False),
        ("/models", "2022-02-01-preview", True),
        ("/outboundRules", "2022-10-01", False),
        ("/outboundRules", "2022-12-01-preview", True),
        ("/outboundRules", "2023-04-01", False),
        ("/outboundRules", "2023-04-01-preview", True),
        ("/managedNetworks", "2025-09-01", False),
        ("/managedNetworks", "2025-12-01", True),
    ],
)
def test_each_type_has_its_own_api_versions(arm: Arm, path: str, version: str, is_known: bool) -> None:
    answer = arm.send("GET", f"{WORKSPACE}{path}", version=version)
    if is_known:
        assert answer.status_code == 200
        return
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "NoRegisteredProviderFound")
    listed = answer.json()["error"]["message"].partition("supported api-versions are '")[2].partition("'")[0]
    assert version not in listed.split(", ")


@pytest.mark.parametrize(
    ("version", "member"),
    [
        ("2022-10-01", "userStorageResourceId"),
        ("2023-10-01", "userStorageResourceId"),
        ("2023-08-01-preview", "userStorageArmId"),
        ("2024-10-01-preview", "userStorageArmId"),
    ],
)
def test_keys_of_a_workspace_name_its_account_as_the_api_version_does(
    arm: Arm, version: str, member: str
) -> None:
    keys = arm.send("POST", f"{WORKSPACE}/listKeys", version=version).json()
    assert {"userStorageResourceId", "userStorageArmId"} & keys.keys() == {member}
    assert keys[member] == arm.get(WORKSPACE)["properties"]["storageAccount"]


def test_managed_network_shows_itself_in_order_before_and_after_provisioning(arm: Arm) -> None:
    path = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/wsordered"
    network = {"isolationMode": "AllowInternetOutbound"}
    arm.done("PUT", path, workspace_body(managedNetwork=network))
    before = arm.get(path)["properties"]["managedNetwork"]
    arm.done("POST", f"{path}/provisionManagedNetwork", {"includeSpark": False})
    after = arm.get(path)["properties"]["managedNetwork"]

    members = ["changeableIsolationModes", "isolationMode", "networkId", "outboundRules", "status"]
    assert list(before)[:5] == list(after)[:5] == members
    assert before["changeableIsolationModes"] == ["AllowOnlyApprovedOutbound"]
    assert before["status"] == {"status": "Inactive", "sparkReady": False}
    assert after["status"] == {"status": "Active", "sparkReady": False}
    assert before["networkId"] == after["networkId"]
    assert [rule["status"] for rule in before["outboundRules"].values()] == ["Inactive"]
    assert [rule["status"] for rule in after["outboundRules"].values()] == ["Active"]


def test_workspace_shows_itself_in_the_services_order(arm: Arm) -> None:
    document = arm.get(WORKSPACE)
    top = [
        "id",
        "name",
        "type",
        "location",
        "tags",
        "etag",
        "properties",
        "identity",
        "kind",
        "sku",
        "systemData",
    ]
    assert list(document) == top
    shown = [name for name in document["properties"] if name in WORKSPACE_MEMBERS.split()]
    assert shown == WORKSPACE_MEMBERS.split()


def test_cloud_tells_where_its_services_are_without_a_token(
    arm: Arm, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azure.ai.ml import _azure_environments as environments

    url = "https://management.azure.com/metadata/endpoints?api-version=2019-05-01"
    monkeypatch.setenv("ARM_CLOUD_METADATA_URL", url)
    monkeypatch.delenv("AZUREML_CURRENT_CLOUD", raising=False)
    told = environments._get_clouds_by_metadata_url(url)
    assert told == {"AzureCloud": told["AzureCloud"]}
    default = environments._environments["AzureCloud"]
    assert {name: value.rstrip("/") for name, value in told["AzureCloud"].items()} == {
        name: default[name].rstrip("/") for name in told["AzureCloud"]
    }
    assert arm.read(url.replace("2019-05-01", "1999-01-01")).status_code == 400


def test_new_version_of_an_asset_tells_an_address_that_leads_to_it(arm: Arm) -> None:
    path = f"{WORKSPACE}/models/located/versions/1"
    made = arm.send("PUT", path, MADE["models/m/versions/1"])
    again = arm.send("PUT", path, MADE["models/m/versions/1"])
    assert (made.status_code, again.status_code, "Location" in again.headers) == (201, 200, False)
    assert arm.read(made.headers["Location"]).json()["id"] == path


def test_endpoint_with_tokens_has_no_keys_and_a_token_to_be_refreshed_halfway(arm: Arm) -> None:
    path = f"{WORKSPACE}/onlineEndpoints/tokened"
    body = {**MADE["onlineEndpoints/scoring"], "properties": {"authMode": "AMLToken"}}
    arm.finish(arm.send("PUT", path, body))
    keys = arm.send("POST", f"{path}/listKeys")
    token = arm.send("POST", f"{path}/token").json()

    assert (keys.status_code, keys.json()) == (200, {"primaryKey": None, "secondaryKey": None})
    assert list(token) == ["accessToken", "tokenType", "expiryTimeUtc", "refreshAfterTimeUtc"]
    assert token["tokenType"] == "Bearer"
    assert token["accessToken"].count(".") == 2
    assert token["expiryTimeUtc"] - token["refreshAfterTimeUtc"] == 43_200
