"""What a migration lost without saying so: every document about the source, and what its plan said of it.

The comparison knows nothing of how a plan is made. It reads both sides as GET answers them, and looks each difference
up in the plan's table.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.flows.announced import unannounced
from tests.flows.drops import OF_OTHERS
from tests.flows.legacy_world import SOURCE, TARGET, World
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import STORAGE_ACCOUNT
from vnetferry.models.plan import WHOLE_DOCUMENT, CarryOver
from vnetferry.sandbox.scoring.assets import resolve

Json = dict[str, Any]
Before = dict[ResourceId, Json]
Told = dict[ResourceId, dict[str, CarryOver]]
_RECORDS = ("jobs",)  # what ran once; and code is read only where a deployment runs it
_HANGING = (
    "roleassignments",
    "locks",
    "diagnosticsettings",
    "autoscalesettings",
    "metricalerts",
    "scheduledqueryrules",
    "activitylogalerts",
    "actionrules",
)
_STANDS_ON = ("storageAccount", "keyVault", "containerRegistry", "applicationInsights")
_SERVICES = ("blobServices", "fileServices", "queueServices", "tableServices")
_CONTENT = {"models": "modelUri", "codes": "codeUri"}


def documents_about(world: World) -> dict[ResourceId, Json]:
    """Whatever is in the source workspace, or hangs on it or on an identity in it, as GET answers it."""
    held = world.sandbox.world.documents.below("/")
    within = [d for d in held if ResourceId(d["id"]).is_under(SOURCE) or ResourceId(d["id"]) == SOURCE]
    principals = {str((d.get("identity") or {}).get("principalId") or "") for d in within} - {""}
    marks = [SOURCE.key, *principals]
    hanging = [d for d in held if _hangs(d) and any(mark in json.dumps(d).lower() for mark in marks)]
    found = {ResourceId(d["id"]) for d in (*within, *hanging)}
    return {each: world.get(each) for each in sorted(found) if not _is_record(world, each)}


def documents_beneath(world: World) -> dict[ResourceId, Json]:
    """What the source workspace stands on, and what is set on its account's services, as GET answers it."""
    held = [ResourceId(each) for each in _beneath(world.get(SOURCE))]
    logs = [world.get(each)["properties"].get("WorkspaceResourceId") for each in held]
    held += [ResourceId(each) for each in logs if each]
    (account,) = (each for each in held if each.type == STORAGE_ACCOUNT)
    held += [account.child(service, "default") for service in _SERVICES]
    if str(rules := account.child("managementPolicies", "default")) in world.sandbox.world.documents:
        held.append(rules)
    return {each: world.get(each) for each in held}


def losses(world: World, before: Before, reasons: set[str]) -> list[str]:
    """A line for each difference, and each document, that no line of the plan tells; none when nothing was lost.

    In: before: the documents before the migration; reasons: why something may be dropped.
    """
    told: Told = {}
    for entry in world.plan.carry_over:
        told.setdefault(entry.source, {})[entry.path] = entry
    lines = [line for source in before for line in _lost(world, before, source, told.get(source, {}))]
    targets = Counter(
        target for entries in told.values() for target in {e.target for e in entries.values()} - {None}
    )
    lines += [
        f"{target.name} is made from {count} documents" for target, count in targets.items() if count > 1
    ]
    dropped = [e for e in world.plan.carry_over if e.disposition == "dropped"]
    unknown = {e.reason for e in dropped if e.source in before or e.reason not in OF_OTHERS} - reasons
    return lines + [f"nothing explains why it is dropped: {reason}" for reason in sorted(unknown)]


def target_of(world: World, source: ResourceId) -> ResourceId:
    """Where a document of the source must be in the target, by the rule that people know: the configuration's."""
    if world.plan.target == SOURCE:
        return source
    parts = str(source.moved(SOURCE, TARGET)).split("/")
    if len(parts) > 10 and parts[9].lower() == "onlineendpoints":
        parts[10] = world.plan.config.endpoints.rename.format(name=parts[10])
    return ResourceId("/".join(parts))


def _beneath(workspace: Json) -> list[str]:
    """The ids of what a workspace stands on, always in the same order."""
    return [workspace["properties"][name] for name in _STANDS_ON]


def _hangs(document: Json) -> bool:
    return ResourceId(document["id"]).type.rpartition("/")[2].lower() in _HANGING


def _kind(resource: ResourceId) -> str:
    """The word for what is in a workspace; "" for all else, and for what hangs on it."""
    return resource.type.split("/")[2] if resource.type.count("/") > 1 and resource.is_under(SOURCE) else ""


def _is_record(world: World, resource: ResourceId) -> bool:
    kind = _kind(resource)
    if kind == "codes":
        return resource not in {entry.source for entry in world.plan.carry_over}
    return kind in _RECORDS


