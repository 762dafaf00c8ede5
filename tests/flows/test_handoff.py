"""Callers are told in every place once, told to come back when a migration is taken back, and no key is seen."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tasks.handoff import unsaid
from tasks.steps import TASKS
from tests.flows.legacy_world import SOURCE, World, inside, legacy_scenario, make_plan, prepare_folder
from vnetferry.errors import ConfigError, HandoffFailed
from vnetferry.gateway import webhook
from vnetferry.gateway.app_configuration import Setting, find_setting, set_setting
from vnetferry.gateway.azure import connect
from vnetferry.gateway.vault import find_secret, set_secret
from vnetferry.models.handoff import SecretSource
from vnetferry.plan.reverse import Reversal, build_reversal
from vnetferry.sandbox.ca import CertificateAuthority
from vnetferry.sandbox.server import running

pytestmark = pytest.mark.xdist_group("handoff")
Json = dict[str, Any]
KEY = "made-up-key-that-signs-what-the-webhook-gets"
OLD = "https://gateway.contoso.com/churn"
_GROUP = SOURCE.group_id
_STORE = {
    "id": f"{_GROUP}/providers/Microsoft.AppConfiguration/configurationStores/appcs-apps",
    "location": "westeurope",
    "sku": {"name": "standard"},
    "properties": {},
}
_VAULT = {
    "id": f"{_GROUP}/providers/Microsoft.KeyVault/vaults/kv-apps",
    "location": "westeurope",
    "properties": {
        "tenantId": "t",
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "accessPolicies": [],
    },
}


@dataclass
class Receiver:
    """A real HTTP server that keeps what it was sent, and answers what it is told to."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiving(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on loopback; by HTTPS with the certificate of a context."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(kept.answers.pop(0) if kept.answers else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        place = "https://localhost" if context else "http://127.0.0.1"
        kept.url = f"{place}:{server.server_address[1]}/moved"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield kept
        server.shutdown()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


class Story(NamedTuple):
    """What was seen while callers were told, told again, pointed back, and told anew.

    spoiled: the places that did not say so after another hand had written to one. held: what stood in each place after
    the first telling, and after callers were pointed back.
    """

    world: World
    first: list[str]
    posts: list[tuple[dict[str, str], bytes]]
    again: list[str]
    changes_of_again: list[str]
    spoiled: list[str]
    mended: list[str]
    undone: list[str]
    undone_again: list[str]
    changes_of_undone_again: list[str]
    anew: list[str]
    held: list[Json]
    events: list[tuple[str, str]]


def _configure(folder: Path, receiver: Receiver) -> None:
    prepare_folder(folder)
    given = yaml.safe_load((folder / "migration.yaml").read_text())
    handoffs = [
        {"kind": "file", "path": "handoff.json"},
        {"kind": "key_vault_secret", "vault": "kv-apps"},
        {"kind": "key_vault_secret", "vault": "kv-apps", "secret": "all-endpoints"},
        {"kind": "app_configuration_key", "store": "appcs-apps", "label": "prod"},
        {"kind": "webhook", "url": receiver.url, "secret": {"environment": "HANDOFF_KEY"}},
    ]
    sections = {"endpoints": {"include": ["churn"]}, "validation": {"soak_h": 0.25}, "handoff": handoffs}
    (folder / "migration.yaml").write_text(yaml.safe_dump({**given, **sections}))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Story]:
    """A migration of one endpoint with a handoff of each kind, and what became of them one after the other."""
    folder = tmp_path_factory.mktemp("handoff")
    _configure(folder, receiver)
    scenario = legacy_scenario()
    furnished = scenario.model_copy(
        update={
            "resources": (*scenario.resources, _STORE, _VAULT),
            "secrets": {**scenario.secrets, "kv-apps/churn-scoring-uri": OLD},
        }
    )
    log = folder / "requests.jsonl"
    with (
        pytest.MonkeyPatch.context() as patch,
        running(furnished, time_scale=6000.0, request_log=log) as sandbox,
        inside(sandbox),
    ):
        patch.setenv("HANDOFF_KEY", KEY)
        set_setting(connect(), "appcs-apps", "churn:scoring-uri", "prod", Setting(OLD, "", "", {"team": "a"}))
        world = World(sandbox, folder, make_plan(folder))
        for step in world.plan.steps:
            if step.kind not in ("hand_off", "create_autoscale_setting"):
                TASKS[step.kind].fn(step, world.run)
        yield _tell(world, receiver)


def _tell(world: World, receiver: Receiver) -> Story:
    receiver.answers[:] = [503, 429]
    first = _hand_off(world)
    posts, seen, held = list(receiver.got), len(world.requests()), [_held(world)]
    again, changes = _hand_off(world), world.changes(since=seen)
    set_secret(connect(), "kv-apps", "churn-scoring-uri", OLD, {})
    told = world.plan.of_kind("hand_off")
    spoiled = [place for step in told for place in unsaid(connect(), world.run, step.spec)]
    mended = _hand_off(world)
    undone = _undo(world)
    held.append(_held(world))
    seen = len(world.requests())
    undone_again, later = _undo(world), world.changes(since=seen)
    anew = _hand_off(world)
    events = [(json.loads(body)["event"], headers["idempotency-key"]) for headers, body in receiver.got]
    return Story(
        world, first, posts, again, changes, spoiled, mended, undone, undone_again, later, anew, held, events
    )


def _hand_off(world: World) -> list[str]:
    return [TASKS[step.kind].fn(step, world.run).status for step in world.plan.of_kind("hand_off")]


