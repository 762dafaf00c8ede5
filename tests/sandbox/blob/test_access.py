"""Who reads and writes blobs: tokens and roles, account keys, shared access signatures, firewalls."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from azure.identity import EnvironmentCredential
from azure.storage.blob import (
    BlobClient,
    BlobServiceClient,
    ContainerClient,
    ResourceTypes,
    generate_account_sas,
    generate_blob_sas,
    generate_container_sas,
)

from tests.sandbox.blob_accounts import GROUP, RESOURCES, url
from vnetferry.sandbox.arm.authorization import CLIENT_OBJECT_ID
from vnetferry.sandbox.server import Sandbox

CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"


def hours(count: float) -> datetime:
    return datetime.now(timezone.utc) + timedelta(hours=count)


def code_of(call: Callable[[], Any]) -> str:
    """The storage error code with which a call is refused."""
    with pytest.raises(HttpResponseError) as refusal:
        call()
    return refusal.value.response.headers["x-ms-error-code"]


def with_sas(container: ContainerClient, sas: str) -> ContainerClient:
    return ContainerClient(url("stopen"), container.container_name, credential=sas)


# --- shared access signatures


def test_container_sas_of_an_account_key_does_what_it_permits_and_no_more(
    container: ContainerClient, key: str
) -> None:
    container.upload_blob("a", b"1")
    sas = generate_container_sas(
        "stopen", container.container_name, account_key=key, permission="rl", expiry=hours(1)
    )

    with with_sas(container, sas) as client:
        assert list(client.list_blob_names()) == ["a"]
        assert client.download_blob("a").readall() == b"1"
        assert code_of(lambda: client.upload_blob("b", b"1")) == "AuthorizationPermissionMismatch"
        assert code_of(lambda: client.delete_blob("a")) == "AuthorizationPermissionMismatch"


def test_blob_sas_opens_one_blob(container: ContainerClient, key: str) -> None:
    for name in ("a", "b"):
        container.upload_blob(name, b"1")
    sas = generate_blob_sas(
        "stopen", container.container_name, "a", account_key=key, permission="r", expiry=hours(1)
    )

    with with_sas(container, sas) as client:
        assert client.download_blob("a").readall() == b"1"
        assert code_of(lambda: client.download_blob("b")) == "AuthenticationFailed"


def test_sas_that_only_creates_cannot_overwrite(container: ContainerClient, key: str) -> None:
    sas = generate_container_sas(
        "stopen", container.container_name, account_key=key, permission="c", expiry=hours(1)
    )

    with with_sas(container, sas) as client:
        client.upload_blob("a", b"1")
        assert code_of(lambda: client.upload_blob("a", b"2", overwrite=True)) == "UnauthorizedBlobOverwrite"


def test_account_sas_is_held_to_its_resource_types(container: ContainerClient, key: str) -> None:
    container.upload_blob("a", b"1")
    sas = generate_account_sas("stopen", key, ResourceTypes(object=True), "rl", hours(1))

    with with_sas(container, sas) as client:
        assert client.download_blob("a").readall() == b"1"
        assert code_of(lambda: list(client.list_blobs())) == "AuthorizationResourceTypeMismatch"


def test_user_delegation_sas_is_signed_with_a_key_of_the_service(
    service: BlobServiceClient, container: ContainerClient
) -> None:
    container.upload_blob("a", b"1")
    delegation = service.get_user_delegation_key(hours(-1), hours(1))
    sas = generate_container_sas(
        "stopen", container.container_name, user_delegation_key=delegation, permission="r", expiry=hours(1)
    )

    with with_sas(container, sas) as client:
        assert client.download_blob("a").readall() == b"1"


@pytest.mark.parametrize(("permissions", "is_allowed"), [("rl", True), ("r", False)])
def test_sas_of_the_store_itself_is_accepted_by_the_service(
    entered: Sandbox, container: ContainerClient, permissions: str, is_allowed: bool
) -> None:
    with with_sas(
        container, entered.world.blobs.sas("stopen", container.container_name, permissions)
    ) as client:
        if is_allowed:
            assert list(client.list_blobs()) == []
        else:
            assert code_of(lambda: list(client.list_blobs())) == "AuthorizationPermissionMismatch"


@pytest.mark.parametrize(("start", "end"), [(-2.0, -1.0), (1.0, 2.0)])
def test_sas_outside_its_time_is_refused(
    container: ContainerClient, key: str, start: float, end: float
) -> None:
    sas = generate_container_sas(
        "stopen",
        container.container_name,
        account_key=key,
        permission="rl",
        start=hours(start),
        expiry=hours(end),
    )

    with with_sas(container, sas) as client:
        assert code_of(lambda: list(client.list_blobs())) == "AuthenticationFailed"


def test_sas_for_another_container_or_key_or_with_more_rights_is_refused(
    container: ContainerClient, key: str
) -> None:
    name, foreign = container.container_name, base64.b64encode(b"0" * 64).decode()
    rest = {"permission": "rl", "expiry": hours(1)}
    forged = [
        generate_container_sas("stopen", "elsewhere", account_key=key, **rest),
        generate_container_sas("stopen", name, account_key=foreign, **rest),
        generate_container_sas("stopen", name, account_key=key, **rest).replace("sp=rl", "sp=rwl"),
        generate_container_sas("stother", name, account_key=key, **rest),
    ]

    for sas in forged:
        with with_sas(container, sas) as client:
            assert code_of(lambda client=client: list(client.list_blobs())) == "AuthenticationFailed"


# --- account keys


def test_account_key_signs_every_kind_of_request(entered: Sandbox, key: str) -> None:
    with BlobServiceClient(url("stopen"), key) as service:
        container = service.create_container(f"k-{uuid.uuid4()}", metadata={"a_b": "1", "ab": "2"})
        container.upload_blob("x y/ü", b"1", metadata={"z": "1", "a": "2"})
        container.upload_blob("empty", b"")
        assert list(container.list_blob_names(name_starts_with="x y/")) == ["x y/ü"]
        assert (
            container.get_blob_client("copy").start_copy_from_url(f"{container.url}/empty")["copy_status"]
            == "success"
        )
        container.delete_container()


def test_second_key_of_the_account_signs_too(entered: Sandbox) -> None:
    second = base64.b64encode(b"2" * 64).decode()
    entered.world.secrets.second_account_keys["stother"] = second

    with BlobServiceClient(url("stother"), second) as service:
        assert list(service.list_containers()) == []


def test_account_without_keys_refuses_its_own_key(entered: Sandbox) -> None:
    key = entered.world.secrets.account_keys["stkeyless"]
    sas = generate_account_sas("stkeyless", key, ResourceTypes(service=True), "l", hours(1))

    for credential in (key, sas):
        with BlobServiceClient(url("stkeyless"), credential) as service:
            refused = code_of(lambda service=service: list(service.list_containers()))
        assert refused == "KeyBasedAuthenticationNotPermitted"


def test_wrong_account_key_is_refused(entered: Sandbox) -> None:
    with BlobServiceClient(url("stopen"), base64.b64encode(b"0" * 64).decode()) as service:
        assert code_of(lambda: list(service.list_containers())) == "AuthenticationFailed"


def test_signed_request_that_is_old_is_refused(entered: Sandbox, key: str) -> None:
    answer = requests.get(
        f"{url('stopen')}/?comp=list",
        headers={"Authorization": "SharedKey stopen:x", "x-ms-date": "Mon, 02 Mar 2026 10:00:00 GMT"},
        timeout=30,
    )

    assert answer.status_code == 403
    assert "Request date header too old" in answer.text


# --- tokens and roles


def test_request_without_credentials_is_asked_for_a_token(entered: Sandbox) -> None:
    answer = requests.get(f"{url('stopen')}/box/b", headers={"x-ms-version": "2026-04-06"}, timeout=30)

    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (401, "NoAuthenticationInformation")
    assert "resource_id=https://storage.azure.com" in answer.headers["WWW-Authenticate"]


def test_request_without_credentials_or_version_is_told_that_nothing_is_public(entered: Sandbox) -> None:
    answer = requests.get(f"{url('stopen')}/box/b", timeout=30)

    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (409, "PublicAccessNotPermitted")


def test_token_for_another_audience_is_refused(entered: Sandbox) -> None:
    with EnvironmentCredential() as credential:
        token = credential.get_token("https://management.azure.com/.default").token

    answer = requests.get(
        f"{url('stopen')}/?comp=list", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )

    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (401, "InvalidAuthenticationInfo")
    assert token not in answer.text


def assigned(role: str) -> dict[str, Any]:
    name = str(uuid.uuid4())
    definition = (
        f"{GROUP.rpartition('/resourceGroups')[0]}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    )
    return {
        "id": f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "properties": {"roleDefinitionId": definition, "principalId": CLIENT_OBJECT_ID, "scope": GROUP},
    }


@pytest.mark.parametrize(
    ("role", "may_read", "may_write"),
    [(CONTRIBUTOR, False, False), (BLOB_READER, True, False), (BLOB_CONTRIBUTOR, True, True)],
)
def test_role_decides_over_data_and_contributor_has_no_say(
    sandbox_factory: Callable[..., Sandbox],
    enter_sandbox: Callable[..., Sandbox],
    role: str,
    may_read: bool,
    may_write: bool,
) -> None:
    sandbox = enter_sandbox(sandbox_factory({"resources": [*RESOURCES, assigned(role)], "runtime": "echo"}))
    sandbox.world.blobs.ensure_container("stopen", "box")
    sandbox.world.blobs.put("stopen", "box", "x", b"1")

    with (
        EnvironmentCredential() as credential,
        BlobClient(url("stopen"), "box", "x", credential=credential) as blob,
    ):
        if may_read:
            assert blob.download_blob().readall() == b"1"
        else:
            assert code_of(blob.download_blob) == "AuthorizationPermissionMismatch"
        if may_write:
            blob.upload_blob(b"2", overwrite=True)
        else:
            assert (
                code_of(lambda: blob.upload_blob(b"2", overwrite=True)) == "AuthorizationPermissionMismatch"
            )


# --- firewalls


@pytest.mark.parametrize(
    ("account", "vantage", "is_open"),
    [
        ("stopen", "internet", True),
        ("stopen", "vnet-far", True),
        ("stclosed", "internet", False),
        ("stclosed", "vnet-near", True),
        ("stclosed", "vnet-far", False),
        ("stnamed", "internet", False),
        ("stnamed", "vnet-named", True),
        ("stnamed", "vnet-near", False),
    ],
)
def test_firewall_opens_by_vantage(
    accounts: Sandbox, enter_sandbox: Callable[..., Sandbox], account: str, vantage: str, is_open: bool
) -> None:
    enter_sandbox(accounts, vantage)

    with EnvironmentCredential() as credential, BlobServiceClient(url(account), credential) as service:
        if is_open:
            assert [c for c in service.list_containers() if c.name.startswith("nothing-of")] == []
        else:
            assert code_of(lambda: list(service.list_containers())) == "AuthorizationFailure"


def test_firewall_answers_before_credentials_are_looked_at(entered: Sandbox) -> None:
    answer = requests.get(
        f"{url('stclosed')}/?comp=list", headers={"Authorization": "Bearer nonsense"}, timeout=30
    )

    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (403, "AuthorizationFailure")


def test_account_that_does_not_exist_has_no_address(entered: Sandbox) -> None:
    with (
        EnvironmentCredential() as credential,
        BlobServiceClient(url("stnowhere"), credential, retry_total=0) as service,
        pytest.raises(
            ServiceRequestError, match=r"502 stnowhere\.blob\.core\.windows\.net cannot be resolved"
        ),
    ):
        list(service.list_containers())
