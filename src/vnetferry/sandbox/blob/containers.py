"""The Blob service's operations on an account and on its containers."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence

from vnetferry.sandbox.blob import answers
from vnetferry.sandbox.blob.access import Right
from vnetferry.sandbox.blob.answers import Item, Page
from vnetferry.sandbox.blob.call import (
    BlobCall,
    BlobOperation,
    entity_headers,
    metadata_headers,
    metadata_of,
    read_xml,
    require_conditions,
)
from vnetferry.sandbox.blob.store import Blob
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Response, read_count

_PAGE = 5000
_DELEGATION_VERSION = "2022-11-02"


async def list_containers(call: BlobCall) -> Response:
    """One page of the account's containers."""
    prefix = call.request.query.get("prefix", "")
    found = [c for c in call.store.containers(call.target.account) if c.name.startswith(prefix)]
    return answers.container_list(call.request.host, _page(call, found, lambda container: container.name))


async def get_account_info(call: BlobCall) -> Response:
    """The account's SKU and kind, in headers."""
    sku = (call.account.get("sku") or {}).get("name", "Standard_LRS")
    kind = call.account.get("kind", "StorageV2")
    return Response(
        200, None, {"x-ms-sku-name": sku, "x-ms-account-kind": kind, "x-ms-is-hns-enabled": "false"}
    )


async def get_delegation_key(call: BlobCall) -> Response:
    """A key with which the caller signs a SAS in its own name."""
    principal = call.principal
    if principal is None:
        raise AzureError(
            403, "AuthorizationFailure", "Only a bearer token can ask for a user delegation key."
        )
    start, expiry = _key_window(call.request.body)
    fields = {
        "skoid": principal.object_id,
        "sktid": principal.tenant_id,
        "skt": start,
        "ske": expiry,
        "sks": "b",
        "skv": _DELEGATION_VERSION,
    }
    names = ("SignedOid", "SignedTid", "SignedStart", "SignedExpiry", "SignedService", "SignedVersion")
    named = dict(zip(names, fields.values(), strict=True))
    return answers.delegation_key({**named, "Value": call.store.delegation.key(fields)})


async def create_container(call: BlobCall) -> Response:
    """Make a container; AzureError 409 while one of that name is there, or was a moment ago."""
    if call.header("x-ms-blob-public-access"):
        raise AzureError(
            409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account."
        )
    if call.store.container(call.target.account, call.target.container):
        raise AzureError(409, "ContainerAlreadyExists", "The specified container already exists.")
    if call.store.is_vanishing(call.target.account, call.target.container):
        message = "The specified container is being deleted. Try operation later."
        raise AzureError(409, "ContainerBeingDeleted", message)
    made = call.store.ensure_container(call.target.account, call.target.container, metadata_of(call))
    return Response(201, None, entity_headers(made.etag, made.last_modified))


async def get_container(call: BlobCall) -> Response:
    """A container's properties, in headers."""
    found = call.container()
    fixed = {"x-ms-lease-status": "unlocked", "x-ms-lease-state": "available"}
    marks = {"x-ms-has-immutability-policy": "false", "x-ms-has-legal-hold": "false"}
    own = {**entity_headers(found.etag, found.last_modified), **metadata_headers(found.metadata)}
    return Response(200, None, {**own, **fixed, **marks})


async def set_container_metadata(call: BlobCall) -> Response:
    """Replace a container's metadata."""
    found = call.container()
    require_conditions(call, found.etag, found.last_modified)
    call.store.set_container_metadata(found, metadata_of(call))
    return Response(200, None, entity_headers(found.etag, found.last_modified))


async def delete_container(call: BlobCall) -> Response:
    """Delete a container and everything in it."""
    found = call.container()
    require_conditions(call, found.etag, found.last_modified)
    call.store.delete_container(call.target.account, found.name)
    return Response(202)


