"""An inventory as a scenario of the sandbox. Pure: documents in, the scenario's mapping out.

A scenario is made of plain names (see scenario.yaml in the design), not of the sandbox's own classes. It holds no
secret: keys, credentials and secret variables are placeholders, so what uses them answers otherwise than in Azure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vnetferry.models.base import Json
from vnetferry.models.inventory import CODE, DEPLOYMENT, ENVIRONMENT, MODEL, Inventory
from vnetferry.plan.secrets import redacted

_CONTENT = {CODE: ("codeUri",), MODEL: ("modelUri",), ENVIRONMENT: ("build", "contextUri")}
_VAULT_REFERENCE = re.compile(r"\$\{\{keyvault:https://([^./]+)\.[^/]+/secrets/([^/}]+)", re.IGNORECASE)
_MINUTES_IN_30_DAYS = 30 * 24 * 60


def build_scenario(inventory: Inventory, surroundings: list[Json], blobs: dict[str, str]) -> Json:
    """The scenario's mapping.

    In: surroundings: documents that lie outside the inventory (resource groups, networks) but that its parts need;
        blobs: "account/container/path" -> file, relative to the scenario's folder.
    """
    # A scenario knows no scope above a subscription. The source's own comes first, because it is the client's default.
    documents = [d for d in redacted(inventory).documents if d.id.subscription_id]
    return {
        "resources": [*(_resource(d.id.text, d.type, d.body) for d in documents), *surroundings],
        "blobs": {name: {"file": path} for name, path in sorted(blobs.items())},
        "secrets": dict(sorted(_vault_secrets(inventory))),
        "endpoint_keys": dict(_endpoint_keys(inventory)),
        "metrics": {
            key: {"RequestsPerMinute": count / _MINUTES_IN_30_DAYS}
            for key, count in inventory.requests.items()
        },
        "costs": dict(sorted(_monthly_costs(inventory))),
    }


def content_uris(inventory: Inventory) -> list[str]:
    """The URIs of the content of every code, model and environment version, sorted."""
    found = {
        uri
        for kind, path in _CONTENT.items()
        for document in inventory.of_type(kind)
        if (uri := _at(document.properties, path))
    }
    return sorted(found)


def _resource(resource_id: str, kind: str, body: Json) -> Json:
    """The document with an ARM id and type, which some lists leave out."""
    return {
        **body,
        "id": resource_id,
        "name": body.get("name") or resource_id.rpartition("/")[2],
        "type": kind,
    }


def _at(value: object, path: tuple[str, ...]) -> str:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _vault_secrets(inventory: Inventory) -> Iterator[tuple[str, str]]:
    """A placeholder for each vault secret that a deployment's variables refer to."""
    for document in inventory.documents:
        for value in document.get("environmentVariables", {}).values():
            for vault, name in _VAULT_REFERENCE.findall(str(value)):
                yield f"{vault}/{name}", f"placeholder-for-{name}"


def _monthly_costs(inventory: Inventory) -> Iterator[tuple[str, float]]:
    """What each resource and each deployment cost in the last whole month; a workspace without its deployments'."""
    deployments = {d.id.key: d for d in inventory.of_type(DEPLOYMENT)}
    of_deployments = 0.0
    for cost in (c for c in inventory.billed if c.deployment):
        key = (
            inventory.source.child("onlineEndpoints", cost.endpoint).child("deployments", cost.deployment).key
        )
        if key in deployments:
            of_deployments += cost.amount
            yield str(deployments[key].id), cost.amount
    for cost in (c for c in inventory.billed if c.resource):
        own = cost.amount - (of_deployments if cost.resource == inventory.source.key else 0.0)
        if own > 0:
            yield cost.resource, round(own, 2)


def _endpoint_keys(inventory: Inventory) -> Iterator[tuple[str, Json]]:
    for endpoint in inventory.endpoints:
        if str(endpoint.get("authMode", "")).lower() == "key":
            keys = {
                f"{which}Key": f"placeholder-{which}-key-of-{endpoint.name}"
                for which in ("primary", "secondary")
            }
            yield str(endpoint.id), keys
