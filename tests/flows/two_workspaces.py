"""The example's workspace beside one like it, on the same storage, vault, registry, network and DNS zones."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from tests.flows.legacy_world import SOURCE, legacy_scenario
from vnetferry.models.ids import ResourceId
from vnetferry.sandbox.scenario import Scenario

Json = dict[str, Any]

OTHER_SOURCE = ResourceId.workspace(SOURCE.subscription_id, SOURCE.resource_group, "ws-other")
ENDPOINTS = ("credit", "churn", "demand")
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KEPT = re.compile(r"roleDefinitions/|tenantId\": \"|subscriptions/$", re.IGNORECASE)
# What of the example is the workspace's own, and not what it shares.
_OWN = re.compile(r"/workspaces/ws-legacy|/pe-ws-legacy|/roleassignments/|\.westeurope$", re.IGNORECASE)


def two_workspaces() -> Scenario:
    """The furnished example with `ws-other` beside `ws-legacy`; its endpoints are called `other-…`."""
    scenario = legacy_scenario()
    own = [document for document in scenario.resources if _OWN.search(document["id"])]
    return scenario.model_copy(
        update={
            "resources": (*scenario.resources, *(_twin(document) for document in own)),
            "blobs": {**scenario.blobs, **{_renamed(k): v for k, v in scenario.blobs.items()}},
            "endpoint_keys": {
                **scenario.endpoint_keys,
                **{_renamed(k): v for k, v in scenario.endpoint_keys.items()},
            },
            # Azure's own limit holds for both together, and is not what this is about.
            "quotas": {**scenario.quotas, "standardDSv2Family": 200, "cores": 400},
        }
    )


def _twin(document: Json) -> Json:
    twin: Json = json.loads(_renamed(json.dumps(document)))
    return twin


def _renamed(text: str) -> str:
    """A text about the workspace as it must be about the other: names, addresses, GUIDs of its own."""
    text = re.sub(r"ws-legacy(?!-7f3a)", "ws-other", text).replace("appi-ws-other", "appi-ws-legacy")
    text = text.replace("log-ws-other", "log-ws-legacy").replace("10.40.1.", "10.40.1.1")
    for name in ENDPOINTS:
        text = re.sub(
            rf'(onlineEndpoints/|//|"name": "){name}(?=["/.]|$)', rf"\1other-{name}", text, flags=re.I
        )
    return _GUID.sub(_own_guid, text)


def _own_guid(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 16) : match.start()]
    return match.group() if _KEPT.search(before) else str(uuid.uuid5(uuid.NAMESPACE_OID, match.group()))
