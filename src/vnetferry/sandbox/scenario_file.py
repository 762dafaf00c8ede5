"""scenario.yaml as a value: every mistake in it is one sentence that says where it is and how to mend it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from vnetferry.sandbox.errors import SandboxError
from vnetferry.sandbox.scenario import BlobContent, Scenario

_PACKAGE = Path(__file__).resolve().parents[1]
_CARRIED = _PACKAGE / "_project"
# Where named scenarios lie: what a wheel carries, else a clone's own. Never both: beside an installed package
# may lie anybody's `examples`.
EXAMPLES = (_CARRIED if _CARRIED.is_dir() else _PACKAGE.parents[1]) / "examples"


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """Dates stay text, as Azure's JSON has them, and a key that stands twice is a mistake."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping, or a ConstructorError at the second of two equal keys."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' stands twice", key.start_mark
                )
            seen.add(str(key.value))
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def load(name_or_file: str) -> Scenario:
    """The scenario of a file, or of a built-in name; blobs' files are found beside it. SandboxError."""
    file = find(name_or_file)
    try:
        with _uncollected():
            data = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader
    except OSError as err:
        raise SandboxError(f"The scenario {file} cannot be read: {err.strerror}; check the path.") from err
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise SandboxError(f"The scenario {file} is not YAML: {_where(err)}; mend it there.") from err
    if not isinstance(data, dict):
        raise SandboxError(f"The scenario {file} holds no mapping; begin it with `resources: []`.")
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as err:
        raise SandboxError(f"The scenario {file} is not sound: {_first(err)}.") from err
    return _beside(scenario, file.resolve().parent)


def find(name_or_file: str) -> Path:
    """The file of a scenario; SandboxError when it is neither a file nor a built-in name."""
    file = Path(name_or_file)
    if file.is_file():
        return file
    named = EXAMPLES / name_or_file / "scenario.yaml"
    if "/" not in name_or_file and named.is_file():
        return named
    known = ", ".join(names()) or "none"
    raise SandboxError(
        f"There is no scenario '{name_or_file}': give a file that exists or a built-in name ({known})."
    )


def names() -> list[str]:
    """The built-in scenarios."""
    return sorted(found.parent.name for found in EXAMPLES.glob("*/scenario.yaml"))


def _beside(scenario: Scenario, folder: Path) -> Scenario:
    """The scenario with its blobs' files relative to where it lies; SandboxError for one that is missing."""
    blobs: dict[str, BlobContent] = {}
    for place, content in scenario.blobs.items():
        blobs[place] = content
        if content.file is not None:
            file = folder / content.file
            if not file.is_file():
                raise SandboxError(
                    f"The scenario's blob '{place}' needs the file {file}, which does not exist."
                )
            blobs[place] = BlobContent(file=str(file), text=content.text)
    return scenario.model_copy(update={"blobs": blobs})


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let nobody look for garbage while a file is read: nearly all that is made lives until it is.

    The collector would go through all of it again and again, which takes twice the time of reading itself.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _where(err: Exception) -> str:
    if isinstance(err, yaml.MarkedYAMLError) and err.problem_mark is not None:
        return f"{err.problem} in line {err.problem_mark.line + 1}, column {err.problem_mark.column + 1}"
    return " ".join(str(err).split())


def _first(err: ValidationError) -> str:
    """The first problem, with the key's path; how many more there are."""
    problem, *others = err.errors()
    path = ".".join(str(part) for part in problem["loc"])
    known = ", ".join(Scenario.model_fields)
    what = (
        f"there is no key '{path}' (known: {known})"
        if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1
        else f"'{path}': {problem['msg'].removeprefix('Value error, ')}"
    )
    return what + (f" (and {len(others)} more)" if others else "")