def _lost(world: World, before: Before, source: ResourceId, entries: dict[str, CarryOver]) -> Iterator[str]:
    was = before[source]
    if not entries:
        yield f"{source}: no line of the plan is about it"
    elif WHOLE_DOCUMENT in entries:
        yield from _remade(world, before, source, entries[WHOLE_DOCUMENT])
    else:
        (target, *others) = {entry.target for entry in entries.values()}
        if others or target is None or not _belongs(world, source, target):
            yield f"{source}: goes to {target} {others}"
        else:
            lines = [
                *unannounced(was, world.get(target), entries, _staying(world, before)),
                *_other_content(world, source, was, target),
                *_other_state(world, source, was, target),
            ]
            yield from (f"{source.name} -> {target.name}: {line}" for line in lines)


def _staying(world: World, before: Before) -> list[str]:
    """The endpoints that people let stay, as the configuration names them."""
    excluded = [name.lower() for name in world.plan.config.endpoints.exclude]
    return [each.key for each in before if _kind(each) == "onlineEndpoints" and each.name.lower() in excluded]


def _belongs(world: World, source: ResourceId, target: ResourceId) -> bool:
    """Whether a document is where people look for it. Satellites and data versions may get names of their own."""
    return _kind(source) in ("", "data") or target == target_of(world, source)


def _remade(world: World, before: Before, source: ResourceId, entry: CarryOver) -> Iterator[str]:
    """Whether what stays is as it was, and what Azure makes anew by itself is there."""
    was, held = before[source], world.sandbox.world.documents
    kind = source.type.rpartition("/")[2].lower()
    if entry.disposition == "carried":
        now = world.get(source) if str(source) in held else "nothing"
        if now != was:
            yield f"{source}: {was} became {now}, although it stays"
    if entry.disposition != "re-created":
        return
    if kind == "roleassignments":
        if not any(_is_equal_right(world, before, d, was) for d in held.below("/", source.type)):
            yield f"{source}: the new identity has no such role"
    elif _kind(source) and kind != "privateendpointconnections":
        versions = [e for e in world.plan.carry_over if e.source.parent == source]
        places = {e.target.parent for e in versions if e.target} or {target_of(world, source)}
        yield from (f"{source}: {place} is not there" for place in places if str(place) not in held)


def _is_equal_right(world: World, before: Before, candidate: Json, was: Json) -> bool:
    """Whether an assignment gives to a new identity, on what is the target's, what another gave to the source's."""
    held, given = candidate["properties"], was["properties"]
    sources = {str((d.get("identity") or {}).get("principalId")): source for source, d in before.items()}
    holder = world.sandbox.world.documents.get(str(target_of(world, sources[given["principalId"]]))) or {}
    on = given["scope"].lower()
    scopes = {on, on.replace(SOURCE.key, TARGET.key), on.replace(SOURCE.group_id.key, TARGET.group_id.key)}
    olds, news = (map(str.lower, _beneath(world.get(each))) for each in (SOURCE, world.plan.target))
    scopes |= {on.replace(old, new) for old, new in zip(olds, news, strict=True)}
    return (
        held["principalId"] == (holder.get("identity") or {}).get("principalId")
        and held["roleDefinitionId"].rpartition("/")[2] == given["roleDefinitionId"].rpartition("/")[2]
        and held["scope"].lower() in scopes
    )


def _other_content(world: World, source: ResourceId, was: Json, target: ResourceId) -> Iterator[str]:
    """Files of an asset that are not in the target as they were."""
    kind = _kind(source)
    build = was["properties"].get("build") or {}
    before = (
        was["properties"].get(_CONTENT.get(kind, "-")) or build.get("contextUri") if kind != "data" else None
    )
    if before:
        now = world.get(target)["properties"]
        after = now.get(_CONTENT.get(kind, "-")) or (now.get("build") or {}).get("contextUri")
        old, new = _files(world, SOURCE, before), _files(world, TARGET, str(after))
        if old != new or not old:
            yield f"its files {sorted(old)} became {sorted(new)}"


def _other_state(world: World, source: ResourceId, was: Json, target: ResourceId) -> Iterator[str]:
    """A compute instance that was stopped, and runs, or the other way round."""
    if _kind(source) == "computes":
        before, after = ((d["properties"]["properties"] or {}).get("state") for d in (was, world.get(target)))
        if before != after:
            yield f"it was {before}, and is {after}"


def _files(world: World, workspace: ResourceId, uri: str) -> dict[str, bytes]:
    held = world.sandbox.world
    place = resolve(held, str(workspace), uri)
    root = place.path.rstrip("/")
    found = held.blobs.list(place.account, place.container, root)
    return {b.name[len(root) :]: b.data for b in found if b.name[len(root) :][:1] in ("", "/")}


def secrets_of(world: World, workspace: ResourceId, before: Before) -> dict[ResourceId, Any]:
    """Keys and credentials of the documents that move, as one side has them."""
    held = world.sandbox.world.secrets
    moved = [source for source in before if _kind(source) in ("onlineEndpoints", "datastores", "connections")]
    places = {source: target_of(world, source) if workspace == TARGET else source for source in moved}
    found = {
        source: {name: value for name, value in kept[place.key].items() if value is not None}
        for kept in (held.endpoint_keys, held.datastores, held.connections)
        for source, place in places.items()
        if kept.get(place.key)
    }
    return {source: secrets for source, secrets in found.items() if secrets}