def _undo(world: World) -> list[str]:
    steps = [step for step in build_reversal(world.plan, Reversal()) if step.kind == "undo_hand_off"]
    return [TASKS[step.kind].fn(step, world.run).status for step in steps]


def _held(world: World) -> Json:
    """What stands in every place now."""
    secret = find_secret(connect(), "kv-apps", "churn-scoring-uri")
    whole = find_secret(connect(), "kv-apps", "all-endpoints")
    setting = find_setting(connect(), "appcs-apps", "churn:scoring-uri", "prod")
    assert secret is not None
    assert whole is not None
    assert setting is not None
    before = find_secret(connect(), "kv-apps", "churn-scoring-uri", secret.tags.get("vnetferry-previous", ""))
    return {
        "secret": secret.value,
        "secret before": before.value if before else "",
        "whole": whole.value,
        "file": (world.folder / "handoff.json").read_text(),
        "key": setting.value,
        "tags": dict(setting.tags),
        "key without a label": find_setting(connect(), "appcs-apps", "churn:scoring-uri", None),
    }


def test_hand_off_tells_every_place_and_keeps_what_was_there(told: Story) -> None:
    (endpoint,) = told.world.plan.of_kind("create_endpoint")
    uri = told.world.get(endpoint.resource)["properties"]["scoringUri"]
    held = told.held[0]
    assert told.first == ["done"] * 5
    assert (held["secret"], held["secret before"]) == (uri, OLD)
    assert held["whole"] == held["file"]
    assert (held["key"], held["tags"]["team"], held["key without a label"]) == (uri, "a", None)


def test_webhook_is_retried_signed_and_known_again(told: Story) -> None:
    assert len(told.posts) == 3
    assert len({headers["idempotency-key"] for headers, _ in told.posts}) == 1
    for headers, body in told.posts:
        signed = f"{headers['x-vnetferry-timestamp']}.".encode() + body
        wanted = "sha256=" + hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(headers["x-vnetferry-signature"], wanted)
        assert KEY not in str(headers)
        assert KEY.encode() not in body
    (row,) = json.loads(told.posts[-1][1])["endpoints"]
    assert row["endpoint"] == "churn"


def test_hand_off_again_writes_nothing(told: Story) -> None:
    assert told.again == ["already_done"] * 5
    assert told.changes_of_again == []


def test_hand_off_mends_only_the_place_that_another_hand_changed(told: Story) -> None:
    assert told.spoiled == ["the secret churn-scoring-uri in kv-apps"]
    assert sorted(told.mended) == ["already_done"] * 4 + ["done"]


def test_undo_hand_off_points_every_place_back_once(told: Story) -> None:
    held = told.held[1]
    (row,) = json.loads(held["file"])["endpoints"]
    assert (told.undone, told.undone_again) == (["undone"] * 5, ["already_done"] * 5)
    assert told.changes_of_undone_again == []
    assert (held["secret"], held["key"], held["tags"]) == (OLD, OLD, {"team": "a"})
    assert row["target_uri"] == row["source_uri"]
    assert held["whole"] == held["file"]


def test_hand_off_after_it_was_undone_is_news_to_the_receiver(told: Story) -> None:
    """Three posts of the first message (two were not taken), one that it does not hold any more, and a new one."""
    assert told.anew == ["done"] * 5
    assert [event for event, _ in told.events] == ["moved", "moved", "moved", "moved back", "moved"]
    assert len({identifier for _, identifier in told.events}) == 3


def test_key_of_the_webhook_is_written_nowhere(told: Story) -> None:
    texts = [file.read_bytes() for file in told.world.folder.rglob("*") if file.is_file()]
    assert len(texts) > 3
    assert [text for text in texts if KEY.encode() in text] == []


def test_webhook_that_refuses_fails_without_its_url_or_key_in_the_error(
    told: Story,
    receiver: Receiver,
) -> None:
    receiver.answers[:] = [403]

    with pytest.raises(HandoffFailed, match="the webhook answered 403") as caught:
        webhook.post(connect(), f"{receiver.url}?sig=made-up", KEY.encode(), b"{}", "id")

    assert caught.value.exit_code == 1
    assert KEY not in str(caught.value)
    assert "made-up" not in str(caught.value)


def test_webhook_by_https_is_told_when_its_certificate_is_trusted_and_only_then(
    told: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An authority of one's own, as in a company's network."""
    assert told.first
    authority = CertificateAuthority(tmp_path / "ca")
    with receiving(authority._make_context("localhost")) as receiver:
        url = f"{receiver.url}?sig=made-up"

        with pytest.raises(HandoffFailed, match=r"certificate cannot be trusted.*SSL_CERT_FILE") as caught:
            webhook.post(connect(), url, KEY.encode(), b"{}", "id")

        assert receiver.got == []
        assert caught.value.retryable is False
        assert "made-up" not in str(caught.value)

        monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
        assert webhook.post(connect(), url, KEY.encode(), b"{}", "id") == 204
        ((headers, body),) = receiver.got
    signed = hmac.new(KEY.encode(), f"{headers['x-vnetferry-timestamp']}.".encode() + body, hashlib.sha256)
    assert headers["x-vnetferry-signature"] == f"sha256={signed.hexdigest()}"


def test_webhook_without_its_key_says_which_variable_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDOFF_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"HANDOFF_KEY.*is not set"):
        webhook.read_key(connect(), SecretSource(environment="HANDOFF_KEY"))
