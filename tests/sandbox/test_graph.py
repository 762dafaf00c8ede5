"""Microsoft Graph's lookups: whom the directory holds, and its refusals in its own words."""

from collections.abc import Callable

import pytest
import requests

from vnetferry.sandbox.arm.authorization import CLIENT_OBJECT_ID
from vnetferry.sandbox.server import Sandbox
from vnetferry.sandbox.wire import Principal

SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg"
OWN = "11111111-1111-4111-8111-111111111111"
ENDPOINT = "22222222-2222-4222-8222-222222222222"
USER = "33333333-3333-4333-8333-333333333333"
ABSENT = "99999999-9999-4999-8999-999999999999"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-own"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stacting"
OTHER = {
    "app_id": "66666666-6666-4666-8666-666666666666",
    "object_id": "77777777-7777-4777-8777-777777777777",
    "secret": "for-the-test",
}
SCENARIO = {
    "runtime": "echo",
    "principals": [OTHER],
    "resources": [
        {
            "id": IDENTITY,
            "name": "id-own",
            "location": "westeurope",
            "properties": {"principalId": OWN, "clientId": "44444444-4444-4444-8444-444444444444"},
        },
        {
            "id": ACCOUNT,
            "name": "stacting",
            "location": "westeurope",
            "kind": "StorageV2",
            "sku": {"name": "Standard_LRS"},
            "identity": {"type": "SystemAssigned", "principalId": ENDPOINT},
            "properties": {},
        },
        {
            "id": f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{USER}",
            "name": USER,
            "properties": {
                "roleDefinitionId": f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/"
                "acdd72a7-3385-48ef-bd42-f606fba81ae7",
                "principalId": USER,
                "principalType": "User",
                "scope": GROUP,
            },
        },
    ],
}


@pytest.fixture(scope="module")
def directory(session_sandbox_factory: Callable[..., Sandbox]) -> Sandbox:
    return session_sandbox_factory(SCENARIO)


@pytest.fixture
def inside(directory: Sandbox, enter_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return enter_sandbox(directory)


def _ask(
    sandbox: Sandbox, path: str, *, audience: str = "https://graph.microsoft.com/", body: object = None
) -> requests.Response:
    token = sandbox.world.identity.issue(sandbox.world.identity.client, audience)
    method, headers = ("POST" if body else "GET"), {"Authorization": f"Bearer {token}"}
    url = f"https://graph.microsoft.com/v1.0/{path}"
    return requests.request(method, url, headers=headers, json=body, timeout=30)


def _refused(answer: requests.Response, status: int, code: str, message: str) -> None:
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["message"]) == (status, code, message)
    assert error["innerError"]["request-id"] == answer.headers["request-id"]


def test_client_is_found_by_its_application_id(inside: Sandbox) -> None:
    client = inside.world.identity.client_id
    for path in (
        f"servicePrincipals?$filter=servicePrincipalNames/any(c:c eq '{client}')",
        f"servicePrincipals?$filter=appId eq '{client.upper()}'",
    ):
        (found,) = _ask(inside, path).json()["value"]
        assert (found["id"], found["servicePrincipalType"]) == (CLIENT_OBJECT_ID, "Application")
    assert _ask(inside, f"servicePrincipals(appId='{client}')").json()["id"] == CLIENT_OBJECT_ID


def test_further_client_of_the_scenario_is_found_by_its_application_id(inside: Sandbox) -> None:
    found = _ask(inside, f"servicePrincipals(appId='{OTHER['app_id']}')").json()
    assert (found["id"], found["servicePrincipalType"]) == (OTHER["object_id"], "Application")


def test_managed_identities_are_service_principals_of_their_resources(inside: Sandbox) -> None:
    own, system = (_ask(inside, f"servicePrincipals/{each}").json() for each in (OWN, ENDPOINT))
    assert (own["displayName"], own["appId"]) == ("id-own", "44444444-4444-4444-8444-444444444444")
    assert own["alternativeNames"] == ["isExplicit=True", IDENTITY]
    assert (system["displayName"], system["servicePrincipalType"]) == ("stacting", "ManagedIdentity")
    assert system["alternativeNames"] == ["isExplicit=False", ACCOUNT]


