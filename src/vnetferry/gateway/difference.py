"""Whether Azure already holds what is wanted: a pure comparison of a body with what GET returned.

A wanted body is a subset of the document, apart from what Azure is known to write in its own way: ids and
enumerated words in another case, locations by display name, durations, zero traffic, variables that the
service injects. What people name themselves, such as tags, Azure keeps as it is, and so it is compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import isodate  # type: ignore[import-untyped]
import yaml

# Azure's own properties of documents: whatever a wanted body says about them, it cannot want it.
_READ_ONLY = {
    "id", "name", "type", "etag", "systemdata", "provisioningstate", "scoringuri", "swaggeruri",
    "principalid", "tenantid", "keys", "secrets",
}  # fmt: skip
# Words that Azure answers in its own spelling.
_WORDS = {
    "publicnetworkaccess", "authmode", "authtype", "category", "endpointcomputetype", "isolationmode",
    "firewallsku", "type", "tier", "kind", "modeltype", "ostype", "protocol", "credentialstype",
    "datastoretype", "status", "vmsize", "vmpriority", "computetype",
}  # fmt: skip
# Maps whose names and values are people's own, and inside `properties` once more those of an asset or endpoint,
# though not of a compute: "" is a value there and not an absence, and no word is Azure's. Only tags have names in
# any case.
_PEOPLES = {"tags", "environmentvariables", "metadata"}
# Maps that are wanted as a whole: what is in the document beyond them is a difference.
_WHOLE = {"traffic", "mirrortraffic", "environmentvariables"}
_INJECTED = {"azureml_model_dir", "azureml_entry_script", "aml_app_root"}
_DURATION = re.compile(r"P(?=.)(\d+D)?(T[\d.HMS]+)?")


def differs(desired: Any, current: Any) -> list[str]:
    """The dotted paths at which `current` is not what `desired` wants; empty when nothing is to do."""
    return list(_compare(desired, current, ()))


def _compare(desired: Any, current: Any, path: tuple[str, ...]) -> list[str]:
    if desired is None:
        return []  # a null wishes nothing: Azure fills in its default
    if isinstance(desired, Mapping):
        there = current if isinstance(current, Mapping) else {}
        return _compare_maps(desired, there, path)
    if isinstance(desired, (list, tuple)):
        return _compare_lists(list(desired), current, path)
    same = _same(desired, current, path[-1].lower() if path else "")
    return [] if same else [".".join(path)]


def _compare_maps(desired: Mapping[str, Any], current: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    there = {key.lower(): value for key, value in current.items()}
    found: list[str] = []
    for key, value in desired.items():
        if key.lower() not in _READ_ONLY or len(path) > 1:
            compare = _compare_peoples_own if _is_peoples_own(path, key, desired) else _compare
            found += compare(value, there.get(key.lower()), (*path, key))
    if path and path[-1].lower() in _WHOLE:
        wanted = {key.lower() for key in desired}
        found += [
            ".".join((*path, key)) for key, value in current.items() if key.lower() not in wanted and value
        ]
    return found


def _is_peoples_own(path: tuple[str, ...], key: str, holder: Mapping[str, Any]) -> bool:
    if key.lower() == "properties":
        return bool(path) and path[-1].lower() == "properties" and "computeType" not in holder
    return key.lower() in _PEOPLES


def _compare_peoples_own(
    desired: Mapping[str, Any] | None, current: Mapping[str, Any] | None, path: tuple[str, ...]
) -> list[str]:
    if desired is None:
        return []
    current = current or {}
    kind = path[-1].lower()
    fold = str.lower if kind == "tags" else str
    there = {fold(key): value for key, value in current.items()}
    wanted = {fold(key): value for key, value in desired.items() if value is not None}
    found = [key for key, value in wanted.items() if key not in there or there[key] != value]
    if kind in _WHOLE:
        found += [key for key in there if key not in wanted and key.lower() not in _INJECTED]
    names = {fold(key): key for key in (*current, *desired)}
    return [".".join((*path, names[key])) for key in found]


def _compare_lists(desired: list[Any], current: Any, path: tuple[str, ...]) -> list[str]:
    there = list(current) if isinstance(current, (list, tuple)) else []
    if len(desired) != len(there):
        return [".".join(path)]
    pairs = enumerate(zip(desired, there, strict=True))
    return [where for index, (a, b) in pairs for where in _compare(a, b, (*path, str(index)))]


def _same(desired: Any, current: Any, key: str) -> bool:
    if not desired and not current:
        return True  # null, absent, "", 0 and false: in its own properties Azure does not tell them apart
    if isinstance(desired, str) and isinstance(current, str):
        return _same_text(desired, current, key)
    return bool(desired == current)


def _same_text(desired: str, current: str, key: str) -> bool:
    if desired == current:
        return True
    if key == "location":
        return _squeezed(desired) == _squeezed(current)
    if key == "condafile":
        return _same_yaml(desired, current)
    if key in _WORDS:
        return _squeezed(desired) == _squeezed(current)
    if _is_reference(desired):
        return _reference(desired) == _reference(current)
    return _same_duration(desired, current)


def _squeezed(text: str) -> str:
    return text.lower().replace(" ", "")


def _is_reference(text: str) -> bool:
    return text.lower().startswith(("/subscriptions/", "azureml:", "https://"))


def _reference(text: str) -> str:
    """An id or URI in one spelling: Azure answers `azureml:` ids, other cases and explicit ports."""
    return text.lower().removeprefix("azureml:").replace(":443/", "/").rstrip("/")


def _same_yaml(desired: str, current: str) -> bool:
    """A conda file goes out as YAML and comes back as JSON, which is YAML too."""
    try:
        return bool(yaml.safe_load(desired) == yaml.safe_load(current))
    except yaml.YAMLError:
        return False


def _same_duration(desired: str, current: str) -> bool:
    if not (_DURATION.fullmatch(desired) and _DURATION.fullmatch(current)):
        return False
    try:
        return bool(isodate.parse_duration(desired) == isodate.parse_duration(current))
    except isodate.ISO8601Error:
        return False
