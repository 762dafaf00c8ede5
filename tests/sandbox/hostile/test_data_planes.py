"""Blobs, secrets, scores and tokens, asked for by names, headers and bodies that make no sense."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest

from tests.sandbox.properties.still_sandbox import Answer, StillSandbox

BLOB = "stwslegacy7f3a.blob.core.windows.net"
VAULT = "kv-ws-legacy-7f3a.vault.azure.net"
LOGIN = "login.microsoftonline.com"
TENANT = "7e4a4b5c-0c5e-4a55-8e6f-000000007e11"

PATHS = (
    "..",
    "../..",
    "../../../../../../etc/passwd",
    "%2e%2e/%2e%2e/etc/passwd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%5c..%5cetc",
    "..%255c..%252fetc",
    "%c0%ae%c0%ae/",
    "./.",
    "//etc//passwd",
    "a//b",
    "%00",
    "a%00.txt",
    "%0d%0ax-injected:%20yes",
    "%ff%fe",
    "%",
    "%zz",
    quote("\u202e\U0001f4a9\u0130"),
    "CON",
    "~root",
    "$(id)",
    "`id`",
    "a" * 1_025,
    "a/" * 300,
    "a" * 10_000,
)
CONTAINERS = (
    "..",
    "-".join("a" * 33),
    "%2e%2e",
    "%2e%2e%2f..",
    "UPPER",
    "a",
    "a" * 64,
    "a--b",
    "-ab",
    "abc%0a",
    "%00abc",
    "ab_c",
    "$bad",
    "%ff%ff%ff",
)
HEADERS: dict[str, tuple[str, ...]] = {
    "range": ("bytes=5-1", "bytes=-", "bytes=99999999999999999999-", "lines=1-2", "bytes=0-1,4-5", "\xff"),
    "x_ms_range": ("bytes=a-b", "bytes=" + "9" * 5_000, "bytes=" + "9" * 5_000 + "-"),
    "if_match": ('"', "*,*", "\x80", "W/" * 500),
    "if_modified_since": ("yesterday", "Mon, 99 Foo 2020 99:99:99 GMT", "0", "\xff"),
    "if_unmodified_since": ("Thu, 01 Jan 0001 00:00:00 -9999", "Thu, 01 Jan 9999999 00:00:00 GMT"),
    "x_ms_blob_type": ("PageBlob", "NoBlob", ""),
    "x_ms_version": ("", "1999-01-01", "9999-99-99", "x" * 5_000),
    "content_md5": ("x", "====", "\xff", "A" * 5_000),
    "x_ms_copy_source": (
        "http://[",
        "https://[::1",
        "file:///etc/passwd",
        "../../etc/passwd",
        "https://x/\xff",
        "https://" + "a" * 5_000,
    ),
    "x_ms_date": ("never",),
    "authorization": (
        "",
        "Bearer",
        "Bearer a.b.c",
        "SharedKey",
        "SharedKey a:b:c",
        "SharedKey x:" + "=" * 50,
        "Basic \xff",
        "Bearer " + "x" * 9_000,
    ),
}
XML = (
    b"",
    b"<",
    b"<a>",
    b"<BlockList/>",
    b"<BlockList><Latest>!</Latest></BlockList>",
    b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><BlockList><Latest>&b;</Latest></BlockList>',
    b"<BlockList>" + b"<Latest>" * 5_000,
    b"<a>" * 20_000 + b"</a>" * 20_000,
    "<BlockList/>".encode("utf-16"),
    b"<?xml version='1.0' encoding='utf-7'?><BlockList/>",
    b"<?xml version='1.0' encoding='nonsense'?><BlockList/>",
    b"\xff\xfe\x00",
)


def _ask_blob(still: StillSandbox, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
    """One request; a refusal has the Blob service's envelope."""
    answer = still.send(method, target, body, host=BLOB, **headers)
    assert answer.status < 500, (method, target[:80], answer.raw)
    assert "x-injected" not in answer.headers
    assert "x-ms-request-id" in answer.headers
    if answer.status >= 400:
        assert answer.headers["x-ms-error-code"]
        if method != "HEAD":
            assert ElementTree.fromstring(answer.raw.removeprefix(b"\xef\xbb\xbf")).tag == "Error"
    return answer


def _files(still: StillSandbox) -> set[Path]:
    """All files in the sandbox's folder, and all that lies beside it."""
    folder = still.world.folder
    return {*folder.rglob("*"), *folder.parent.iterdir()}


@pytest.fixture(scope="module")
def container(still: StillSandbox) -> str:
    """A container for blobs of whatever name."""
    assert _ask_blob(still, "PUT", "/hostile?restype=container").status == 201
    return "/hostile"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:30])
