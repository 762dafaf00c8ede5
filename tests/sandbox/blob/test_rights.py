"""Roles on blobs, given to another client through Resource Manager, as the blob service comes to know them."""

from __future__ import annotations

from collections.abc import Callable

from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.storage.blob import ContainerClient

from tests.sandbox.ml.workspace_world import STORAGE, SUBSCRIPTION, Arm, associated
from vnetferry.sandbox.arm.grants import PROPAGATION
from vnetferry.sandbox.server import Sandbox

APP = "44444444-4444-4444-8444-444444444444"
OBJECT = "55555555-5555-4555-8555-555555555555"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"


def answer_of(container: ContainerClient) -> str:
    """The blob's text, or the code of the refusal."""
    try:
        return container.download_blob("a.txt").readall().decode()
    except HttpResponseError as err:
        return str(err.error_code)


def test_role_given_through_arm_reaches_the_blob_service_after_the_delay(
    sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox]
) -> None:
    described = {
        "resources": associated(),
        "blobs": {"stone/models/a.txt": {"text": "a"}},
        "principals": [{"app_id": APP, "object_id": OBJECT, "secret": "its-own"}],
        "durations_s": {PROPAGATION: 20_000},
        "runtime": "echo",
    }
    sandbox = enter_sandbox(sandbox_factory(described, time_scale=20_000))
    credential = ClientSecretCredential(sandbox.world.identity.tenant_id, APP, "its-own")
    container = ContainerClient("https://stone.blob.core.windows.net", "models", credential, retry_total=0)
    definition = (
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{BLOB_READER}"
    )
    given = {"properties": {"roleDefinitionId": definition, "principalId": OBJECT}}
    path = f"{STORAGE}/providers/Microsoft.Authorization/roleAssignments/{OBJECT}"
    started_s = sandbox.world.clock.elapsed_s()
    assert Arm().send("PUT", path, given, version="2022-04-01").status_code == 201
    assert answer_of(container) == "AuthorizationPermissionMismatch"
    while (answer := answer_of(container)) == "AuthorizationPermissionMismatch":
        pass
    assert answer == "a"
    assert sandbox.world.clock.elapsed_s() - started_s >= 20_000
