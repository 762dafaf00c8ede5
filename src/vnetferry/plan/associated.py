"""What the target stands on: the source's, what its people bring, or made anew with what the source's is like.

Azure's own template closes the storage account and the vault that it makes for a workspace with a managed network, so
that nobody can copy anything into them, and makes no registry that takes private endpoints. What is made anew is
therefore made by steps of the plan, before the workspace: of the same kind, size and protection as the source's, with
the same firewall, so that whoever reaches the source's reaches the new one. Source: SDK's workspace template; Create
and manage workspaces (what storage a workspace takes); Secure managed online endpoints (Premium registry). FACTS 2.6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from vnetferry.errors import ConfigError
from vnetferry.models.base import Json, digest
from vnetferry.models.config import BringYourOwn
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import (
    APPLICATION_INSIGHTS,
    CONTAINER_REGISTRY,
    KEY_VAULT,
    LOG_WORKSPACE,
    STORAGE_ACCOUNT,
    Document,
)
from vnetferry.models.plan import CarryOver, PlanWarning, Step
from vnetferry.plan.carry_over import carry_over
from vnetferry.plan.durations import expected_s
from vnetferry.plan.fields import writable
from vnetferry.plan.moved import Moved
from vnetferry.plan.parts import Part, attention, join
from vnetferry.plan.references import needs_image_build
from vnetferry.plan.scope import Scope

# What a workspace stands on -> the property that names it.
ASSOCIATED = {
    "storage_account": "storageAccount",
    "key_vault": "keyVault",
    "container_registry": "containerRegistry",
    "application_insights": "applicationInsights",
}
ASSOCIATED_TYPES = {
    "storage_account": STORAGE_ACCOUNT,
    "key_vault": KEY_VAULT,
    "container_registry": CONTAINER_REGISTRY,
    "application_insights": APPLICATION_INSIGHTS,
}
_NOUNS = {
    STORAGE_ACCOUNT: "storage account",
    KEY_VAULT: "key vault",
    CONTAINER_REGISTRY: "container registry",
    APPLICATION_INSIGHTS: "Application Insights",
    LOG_WORKSPACE: "log workspace",
}
_OWN_KEY = "Azure makes a new one; whoever sends by the source's goes on sending there"
_DIGITS = 8  # of the digest that tells a name that Azure has once in the world from everybody else's


class Anew(NamedTuple):
    """A resource that is made as `like` is; `like` is None where the source has none."""

    resource: ResourceId
    body: Json
    like: Document | None

    @property
    def step_id(self) -> str:
        """The step that makes it."""
        return associated_step_id(self.resource)

    @property
    def noun(self) -> str:
        """What people call its type."""
        return _NOUNS[self.resource.type]


def associated_resources(scope: Scope) -> dict[str, str]:
    """storage_account, key_vault, container_registry, application_insights -> id; "" for a registry that the target
    needs none of, or that Azure is to make.
    """
    source, own = scope.inventory.workspace, scope.config.target.associated_resources
    if own == "share":
        return {name: str(source.get(wire, "")) for name, wire in ASSOCIATED.items()}
    anew = {each.resource.type: str(each.resource) for each in made_anew(scope)}
    given = own if isinstance(own, BringYourOwn) else None
    return {
        name: str(getattr(given, name, None) or anew.get(ASSOCIATED_TYPES[name], "")) for name in ASSOCIATED
    }


def made_anew(scope: Scope) -> tuple[Anew, ...]:
    """What the plan makes for the target to stand on, each after what it needs.

    Raises: ConfigError when what it is to be like could not be read.
    """
    own = scope.config.target.associated_resources
    if own == "share":
        return ()
    makers = {
        "storage_account": _storage,
        "key_vault": _vault,
        "container_registry": _registry,
        "application_insights": _insights,
    }
    missing = [make for name, make in makers.items() if not getattr(own, name, None)]
    return tuple(each for make in missing for each in make(scope))


def replaced_by(scope: Scope) -> dict[str, ResourceId]:
    """Id (lower case) of what the source stands on -> what is made anew in its place."""
    return {each.like.id.key: each.resource for each in made_anew(scope) if each.like}


def associated_step_id(resource: ResourceId) -> str:
    """The step that makes a resource anew."""
    return f"create_associated:{resource.name}"


def associated_step_ids(scope: Scope) -> tuple[str, ...]:
    """The steps that the workspace waits for."""
    return tuple(each.step_id for each in made_anew(scope))


def plan_associated(scope: Scope) -> Part:
    """A step for each resource that is made anew, and what becomes of all that the source's has."""
    return join(_plan(scope, each) for each in made_anew(scope))


