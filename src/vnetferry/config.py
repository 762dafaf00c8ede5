"""Reading migration.yaml.

Every problem that a person can cause ends in one `ConfigError` that says, a sentence per problem, in which
file, on which line, which key, and how to mend it. Paths in the file are relative to the file's own folder.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from vnetferry.errors import ConfigError
from vnetferry.models.base import Value
from vnetferry.models.config import BringYourOwn, MigrationConfig, SourceConfig
from vnetferry.models.handoff import FileHandoff

Loc = tuple[str | int, ...]
_UNIONS: dict[Loc, str] = {
    (
        "target",
        "associated_resources",
    ): f"share, create, or a mapping of {', '.join(BringYourOwn.model_fields)}",
}


def load_config(path: Path) -> MigrationConfig:
    """The configuration in `path`.

    Raises: ConfigError when the file is missing, is not YAML, does not fit, or names request files that are
            not there.
    """
    root = _parse(path, _read(path))
    data = _construct(path, root)
    try:
        config = MigrationConfig.model_validate_json(json.dumps(data, default=str))
    except ValidationError as err:
        sentences = [_sentence(path, root, data, problem) for problem in _problems(err, data)]
        raise _refuse(path, sentences) from None
    if problems := in_place_problems(config):
        raise _refuse(path, [f"{path}, line {_line(root, p.loc)}: {p.sentence}" for p in problems])
    _require_requests(path, root, config)
    return config


class Problem(NamedTuple):
    """One thing that is wrong with a configuration: where in the file, and a sentence with the remedy."""

    loc: Loc
    sentence: str


def in_place_problems(config: MigrationConfig) -> list[Problem]:
    """What of the configuration has no place when the source workspace itself is converted."""
    if not config.in_place:
        return []
    source, target, endpoints = config.source, config.target, config.endpoints
    if source is None:
        return [Problem(("source",), "'source' is missing. Add it: it is what is converted in place.")]
    own = "in place the target is the source. Leave it out."
    wrong = {
        ("target", "workspace"): (not _same(target.workspace, source.workspace), own),
        ("target", "resource_group"): (
            not _same(target.resource_group or source.resource_group, source.resource_group),
            own,
        ),
        ("target", "associated_resources"): (
            target.associated_resources != "share",
            "in place the workspace keeps its storage, vault and registry. Leave it out.",
        ),
        ("endpoints", "rename"): (
            endpoints.rename != "{name}",
            "in place endpoints keep their names, so that callers change nothing. Leave it out.",
        ),
        ("handoff",): (bool(config.handoff), "in place no URI changes. Leave it out."),
        ("retire", "delete_workspace"): (
            config.retire.delete_workspace,
            "in place the source is the target, and stays. Leave it out.",
        ),
    }
    return [
        Problem(loc, f"'{'.'.join(loc)}' is wrong: {why}")
        for loc, (is_wrong, why) in wrong.items()
        if is_wrong
    ]


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def require_source(config: MigrationConfig) -> SourceConfig:
    """The source workspace; ConfigError when the file names none."""
    if config.source is None:
        raise ConfigError(
            "the configuration names no source workspace",
            resource="source",
            remedy="Add 'source: {subscription_id: …, resource_group: …, workspace: …}' to it.",
        )
    return config.source


def request_digests(config: MigrationConfig, folder: Path) -> dict[str, str]:
    """Source endpoint -> SHA-256 of its request file's bytes, in hexadecimal; paths are relative to
    `folder`. Raises: ConfigError when one cannot be read.
    """
    requests = sorted(config.validation.requests.items())
    return {endpoint: _digest(endpoint, folder / path) for endpoint, path in requests}


def rebase_config(config: MigrationConfig, folder: Path, onto: Path) -> MigrationConfig:
    """The same configuration with its paths relative to `onto` instead of `folder`; absolute paths stay."""

    def rebased(path: str) -> str:
        return path if Path(path).is_absolute() else Path(os.path.relpath(folder / path, onto)).as_posix()

    requests = {endpoint: rebased(path) for endpoint, path in config.validation.requests.items()}
    handoff = tuple(
        h.model_copy(update={"path": rebased(h.path)}) if isinstance(h, FileHandoff) else h
        for h in config.handoff
    )
    validation = config.validation.model_copy(update={"requests": requests})
    return config.model_copy(update={"validation": validation, "handoff": handoff})


def require_handoff(config: MigrationConfig, folder: Path) -> None:
    """Raise ConfigError when a handoff file could not be written; paths are relative to `folder`."""
    for handoff in config.handoff:
        if not isinstance(handoff, FileHandoff):
            continue
        path = folder / handoff.path
        nearest = next(parent for parent in path.absolute().parents if parent.exists())
        if path.is_dir() or not nearest.is_dir() or not os.access(nearest, os.W_OK):
            raise ConfigError(
                f"the handoff file {path} cannot be written",
                resource="handoff",
                remedy="Set handoff[].path to a file in a folder that can be written to.",
            )


def _digest(endpoint: str, request: Path) -> str:
    try:
        return hashlib.sha256(request.read_bytes()).hexdigest()
    except OSError as err:
        raise ConfigError(
            f"the request file {request} of endpoint '{endpoint}' cannot be read: {err.strerror}",
            remedy="Put it back, or change validation.requests and plan again.",
        ) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist", remedy="Run 'vnetferry init' to write one, or name another with -c."
        ) from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder", remedy="Name the file in it.") from None
    except UnicodeDecodeError as err:
        raise ConfigError(
            f"{path} is not UTF-8 text (byte {err.start})", remedy="Save it as UTF-8."
        ) from None
    except OSError as err:
        raise ConfigError(f"{path} cannot be read: {err.strerror}", remedy="Check its permissions.") from None


def _parse(path: Path, text: str) -> yaml.Node:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(err, "problem", None) or "it cannot be read"
        remedy = "Mend the YAML there: look for a missing space, quote or indent."
        raise ConfigError(f"{path}{where}: not valid YAML, {problem}", remedy=remedy) from None
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(
            f"{path} holds no mapping", remedy="It must begin with keys such as 'source:' and 'target:'."
        )
    return root


def _construct(path: Path, root: yaml.Node) -> Any:
    for key, line in _duplicates(root):
        raise ConfigError(
            f"{path}, line {line}: the key '{key}' stands there twice", remedy="Keep one of them."
        )
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(root)
    except yaml.YAMLError as err:
        raise ConfigError(
            f"{path}: {getattr(err, 'problem', err)}", remedy="Use plain YAML values."
        ) from None
    finally:
        loader.dispose()  # type: ignore[no-untyped-call,unused-ignore]


def _duplicates(node: yaml.Node) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen and key.value != "<<":
                yield str(key.value), key.start_mark.line + 1
            seen.add(key.value)
            yield from _duplicates(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _duplicates(item)


class _Problem(Value):
    """One of pydantic's complaints, with its place in terms of the file."""

    kind: str
    loc: tuple[str | int, ...]
    message: str


