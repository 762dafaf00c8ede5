"""Clients of the storage accounts in `blob_accounts`."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from azure.identity import EnvironmentCredential
from azure.storage.blob import BlobServiceClient, ContainerClient

from tests.sandbox.blob_accounts import RESOURCES, url
from vnetferry.sandbox.server import Sandbox


@pytest.fixture(scope="session")
def accounts(session_sandbox_factory: Callable[..., Sandbox]) -> Sandbox:
    return session_sandbox_factory({"resources": RESOURCES, "runtime": "echo"})


@pytest.fixture
def entered(accounts: Sandbox, enter_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return enter_sandbox(accounts)


@pytest.fixture
def service(entered: Sandbox) -> Iterator[BlobServiceClient]:
    with EnvironmentCredential() as credential, BlobServiceClient(url("stopen"), credential) as client:
        yield client


@pytest.fixture
def container(service: BlobServiceClient) -> ContainerClient:
    return service.create_container(f"c-{uuid.uuid4()}")


@pytest.fixture
def key(entered: Sandbox) -> str:
    return entered.world.secrets.account_keys["stopen"]
