"""Versioned assets: containers and versions, by one set of rules for code, models, environments, components
and data, in a workspace or in a registry.

A container comes into being with its first version. Writing a version answers 201 with its `Location` when
it is new and 200 when it was there; what makes the version what it is cannot be changed then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.errors import AzureError, service_error
from vnetferry.sandbox.ml.api_versions import ALL, REGISTRY_ASSETS
from vnetferry.sandbox.ml.asset_lists import invalid, matching, ordered, size, viewed
from vnetferry.sandbox.ml.fields import Field, Kind, anything, flag, object_of, resource, scalars, text, words
from vnetferry.sandbox.ml.scope import (
    REGISTRY,
    WORKSPACE,
    child_id,
    created,
    modified,
    page,
    row,
)
from vnetferry.sandbox.routes import Call, Evidence, Handler, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")

CONTAINER_FIELDS = {
    "description": Field(text),
    "tags": Field(words),
    "properties": Field(scalars),
    "isArchived": Field(flag),
    "latestVersion": Field(text, read_only=True),
    "nextVersion": Field(text, read_only=True),
    "provisioningState": Field(text, read_only=True),
}
VERSION_FIELDS = {
    "description": Field(text),
    "tags": Field(words),
    "properties": Field(scalars),
    "isArchived": Field(flag),
    "isAnonymous": Field(flag),
    "autoDeleteSetting": Field(anything),
    "provisioningState": Field(text, read_only=True),
}

Complete = Callable[[Call, Json], Json]


@dataclass(frozen=True)
class AssetKind:
    """One kind of asset.

    plural, title:  "models", "Model": the path's word and the word in operations' names.
    version, container: what their properties may hold.
    settled:        members of a version that cannot change once it exists.
    complete:       from the properties as read to the properties as answered; refuses with AzureError.
    missing:        the refusals' texts for an absent container and an absent version.
    """

    plural: str
    title: str
    version: Kind
    container: Kind
    settled: tuple[str, ...]
    complete: Complete
    missing: tuple[str, str]

    @property
    def path(self) -> str:
        """The path of the containers in a workspace."""
        return f"{WORKSPACE}/{self.plural}"


@dataclass(frozen=True)
class Home:
    """Where assets are kept.

    path:     of the workspace or the registry. prefix: of the operations' names.
    versions: the api-versions that know of them.
    rights:   of a kind's containers and of its versions, before `/read`, `/write` and `/delete`.
    """

    path: str
    prefix: str
    versions: frozenset[str]
    rights: tuple[str, str]


IN_WORKSPACE = Home(WORKSPACE, "", ALL, ("workspaces/{plural}", "workspaces/{plural}/versions"))
# Source: manage registries (permissions); one right for every kind of asset.
IN_REGISTRY = Home(REGISTRY, "Registry", REGISTRY_ASSETS, ("registries/assets", "registries/assets"))


@dataclass(frozen=True)
class Draft:
    """A version that may be written: its id, its properties, and what it was before (live)."""

    identifier: str
    properties: Json
    before: Json | None


Function = Callable[[Call, AssetKind], Response]
# Whose writes are recorded; those of containers and of data are from the API definition.
_RECORDED = frozenset({"CodeVersions", "ModelVersions", "EnvironmentVersions"})


def operations(kind: AssetKind, home: Home = IN_WORKSPACE) -> list[Operation]:
    """Its rows of the table."""
    several = f"{home.path}/{kind.plural}"
    one = several + "/{name}"
    versions, version = one + "/versions", one + "/versions/{version}"
    outer, inner = (right.format(plural=kind.plural) for right in home.rights)

    def rows(
        group: str, several: str, single: str, right: str, functions: tuple[Function, ...]
    ) -> list[Operation]:
        handlers = [_handler(function, kind) for function in functions]
        evidence: Evidence = "recorded" if group in _RECORDED else "specified"
        common = {"api_versions": home.versions}
        return [
            row(f"{group}_List", "GET", several, handlers[0], f"{right}/read", **common),
            row(f"{group}_Get", "GET", single, handlers[1], f"{right}/read", **common),
            row(
                f"{group}_CreateOrUpdate",
                "PUT",
                single,
                handlers[2],
                f"{right}/write",
                evidence=evidence,
                **common,
            ),
            row(f"{group}_Delete", "DELETE", single, handlers[3], f"{right}/delete", **common),
        ]

    containers = (list_containers, get_container, put_container, delete)
    return [
        *rows(f"{home.prefix}{kind.title}Containers", several, one, outer, containers),
        *rows(f"{home.prefix}{kind.title}Versions", versions, version, inner, _VERSION_FUNCTIONS),
    ]


def _handler(function: Function, kind: AssetKind) -> Handler:
    return partial(_answer, function, kind)


def adopt(world: World, document: Json) -> None:
    """Take a container or a version as GET returned it; a version brings its container when there is none."""
    taken = world.documents.put(deepcopy(document))
    parts = taken["id"].split("/")
    if len(parts) > 11:
        _require_container(world, "/".join(parts[:-2]), taken.get("systemData") or {})


def versions_of(world: World, container_id: str) -> list[Json]:
    """The versions in a container, oldest first."""
    return world.documents.collection(f"{container_id}/versions")


def latest(world: World, container_id: str) -> Json | None:
    """The version that was made last and is not archived."""
    found = [each for each in versions_of(world, container_id) if not each["properties"].get("isArchived")]
    return found[-1] if found else None


async def _answer(function: Function, kind: AssetKind, call: Call) -> Response:
    return function(call, kind)


def list_containers(call: Call, kind: AssetKind) -> Response:
    """The containers of a kind."""
    found = viewed(call, call.world.documents.collection(child_id(call, kind.plural)))
    return page(call, [_shown_container(call.world, each) for each in found], size(call, "count"))


def get_container(call: Call, kind: AssetKind) -> Response:
    """One container, with its latest version and the next number."""
    return Response(200, _shown_container(call.world, require_container(call, kind)))


def put_container(call: Call, kind: AssetKind) -> Response:
    """Make or change a container."""
    identifier = _container_id(call, kind)
    body = resource(f"{kind.title}Container", kind.container).read(call.json())
    _require_asset_name(call)
    before = call.world.documents.get(identifier)
    document = before or _require_container(
        call.world, identifier, created(call.world, call.request.principal)
    )
    document["properties"].update(body["properties"])
    if before is not None:
        document["systemData"] = modified(call.world, call.request.principal, before.get("systemData"))
    return _written(call, _shown_container(call.world, document), existed=before is not None)


def list_versions(call: Call, kind: AssetKind) -> Response:
    """The versions in a container."""
    if "hash" in call.request.query and _container_id(call, kind) not in call.world.documents:
        # The SDK looks for equal code under a name that it just made up, and is told: none.
        return Response(200, {"value": []})
    container = require_container(call, kind)
    found = matching(call, viewed(call, versions_of(call.world, container["id"])))
    return page(call, ordered(call, found), size(call, "$top"))


def get_version(call: Call, kind: AssetKind) -> Response:
    """One version."""
    return Response(200, deepcopy(require_version(call, kind)))


def common_members(properties: Json) -> Json:
    """What every kind of version has beside its own members."""
    return {
        "description": properties.get("description"),
        "tags": properties.get("tags") or {},
        "properties": properties.get("properties") or {},
        "isArchived": bool(properties.get("isArchived")),
        "isAnonymous": bool(properties.get("isAnonymous")),
    }


def draft_version(call: Call, kind: AssetKind) -> Draft:
    """What the request asks for, checked whole; AzureError when the service would not take it."""
    identifier = f"{_container_id(call, kind)}/versions/{call.params['version']}"
    properties = resource(f"{kind.title}Version", kind.version).read(call.json())["properties"]
    _require_asset_name(call)
    if not _VERSION.fullmatch(call.params["version"]):
        raise invalid("version", call.params["version"])
    before = call.world.documents.get(identifier)
    draft = Draft(identifier, kind.complete(call, _joined(before, properties)), before)
    _require_settled(call, kind, draft)
    return draft


def write_version(call: Call, draft: Draft) -> Json:
    """Make or change the version, and make its container if there is none; the live document."""
    if draft.before is not None:
        draft.before["properties"].update(draft.properties)
        draft.before["systemData"] = modified(
            call.world, call.request.principal, draft.before.get("systemData")
        )
        return draft.before
    stamp = created(call.world, call.request.principal)
    return keep_version(call.world, draft.identifier, draft.properties, stamp)


def keep_version(world: World, identifier: str, properties: Json, stamp: Json) -> Json:
    """Add a version (and its container if there is none); the live document."""
    container_id, _, name = identifier.rpartition("/versions/")
    container = _require_container(world, container_id, stamp, properties.get("dataType"))
    document = {
        "id": f"{container['id']}/versions/{name}",
        "name": name,
        "type": resource_type(identifier),
        "properties": properties,
        "systemData": dict(stamp),
    }
    return world.documents.put(document)


def _put_version(call: Call, kind: AssetKind) -> Response:
    draft = draft_version(call, kind)
    return _written(call, deepcopy(write_version(call, draft)), existed=draft.before is not None)


def delete(call: Call, _kind: AssetKind) -> Response:
    """Remove a container or a version; 204 when it is absent."""
    identifier = child_id(call, *call.request.segments[8:])
    if identifier not in call.world.documents:
        return Response(204)
    call.world.documents.remove(identifier)
    return Response(200)


_VERSION_FUNCTIONS = (list_versions, get_version, _put_version, delete)


def require_container(call: Call, kind: AssetKind) -> Json:
    """The container that the path is in; AzureError 404 in the service's words when it is absent."""
    document = call.world.documents.get(_container_id(call, kind))
    if document is None:
        raise _missing(kind, call.params["name"], None)
    return document