def test_blob_of_any_name_stays_in_its_store(still: StillSandbox, container: str, path: str) -> None:
    """Names that Azure takes are kept as they are; their bytes lie under the name of a digest."""
    blobs = still.world.folder / "blobs"
    outside = {file for file in _files(still) if not file.is_relative_to(blobs)}
    target, content = f"{container}/{path}", path[:50].encode()
    made = _ask_blob(still, "PUT", target, content, x_ms_blob_type="BlockBlob")
    if made.status == 201:
        assert _ask_blob(still, "GET", target).raw == content
        assert _ask_blob(still, "DELETE", target).status == 202
    for query in (
        "comp=block&blockid=!!",
        "comp=block",
        "comp=blocklist",
        "comp=nothing",
        "snapshot=..",
        "timeout=-1",
        "comp=metadata",
    ):
        _ask_blob(still, "PUT", f"{target}?{query}", b"x")
    assert {file for file in _files(still) if not file.is_relative_to(blobs)} <= outside | {blobs}


@pytest.mark.parametrize("name", CONTAINERS)
def test_container_of_an_unsound_name_is_refused(still: StillSandbox, name: str) -> None:
    for query in ("restype=container", "restype=container&comp=acl", "restype=container&comp=list"):
        for method in ("PUT", "GET", "DELETE"):
            answer = _ask_blob(still, method, f"/{name}?{query}")
            assert answer.status >= 400, (name, method, query)


@pytest.mark.parametrize("header", list(HEADERS))
def test_header_that_makes_no_sense_is_no_defect(still: StillSandbox, container: str, header: str) -> None:
    target = f"{container}/there"
    _ask_blob(still, "PUT", target, b"0123456789", x_ms_blob_type="BlockBlob")
    for value in HEADERS[header]:
        for method in ("GET", "HEAD", "DELETE" if header == "authorization" else "GET", "PUT"):
            _ask_blob(still, method, target, b"x", **{header: value})


@pytest.mark.parametrize("body", XML, ids=lambda body: repr(body[:25]))
def test_xml_that_is_none_is_refused(still: StillSandbox, container: str, body: bytes) -> None:
    answer = _ask_blob(still, "PUT", f"{container}/of-blocks?comp=blocklist", body)
    assert answer.status == 400 or body == b"<BlockList/>"
    _ask_blob(still, "POST", "/?restype=service&comp=userdelegationkey", body)


@pytest.mark.parametrize(
    ("query", "body", "headers", "code"),
    [
        ("comp=block&blockid=YWFhYWFh", b"x", {}, "InvalidBlobOrBlock"),
        (
            "comp=blocklist",
            b"<BlockList>" + b"<Latest>YWE=</Latest>" * 50_001 + b"</BlockList>",
            {},
            "BlockListTooLong",
        ),
        ("", b"x", {"x_ms_blob_type": "BlockBlob", "x_ms_meta_a": "a" * 8_192}, "MetadataTooLarge"),
        ("comp=metadata", b"", {"x_ms_meta_a": "a" * 8_192}, "MetadataTooLarge"),
    ],
    ids=["block of another length", "blocks", "upload", "metadata"],
)
def test_blob_beyond_the_services_limits_is_refused(
    still: StillSandbox, container: str, query: str, body: bytes, headers: dict[str, str], code: str
) -> None:
    target = f"{container}/limited"
    _ask_blob(still, "PUT", target, b"x", x_ms_blob_type="BlockBlob")
    _ask_blob(still, "PUT", f"{target}?comp=block&blockid=YWE=", b"x")
    answer = _ask_blob(still, "PUT", f"{target}?{query}", body, **headers)
    assert (answer.status, answer.headers["x-ms-error-code"]) == (400, code)


@pytest.mark.parametrize("name", ["a-b", "abc", "-".join("a" * 32)])
def test_container_of_a_name_of_3_to_63_characters_is_made(still: StillSandbox, name: str) -> None:
    assert 3 <= len(name) <= 63
    assert _ask_blob(still, "PUT", f"/{name}?restype=container").status == 201


@pytest.mark.parametrize(
    "query",
    [
        "maxresults=-1",
        "maxresults=x",
        "maxresults=" + "9" * 400,
        "marker=%ff",
        "marker=" + "!" * 3_000,
        "prefix=%00",
        "delimiter=" + "/" * 500,
        "include=everything",
        "comp=list&comp=acl",
    ],
)
def test_list_of_blobs_by_an_unsound_query_is_no_defect(
    still: StillSandbox, container: str, query: str
) -> None:
    _ask_blob(still, "GET", f"{container}?restype=container&comp=list&{query}")
    _ask_blob(still, "GET", f"/?comp=list&{query}")