def _problems(err: ValidationError, data: Any) -> list[_Problem]:
    """The complaints, each place once; a union's branches that the value cannot mean are left out."""
    found: dict[Loc, _Problem] = {}
    for detail in err.errors(include_url=False):
        loc = _place(detail["loc"], data, absent=detail["type"] == "missing")
        union = next((u for u in _UNIONS if loc[: len(u)] == u), None)
        if union == loc or (union and not isinstance(_value(data, union), dict)):
            message = f"must be {_UNIONS[union]}"
            if isinstance(_value(data, union), dict):
                continue  # a mapping: the mapping's own complaints say more
            found[union] = _Problem(kind="union", loc=union, message=message)
        else:
            found.setdefault(loc, _Problem(kind=detail["type"], loc=loc, message=detail["msg"]))
    return list(found.values())


def _place(loc: Loc, data: Any, *, absent: bool) -> Loc:
    """`loc` without pydantic's names of union branches, which the file does not hold; nor its end, if `absent`."""
    place: list[str | int] = []
    for index, part in enumerate(loc):
        known = _child(data, part)
        if known is not _ABSENT:
            data = known
            place.append(part)
        elif absent and index == len(loc) - 1:
            place.append(part)
    return tuple(place)


_ABSENT = object()


def _child(data: Any, part: str | int) -> Any:
    if isinstance(data, dict):
        return data.get(part, _ABSENT)
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return data[part]
    return _ABSENT