def _plan(scope: Scope, anew: Anew) -> Part:
    logs = str(anew.body["properties"].get("WorkspaceResourceId", "")).lower()
    step = Step(
        id=anew.step_id,
        kind="create_associated",
        title=f"create {anew.noun} {anew.resource.name}",
        resource=anew.resource,
        source=anew.like.id if anew.like else None,
        body=anew.body,
        depends_on=tuple(each.step_id for each in made_anew(scope) if each.resource.key == logs),
        undo="delete",
        duration_s=expected_s("create_associated"),
    )
    carried = carry_over(anew.like, anew.resource, anew.body) if anew.like else Part()
    return Part((step,), (*carried.carry_over, *_keys(anew)), (*carried.warnings, *_warnings(anew)))


def _keys(anew: Anew) -> Iterator[CarryOver]:
    """What senders of telemetry know Application Insights by, which no inventory holds."""
    if anew.like and anew.resource.type == APPLICATION_INSIGHTS:
        for name in ("ConnectionString", "InstrumentationKey"):
            yield CarryOver(
                source=anew.like.id,
                path=f"properties.{name}",
                disposition="re-created",
                target=anew.resource,
                reason=_OWN_KEY,
            )


def _warnings(anew: Anew) -> Iterator[PlanWarning]:
    encryption = anew.like.get("encryption", {}) if anew.like else {}
    if "keyvault" in str(encryption.get("keySource", "")).lower() or encryption.get("status") == "enabled":
        text = (
            f"{anew.resource.name} is encrypted with Microsoft's key, and the source's with one of your own. If it "
            "must be, make one that has yours, and name it in target.associated_resources."
        )
        yield attention(anew.resource, text)
    rules = anew.body["properties"].get("networkAcls") or anew.body["properties"].get("networkRuleSet") or {}
    subnets = [str(rule.get("id")).rpartition("/")[2] for rule in rules.get("virtualNetworkRules") or ()]
    if subnets:
        text = (
            f"{', '.join(subnets)} will reach {anew.resource.name} by a service endpoint, as the source's, and the "
            "managed network by a private one: on the same resource that is not supported. Give these subnets private "
            "endpoints, and remove them from its firewall."
        )
        yield attention(anew.resource, text)


def _storage(scope: Scope) -> Iterator[Anew]:
    """A workspace takes neither premium accounts, nor hierarchical ones, nor those for blobs or files alone."""
    body = _like(scope, like := _require(scope, "storage_account"))
    if str(body.get("kind", "")).lower() not in ("storage", "storagev2"):
        body["kind"] = "StorageV2"
    if str((body.get("sku") or {}).get("name", "premium")).lower().startswith("premium"):
        body["sku"] = {"name": "Standard_LRS"}
    properties = body["properties"]
    properties.pop("isHnsEnabled", None)
    if "encryption" in properties:
        properties["encryption"]["keySource"] = "Microsoft.Storage"
    yield Anew(_worldwide(scope, STORAGE_ACCOUNT, "st", 24), body, like)


def _vault(scope: Scope) -> Iterator[Anew]:
    """Azure ML must be let by the firewall, and soft deletion cannot be off any more."""
    body = _like(scope, like := _require(scope, "key_vault"))
    properties = body["properties"]
    rules = {"defaultAction": "Allow", **(properties.get("networkAcls") or {})}
    properties["networkAcls"] = {**rules, "bypass": "AzureServices"}
    if policies := properties.get("accessPolicies"):
        moved = Moved(scope)  # the new workspace's identity is given its own by Azure
        properties["accessPolicies"] = [p for p in policies if not moved.is_own(str(p.get("objectId")))]
    properties["enableSoftDelete"] = True
    if not properties.get("enablePurgeProtection"):
        properties.pop("enablePurgeProtection", None)
    yield Anew(_worldwide(scope, KEY_VAULT, "kv-", 24), body, like)


