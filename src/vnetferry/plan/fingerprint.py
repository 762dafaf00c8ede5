"""The part of the source that a plan relies on, as one digest for each document.

What Azure changes by itself (states, time stamps, marks) does not count, nor do secrets, which are read anew
when the plan is carried out.
"""

from __future__ import annotations

from collections.abc import Iterable

from vnetferry.models.base import digest
from vnetferry.models.inventory import COMPUTE, CONNECTION, DATASTORE, Document, Inventory
from vnetferry.plan.associated import made_anew
from vnetferry.plan.containers import described
from vnetferry.plan.fields import writable
from vnetferry.plan.inbound import inbound_documents
from vnetferry.plan.references import collected_assets, used_assets
from vnetferry.plan.satellites import autoscaled, plan_satellites
from vnetferry.plan.scope import Scope
from vnetferry.plan.secrets import redact
from vnetferry.plan.storage_services import settings


def fingerprint(scope: Scope) -> dict[str, str]:
    """Source document id (lower case) -> SHA-256 of what the plan relies on in it."""
    return {document.id.key: digest_of(document) for document in relied_on(scope)}


def relied_on(scope: Scope) -> list[Document]:
    """The documents that the plan was made from, sorted by id."""
    assets = [*used_assets(scope), *collected_assets(scope)]
    found = [scope.inventory.workspace, *scope.endpoints, *scope.all_deployments, *assets]
    found += [*scope.inventory.of_type(DATASTORE), *scope.inventory.of_type(CONNECTION)]
    found += inbound_documents(scope)
    found += [each.like for each in made_anew(scope) if each.like]
    found += [each.like for each in settings(scope)]
    if scope.config.in_place:
        found += scope.inventory.of_type(COMPUTE)
    else:
        found += [d for d in described(scope) if any(asset.id.is_under(d.id) for asset in assets)]
    satellites = {step.source for step in plan_satellites(scope).steps}
    found += [document for document in scope.inventory.documents if document.id in satellites]
    return sorted(without_scaling(scope.inventory, found), key=lambda document: document.id)


def without_scaling(inventory: Inventory, documents: Iterable[Document]) -> list[Document]:
    """The documents, the autoscaled deployments among them without their instance count."""
    scaled = autoscaled(inventory)
    return [_uncounted(d) if d.id.key in scaled else d for d in documents]


def _uncounted(deployment: Document) -> Document:
    """A deployment without its instance count, which autoscale changes at any time."""
    sku = {k: v for k, v in (deployment.body.get("sku") or {}).items() if k != "capacity"}
    return Document(id=deployment.id, body={**deployment.body, "sku": sku})


def digest_of(document: Document) -> str:
    """SHA-256 of what a plan relies on in one document."""
    return digest(redact(writable(document.type, document.body)))
