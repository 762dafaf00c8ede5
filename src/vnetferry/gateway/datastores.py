"""Datastores, with their secrets: read from the source and sent to the target."""

from __future__ import annotations

from vnetferry.errors import Rejected
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.documents import Written, ensure
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId


def read_datastores(azure: Azure, workspace: ResourceId) -> list[Json]:
    """The datastores of a workspace, without secrets."""
    return list(azure.arm.list(f"{workspace}/datastores", api_versions.ML))


def read_default_datastore(azure: Azure, workspace: ResourceId) -> Json:
    """The datastore that uploads go to."""
    query = {"isDefault": "true"}
    found = list(azure.arm.list(f"{workspace}/datastores", api_versions.ML, query))
    if found:
        return found[0]
    return azure.arm.get(workspace.child("datastores", "workspaceblobstore"), api_versions.ML)


def read_secrets(azure: Azure, datastore: ResourceId) -> Json | None:
    """A datastore's secrets as `listSecrets` answers them; None when it is accessed by identity."""
    body = {"expirableSecret": True, "expireAfterHours": 1}
    try:
        return dict(azure.arm.post(f"{datastore}/listSecrets", api_versions.ML, body).body)
    except Rejected as err:
        if "No secrets" in err.what:
            return None
        raise


def copy_datastore(azure: Azure, source: ResourceId, target: ResourceId, body: Json) -> Written:
    """Make the target's datastore what `body` says, with all of the source's credentials. Effects: at most one PUT."""
    shown: Json = azure.arm.get(source, api_versions.ML)["properties"].get("credentials") or {}
    credentials = {name: value for name, value in shown.items() if value is not None}
    if str(credentials.get("credentialsType") or "None") != "None":
        credentials["secrets"] = _lasting_secrets(azure, source)
    return ensure(azure, target, body, kind="document", secrets={"credentials": credentials})


def _lasting_secrets(azure: Azure, datastore: ResourceId) -> Json:
    """The secrets themselves: asked for without a body, because an expirable one would end with the hour."""
    return dict(azure.arm.post(f"{datastore}/listSecrets", api_versions.ML).body)
