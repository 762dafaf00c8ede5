"""What is around the workspace, with any of the members that its REST definitions have."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.flows.rest_values import Strategy
from tests.flows.whole_documents import WHOLE
from vnetferry.models.ids import ResourceId
from vnetferry.models.inventory import (
    APPLICATION_INSIGHTS,
    CONTAINER_REGISTRY,
    KEY_VAULT,
    LOG_WORKSPACE,
    PRIVATE_ENDPOINT,
    STORAGE_ACCOUNT,
)

Json = dict[str, Any]
_KINDS = (
    STORAGE_ACCOUNT,
    KEY_VAULT,
    CONTAINER_REGISTRY,
    APPLICATION_INSIGHTS,
    LOG_WORKSPACE,
    PRIVATE_ENDPOINT,
)


def surrounded(documents: list[Json]) -> Strategy:
    """The documents, with what the workspace stands on and is reached by as Azure may answer it."""
    return st.tuples(*map(_any, documents)).map(list)


def _any(document: Json) -> Strategy:
    kind = next((each for each in _KINDS if each.lower() == ResourceId(document["id"]).type.lower()), "")
    if not kind:
        return st.just(document)
    return (st.just(WHOLE[kind]) | _parts(WHOLE[kind])).map(lambda drawn: _joined(document, drawn))


def _joined(document: Json, drawn: Json) -> Json:
    properties = {**document["properties"], **drawn.get("properties", {})}
    return json.loads(json.dumps({**document, **drawn, "properties": properties}))


def _parts(value: Any) -> Strategy:
    """Each member of an object, and each element of an array, is there or not."""
    if isinstance(value, dict):
        return st.fixed_dictionaries({}, optional={key: _parts(item) for key, item in value.items()})
    if isinstance(value, list) and value:
        return st.just([]) | st.tuples(*map(_parts, value)).map(list)
    return st.just(value)
