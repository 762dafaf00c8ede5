"""What is set on the services of a storage account: blobs, files, queues, tables, and lifecycle rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from vnetferry.errors import VnetferryError
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.difference import differs
from vnetferry.gateway.documents import Written, ensure, require_ours
from vnetferry.gateway.readings import Readings
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import Document

_KINDS = ("blobServices", "fileServices", "queueServices", "tableServices", "managementPolicies")
_WITHOUT_IT = "FeatureNotSupportedForAccount"  # accounts for blobs or files alone have no other service


def read_storage_services(readings: Readings, accounts: Iterable[ResourceId]) -> list[Document]:
    """The services that each account has, and its lifecycle rules if it has any."""

    def read(resource: ResourceId) -> Document | None:
        try:
            body = readings.azure.arm.find(resource, api_versions.STORAGE)
        except VnetferryError as err:
            if err.code == _WITHOUT_IT:
                return None
            raise
        return Document(id=resource, body=body) if body else None

    return readings.each(read, [account.child(kind, "default") for account in accounts for kind in _KINDS])


def set_storage_service(
    azure: Azure, resource: ResourceId, body: Json, tags: Mapping[str, str], *, guid: str, workspace: str
) -> Written:
    """Set what `body` says on a service of an account of ours. Rules for other origins that are there besides stay.

    In:     guid: what of `body` gives way to the GUID of `workspace`, an id; "" for nothing.
    Raises: NotOurs when the account is another's.
    """
    account = resource.parent
    require_ours(azure.arm.get(account, api_versions.STORAGE), tags, account)
    if guid:
        new = azure.arm.get(workspace, api_versions.ML)["properties"]["workspaceId"]
        body = json.loads(json.dumps(body).replace(guid, new))
    held = azure.arm.find(resource, api_versions.STORAGE) or {}
    return ensure(azure, resource, _with_rules_of(held, body), kind="document")


def _with_rules_of(held: Json, body: Json) -> Json:
    """`body` with the rules for other origins that are held, which people and Azure ML add for the studio."""
    wanted = (body["properties"].get("cors") or {}).get("corsRules")
    there = ((held.get("properties") or {}).get("cors") or {}).get("corsRules") or []
    if not wanted or not there:
        return body
    rules = [*there, *(rule for rule in wanted if all(differs(rule, each) for each in there))]
    return {**body, "properties": {**body["properties"], "cors": {"corsRules": rules}}}