def require_version(call: Call, kind: AssetKind) -> Json:
    """The version that the path is in; AzureError 404 in the service's words when it is absent."""
    version = call.params["version"]
    document = call.world.documents.get(f"{_container_id(call, kind)}/versions/{version}")
    if document is None:
        raise _missing(kind, call.params["name"], version)
    return document


def _require_settled(call: Call, kind: AssetKind, draft: Draft) -> None:
    """AzureError 409 for a change of what makes an existing version what it is."""
    if draft.before is None:
        return
    settled = kind.complete(call, draft.before["properties"])
    changed = [name for name in kind.settled if settled.get(name) != draft.properties.get(name)]
    if changed:
        message = (
            f"{kind.title} version {call.params['name']}:{call.params['version']} exists already, and its "
            f"{', '.join(changed)} cannot be changed. Create a new version."
        )
        raise service_error(409, "UserError", message)


def _joined(before: Json | None, properties: Json) -> Json:
    """The properties that a body gives, over those that are settled already."""
    given = {name: value for name, value in properties.items() if value is not None}
    return {**((before or {}).get("properties") or {}), **given}


def _require_container(world: World, identifier: str, stamp: Json, data_type: str | None = None) -> Json:
    """The container, made when there is none."""
    document = world.documents.get(identifier)
    if document is not None:
        return document
    name = identifier.rpartition("/")[2]
    properties: Json = {"description": None, "tags": {}, "properties": {}, "isArchived": False}
    if data_type:
        properties["dataType"] = data_type
    return world.documents.put(
        {
            "id": identifier,
            "name": name,
            "type": resource_type(identifier),
            "properties": properties,
            "systemData": dict(stamp),
        }
    )


