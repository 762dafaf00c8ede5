"""Content goes from storage to storage where Azure can do that, and through this machine where it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient, ContentSettings

from vnetferry.errors import VerificationFailed
from vnetferry.gateway import api_versions, blobs, copying, datastores
from vnetferry.gateway.azure import Azure
from vnetferry.models.ids import ResourceId
from vnetferry.sandbox.server import Sandbox

CONTENT = b"weights" * 1000


@pytest.fixture
def containers(
    azure: Azure, source: ResourceId, target: ResourceId
) -> tuple[ContainerClient, ContainerClient]:
    """The default containers of the two workspaces, which lie in one account."""

    def opened(workspace: ResourceId) -> ContainerClient:
        name = datastores.read_default_datastore(azure, workspace)["name"]
        place = blobs.place_in(azure, workspace.child("datastores", name), "x")
        return blobs.open_container(azure, workspace, place)

    return opened(source), opened(target)


@pytest.fixture
def blob_requests(gateway_sandbox: Sandbox) -> Callable[[], list[Any]]:
    """(method, operation) of what was asked of blob storage since the test began."""
    log = Path(str(gateway_sandbox.request_log))
    start = len(log.read_text().splitlines())

    def since() -> list[Any]:
        lines = [json.loads(line) for line in log.read_text().splitlines()[start:]]
        return [(r["method"], r["path"]) for r in lines if ".blob." in r["host"]]

    return since


def test_copy_goes_from_storage_to_storage(
    containers: tuple[ContainerClient, ContainerClient], blob_requests: Callable[[], list[Any]]
) -> None:
    source, target = containers
    settings = ContentSettings(content_type="application/x-model")
    source.upload_blob(
        "one/a.bin", CONTENT, metadata={"stage": "gold"}, content_settings=settings, overwrite=True
    )
    before = len(blob_requests())

    copied = copying.copy_content(source, "one", target, "copied/one")

    assert (copied.blobs, copied.sent, copied.streamed) == (1, 1, 0)
    assert copied.message == "1 file (7.0 kB) copied by Azure, from storage to storage"
    assert not [r for r in blob_requests()[before:] if r == ("GET", f"/{source.container_name}/one/a.bin")]
    there = target.get_blob_client("copied/one/a.bin").get_blob_properties()
    assert there.metadata["stage"] == "gold"
    assert there.content_settings.content_type == "application/x-model"
    assert target.download_blob("copied/one/a.bin").readall() == CONTENT


def test_copy_again_sends_nothing(containers: tuple[ContainerClient, ContainerClient]) -> None:
    source, target = containers
    source.upload_blob("two/a.bin", CONTENT, overwrite=True)
    copying.copy_content(source, "two", target, "copied/two")
    again = copying.copy_content(source, "two", target, "copied/two")
    assert (again.sent, again.message) == (0, "1 file there already")


def test_copy_of_a_blob_without_a_hash_is_verified_by_one_that_is_taken(
    containers: tuple[ContainerClient, ContainerClient],
) -> None:
    source, target = containers
    client = source.get_blob_client("three/a.bin")
    client.stage_block("MQ==", CONTENT)
    client.commit_block_list(["MQ=="])  # type: ignore[list-item]  # ids do as well as blocks
    assert not client.get_blob_properties().content_settings.content_md5
    copied = copying.copy_content(source, "three", target, "copied/three")
    assert copied.streamed == 0
    assert target.get_blob_client("copied/three/a.bin").get_blob_properties().content_settings.content_md5


def test_copy_streams_what_azure_cannot_read_and_says_why(
    containers: tuple[ContainerClient, ContainerClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the two accounts do not reach each other: the target's storage may not read the source's."""
    source, target = containers
    for name in ("a", "b"):
        source.upload_blob(f"four/{name}.bin", CONTENT, overwrite=True)
    unsigned = source.get_blob_client("four/a.bin").url.split("?")[0]
    monkeypatch.setattr(copying, "_readable", lambda *_: (unsigned + "?sig=none", None))
    copied = copying.copy_content(source, "four", target, "copied/four")
    assert (copied.sent, copied.streamed) == (2, 2)
    assert "2 files (14.0 kB) copied through this machine: Azure could not read it" in copied.message
    assert "CannotVerifyCopySource" in copied.message
    assert target.download_blob("copied/four/b.bin").readall() == CONTENT