@pytest.mark.parametrize(
    "query",
    [
        "sv=&sig=",
        "sv=2023-11-03&sr=c&sp=rwdl&se=never&sig=!!!",
        "sv=2023-11-03&sr=c&sp=r&se=2999-01-01T00:00:00Z&st=%ff&sig=%00",
        "sv=2023-11-03&ss=b&srt=sco&sp=rwd&se=9999-99-99&sig=" + "A" * 5_000,
        "sv=2023-11-03&sr=b&sp=r&se=2999-01-01&skoid=..&sktid=..&skt=x&ske=y&sks=b&skv=z&sig=AA%3D%3D",
        "sv=2023-11-03&sr=b&sip=999.1.1.1&sp=r&se=2999-01-01T00:00:00Z&sig=AA%3D%3D",
    ],
)
def test_signature_that_is_none_is_refused(still: StillSandbox, container: str, query: str) -> None:
    answer = _ask_blob(still, "GET", f"{container}/there?{query}", authorization="")
    assert answer.status in (400, 403), answer.raw


@pytest.mark.parametrize("name", PATHS, ids=lambda path: path[:30])
def test_secret_of_an_unsound_name_is_refused(still: StillSandbox, name: str) -> None:
    before = still.digest()
    for method, below, body in (
        ("PUT", "", {"value": "x"}),
        ("PATCH", "/1", {}),
        ("DELETE", "", None),
        ("GET", "/versions", None),
    ):
        answer = still.send(method, f"/secrets/{name}{below}?api-version=7.4", body, host=VAULT)
        assert answer.status < 500, answer.raw
        if answer.status >= 400:
            assert set(answer.body["error"]) >= {"code", "message"}
        else:
            assert name in ("CON", "a//b", "%"), (name, method, answer)
    if name not in ("CON", "a//b"):
        assert still.digest() == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"value": null}',
        b'{"value": 1}',
        b'{"value": []}',
        b'{"value": "x", "tags": 1}',
        b'{"value": "x", "attributes": []}',
        b'{"value": "x", "attributes": {"exp": "soon"}}',
        b'{"value": "x", "attributes": {"exp": 1e400}}',
        b'{"value": "x", "attributes": {"exp": 99999999999999999999}}',
        b'{"value": "x", "contentType": {}}',
        b'{"value": "x", "contentType": "' + b"t" * 256 + b'"}',
        b'{"value": "x", "tags": {"' + b"t" * 513 + b'": ""}}',
        json.dumps({"value": "x", "tags": dict.fromkeys("abcdefghijklmnop", "")}).encode(),
        b'{"value": "x", "attributes": "soon"}',
        b'{"value": "x", "attributes": {"enabled": "no"}}',
        b'{"value": "x", "attributes": {"nbf": true}}',
        b'{"value": "x", "tags": {"a": 1}}',
        b'{"value": "\\ud800"}',
        b"[" * 10_000,
        b"\xff\xfe",
        b'{"value": "' + b"x" * 30_000 + b'"}',
    ],
    ids=lambda body: repr(body[:50]),
)
def test_secret_of_an_unsound_body_is_refused(still: StillSandbox, body: bytes) -> None:
    before = still.digest()
    answer = still.send("PUT", "/secrets/unfit?api-version=7.4", body, host=VAULT)
    assert answer.status in (400, 413), answer.raw
    assert set(answer.body["error"]) >= {"code", "message"}
    assert still.digest() == before


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//",
        "/secrets",
        "/deletedsecrets/..",
        "/keys/a",
        "/secrets/a/b/c/d",
        "/%00",
        "/secrets/%2e%2e/versions",
    ],
)
@pytest.mark.parametrize(
    "query",
    [
        "",
        "api-version=7.4",
        "api-version=x&api-version=7.4",
        "api-version=7.4&maxresults=-1",
        "api-version=7.4&$skiptoken=%ff",
        "api-version=7.4&maxresults=%C2%B2",
        "api-version=7.4&$skiptoken=" + "9" * 6_000,
    ],
)
def test_vault_asked_on_paths_that_are_none_answers_in_its_envelope(
    still: StillSandbox, path: str, query: str
) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "BREW"):
        answer = still.send(method, f"{path}?{query}", b"{", host=VAULT)
        assert answer.status < 500, (method, answer.raw)
        assert answer.status < 400 or answer.body["error"]["code"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"grant_type",
        b"grant_type=client_credentials",
        b"grant_type=%ff&client_id=%00&scope=x",
        b"{}",
        b"&" * 10_000,
        b"grant_type=client_credentials&client_id=\xc3\x28&client_secret=\xff&scope=\x00/.default",
        b"grant_type=password&client_id=a&username=b&password=c&scope=d",
        b"a=" + b"%" * 50_000,
    ],
    ids=lambda body: repr(body[:40]),
)
@pytest.mark.parametrize(
    "path",
    [
        f"/{TENANT}/oauth2/v2.0/token",
        f"/{TENANT}/oauth2/token",
        "/common/oauth2/v2.0/token",
        "/%2e%2e/oauth2/token",
    ],
)
def test_token_asked_for_with_nonsense_is_refused_in_entras_words(
    still: StillSandbox, path: str, body: bytes
) -> None:
    answer = still.send("POST", path, body, host=LOGIN, content_type="application/x-www-form-urlencoded")
    assert answer.status in (400, 401), answer.raw
    assert answer.body["error"]
    assert answer.body["error_description"].startswith("AADSTS")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//",
        "/%00",
        "/..",
        f"/{TENANT}",
        f"/{TENANT}/..",
        "/common/discovery/instance?authorization_endpoint=//",
        "/common/discovery/instance?authorization_endpoint=%ff",
        "/a/b/c/d/e/f",
    ],
)
def test_entra_asked_on_paths_that_are_none_is_no_defect(still: StillSandbox, path: str) -> None:
    for method in ("GET", "POST", "PUT", "BREW"):
        assert still.send(method, path, b"x", host=LOGIN).status < 500


