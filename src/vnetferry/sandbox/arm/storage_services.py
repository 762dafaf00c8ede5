"""What is set on the services of a storage account: blobs, files, queues, tables. Settings change nothing here.

Members, their types and ranges are specified (Microsoft.Storage 2023-05-01), and so is what point-in-time restore needs
and what accounts with a hierarchical namespace lack; the words about days and `FeatureNotSupportedForAccount` are as
users quote them. Assumed: that a member which a PUT leaves out keeps its value, other refusals' words, and that the
days of what is switched off are forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from vnetferry.sandbox.arm import tracked
from vnetferry.sandbox.arm.bodies import require_choice, require_known, require_member
from vnetferry.sandbox.arm.shapes import Shape, reader
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Handler, Operation
from vnetferry.sandbox.wire import Json, Response

_ACCOUNT = "Microsoft.Storage/storageAccounts"
_METHODS = ("DELETE", "GET", "HEAD", "MERGE", "POST", "OPTIONS", "PUT", "PATCH", "CONNECT", "TRACE")
_HELD = "What is set is held and shown, and changes nothing of what the service does."
_RULES_MAX = 5
_DAYS_MAX = 365
_FEED_DAYS_MAX = 146000
_CORS_RULE = {
    "allowedOrigins": [str],
    "allowedMethods": [str],
    "maxAgeInSeconds": int,
    "exposedHeaders": [str],
    "allowedHeaders": [str],
}
_CORS: Shape = {"corsRules": [_CORS_RULE]}
_RETENTION: Shape = {"enabled": bool, "days": int, "allowPermanentDelete": bool}
_SMB: Shape = {
    "multichannel": {"enabled": bool},
    **dict.fromkeys(
        ("versions", "authenticationMethods", "kerberosTicketEncryption", "channelEncryption"), str
    ),
}
_TRACKING = {"name": "AccessTimeTracking", "trackingGranularityInDays": 1, "blobType": ["blockBlob"]}
_ONLY_AZURE = ("lastEnabledTime", "minRestoreTime")


@dataclass(frozen=True)
class Service:
    """One service of an account.

    plural: its collection. group: what its operations are called after. noun: what refusals call it.
    shape:  of `properties`, whose members are all that it has. made: `properties` as Azure makes them.
    require: refuses what cannot be together: the account, and the properties as they would be.
    """

    plural: str
    group: str
    noun: str
    shape: dict[str, Shape]
    made: Json
    require: Callable[[Json, Json], None]
    shows_sku: bool = False

    @property
    def type(self) -> str:
        """The full ARM type."""
        return f"{_ACCOUNT}/{self.plural}"


def operations(account: str, versions: frozenset[str]) -> list[Operation]:
    """Reading, listing and setting each service, below the path of an `account`."""
    return [row for service in SERVICES for row in _operations(service, account, versions)]


def settings_of(call: Call, account: Json, service: Service) -> Json:
    """`properties` of a service: as set, or as Azure makes them."""
    held = call.world.documents.get(f"{account['id']}/{service.plural}/default") or {}
    return {**deepcopy(service.made), **deepcopy(held.get("properties") or {})}


def require_default(call: Call, name: str) -> None:
    """AzureError 404 unless the only name is asked for that there is."""
    if name.lower() != "default":
        raise AzureError(404, "HttpResourceNotFound", f"The request url {call.path} is not found.")


def kind_of(account: Json) -> str:
    """Its kind in lower case; a scenario may leave it out."""
    return str(account.get("kind") or "StorageV2").lower()


def unsupported(noun: str) -> AzureError:
    """What an account says of what its kind has not."""
    return AzureError(400, "FeatureNotSupportedForAccount", f"{noun} is not supported for the account.")


def invalid(path: str, value: Any, why: str) -> AzureError:
    """400 in the storage provider's words."""
    message = f"Values for {path} is invalid: {value}. {why}"
    return AzureError(400, "InvalidValuesForRequestParameters", message)


def _operations(service: Service, account: str, versions: frozenset[str]) -> list[Operation]:
    many, one = f"{account}/{service.plural}", f"{account}/{service.plural}/{{service}}"

    def row(verb: str, method: str, path: str, answer: Callable[[Call, Service], Response]) -> Operation:
        right, note = ("write", _HELD) if method == "PUT" else ("read", "")
        action = f"{service.type}/{right}"
        name, read_body = f"{service.group}_{verb}", reader({"properties": service.shape})
        return Operation(
            name, method, path, _asynchronous(answer, service), action, versions, "specified", note, read_body
        )

    return [
        row("List", "GET", many, _list),
        row("GetServiceProperties", "GET", one, _get),
        row("SetServiceProperties", "PUT", one, _put),
    ]


