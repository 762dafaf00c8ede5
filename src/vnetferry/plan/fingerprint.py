"""The part of the source that a plan relies on, as one digest for each document.

What Azure changes by itself (states, time stamps, marks) does not count, nor do secrets, which are read anew
when the plan is carried out.
"""

from __future__ import annotations

from vnetferry.models.base import digest
from vnetferry.models.inventory import CONNECTION, DATASTORE, Document
from vnetferry.plan.fields import writable
from vnetferry.plan.references import used_assets
from vnetferry.plan.scope import Scope
from vnetferry.plan.secrets import redact


def fingerprint(scope: Scope) -> dict[str, str]:
    """Source document id (lower case) -> SHA-256 of what the plan relies on in it."""
    return {document.id.key: digest_of(document) for document in relied_on(scope)}


def relied_on(scope: Scope) -> list[Document]:
    """The documents that the plan was made from, sorted by id."""
    found = [scope.inventory.workspace, *scope.endpoints, *scope.all_deployments, *used_assets(scope)]
    found += [*scope.inventory.of_type(DATASTORE), *scope.inventory.of_type(CONNECTION)]
    return sorted(found, key=lambda document: document.id)


def digest_of(document: Document) -> str:
    """SHA-256 of what a plan relies on in one document."""
    return digest(redact(writable(document.type, document.body)))
