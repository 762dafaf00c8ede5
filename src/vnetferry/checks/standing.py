"""Where a step of a plan stands, read from Azure alone. Pure: documents in, standings out.

Proofs leave no trace in Azure but one: traffic is set after them and never before.
"""

from __future__ import annotations

from typing import Any, Literal

from vnetferry.models.base import Json, Value
from vnetferry.models.plan import Plan, Step
from vnetferry.models.run import CONVERSION_TAG, CONVERTED, PLAN_TAG, SOURCE_TAG, UNDER_WAY

State = Literal["done", "running", "failed", "missing", "not ours", "not proven", "see there"]
_ENDED_BADLY = {"failed", "canceled"}
_PROOFS = ("smoke_test", "compare_answers", "probe_isolation")
# Azure keeps no tags on these, or makes them by itself; assignments have names that only this plan gives, settings
# their source's.
_UNTAGGED = ("copy_connection", "copy_container", "assign_role", "create_diagnostic_setting")
_UNTIL_GONE = ("keep_secrets", "record_answers", "take_down_endpoint", "take_down_compute")
# What the mark on the workspace says once the step is done.
_MARKS: dict[str, tuple[str, ...]] = {
    "claim_workspace": (UNDER_WAY, CONVERTED),
    "forget_secrets": (CONVERTED,),
    "finish_conversion": (CONVERTED,),
}


class Standing(Value):
    """Where one step stands; `note` is what Azure said."""

    step: str
    title: str
    state: State
    note: str = ""


def standing_of(plan: Plan, step: Step, found: dict[str, Json]) -> Standing:
    """Where `step` stands.

    In: found: target id (lower case) -> its document; what is absent does not exist.
    """
    state, note = _state(plan, step, found)
    return Standing(step=step.id, title=step.title, state=state, note=note)


def _state(plan: Plan, step: Step, found: dict[str, Json]) -> tuple[State, str]:
    if step.kind == "hand_off":
        return "see there", str(step.spec["handoff"].get("path") or step.id.partition(":")[2])
    if step.kind in _PROOFS:
        return _proof(step, found)
    document = found.get(step.resource.key)
    if step.kind in _UNTIL_GONE:
        return _until_gone(plan, document)
    return ("missing", "") if document is None else _found(plan, step, document)


def _found(plan: Plan, step: Step, document: Json) -> tuple[State, str]:
    """Where a step stands whose resource is there."""
    if step.kind in _MARKS:
        return _mark(plan, step, document)
    if step.kind == "enable_network":
        return _enabled(step, document)
    if step.kind == "provision_network":
        return _network(document)
    if step.kind == "set_storage_service":
        return ("done", "") if _holds(document, step.body) else ("missing", "it is as Azure made it")
    return _traffic(step, document) if step.kind == "set_traffic" else _resource(plan, step, document)


def _holds(document: Any, wanted: Any) -> bool:
    """Whether a document says what is wanted, and perhaps more.

    Of lists, only how much is in them counts: a step names the new workspace's containers where the plan has the
    source's.
    """
    if isinstance(wanted, dict):
        return isinstance(document, dict) and all(_holds(document.get(k), v) for k, v in wanted.items())
    if isinstance(wanted, list):
        return len(document or ()) >= len(wanted)
    return bool(document == wanted) or not (document or wanted)


def _resource(plan: Plan, step: Step, document: Json) -> tuple[State, str]:
    made_by = str(_tags(document).get(PLAN_TAG, ""))
    earlier = f"made by plan {made_by}" if made_by and made_by != plan.id else ""
    if step.kind not in _UNTAGGED and not _is_ours(plan, _tags(document)):
        return "not ours", earlier or "made by someone else"
    provisioning = str(_properties(document).get("provisioningState") or "Succeeded")
    if provisioning.lower() == "succeeded":
        return "done", earlier
    return ("failed" if provisioning.lower() in _ENDED_BADLY else "running"), provisioning


def _is_ours(plan: Plan, tags: Json) -> bool:
    """Whether this plan made it, or an earlier one of the same source, whose work this one goes on with."""
    same_source = PLAN_TAG in tags and str(tags.get(SOURCE_TAG, "")).lower() == plan.source.key
    return same_source or tags.get(PLAN_TAG) == plan.id


def _until_gone(plan: Plan, document: Json | None) -> tuple[State, str]:
    """What a conversion does to what was there before it: deleting comes last, so with what is gone all is done."""
    is_gone = document is None or _tags(document).get(PLAN_TAG) == plan.id
    return ("done", "") if is_gone else ("missing", "it is there as it was")


def _mark(plan: Plan, step: Step, document: Json) -> tuple[State, str]:
    found = str(_tags(document).get(CONVERSION_TAG, "")) if _is_ours(plan, _tags(document)) else ""
    return ("done" if found in _MARKS[step.kind] else "missing"), found


def _enabled(step: Step, document: Json) -> tuple[State, str]:
    mode = str((_properties(document).get("managedNetwork") or {}).get("isolationMode") or "Disabled")
    return ("done" if mode.lower() == step.spec["isolation_mode"].lower() else "missing"), mode


def _network(document: Json) -> tuple[State, str]:
    network = _properties(document).get("managedNetwork") or {}
    status = str((network.get("status") or {}).get("status", "Inactive"))
    return ("done", "") if status.lower() == "active" else ("missing", f"the network is {status}")


def _traffic(step: Step, document: Json) -> tuple[State, str]:
    properties = _properties(document)
    live, mirror = _split(properties.get("traffic")), _split(properties.get("mirrorTraffic"))
    if (live, mirror) == (_split(step.spec["traffic"]), _split(step.spec["mirror"])):
        return "done", ""
    return "missing", f"traffic is {live or 'not set'}"


def _proof(step: Step, found: dict[str, Json]) -> tuple[State, str]:
    endpoint = step.resource if step.kind != "smoke_test" else step.resource.parent
    document = found.get(endpoint.key)
    if document and _split(_properties(document).get("traffic")):
        return "done", "the endpoint has traffic, which is set after this"
    return "not proven", ""


def _split(traffic: Json | None) -> dict[str, int]:
    """Traffic as Azure compares it: without zeros, names in any case."""
    return {name.lower(): int(pct) for name, pct in (traffic or {}).items() if pct}


def _properties(document: Json) -> Json:
    properties: Json = document.get("properties") or {}
    return properties


def _tags(document: Json) -> Json:
    """The tags, where this kind of document has them."""
    tags: Json = document.get("tags") or _properties(document).get("tags") or {}
    return tags