async def list_blobs(call: BlobCall) -> Response:
    """One page of a container's blobs, rolled up to prefixes when a delimiter is given."""
    call.container()
    query = call.request.query
    blobs = call.store.list(call.target.account, call.target.container, query.get("prefix", ""))
    items = _rolled_up(blobs, query.get("prefix", ""), query.get("delimiter", ""))
    page = _page(call, items, lambda item: item if isinstance(item, str) else item.name)
    return answers.blob_list(call.request.host, call.target.container, page)


def _rolled_up(blobs: Iterable[Blob], prefix: str, delimiter: str) -> Sequence[Blob | str]:
    found: dict[str, Blob | str] = {}
    for blob in blobs:
        head, cut, _ = blob.name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        name = prefix + head + cut if cut else blob.name
        found.setdefault(name, name if cut else blob)
    return list(found.values())


def _page(call: BlobCall, items: Sequence[Item], name_of: Callable[[Item], str]) -> Page[Item]:
    """The items from the request's marker on, as many as it wants."""
    query = call.request.query
    first, size = _read_marker(query.get("marker", "")), _page_size(query.get("maxresults", str(_PAGE)))
    left = [item for item in items if name_of(item) >= first]
    marker = base64.urlsafe_b64encode(name_of(left[size]).encode()).decode() if len(left) > size else ""
    return Page(left[:size], marker, _asked(query), "metadata" in query.get("include", ""))


def _page_size(text: str) -> int:
    size = read_count(text)
    if not size:
        raise _bad_query("maxresults", text)
    return min(size, _PAGE)


def _read_marker(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text).decode()
    except (binascii.Error, ValueError) as err:
        raise _bad_query("marker", text) from err


def _asked(query: Mapping[str, str]) -> dict[str, str]:
    names = {"Prefix": "prefix", "Marker": "marker", "MaxResults": "maxresults", "Delimiter": "delimiter"}
    return {element: query.get(name, "") for element, name in names.items()}


def _key_window(body: bytes) -> tuple[str, str]:
    info = read_xml(body)
    start, expiry = info.findtext("Start") or "", info.findtext("Expiry") or ""
    if not expiry:
        raise AzureError(
            400,
            "InvalidXmlNodeValue",
            "A value of the XML in the request body was not in the correct format.",
        )
    return start, expiry


def _bad_query(name: str, value: str) -> AzureError:
    message = "Value for one of the query parameters specified in the request URI is invalid."
    details = [{"QueryParameterName": name, "QueryParameterValue": value}]
    return AzureError(400, "InvalidQueryParameterValue", message, details=details)


_READ = Right("", "containers/read", data=False)

ACCOUNT = {
    ("GET", "comp=list"): BlobOperation(
        "Service_ListContainersSegment", Right("l", "containers/read", data=False), list_containers
    ),
    ("GET", "restype=account&comp=properties"): BlobOperation(
        "Service_GetAccountInfo", _READ, get_account_info
    ),
    ("HEAD", "restype=account&comp=properties"): BlobOperation(
        "Service_GetAccountInfo", _READ, get_account_info
    ),
    ("POST", "restype=service&comp=userdelegationkey"): BlobOperation(
        "Service_GetUserDelegationKey",
        Right("", "generateUserDelegationKey/action", data=False),
        get_delegation_key,
    ),
}
CONTAINER = {
    ("PUT", "restype=container"): BlobOperation(
        "Container_Create", Right("cw", "containers/write", data=False), create_container
    ),
    ("GET", "restype=container"): BlobOperation(
        "Container_GetProperties", Right("r", "containers/read", data=False), get_container
    ),
    ("HEAD", "restype=container"): BlobOperation(
        "Container_GetProperties", Right("r", "containers/read", data=False), get_container
    ),
    ("DELETE", "restype=container"): BlobOperation(
        "Container_Delete", Right("d", "containers/delete", data=False), delete_container
    ),
    ("PUT", "restype=container&comp=metadata"): BlobOperation(
        "Container_SetMetadata", Right("w", "containers/write", data=False), set_container_metadata
    ),
    ("GET", "restype=container&comp=list"): BlobOperation(
        "Container_ListBlobFlatSegment", Right("l", "containers/blobs/read"), list_blobs
    ),
}
