"""What looks like a secret in a document, so that no plan, report or snapshot holds it.

Azure returns a deployment's environment variables in clear text, and people do put secrets into them. A
variable is taken for a secret by its name or by the shape of its value. References that Azure resolves at run
time (`${{keyvault:…}}`, `${{azureml://connections/…}}`) are not secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from vnetferry.models.inventory import Document, Inventory

PLACEHOLDER = "<secret>"
_NAME = re.compile(
    r"secret|passw|pwd|token|credential|api_?key|access_?key|account_?key|private_?key|(^|_)(sas|key|keys)$|conn(ection)?_?str",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"(AccountKey|SharedAccessKey|SharedAccessSignature|Password|Pwd)\s*=|[?&]sig=|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|^eyJ[\w-]+\.eyJ[\w-]+\.|://[^/\s:@]+:[^/\s:@]+@",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"^\$\{\{.*\}\}$", re.DOTALL)
# What a credential says in the open about itself.
_PUBLIC = {"credentialsType", "clientId", "tenantId", "authorityUrl", "resourceUrl", "thumbprint"}
_SECRET_FIELDS = {
    *("keys", "credentials", "primarykey", "secondarykey", "sastoken", "accesstoken"),
    *("serviceuri", "webhookproperties"),  # where alerts are sent to: whoever knows the address may use it
}


def looks_secret(name: str, value: str) -> bool:
    """Whether an environment variable is taken for a secret."""
    if not value or _REFERENCE.match(value):
        return False
    return bool(_NAME.search(name) or _VALUE.search(value))


def secret_variables(variables: dict[str, Any]) -> list[str]:
    """The names of those environment variables that are taken for secrets, sorted."""
    return sorted(name for name, value in variables.items() if looks_secret(name, str(value or "")))


def redact(value: Any) -> Any:
    """A document's JSON with every secret replaced by a placeholder; its shape stays."""
    if isinstance(value, dict):
        return {key: _redacted_member(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [redact(item) for item in value]
    return PLACEHOLDER if isinstance(value, str) and _VALUE.search(value) else value


def redacted_paths(value: Any) -> list[list[str | int]]:
    """Where `redact` replaces something in a document's JSON: keys and positions from its root, in order."""
    return list(_differing(value, redact(value), []))


def _differing(value: Any, kept: Any, path: list[str | int]) -> Iterator[list[str | int]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _differing(item, kept[key], [*path, key])
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _differing(item, kept[position], [*path, position])
    elif value != kept:
        yield path


def redacted(inventory: Inventory) -> Inventory:
    """The inventory with every secret replaced by a placeholder."""
    documents = tuple(Document(id=d.id, body=redact(d.body)) for d in inventory.documents)
    return inventory.model_copy(update={"documents": documents})


def _redacted_member(key: str, item: Any) -> Any:
    if key == "environmentVariables" and isinstance(item, dict):
        return {name: PLACEHOLDER if looks_secret(name, str(v or "")) else v for name, v in item.items()}
    if key.lower() in _SECRET_FIELDS and isinstance(item, dict):
        return {k: v if k in _PUBLIC or not isinstance(v, str) else PLACEHOLDER for k, v in item.items()}
    if key.lower() in _SECRET_FIELDS and isinstance(item, str):
        return PLACEHOLDER
    return redact(item)