def test_managed_identity_goes_with_its_resource(
    sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox]
) -> None:
    inside = enter_sandbox(sandbox_factory(SCENARIO))
    token = inside.world.identity.issue(inside.world.identity.client, "https://management.azure.com")
    url = f"https://management.azure.com{IDENTITY}?api-version=2023-01-31"
    assert requests.delete(url, headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code == 200
    assert _ask(inside, f"servicePrincipals/{OWN}").status_code == 404
    assert _ask(inside, f"servicePrincipals/{ENDPOINT}").status_code == 200


def test_names_are_looked_up_by_their_beginning_and_whole(inside: Sandbox) -> None:
    by_start = _ask(inside, "servicePrincipals?$filter=startswith(displayName,'ID-')").json()["value"]
    both = _ask(inside, "servicePrincipals?$filter=displayName eq 'id-own' and appId eq 'x'").json()["value"]
    assert [each["id"] for each in by_start] == [OWN]
    assert both == []


def test_ids_of_all_kinds_are_resolved_and_absent_ones_left_out(inside: Sandbox) -> None:
    body = {"ids": [OWN, USER, ABSENT], "types": ["user", "servicePrincipal"]}
    found = _ask(inside, "directoryObjects/getByIds", body=body).json()["value"]
    assert {each["id"]: each["@odata.type"] for each in found} == {
        OWN: "#microsoft.graph.servicePrincipal",
        USER: "#microsoft.graph.user",
    }
    only = _ask(inside, "directoryObjects/getByIds", body={**body, "types": ["group"]})
    assert only.json()["value"] == []


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"ids": "x"}, "ids"),
        ({"ids": [USER, 1]}, "ids"),
        ({"ids": [USER] * 1001}, "ids"),
        ({"ids": [USER], "types": 7}, "types"),
        ({"ids": [USER], "types": {"user": True}}, "types"),
        ({"ids": [USER], "types": [None]}, "types"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_ids_that_are_no_texts_are_refused(inside: Sandbox, body: dict[str, object], name: str) -> None:
    answer = _ask(inside, "directoryObjects/getByIds", body=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")
    assert f"'{name}'" in answer.json()["error"]["message"]


def test_select_leaves_the_rest_out(inside: Sandbox) -> None:
    (found,) = _ask(inside, f"servicePrincipals?$filter=id eq '{OWN}'&$select=id,appId").json()["value"]
    assert set(found) == {"id", "appId"}


@pytest.mark.parametrize("path", ["servicePrincipals", "users", "groups", "directoryObjects"])
def test_absent_object_is_not_found_in_graphs_words(inside: Sandbox, path: str) -> None:
    message = f"Resource '{ABSENT}' does not exist or one of its queried reference-property objects are not present."
    _refused(_ask(inside, f"{path}/{ABSENT}"), 404, "Request_ResourceNotFound", message)


def test_me_of_an_application_is_refused(inside: Sandbox) -> None:
    message = "/me request is only valid with delegated authentication flow."
    _refused(_ask(inside, "me"), 400, "BadRequest", message)


def test_filter_that_is_not_understood_is_refused(inside: Sandbox) -> None:
    answer = _ask(inside, "servicePrincipals?$filter=displayName ne 'x'")
    _refused(answer, 400, "Request_UnsupportedQuery", "Unsupported Query.")


def test_token_for_another_service_is_refused(inside: Sandbox) -> None:
    answer = _ask(inside, "users", audience="https://management.azure.com")
    message = "Access token validation failure. Invalid audience."
    _refused(answer, 401, "InvalidAuthenticationToken", message)
    without = requests.get("https://graph.microsoft.com/v1.0/users", timeout=30)
    _refused(without, 401, "InvalidAuthenticationToken", "Access token is empty.")


def test_managed_identity_may_not_read_the_directory(inside: Sandbox) -> None:
    principal = Principal(OWN, OWN, inside.world.identity.tenant_id)
    token = inside.world.identity.issue(principal, "https://graph.microsoft.com")
    url, headers = "https://graph.microsoft.com/v1.0/users", {"Authorization": f"Bearer {token}"}
    message = "Insufficient privileges to complete the operation."
    _refused(requests.get(url, headers=headers, timeout=30), 403, "Authorization_RequestDenied", message)


def test_what_the_sandbox_lacks_says_so(inside: Sandbox) -> None:
    answer = _ask(inside, "applications")
    assert answer.status_code == 400
    assert "The vnetferry sandbox does not implement it" in answer.json()["error"]["message"]