def _value(data: Any, loc: Loc) -> Any:
    for part in loc:
        data = _child(data, part)
    return data


def _sentence(path: Path, root: yaml.Node, data: Any, problem: _Problem) -> str:
    key = ".".join(map(str, problem.loc)) or "the file"
    where = f"{path}, line {_line(root, problem.loc)}"
    if problem.kind == "extra_forbidden":
        return f"{where}: '{key}' is not a known key. {_nearest(problem.loc, data)}"
    if problem.kind == "missing":
        return f"{where}: '{key}' is missing. Add it."
    found = _value(data, problem.loc)
    is_told = isinstance(found, (str, int, float, bool)) and "holds a secret" not in problem.message
    shown = f" (found {json.dumps(found, default=str)})" if is_told else ""
    quote = " Put it in quotes." if problem.kind == "string_type" and isinstance(found, (int, float)) else ""
    message = problem.message.removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return f"{where}: '{key}' is wrong: {message}{shown}.{quote}"


def _line(node: yaml.Node, loc: Loc) -> int:
    """Where `loc` stands, counted from 1; the nearest enclosing key when it is not there."""
    line = node.start_mark.line + 1
    for part in loc:
        step = _step(node, part)
        if step is None:
            return line
        line, node = step
    return line


def _step(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item.start_mark.line + 1, item
    return None


def _nearest(loc: Loc, data: Any) -> str:
    """What the unknown key may have meant."""
    known = _known_keys(loc[:-1], data)
    near = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.6)
    return f"Did you mean '{near[0]}'?" if near else f"Known here: {', '.join(known)}."


def _known_keys(loc: Loc, data: Any) -> list[str]:
    """The keys that the mapping at `loc` may have; where it may be of several kinds, those of its own."""
    models: list[Any] = [MigrationConfig]
    for end, part in enumerate(loc, start=1):
        if isinstance(part, str):
            models = _models_in(models[0].model_fields[part].annotation)
        found = _value(data, loc[:end])
        if len(models) > 1 and isinstance(found, dict):
            kind = found.get("kind", "file")
            models = [
                m for m in models if "kind" in m.model_fields and m.model_fields["kind"].default == kind
            ]
    return list(models[0].model_fields)


def _models_in(annotation: Any) -> list[Any]:
    """The models that an annotation such as `X | None`, `tuple[X, ...]` or `Literal[…] | X` holds."""
    if isinstance(annotation, type) and issubclass(annotation, Value):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]


def _require_requests(path: Path, root: yaml.Node, config: MigrationConfig) -> None:
    problems = []
    for endpoint, request in config.validation.requests.items():
        line = _line(root, ("validation", "requests", endpoint))
        where = f"{path}, line {line}: the request file '{request}' of endpoint '{endpoint}'"
        problems += _request_problems(where, path.parent / request)
    if problems:
        raise _refuse(path, problems)


def _request_problems(where: str, request: Path) -> list[str]:
    if not request.is_file():
        return [f"{where} does not exist. Paths are relative to the folder of this file."]
    try:
        json.loads(request.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [f"{where} is not readable JSON. Put into it what a caller sends to the endpoint."]
    return []


def _refuse(path: Path, sentences: list[str]) -> ConfigError:
    text = "\n".join(sentences)
    what, _, remedy = text.rpartition(". ")
    return ConfigError(what or text, remedy=remedy if what else "", resource=str(path))
