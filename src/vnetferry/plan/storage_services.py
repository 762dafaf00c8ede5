"""What is set on the services of a storage account that is made anew, as it is set on the source's.

Azure makes the services with the account, so a service with nothing set needs no step. Lifecycle rules are a document
of their own, and may name containers of the workspace: these have its GUID in their names, and the new workspace
another.
Source: Microsoft.Storage 2023-05-01; Enable soft delete for Azure file shares (seven days in a new account).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from vnetferry.models.base import Json, canonical_json
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import (
    BLOB_SERVICE,
    FILE_SERVICE,
    LIFECYCLE,
    QUEUE_SERVICE,
    STORAGE_ACCOUNT,
    TABLE_SERVICE,
    Document,
)
from vnetferry.models.plan import Step
from vnetferry.plan.associated import associated_step_id, made_anew
from vnetferry.plan.carry_over import carry_over
from vnetferry.plan.durations import expected_s
from vnetferry.plan.field_rules import Path, Rule
from vnetferry.plan.fields import writable
from vnetferry.plan.parts import Part, join
from vnetferry.plan.scope import Scope

# Full type, lower case -> what it is called. In this order, as rules by the last access need what tracks it.
SERVICES = {
    BLOB_SERVICE.lower(): "blob service",
    FILE_SERVICE.lower(): "file service",
    QUEUE_SERVICE.lower(): "queue service",
    TABLE_SERVICE.lower(): "table service",
    LIFECYCLE.lower(): "lifecycle rules",
}
_SWITCHES = ("enabled", "enable")
_SHARES, _DEFAULT_DAYS = "shareDeleteRetentionPolicy", 7
_RULES: Path = ("properties", "policy", "rules")
_BY_GUID = Rule("remake", "names containers by the workspace's GUID; those of the new workspace have its own")


class Setting(NamedTuple):
    """What is set on one service of the new account; `like` is the same service of the source's."""

    resource: ResourceId
    like: Document
    body: Json

    @property
    def step_id(self) -> str:
        """The step that sets it."""
        return f"set_storage_service:{self.resource.parent.name}/{self.kind}"

    @property
    def kind(self) -> str:
        """Its collection, such as `blobServices`."""
        return self.like.type.rpartition("/")[2]

    @property
    def is_default(self) -> bool:
        """Whether Azure sets the same by itself."""
        others = {name: value for name, value in self.body["properties"].items() if name != _SHARES}
        return _says_nothing(others) and _is_usual(self.body["properties"].get(_SHARES))


def plan_storage_services(scope: Scope, workspace_step: str) -> Part:
    """A step for each service on which something is set, and what becomes of all that the source's has.

    In: workspace_step: the step that makes the workspace.
    """
    return join(_plan(scope, setting, workspace_step) for setting in settings(scope))


def settings(scope: Scope) -> tuple[Setting, ...]:
    """What is to hold for the services of the account that is made anew; nothing where none is."""
    accounts = [each for each in made_anew(scope) if each.resource.type == STORAGE_ACCOUNT and each.like]
    return tuple(
        _setting(scope, anew.resource, document)
        for anew in accounts
        for kind in SERVICES
        for document in scope.inventory.of_type(kind)
        if anew.like and document.id.is_under(anew.like.id)
    )


def changed_settings(scope: Scope) -> tuple[Setting, ...]:
    """Those that Azure does not set by itself."""
    return tuple(each for each in settings(scope) if not each.is_default)


def service_step_ids(scope: Scope) -> tuple[str, ...]:
    """The steps that the workspace waits for, so that what is set holds from the first blob on."""
    found = changed_settings(scope)
    return tuple(each.step_id for each in found if each.like.type.lower() != LIFECYCLE.lower())


def _setting(scope: Scope, account: ResourceId, like: Document) -> Setting:
    body: Json = scope.remap.value(writable(like.type, like.body))
    resource = account.child(like.type.rpartition("/")[2], like.name)
    return Setting(resource, like, {**body, "properties": body.get("properties") or {}})


def _plan(scope: Scope, setting: Setting, workspace_step: str) -> Part:
    guid = _named_guid(scope, setting)
    carried = carry_over(setting.like, setting.resource, setting.body, {_RULES: _BY_GUID} if guid else None)
    steps = () if setting.is_default else (_step(scope, setting, guid, workspace_step),)
    return Part(steps, carried.carry_over, carried.warnings)


def _step(scope: Scope, setting: Setting, guid: str, workspace_step: str) -> Step:
    account = setting.resource.parent
    services = service_step_ids(scope) if setting.like.type.lower() == LIFECYCLE.lower() else ()
    return Step(
        id=setting.step_id,
        kind="set_storage_service",
        title=f"set the {SERVICES[setting.like.type.lower()]} of {account.name}",
        resource=setting.resource,
        source=setting.like.id,
        body=setting.body,
        spec={"guid": guid, "workspace": str(scope.target) if guid else ""},
        depends_on=(associated_step_id(account), *services, *([workspace_step] if guid else ())),
        duration_s=expected_s("set_storage_service"),
    )


def _named_guid(scope: Scope, setting: Setting) -> str:
    """The source workspace's GUID, if lifecycle rules name a container by it; "" if not."""
    guid = str(scope.inventory.workspace.get("workspaceId", ""))
    is_named = setting.like.type.lower() == LIFECYCLE.lower() and guid in canonical_json(setting.body)
    return guid if is_named else ""


def _is_usual(kept: Json | None) -> bool:
    """Whether deleted file shares are kept as long as in any new account."""
    return kept is None or (bool(kept.get("enabled")) and kept.get("days") == _DEFAULT_DAYS)


def _says_nothing(value: Any) -> bool:
    """Whether nothing is set by a value: what is off, or empty, however it is written."""
    if isinstance(value, dict):
        return any(value.get(name) is False for name in _SWITCHES) or all(map(_says_nothing, value.values()))
    return not value