@pytest.fixture
def small_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the example's blobs were larger than one request may copy."""
    monkeypatch.setattr(copying, "_ONE_REQUEST_BYTES", 100)
    monkeypatch.setattr(copying, "_BLOCK_BYTES", 3000)


@pytest.mark.usefixtures("small_requests")
def test_copy_of_what_is_too_large_for_one_request_goes_by_blocks(
    containers: tuple[ContainerClient, ContainerClient], blob_requests: Callable[[], list[Any]]
) -> None:
    source, target = containers
    source.upload_blob("five/large.bin", CONTENT, metadata={"stage": "gold"}, overwrite=True)
    before = len(blob_requests())

    copied = copying.copy_content(source, "five", target, "copied/five")

    assert (copied.sent, copied.streamed) == (1, 0)
    writes = [path for method, path in blob_requests()[before:] if method == "PUT"]
    assert writes == [f"/{target.container_name}/copied/five/large.bin"] * 4  # three blocks, and their list
    there = target.get_blob_client("copied/five/large.bin").get_blob_properties()
    assert there.metadata["stage"] == "gold"
    stated = source.get_blob_client("five/large.bin").get_blob_properties().content_settings.content_md5
    assert there.content_settings.content_md5 == stated
    assert target.download_blob("copied/five/large.bin").readall() == CONTENT
    assert copying.copy_content(source, "five", target, "copied/five").sent == 0


@pytest.mark.usefixtures("small_requests")
def test_copy_by_blocks_of_what_another_wrote_meanwhile_is_refused(
    containers: tuple[ContainerClient, ContainerClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Azure reads other bytes than those whose MD5 it was told."""
    source, target = containers
    source.upload_blob("seven/a.bin", CONTENT, overwrite=True)
    monkeypatch.setattr(copying, "_chunks", lambda *_, **__: iter([b"something else"]))
    with pytest.raises(VerificationFailed, match=r"seven/a\.bin"):
        copying.copy_content(source, "seven", target, "copied/seven")
    assert not target.get_blob_client("copied/seven/a.bin").exists()


def test_copy_of_content_that_is_not_what_its_hash_says_is_refused(
    containers: tuple[ContainerClient, ContainerClient],
) -> None:
    source, target = containers
    source.upload_blob("six/a.bin", CONTENT, overwrite=True)
    client = source.get_blob_client("six/a.bin")
    client.set_http_headers(ContentSettings(content_md5=bytearray(b"0" * 16)))
    with pytest.raises(VerificationFailed, match=r"six/a\.bin"):
        copying.copy_content(source, "six", target, "copied/six")
    assert not target.get_blob_client("copied/six/a.bin").exists()


def test_assets_within_one_another_are_copied_once(
    azure: Azure, source: ResourceId, target: ResourceId, containers: tuple[ContainerClient, ContainerClient]
) -> None:
    from vnetferry.gateway import assets

    container, _ = containers
    container.upload_blob("family/one/model.bin", CONTENT, overwrite=True)
    whole, part = f"{container.url.split('?')[0]}/family", f"{container.url.split('?')[0]}/family/one"
    body = {"properties": {"modelType": "custom_model"}}
    made = []
    for name, uri, root in (("family", whole, ""), ("member", part, whole)):
        old, new = (w.child("models", name).child("versions", "1") for w in (source, target))
        azure.arm.put(old, api_versions.ML, {"properties": {"modelType": "custom_model", "modelUri": uri}})
        made.append(assets.copy_model(azure, old, new, body, root))
    assert "copied by Azure" in made[0].message
    assert made[1].message == "1 file there already"
    uris = [each.after["properties"]["modelUri"] for each in made]
    assert uris[1].split("/LocalUpload/")[1] == f"{uris[0].split('/LocalUpload/')[1]}/one"
