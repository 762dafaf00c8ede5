"""What a list of assets shows: those that the query asks for, in its order."""

from __future__ import annotations

from vnetferry.sandbox.errors import AzureError, service_error
from vnetferry.sandbox.ml.scope import in_registry
from vnetferry.sandbox.routes import Call
from vnetferry.sandbox.wire import Json, read_count

_PAGE = 100


def viewed(call: Call, documents: list[Json]) -> list[Json]:
    """Those that `listViewType` asks for; without it, those that are not archived."""
    view = call.request.query.get("listviewtype", "ActiveOnly").lower()
    if in_registry(call):
        # azure-ai-ml 1.35.2 sends registries its enumeration's own name, `ListViewType.ACTIVE_ONLY`; that the
        # service takes it for what it means is assumed.
        view = view.removeprefix("listviewtype.").replace("_", "")
    if view not in ("activeonly", "archivedonly", "all"):
        raise invalid("listViewType", view)
    if view == "all":
        return documents
    archived = view == "archivedonly"
    return [each for each in documents if bool(each["properties"].get("isArchived")) == archived]


def matching(call: Call, documents: list[Json]) -> list[Json]:
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


def ordered(call: Call, documents: list[Json]) -> list[Json]:
    """In the order of `$orderBy`; newest first without it."""
    order = call.request.query.get("$orderby", "createdtime desc").lower().split()
    if (
        not order
        or order[0] not in ("createdtime", "updatedtime")
        or order[1:] not in ([], ["asc"], ["desc"])
    ):
        raise invalid("$orderBy", " ".join(order))
    stamp = "createdAt" if order[0] == "createdtime" else "lastModifiedAt"
    ascending = sorted(documents, key=lambda each: str((each.get("systemData") or {}).get(stamp, "")))
    return ascending[::-1] if order[-1] == "desc" else ascending


def size(call: Call, name: str) -> int:
    """How many the query wants on a page, a hundred at most."""
    word = call.request.query.get(name.lower(), str(_PAGE))
    wanted = read_count(word)
    if not wanted:
        raise invalid(name, word)
    return min(wanted, _PAGE)


def invalid(name: str, value: str) -> AzureError:
    """400 for a value that the service does not take."""
    return service_error(400, "UserError", f"The value '{value}' of {name} is not valid.")