def _scoring(still: StillSandbox) -> tuple[str, str]:
    """Host and key of an endpoint that answers."""
    for owner in still.world.endpoint_names.owners("westeurope"):
        keys = still.world.secrets.endpoint_keys.get(owner.lower())
        public = still.world.documents.require(owner)["properties"].get("publicNetworkAccess") != "Disabled"
        if keys and public:
            return f"{owner.rpartition('/')[2]}.westeurope.inference.ml.azure.com", keys["primaryKey"]
    raise AssertionError("the example has no endpoint that can be scored from the internet")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/score/",
        "/score/../score",
        "/%2e%2e/score",
        "/score%00",
        "/swagger.json/..",
        "//score",
        "/" + "a" * 5_000,
    ],
)
def test_score_on_a_path_that_is_none_is_refused(still: StillSandbox, path: str) -> None:
    host, key = _scoring(still)
    for method in ("GET", "POST", "DELETE", "BREW"):
        answer = still.send(method, path, b"{", host=host, authorization=f"Bearer {key}")
        assert answer.status == 404, (method, answer.raw)
        assert answer.body["error"]["code"]


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer \xff\xfe", "Basic eA==", "Bearer " + "x" * 9_000, "Bearer a.b.c", "Bearer \x00"],
)
def test_score_without_a_sound_key_is_refused(still: StillSandbox, value: str) -> None:
    host, _ = _scoring(still)
    assert still.send("POST", "/score", b"{}", host=host, authorization=value).status == 401


@pytest.mark.parametrize(
    "name", ["nobody", "", "..", "../../credit/deployments/blue", "\xff", "a" * 5_000, "blue,green"]
)
def test_score_of_a_deployment_that_is_none_is_refused(still: StillSandbox, name: str) -> None:
    host, key = _scoring(still)
    answer = still.send(
        "POST", "/score", b"{}", host=host, authorization=f"Bearer {key}", azureml_model_deployment=name
    )
    assert answer.status == 404 or not name, answer.raw


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"NaN",
        b"1e999",
        b"9" * 5_000,
        b"[" * 10_000,
        b"[" * 900 + b"]" * 900,
        b'"\\ud800"',
        b"\x00" * 100,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_score_of_any_body_is_answered_by_the_deployment(still: StillSandbox, body: bytes) -> None:
    host, key = _scoring(still)
    answer = still.send("POST", "/score", body, host=host, authorization=f"Bearer {key}")
    assert answer.status in (200, 424), answer.raw
    assert json.loads(answer.raw, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    "host",
    [
        "x.blob.core.windows.net",
        "x.vault.azure.net",
        "x.nowhere.inference.ml.azure.com",
        "-.blob.core.windows.net",
    ],
)
def test_host_that_nobody_has_is_no_defect(still: StillSandbox, host: str) -> None:
    for method in ("GET", "PUT", "POST"):
        assert 400 <= still.send(method, "/a/b?restype=container", b"x", host=host).status < 500
