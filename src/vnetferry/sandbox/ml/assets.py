"""Versioned assets: containers and versions, by one set of rules for code, models, environments, data.

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

from vnetferry.sandbox.errors import AzureError, service_error
from vnetferry.sandbox.ml.fields import Field, Kind, anything, flag, object_of, resource, scalars, text, words
from vnetferry.sandbox.ml.scope import PROVIDER, WORKSPACE, child_id, created, modified, page, row
from vnetferry.sandbox.routes import Call, Evidence, Handler, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_PAGE = 100

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
        """The path of the containers."""
        return f"{WORKSPACE}/{self.plural}"

    @property
    def type(self) -> str:
        """The containers' full type."""
        return f"{PROVIDER}/workspaces/{self.plural}"


Function = Callable[[Call, AssetKind], Response]
# Whose writes are recorded; those of containers and of data are from the API definition.
_RECORDED = frozenset({"CodeVersions", "ModelVersions", "EnvironmentVersions"})


def operations(kind: AssetKind) -> list[Operation]:
    """Its rows of the table."""
    right, one = f"workspaces/{kind.plural}", kind.path + "/{name}"
    versions, version = one + "/versions", one + "/versions/{version}"

    def handle(function: Callable[[Call, AssetKind], Response]) -> Handler:
        return partial(_answer, function, kind)

    def rows(
        group: str, several: str, single: str, scope: str, functions: tuple[Function, ...]
    ) -> list[Operation]:
        list_all, get, put, remove = functions
        return [
            row(f"{group}_List", "GET", several, handle(list_all), f"{scope}/read"),
            row(f"{group}_Get", "GET", single, handle(get), f"{scope}/read"),
            row(
                f"{group}_CreateOrUpdate",
                "PUT",
                single,
                handle(put),
                f"{scope}/write",
                evidence=evidence(group),
            ),
            row(f"{group}_Delete", "DELETE", single, handle(remove), f"{scope}/delete"),
        ]

    def evidence(group: str) -> Evidence:
        return "recorded" if group in _RECORDED else "specified"

    containers = (_list_containers, _get_container, _put_container, _delete)
    return [
        *rows(f"{kind.title}Containers", kind.path, one, right, containers),
        *rows(f"{kind.title}Versions", versions, version, f"{right}/versions", _VERSION_FUNCTIONS),
    ]


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


def _list_containers(call: Call, kind: AssetKind) -> Response:
    found = _viewed(call, call.world.documents.collection(child_id(call, kind.plural)))
    return page(call, [_shown_container(call.world, each) for each in found], _size(call, "count"))


def _get_container(call: Call, kind: AssetKind) -> Response:
    return Response(200, _shown_container(call.world, require_container(call, kind)))


def _put_container(call: Call, kind: AssetKind) -> Response:
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
    return _written(_shown_container(call.world, document), existed=before is not None)


def _list_versions(call: Call, kind: AssetKind) -> Response:
    if "hash" in call.request.query and _container_id(call, kind) not in call.world.documents:
        # The SDK looks for equal code under a name that it just made up, and is told: none.
        return Response(200, {"value": []})
    container = require_container(call, kind)
    found = _matching(call, _viewed(call, versions_of(call.world, container["id"])))
    return page(call, _ordered(call, found), _size(call, "$top"))


def _get_version(call: Call, kind: AssetKind) -> Response:
    return Response(200, deepcopy(require_version(call, kind)))


def _put_version(call: Call, kind: AssetKind) -> Response:
    identifier = f"{_container_id(call, kind)}/versions/{call.params['version']}"
    properties = resource(f"{kind.title}Version", kind.version).read(call.json())["properties"]
    _require_asset_name(call)
    if not _VERSION.fullmatch(call.params["version"]):
        raise _invalid("version", call.params["version"])
    before = call.world.documents.get(identifier)
    complete = kind.complete(call, _joined(before, properties))
    if before is not None:
        return _written(_rewrite(call, kind, before, complete), existed=True)
    stamp = created(call.world, call.request.principal)
    container = _require_container(call.world, _container_id(call, kind), stamp, complete.get("dataType"))
    document = {
        "id": f"{container['id']}/versions/{call.params['version']}",
        "name": call.params["version"],
        "type": f"{kind.type}/versions",
        "properties": complete,
        "systemData": stamp,
    }
    return _written(deepcopy(call.world.documents.put(document)), existed=False)