def _asynchronous(answer: Callable[[Call, Service], Response], service: Service) -> Handler:
    async def handle(call: Call) -> Response:
        return answer(call, service)

    return handle


def _list(call: Call, service: Service) -> Response:
    account = call.world.documents.require(call.path.rpartition("/")[0])
    shown = [_document(call, account, service)] if _has(account, service) else []
    return Response(200, {"value": shown})


def _get(call: Call, service: Service) -> Response:
    return Response(200, _document(call, _account(call, service), service))


def _put(call: Call, service: Service) -> Response:
    account = _account(call, service)
    body = call.json()
    require_known(body, {"id", "name", "type", "sku", "properties"}, f"{service.noun}ServiceProperties")
    given = body.get("properties") or {}
    _require_members(given, service.shape, "properties")
    properties = {**settings_of(call, account, service), **given}
    service.require(account, properties)
    _require_cors(properties.get("cors") or {})
    tracked.require_lasting(call, account["id"])
    identifier = f"{account['id']}/{service.plural}/default"
    before = call.world.documents.get(identifier)
    _complete(call, properties, before)
    call.world.documents.put({"id": identifier, "type": service.type, "properties": properties})
    return Response(200, _document(call, account, service))


def _account(call: Call, service: Service) -> Json:
    account = call.world.documents.require(call.path.rpartition("/")[0].rpartition("/")[0])
    require_default(call, call.params["service"])
    if not _has(account, service):
        raise unsupported(service.noun)
    return account


def _has(account: Json, service: Service) -> bool:
    """Whether an account of this kind has the service: others than general-purpose ones have blobs or files alone."""
    kind, size = kind_of(account), str((account.get("sku") or {}).get("name"))
    if kind == "filestorage":
        return service.noun == "File"
    general = kind in ("storage", "storagev2") and not size.lower().startswith("premium")
    return general or service.noun == "Blob"


def _document(call: Call, account: Json, service: Service) -> Json:
    document = {
        "id": f"{account['id']}/{service.plural}/default",
        "name": "default",
        "type": service.type,
        "properties": settings_of(call, account, service),
    }
    return {"sku": account.get("sku"), **document} if service.shows_sku else document


def _complete(call: Call, properties: Json, before: Json | None) -> None:
    """What Azure adds to what is set, and forgets of what is switched off."""
    for name, value in properties.items():
        if name.endswith("RetentionPolicy") and not value.get("enabled"):
            value.pop("days", None)
    if tracking := properties.get("lastAccessTimeTrackingPolicy"):
        tracking.update(_TRACKING)
    restore = properties.get("restorePolicy") or {}
    held, now = (
        (((before or {}).get("properties") or {}).get("restorePolicy")) or {},
        call.world.clock.stamp(),
    )
    for name in _ONLY_AZURE:
        restore.pop(name, None)
        if restore.get("enabled"):
            restore[name] = held.get(name) or now


def _require_members(given: Json, shape: Any, path: str) -> None:
    """Every member of `given`, at every depth, is one that `shape` has."""
    require_known(given, shape, "ServiceProperties", path)
    for name, value in given.items():
        inner, below = shape[name], f"{path}.{name}"
        parts: Iterable[Any] = value if isinstance(inner, list) else [value]
        inner = inner[0] if isinstance(inner, list) else inner
        if isinstance(inner, dict):
            for part in parts:
                _require_members(part, inner, below)


def _require_cors(cors: Json) -> None:
    rules, path = cors.get("corsRules") or [], "properties.cors.corsRules"
    if len(rules) > _RULES_MAX:
        raise invalid(path, len(rules), f"There can be {_RULES_MAX} rules.")
    for rule in rules:
        for name in _CORS_RULE:
            require_member(rule, name, "InvalidValuesForRequestParameters", path)
        for method in rule["allowedMethods"]:
            require_choice(method, _METHODS, f"{path}.allowedMethods", "InvalidValuesForRequestParameters")
        if rule["maxAgeInSeconds"] < 0:
            raise invalid(f"{path}.maxAgeInSeconds", rule["maxAgeInSeconds"], "It should not be negative.")


def _require_nothing(_account: Json, _properties: Json) -> None:
    """Queues and tables have no more than rules for other origins."""