def _registry(scope: Scope) -> Iterator[Anew]:
    """Only a Premium one takes private endpoints. It is made where the source has one, or images must be built."""
    has_one = scope.inventory.workspace.get("containerRegistry")
    if not has_one and not any(needs_image_build(scope, d) for d in scope.all_deployments):
        return
    like = _require(scope, "container_registry") if has_one else None
    body = _like(scope, like)
    body["sku"] = {"name": "Premium"}
    yield Anew(_worldwide(scope, CONTAINER_REGISTRY, "cr", 50), body, like)


def _insights(scope: Scope) -> Iterator[Anew]:
    """With a log workspace of its own, unless the source's sends to one that lies elsewhere, such as a central one."""
    like = _find(scope, str(scope.inventory.workspace.get("applicationInsights", "")))
    sent_to = str(like.get("WorkspaceResourceId", "")) if like else ""
    logs = _find(scope, sent_to)
    if not sent_to or (logs and logs.id.group_id == scope.inventory.source.group_id):
        made = _logs(scope, logs)
        sent_to = str(made.resource)
        yield made
    body = _like(scope, like)
    body["kind"] = body.get("kind") or "web"
    body["properties"] = {"Application_Type": "web", **body["properties"], "WorkspaceResourceId": sent_to}
    yield Anew(_in_group(scope, APPLICATION_INSIGHTS, "appi"), body, like)


def _logs(scope: Scope, like: Document | None) -> Anew:
    """Billed by what is sent to it: reserved capacity is for people to buy."""
    body = _like(scope, like)
    body["properties"]["sku"] = {"name": "PerGB2018"}
    return Anew(_in_group(scope, LOG_WORKSPACE, "log"), body, like)


def _like(scope: Scope, document: Document | None) -> Json:
    """The body that makes another one of the same kind in the target's region; one with Azure's defaults for None."""
    body: Json = scope.remap.value(writable(document.type, document.body)) if document else {}
    properties: Json = body.get("properties") or {}
    return {**body, "location": scope.location, "properties": properties}


def _require(scope: Scope, name: str) -> Document:
    identifier = str(scope.inventory.workspace.get(ASSOCIATED[name], ""))
    if found := _find(scope, identifier):
        return found
    raise ConfigError(
        f"the new {name.replace('_', ' ')} is to be like the source's, which could not be read",
        resource=identifier or str(scope.inventory.source),
        remedy=f"Have Reader given to you on it, or name one as target.associated_resources.{name}.",
    )


def _find(scope: Scope, identifier: str) -> Document | None:
    resource = ResourceId(identifier) if identifier else None
    return scope.inventory.find(resource) if resource and resource in scope.inventory else None


def _worldwide(scope: Scope, kind: str, start: str, longest: int) -> ResourceId:
    """Under a name that says what it is for, and that nobody else in the world has."""
    end = ("-" if start.endswith("-") else "") + _digits(scope, kind)
    letters = re.sub("[^a-z0-9]", "", scope.target.name.lower())
    return _resource(scope, kind, start + letters[: longest - len(start) - len(end)] + end)


def _in_group(scope: Scope, kind: str, start: str) -> ResourceId:
    """Under a name that nothing else in its group has."""
    name = re.sub("[^A-Za-z0-9]+", "-", scope.target.name).strip("-")
    return _resource(scope, kind, f"{start}-{name}-{_digits(scope, kind)}")


def _digits(scope: Scope, kind: str) -> str:
    return digest(f"{scope.target.key}/{kind.lower()}")[:_DIGITS]


def _resource(scope: Scope, kind: str, name: str) -> ResourceId:
    return ResourceId(f"{scope.target.group_id}/providers/{kind}/{name}")