def _delete(call: Call, _kind: AssetKind) -> Response:
    identifier = child_id(call, *call.request.segments[8:])
    if identifier not in call.world.documents:
        return Response(204)
    call.world.documents.remove(identifier)
    return Response(200)


_VERSION_FUNCTIONS = (_list_versions, _get_version, _put_version, _delete)


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


def _rewrite(call: Call, kind: AssetKind, before: Json, complete: Json) -> Json:
    """Change what may be changed of a version that exists."""
    settled = kind.complete(call, before["properties"])
    changed = [name for name in kind.settled if settled.get(name) != complete.get(name)]
    if changed:
        message = (
            f"{kind.title} version {call.params['name']}:{call.params['version']} exists already, and its "
            f"{', '.join(changed)} cannot be changed. Create a new version."
        )
        raise service_error(409, "UserError", message)
    before["properties"].update(complete)
    before["systemData"] = modified(call.world, call.request.principal, before.get("systemData"))
    return deepcopy(before)


def _joined(before: Json | None, properties: Json) -> Json:
    """The properties that a body gives, over those that are settled already."""
    given = {name: value for name, value in properties.items() if value is not None}
    return {**((before or {}).get("properties") or {}), **given}


def _require_container(world: World, identifier: str, stamp: Json, data_type: str | None = None) -> Json:
    """The container, made when there is none."""
    document = world.documents.get(identifier)
    if document is not None:
        return document
    kind, name = identifier.split("/")[-2:]
    properties: Json = {"description": None, "tags": {}, "properties": {}, "isArchived": False}
    if data_type:
        properties["dataType"] = data_type
    return world.documents.put(
        {
            "id": identifier,
            "name": name,
            "type": f"{PROVIDER}/workspaces/{kind}",
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


def _written(document: Json, *, existed: bool) -> Response:
    if existed:
        return Response(200, document)
    return Response(201, document, {"Location": f"https://management.azure.com{document['id']}"})


def _viewed(call: Call, documents: list[Json]) -> list[Json]:
    """Those that `listViewType` asks for; without it, those that are not archived."""
    view = call.request.query.get("listviewtype", "ActiveOnly").lower()
    if view not in ("activeonly", "archivedonly", "all"):
        raise _invalid("listViewType", view)
    if view == "all":
        return documents
    archived = view == "archivedonly"
    return [each for each in documents if bool(each["properties"].get("isArchived")) == archived]


def _matching(call: Call, documents: list[Json]) -> list[Json]:
    """Those with the hash or the version that the query asks for."""
    query = call.request.query
    wanted = [("hash_sha256", query.get("hash")), ("hash_version", query.get("hashversion"))]
    for name, value in wanted:
        if value:
            documents = [
                each
                for each in documents
                if str((each["properties"].get("properties") or {}).get(name)) == value
            ]
    if version := query.get("version"):
        documents = [each for each in documents if each["name"] == version]
    return documents


def _ordered(call: Call, documents: list[Json]) -> list[Json]:
    """In the order of `$orderBy`; newest first without it."""
    order = call.request.query.get("$orderby", "createdtime desc").lower().split()
    if (
        not order
        or order[0] not in ("createdtime", "updatedtime")
        or order[1:] not in ([], ["asc"], ["desc"])
    ):
        raise _invalid("$orderBy", " ".join(order))
    stamp = "createdAt" if order[0] == "createdtime" else "lastModifiedAt"
    ascending = sorted(documents, key=lambda each: str((each.get("systemData") or {}).get(stamp, "")))
    return ascending[::-1] if order[-1] == "desc" else ascending


def _size(call: Call, name: str) -> int:
    word = call.request.query.get(name.lower(), str(_PAGE))
    if not word.isdecimal() or int(word) == 0:
        raise _invalid(name, word)
    return min(int(word), _PAGE)


def _container_id(call: Call, kind: AssetKind) -> str:
    return child_id(call, kind.plural, call.params["name"])


def _require_asset_name(call: Call) -> None:
    if not _NAME.fullmatch(call.params["name"]):
        raise _invalid("name", call.params["name"])


def _invalid(name: str, value: str) -> AzureError:
    return service_error(400, "UserError", f"The value '{value}' of {name} is not valid.")


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