def _shown_container(world: World, container: Json) -> Json:
    """The container with its latest version and the next number."""
    document = deepcopy(container)
    numbers = [int(each["name"]) for each in versions_of(world, container["id"]) if each["name"].isdecimal()]
    newest = latest(world, container["id"])
    document["properties"]["latestVersion"] = newest["name"] if newest else None
    document["properties"]["nextVersion"] = str(max(numbers, default=0) + 1)
    return document


def _written(call: Call, document: Json, *, existed: bool) -> Response:
    if existed:
        return Response(200, document)
    location = f"https://{call.request.host}{document['id']}?api-version={call.api_version}"
    return Response(201, document, {"Location": location})


def _container_id(call: Call, kind: AssetKind) -> str:
    return child_id(call, kind.plural, call.params["name"])


def _require_asset_name(call: Call) -> None:
    if not _NAME.fullmatch(call.params["name"]):
        raise invalid("name", call.params["name"])


def _missing(kind: AssetKind, name: str, version: str | None) -> AzureError:
    message = kind.missing[0 if version is None else 1].format(name=name, version=version)
    detail = {"code": f"{kind.title}NotFound", "message": message}
    return service_error(404, "UserError", message, details=[detail])


def container_kind(title: str, **more: Field) -> Kind:
    """The table of a container's properties."""
    return Kind(f"{title}ContainerProperties", {**CONTAINER_FIELDS, **more})


def version_kind(title: str, **more: Field) -> Kind:
    """The table of a version's properties."""
    return Kind(f"{title}VersionProperties", {**VERSION_FIELDS, **more})


def nested(name: str, **fields: Field) -> Field:
    """A member that is an object with these members."""
    return Field(object_of(Kind(name, fields)))