def _require_blobs(account: Json, properties: Json) -> None:
    for name in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
        _require_retention(properties.get(name), f"properties.{name}")
    feed = properties.get("changeFeed") or {}
    if (days := feed.get("retentionInDays")) is not None and not 1 <= days <= _FEED_DAYS_MAX:
        why = f"It should be between 1 and {_FEED_DAYS_MAX}."
        raise invalid("properties.changeFeed.retentionInDays", days, why)
    if "lastAccessTimeTrackingPolicy" in properties:
        require_member(
            properties["lastAccessTimeTrackingPolicy"],
            "enable",
            path="properties.lastAccessTimeTrackingPolicy",
        )
    restore = properties.get("restorePolicy") or {}
    if restore:
        require_member(restore, "enabled", path="properties.restorePolicy")
    _require_flat(account, properties)
    if restore.get("enabled"):
        _require_restorable(properties, restore)


def _require_flat(account: Json, properties: Json) -> None:
    """Versions, the change feed and restoring are not for accounts with a hierarchical namespace."""
    if not account["properties"].get("isHnsEnabled"):
        return
    wanted = {
        "Blob versioning": properties.get("isVersioningEnabled"),
        "Change feed": (properties.get("changeFeed") or {}).get("enabled"),
        "Point-in-time restore": (properties.get("restorePolicy") or {}).get("enabled"),
    }
    for noun, is_wanted in wanted.items():
        if is_wanted:
            raise unsupported(noun)


def _require_restorable(properties: Json, restore: Json) -> None:
    kept = properties.get("deleteRetentionPolicy") or {}
    needed = {
        "properties.isVersioningEnabled": properties.get("isVersioningEnabled"),
        "properties.changeFeed.enabled": (properties.get("changeFeed") or {}).get("enabled"),
        "properties.deleteRetentionPolicy.enabled": kept.get("enabled"),
    }
    for path, value in needed.items():
        if not value:
            raise invalid(path, value, "It should be true where properties.restorePolicy is enabled.")
    if kept.get("allowPermanentDelete"):
        path = "properties.deleteRetentionPolicy.allowPermanentDelete"
        raise invalid(path, True, "It cannot be used where properties.restorePolicy is enabled.")
    days = restore.get("days")
    if days is None or not 0 < days < kept["days"]:
        why = "It should be greater than zero and less than properties.deleteRetentionPolicy.days."
        raise invalid("properties.restorePolicy.days", days, why)


def _require_files(account: Json, properties: Json) -> None:
    _require_retention(properties.get("shareDeleteRetentionPolicy"), "properties.shareDeleteRetentionPolicy")
    smb = (properties.get("protocolSettings") or {}).get("smb") or {}
    if (smb.get("multichannel") or {}).get("enabled") and kind_of(account) != "filestorage":
        raise unsupported("SMB multichannel")


def _require_retention(policy: Json | None, path: str) -> None:
    """Days of what is deleted: needed where it is kept, a year at most."""
    if not policy:
        return
    days = policy.get("days")
    if (policy.get("enabled") and days is None) or (days is not None and not 1 <= days <= _DAYS_MAX):
        raise invalid(f"{path}.days", days, f"It should be between 1 and {_DAYS_MAX}.")


BLOBS = Service(
    "blobServices",
    "BlobServices",
    "Blob",
    {
        "cors": _CORS,
        "defaultServiceVersion": str,
        "deleteRetentionPolicy": _RETENTION,
        "containerDeleteRetentionPolicy": _RETENTION,
        "isVersioningEnabled": bool,
        "automaticSnapshotPolicyEnabled": bool,
        "changeFeed": {"enabled": bool, "retentionInDays": int},
        "restorePolicy": {"enabled": bool, "days": int, **dict.fromkeys(_ONLY_AZURE, str)},
        "lastAccessTimeTrackingPolicy": {
            "enable": bool,
            "name": str,
            "trackingGranularityInDays": int,
            "blobType": [str],
        },
    },
    {"cors": {"corsRules": []}, "deleteRetentionPolicy": {"allowPermanentDelete": False, "enabled": False}},
    _require_blobs,
    shows_sku=True,
)
_FILES = Service(
    "fileServices",
    "FileServices",
    "File",
    {
        "cors": _CORS,
        "shareDeleteRetentionPolicy": _RETENTION,
        "protocolSettings": {"smb": _SMB},
    },
    {
        "cors": {"corsRules": []},
        "shareDeleteRetentionPolicy": {"enabled": True, "days": 7},
        "protocolSettings": {"smb": {}},
    },
    _require_files,
    shows_sku=True,
)
_QUEUES = Service(
    "queueServices", "QueueServices", "Queue", {"cors": _CORS}, {"cors": {"corsRules": []}}, _require_nothing
)
_TABLES = Service(
    "tableServices", "TableServices", "Table", {"cors": _CORS}, {"cors": {"corsRules": []}}, _require_nothing
)
SERVICES = (BLOBS, _FILES, _QUEUES, _TABLES)
