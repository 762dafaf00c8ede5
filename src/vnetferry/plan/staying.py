"""What becomes of every document of the inventory that no step is made from, so that none is passed over in silence.

What lies outside the source workspace and is named by a step is used in place. All else stays where it is; the reason
says what takes its place, or what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import (
    CODE,
    DATASTORE,
    DEPLOYMENT,
    ENDPOINT,
    ENVIRONMENT,
    MODEL,
    OUTBOUND_RULE,
    PRIVATE_ENDPOINT,
    PRIVATE_ENDPOINT_CONNECTION,
    ROLE_ASSIGNMENT,
    Document,
    is_legacy_connection,
)
from vnetferry.models.plan import WHOLE_DOCUMENT, CarryOver, Disposition, Step
from vnetferry.plan.collectors import copies
from vnetferry.plan.containers import CONTAINERS
from vnetferry.plan.field_rules import Rule
from vnetferry.plan.inbound import private_endpoints
from vnetferry.plan.left_behind import remedy_of
from vnetferry.plan.monitors import monitor_fate
from vnetferry.plan.moved import Moved
from vnetferry.plan.references import SYSTEM_DATASTORES, is_curated
from vnetferry.plan.roles import role_fate
from vnetferry.plan.scope import Scope, moves

_USED_IN_PLACE = Rule("carry", "used in place: source and target share it")
_OUT_OF_USE = Rule("drop", "stays with the source; nothing that moves uses it")
_ASSETS = {MODEL.lower(), ENVIRONMENT.lower(), CODE.lower()}
_DISPOSITIONS: dict[str, Disposition] = {"carry": "carried", "drop": "dropped", "remake": "re-created"}


class _Around(NamedTuple):
    """What the fate of a document depends on.

    known: the documents that steps are made from; used: those that steps use as they are.
    """

    scope: Scope
    steps: tuple[Step, ...]
    known: set[ResourceId]
    used: set[ResourceId]
    moved: Moved

    @property
    def source(self) -> ResourceId:
        return self.scope.inventory.source


def staying(scope: Scope, accounted: Iterable[CarryOver], steps: Iterable[Step]) -> tuple[CarryOver, ...]:
    """One entry for each document that none of `accounted` is about, sorted by id."""
    known = {entry.source for entry in accounted}
    others = sorted((d for d in scope.inventory.documents if d.id not in known), key=lambda d: d.id)
    planned = tuple(steps)
    around = _Around(
        scope, planned, known, _used_in_place(others, planned), Moved(scope, copies(scope).steps)
    )
    return tuple(_entry(document, _fate(around, document)) for document in others)


def _entry(document: Document, fate: Rule) -> CarryOver:
    return CarryOver(
        source=document.id,
        path=WHOLE_DOCUMENT,
        disposition=_DISPOSITIONS[fate.what],
        reason=fate.reason,
    )


def _fate(around: _Around, document: Document) -> Rule:
    """What the first that knows the document says."""
    for judge in _JUDGES:
        fate = judge(around, document)
        if fate:
            return fate
    return _OUT_OF_USE


def _endpoint_fate(around: _Around, document: Document) -> Rule | None:
    kind, scope = document.type.lower(), around.scope
    if kind not in (ENDPOINT.lower(), DEPLOYMENT.lower()):
        return None
    endpoint = document.id if kind == ENDPOINT.lower() else document.id.parent
    if not moves(endpoint.name, scope.config.endpoints):
        return Rule(
            "drop", "left out by endpoints.include and endpoints.exclude; it goes on serving in the source"
        )
    if endpoint.name in scope.deployments:
        state = document.get("provisioningState", "not up")
        return Rule("drop", f"is {state} and has no traffic; mend it and plan again, or let it go")
    text = "runs on attached Kubernetes compute, which a managed network does not hold; redeploy it on managed compute"
    return Rule("drop", f"{text}, or keep the source for it")


def _asset_fate(around: _Around, document: Document) -> Rule | None:  # noqa: ARG001 - all judges have one signature
    if document.type.lower() not in _ASSETS:
        return None
    if is_curated(document.id):
        return Rule("carry", "every workspace has it")
    return Rule(
        "drop", "no endpoint that moves uses it; it stays in the source: copy it from there if it is needed"
    )


def _container_fate(around: _Around, document: Document) -> Rule | None:
    if document.type.lower() not in CONTAINERS:
        return None
    if any(source.is_under(document.id) for source in around.known):
        return Rule("remake", "Azure makes it with its first version")
    return Rule("drop", "none of its versions moves")


def _legacy_fate(around: _Around, document: Document) -> Rule | None:  # noqa: ARG001 - one signature for all
    if not is_legacy_connection(document):
        return None
    return Rule("drop", "of a deployment's own network, with which it goes when the source is retired")


def _azures_fate(around: _Around, document: Document) -> Rule | None:  # noqa: ARG001 - one signature for all
    """What Azure makes anew by itself."""
    kind = document.type.lower()
    if kind == DATASTORE.lower() and document.name.lower() in SYSTEM_DATASTORES:
        return Rule("remake", "a new workspace comes with its own")
    if kind == PRIVATE_ENDPOINT_CONNECTION.lower():
        return Rule("remake", "the private endpoints of the new workspace have their own")
    return None


def _satellite_fate(around: _Around, document: Document) -> Rule | None:
    if document.type.lower() == ROLE_ASSIGNMENT.lower():
        return role_fate(around.moved, document)
    return monitor_fate(around.moved, document)


def _rule_fate(around: _Around, document: Document) -> Rule | None:
    if document.type.lower() != OUTBOUND_RULE.lower():
        return None
    if document.get("category") != "UserDefined":
        return Rule("remake", "Azure makes its own rules in every managed network")
    made = [step.spec["outbound_rules"] for step in around.steps if step.kind == "create_workspace"]
    if any(document.name in rules for rules in made):
        return Rule("carry", "a rule of the new workspace")
    return Rule("remake", "another rule of the new workspace reaches the same")


def _way_in_fate(around: _Around, document: Document) -> Rule | None:
    """Of a private endpoint to the source workspace, and of its DNS zone groups."""
    if not document.type.lower().startswith(PRIVATE_ENDPOINT.lower()):
        return None
    way = document.id if document.type.lower() == PRIVATE_ENDPOINT.lower() else document.id.parent
    if way not in {each.id for each in private_endpoints(around.scope.inventory)}:
        return None
    made = [step.resource.name for step in around.steps if step.kind == "create_private_endpoint"]
    if made:
        return Rule("remake", f"leads to the source alone; {', '.join(made)} leads to the new workspace")
    text = f"leads to the source alone; set target.inbound, or make one to {around.scope.target.name} in each network"
    return Rule("drop", f"{text} that callers are in")


def _used_fate(around: _Around, document: Document) -> Rule | None:
    return _USED_IN_PLACE if document.id in around.used else None


def _staying_fate(around: _Around, document: Document) -> Rule | None:
    remedy = remedy_of(document.type.lower())
    if remedy:
        return Rule("drop", f"stays with the source. {remedy}")
    if document.id.is_under(around.source):
        noun = document.type.rpartition("/")[2]
        return Rule("drop", f"vnetferry moves no {noun}; make it again in the new workspace if it is needed")
    return None


_JUDGES = (
    _endpoint_fate,
    _asset_fate,
    _container_fate,
    _legacy_fate,
    _azures_fate,
    _satellite_fate,
    _rule_fate,
    _way_in_fate,
    _used_fate,
    _staying_fate,
)


def _used_in_place(documents: Iterable[Document], steps: Iterable[Step]) -> set[ResourceId]:
    """The documents that the steps name, and what those lean on in turn: a log workspace, a zone's records."""
    found = list(documents)
    names = {id_ for step in steps for value in (step.body, step.spec) for id_ in _ids(value)}
    used: set[ResourceId] = set()
    while True:
        more = {d.id for d in found if d.id not in used and (_names(d.id) & names or _parents(d.id) & used)}
        if not more:
            return used
        used |= more
        names |= {id_ for d in found if d.id in more for id_ in _ids(d.body)}


def _names(resource: ResourceId) -> set[str]:
    """How steps may name a resource, in lower case: by its id, and an asset of a registry by its URI."""
    _, at, asset = resource.key.partition("/microsoft.machinelearningservices/registries/")
    return {resource.key, f"azureml://registries/{asset}"} if at else {resource.key}


def _parents(resource: ResourceId) -> set[ResourceId]:
    """What a child resource is a part of; nothing for a resource of its own."""
    return {resource.parent} if resource.type.count("/") > 1 else set()


def _ids(value: Any) -> Iterator[str]:
    """Every ARM id, and URI of a registry's asset, among a document's strings and keys, in lower case."""
    if isinstance(value, str):
        if value.lower().startswith(("/subscriptions/", "azureml://registries/")):
            yield value.lower()
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _ids(key)
            yield from _ids(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _ids(item)
