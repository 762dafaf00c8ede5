"""The plan file: written whole or not at all, and refused when it is not what `plan` wrote."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from vnetferry.errors import ConfigError
from vnetferry.models.plan import Plan
from vnetferry.plan.build import plan_id
from vnetferry.whole_file import write_whole

_AGAIN = "Make it anew with 'vnetferry plan'."


def plan_text(plan: Plan) -> str:
    """The plan as the text of its file; equal plans give equal bytes."""
    return json.dumps(plan.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def require_place(path: Path) -> None:
    """Raise ConfigError when no plan could be written to `path`, before it is worth making one."""
    if not path.parent.is_dir():
        raise ConfigError(
            f"the plan cannot be written to {path}: there is no folder {path.parent}",
            remedy="Make it, or name another file with -o.",
        )


def write_plan(plan: Plan, path: Path) -> None:
    """Write the plan file, replacing one that is there. Readable by the owner alone.

    Raises: ConfigError when the folder is missing or may not be written to.
    """
    try:
        write_whole(path, plan_text(plan), private=True)
    except OSError as err:
        raise ConfigError(
            f"the plan cannot be written to {path}: {err.strerror}", remedy="Name another file with -o."
        ) from None


def read_plan(path: Path) -> Plan:
    """The plan in `path`.

    Raises: ConfigError when the file is missing, is no plan, or was edited after it was written.
    """
    try:
        plan = Plan.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        remedy = "Make one with 'vnetferry plan -c migration.yaml -o plan.json'."
        raise ConfigError(f"{path} does not exist", remedy=remedy) from None
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise ConfigError(f"{path} is not a plan: {where}: {first['msg']}", remedy=_AGAIN) from None
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(f"{path} cannot be read as a plan: {err}", remedy=_AGAIN) from None
    if plan_id(plan) != plan.id:
        raise ConfigError(f"{path} was edited after it was written; its id does not fit it", remedy=_AGAIN)
    return plan
