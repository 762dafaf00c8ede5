"""Reading request bodies as Azure does: unknown members, missing ones and values out of range are refused.

Azure's front door deserializes strictly; what it says then is `InvalidRequestContent`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.wire import Json


def invalid_content(why: str) -> AzureError:
    """400 in the front door's words."""
    message = f"The request content was invalid and could not be deserialized: '{why}'."
    return AzureError(400, "InvalidRequestContent", message)


def require_known(body: Json, known: Collection[str], owner: str, path: str = "") -> None:
    """Refuse members that `owner` (the object's type) does not have; names are compared without case."""
    lower = {name.lower() for name in known}
    for name in body:
        if name.lower() not in lower:
            where = f"{path}.{name}" if path else name
            raise invalid_content(
                f"Could not find member '{name}' on object of type '{owner}'. Path '{where}'"
            )


def require_object(value: Any, path: str) -> Json:
    """`value` as an object; None counts as an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid_content(f"Error converting value \"{value}\" to type 'JObject'. Path '{path}'")
    return value


def require_member(body: Json, name: str, code: str = "InvalidRequestContent", path: str = "") -> Any:
    """A member that must be there and not null."""
    where = f"{path}.{name}" if path else name
    if body.get(name) is None:
        raise AzureError(400, code, f"Required property '{where}' was not found in the request body.")
    return body[name]


def require_choice(
    value: Any, choices: Collection[str], path: str, code: str = "InvalidRequestPropertyValue"
) -> str:
    """`value` in the spelling of `choices`, found without regard to case."""
    for choice in choices:
        if isinstance(value, str) and choice.lower() == value.lower():
            return choice
    allowed = ", ".join(choices)
    raise AzureError(
        400, code, f"The value '{value}' is not allowed for property '{path}'. Allowed values: {allowed}."
    )


def default_choice(
    body: Json, name: str, choices: Collection[str], default: str, path: str = "properties"
) -> None:
    """Set `body[name]` to its canonical spelling, or to `default` when it is absent or null."""
    value = body.get(name)
    body[name] = default if value is None else require_choice(value, choices, f"{path}.{name}")


def require_tags(tags: Any) -> dict[str, str]:
    """Tags as Azure limits them: 50 of them, names to 512 characters, values to 256, strings only."""
    found = require_object(tags, "tags")
    if len(found) > 50:
        raise AzureError(
            400, "TooManyTags", f"The number of tags '{len(found)}' exceeds the maximum of '50'."
        )
    for name, value in found.items():
        if not isinstance(value, str):
            raise invalid_content(f"Error converting value to type 'String'. Path 'tags.{name}'")
        if not 0 < len(name) <= 512 or len(value) > 256 or set(name) & set("<>%&\\?/"):
            message = (
                f"The tag name '{name}' or its value is not valid: it is too long or has a reserved "
                "character."
            )
            raise AzureError(400, "InvalidTagNameCharacters", message)
    return dict(found)
