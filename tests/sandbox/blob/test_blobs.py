"""Block blobs as azure-storage-blob writes, reads, lists, changes and copies them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.identity import EnvironmentCredential
from azure.storage.blob import BlobBlock, BlobServiceClient, ContainerClient, ContentSettings

from tests.sandbox.blob_accounts import RESOURCES, url
from vnetferry.sandbox.blob import BlobStore
from vnetferry.sandbox.clock import Clock
from vnetferry.sandbox.server import Sandbox


def test_upload_then_download_gives_bytes_metadata_and_md5(container: ContainerClient) -> None:
    blob = container.get_blob_client("LocalUpload/1/score.py")

    blob.upload_blob(b"def run(): ...", metadata={"upload_status": "completed"})

    assert blob.download_blob().readall() == b"def run(): ..."
    properties = blob.get_blob_properties()
    assert properties.metadata == {"upload_status": "completed"}
    assert properties.size == 14
    assert properties.content_settings.content_md5 == hashlib.md5(b"def run(): ...").digest()


def test_upload_of_an_existing_blob_without_overwrite_is_refused(container: ContainerClient) -> None:
    container.upload_blob("a", b"1")

    with pytest.raises(ResourceExistsError) as refusal:
        container.upload_blob("a", b"2")

    assert refusal.value.error_code == "BlobAlreadyExists"
    assert container.download_blob("a").readall() == b"1"


def test_upload_in_blocks_and_download_in_ranges_gives_the_same_bytes(
    service: BlobServiceClient, container: ContainerClient
) -> None:
    data = b"".join(i.to_bytes(4, "big") for i in range(300_000))
    options = {
        "max_block_size": 256 * 1024,
        "max_single_put_size": 1024,
        "max_single_get_size": 100_000,
        "max_chunk_get_size": 100_000,
    }

    with ContainerClient(service.url, container.container_name, service.credential, **options) as client:
        client.upload_blob("big", data, max_concurrency=2)
        assert client.download_blob("big").readall() == data
        committed, staged = client.get_blob_client("big").get_block_list("all")

    assert len(committed) == 5
    assert staged == []


def test_commit_of_an_unknown_block_is_refused(container: ContainerClient) -> None:
    blob = container.get_blob_client("b")
    blob.stage_block("one", b"1")

    with pytest.raises(HttpResponseError) as refusal:
        blob.commit_block_list(["one", "two"])

    assert refusal.value.error_code == "InvalidBlockList"
    assert not blob.exists()


def test_download_of_a_range_gives_that_range(container: ContainerClient) -> None:
    blob = container.upload_blob("r", b"0123456789")

    assert blob.download_blob(offset=3, length=4).readall() == b"3456"


def test_download_beyond_the_end_is_refused(container: ContainerClient) -> None:
    blob = container.upload_blob("r", b"0123456789")

    with pytest.raises(HttpResponseError) as refusal:
        blob.download_blob(offset=10, length=1)

    assert (refusal.value.status_code, refusal.value.error_code) == (416, "InvalidRange")


def test_download_of_an_empty_blob_gives_nothing(container: ContainerClient) -> None:
    assert container.upload_blob("e", b"").download_blob().readall() == b""


def test_set_metadata_replaces_it_and_changes_the_etag(container: ContainerClient) -> None:
    blob = container.upload_blob("m", b"1", metadata={"old": "1"})
    before = blob.get_blob_properties().etag

    blob.set_blob_metadata({"name": "model", "version": "1"})

    after = blob.get_blob_properties()
    assert after.metadata == {"name": "model", "version": "1"}
    assert after.etag != before


def test_set_http_headers_replaces_all_of_them(container: ContainerClient) -> None:
    blob = container.upload_blob(
        "h", b"1", content_settings=ContentSettings("text/plain", cache_control="no-cache")
    )

    blob.set_http_headers(ContentSettings("application/json"))

    settings = blob.get_blob_properties().content_settings
    assert (settings.content_type, settings.cache_control, settings.content_md5) == (
        "application/json",
        None,
        None,
    )


def test_write_with_a_stale_etag_is_refused(container: ContainerClient) -> None:
    blob = container.upload_blob("s", b"1")
    stale = blob.get_blob_properties().etag
    blob.upload_blob(b"2", overwrite=True)

    with pytest.raises(ResourceModifiedError) as refusal:
        blob.upload_blob(b"3", overwrite=True, etag=stale, match_condition=MatchConditions.IfNotModified)

    assert refusal.value.error_code == "ConditionNotMet"
    assert blob.download_blob().readall() == b"2"


def test_read_of_what_did_not_change_answers_304(container: ContainerClient) -> None:
    blob = container.upload_blob("s", b"1")
    etag = blob.get_blob_properties().etag

    with pytest.raises(HttpResponseError) as refusal:
        blob.download_blob(etag=etag, match_condition=MatchConditions.IfModified)

    assert refusal.value.status_code == 304


def test_absent_blob_and_container_have_their_own_codes(
    service: BlobServiceClient, container: ContainerClient
) -> None:
    with pytest.raises(ResourceNotFoundError) as no_blob:
        container.get_blob_client("x").get_blob_properties()
    with pytest.raises(ResourceNotFoundError) as no_container:
        service.get_blob_client("no-such-container", "x").download_blob()

    assert no_blob.value.error_code == "BlobNotFound"
    assert no_container.value.error_code == "ContainerNotFound"


def test_delete_removes_the_blob_once(container: ContainerClient) -> None:
    blob = container.upload_blob("d", b"1")

    blob.delete_blob()

    with pytest.raises(ResourceNotFoundError):
        blob.delete_blob()


@pytest.mark.parametrize(
    "name", ["..\\..\\x", "a b/ü€.txt", "a//b", "x%2Fy?z#", "100 % sure & <more>", "ends/"]
)
def test_strange_names_are_kept_as_they_are(container: ContainerClient, name: str) -> None:
    container.upload_blob(name, name.encode())

    assert container.download_blob(name).readall() == name.encode()
    assert list(container.list_blob_names()) == [name]


def test_list_gives_prefixes_pages_and_metadata(container: ContainerClient) -> None:
    for name in ("a/1", "a/2", "a/sub/3", "b/4", "c"):
        container.upload_blob(name, name.encode(), metadata={"n": name[-1]})

    assert list(container.list_blob_names(name_starts_with="a/")) == ["a/1", "a/2", "a/sub/3"]
    assert [item.name for item in container.walk_blobs()] == ["a/", "b/", "c"]
    pages = [[b.name for b in page] for page in container.list_blobs(results_per_page=2).by_page()]
    assert pages == [["a/1", "a/2"], ["a/sub/3", "b/4"], ["c"]]
    assert [b.metadata["n"] for b in container.list_blobs(include=["metadata"])] == ["1", "2", "3", "4", "c"]


def test_list_pages_over_prefixes_without_repeating_them(container: ContainerClient) -> None:
    for name in ("a/1", "a/2", "b/1", "b/2", "c"):
        container.upload_blob(name, b"")

    pages = [[item.name for item in page] for page in container.walk_blobs(results_per_page=1).by_page()]

    assert pages == [["a/"], ["b/"], ["c"]]


def test_copy_from_url_copies_content_and_metadata(container: ContainerClient) -> None:
    source = container.upload_blob("from", b"model", metadata={"version": "7"})
    target = container.get_blob_client("to")

    answer = target.start_copy_from_url(source.url)

    assert answer["copy_status"] == "success"
    assert target.download_blob().readall() == b"model"
    assert target.get_blob_properties().metadata == {"version": "7"}


def test_block_from_url_is_the_range_that_is_named(container: ContainerClient) -> None:
    source, target = container.upload_blob("from", b"0123456789"), container.get_blob_client("to")
    md5 = bytearray(hashlib.md5(b"234", usedforsecurity=False).digest())

    target.stage_block_from_url("one", source.url, 2, 3, source_content_md5=md5)
    target.stage_block_from_url("two", source.url, 7, 3)
    target.commit_block_list([BlobBlock("two"), BlobBlock("one")])

    assert target.download_blob().readall() == b"789234"


@pytest.mark.parametrize(
    ("start", "md5", "status", "code"),
    [(2, b"x" * 16, 400, "Md5Mismatch"), (10, None, 416, "InvalidRange")],
)
def test_block_from_url_that_is_not_as_told_is_refused(
    container: ContainerClient, start: int, md5: bytes | None, status: int, code: str
) -> None:
    source, target = container.upload_blob("from", b"0123456789"), container.get_blob_client("to")
    with pytest.raises(HttpResponseError) as refusal:
        target.stage_block_from_url(
            "one", source.url, start, 3, source_content_md5=bytearray(md5) if md5 else None
        )
    assert (refusal.value.status_code, refusal.value.error_code) == (status, code)
    with pytest.raises(HttpResponseError, match="block list is invalid"):
        target.commit_block_list([BlobBlock("one")])


def test_upload_from_url_that_the_caller_may_not_read_is_refused(container: ContainerClient) -> None:
    with pytest.raises(HttpResponseError) as refusal:
        container.get_blob_client("to").start_copy_from_url(f"{container.url}/absent")

    assert refusal.value.error_code == "CannotVerifyCopySource"
    assert refusal.value.status_code == 404


def test_body_that_is_not_what_its_md5_says_is_refused(entered: Sandbox, container: ContainerClient) -> None:
    target = f"{container.url}/x?{entered.world.blobs.sas('stopen', container.container_name, 'rcw')}"
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()

    answer = requests.put(
        target, b"data", headers={"x-ms-blob-type": "BlockBlob", "Content-MD5": wrong}, timeout=30
    )

    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "Md5Mismatch")
    assert "<Code>Md5Mismatch</Code>" in answer.text
    assert not container.get_blob_client("x").exists()


@pytest.mark.parametrize(
    ("query", "headers", "code"),
    [
        ("", {"x-ms-blob-type": "AppendBlob"}, "InvalidHeaderValue"),
        ("", {}, "MissingRequiredHeader"),
        ("comp=lease&", {}, "UnsupportedQueryParameter"),
        ("comp=block&blockid=!!&", {}, "InvalidQueryParameterValue"),
        ("", {"x-ms-blob-type": "BlockBlob", "x-ms-meta-1-x": "y"}, "InvalidMetadata"),
        ("", {"x-ms-blob-type": "BlockBlob", "x-ms-encryption-key": "y"}, "UnsupportedHeader"),
        ("snapshot=2026-01-01T00:00:00Z&", {"x-ms-blob-type": "BlockBlob"}, "UnsupportedQueryParameter"),
    ],
)
def test_put_that_the_service_does_not_offer_is_refused(
    entered: Sandbox, container: ContainerClient, query: str, headers: dict[str, str], code: str
) -> None:
    target = f"{container.url}/x?{query}{entered.world.blobs.sas('stopen', container.container_name, 'rcw')}"

    answer = requests.put(target, b"data", headers=headers, timeout=30)

    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, code)


def test_document_type_in_xml_is_refused(entered: Sandbox, container: ContainerClient) -> None:
    token = entered.world.blobs.sas("stopen", container.container_name, "rcw")
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><BlockList><Latest>&a;</Latest></BlockList>'

    answer = requests.put(f"{container.url}/x?comp=blocklist&{token}", bomb, timeout=30)

    assert answer.headers["x-ms-error-code"] == "InvalidXmlDocument"


def test_container_lives_and_dies_once(service: BlobServiceClient, container: ContainerClient) -> None:
    assert container.container_name in [c.name for c in service.list_containers()]
    with pytest.raises(ResourceExistsError) as refusal:
        container.create_container()
    container.set_container_metadata({"a": "b"})
    assert container.get_container_properties().metadata == {"a": "b"}

    container.delete_container()

    assert refusal.value.error_code == "ContainerAlreadyExists"
    assert not container.exists()


@pytest.mark.parametrize("name", ["Upper", "a--b", "-a", "ab"])
def test_container_name_that_azure_forbids_is_refused(service: BlobServiceClient, name: str) -> None:
    with pytest.raises(HttpResponseError) as refusal:
        service.create_container(name)

    assert refusal.value.status_code == 400


def test_account_information_names_sku_and_kind(service: BlobServiceClient) -> None:
    assert service.get_account_information()["sku_name"] == "Standard_LRS"


def test_equal_content_is_kept_once_and_no_name_becomes_a_path(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs", Clock())
    store.ensure_container("acc", "c")

    for name in ("../../x", "/etc/y", "z"):
        store.put("acc", "c", name, b"once")

    assert [path.name for path in tmp_path.rglob("*")] == ["blobs", hashlib.sha256(b"once").hexdigest()]
    assert [blob.data for blob in store.list("acc", "c")] == [b"once"] * 3


def test_blob_that_was_read_stays_readable_while_it_is_replaced(tmp_path: Path) -> None:
    store = BlobStore(tmp_path, Clock())
    store.ensure_container("acc", "c")
    before = store.put("acc", "c", "x", b"old")

    store.put("acc", "c", "x", b"new")
    store.delete("acc", "c", "x")

    assert before.data == b"old"


def test_name_of_a_deleted_container_is_not_free_at_once(
    sandbox_factory: Callable[..., Sandbox], enter_sandbox: Callable[..., Sandbox]
) -> None:
    enter_sandbox(sandbox_factory({"resources": RESOURCES, "runtime": "echo"}, time_scale=1.0))
    with EnvironmentCredential() as credential, BlobServiceClient(url("stopen"), credential) as service:
        service.create_container("twice").delete_container()

        with pytest.raises(ResourceExistsError) as refusal:
            service.create_container("twice")

    assert refusal.value.response.headers["x-ms-error-code"] == "ContainerBeingDeleted"


def test_name_of_a_deleted_container_is_free_after_half_a_minute(tmp_path: Path) -> None:
    clock = Clock(scale=1e6)
    store = BlobStore(tmp_path, clock)
    store.ensure_container("acc", "c")
    store.delete_container("acc", "c")

    asyncio.run(clock.sleep(31))

    assert not store.is_vanishing("acc", "c")


@pytest.mark.parametrize(
    ("query", "headers", "code"),
    [
        ({"comp": "block", "blockid": "\xff"}, {}, "InvalidQueryParameterValue"),
        ({}, {"x-ms-blob-type": "BlockBlob", "Content-MD5": "\xe9"}, "InvalidMd5"),
        ({}, {"x-ms-copy-source": "https://["}, "CannotVerifyCopySource"),
    ],
)
def test_put_of_unreadable_words_is_refused_in_the_services_words(
    entered: Sandbox, container: ContainerClient, query: dict[str, str], headers: dict[str, str], code: str
) -> None:
    client = entered.world.identity.client
    token = entered.world.identity.issue(client, "https://storage.azure.com")
    own = {"Authorization": f"Bearer {token}", "x-ms-version": "2023-11-03", **headers}
    answer = requests.put(f"{container.url}/blob", params=query, headers=own, data=b"x", timeout=30)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, code)
