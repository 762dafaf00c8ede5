"""ARM resource ids as values.

Azure compares ids without regard to case and its own services disagree about it; so do equality and hashing here,
while the text is kept as it was written.
"""

from __future__ import annotations

from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

ML = "Microsoft.MachineLearningServices"
# What lies above subscriptions: management groups, and rights on them or on the whole tenant.
_TENANT_WIDE = ("microsoft.management", "microsoft.authorization")


class ResourceId:
    """An ARM id: `/subscriptions/{s}/resourceGroups/{rg}/providers/{namespace}/{type}/{name}[/{type}/{name}…]`."""

    __slots__ = ("_parts", "text")

    def __init__(self, text: str) -> None:
        parts = text.strip("/").split("/")
        if not text.startswith("/") or "" in parts or not _begins_as_id(parts):
            raise ValueError(f"'{text}' is not an ARM resource id; it starts with /subscriptions/<id>")
        self.text = "/" + "/".join(parts)
        self._parts = tuple(parts)

    @classmethod
    def workspace(cls, subscription_id: str, resource_group: str, name: str) -> ResourceId:
        """The id of an Azure ML workspace."""
        group = f"/subscriptions/{subscription_id}/resourceGroups/{resource_group}"
        return cls(f"{group}/providers/{ML}/workspaces/{name}")

    def child(self, kind: str, name: str) -> ResourceId:
        """The id of a child resource, such as `.child("onlineEndpoints", "scoring")`."""
        return ResourceId(f"{self.text}/{kind}/{name}")

    @property
    def key(self) -> str:
        """Lower case, for comparing and for dictionary keys."""
        return self.text.lower()

    @property
    def name(self) -> str:
        """The last part."""
        return self._parts[-1]

    @property
    def subscription_id(self) -> str:
        """The subscription's GUID; empty for what lies above subscriptions."""
        return self._parts[1] if self._parts[0].lower() == "subscriptions" else ""

    @property
    def resource_group(self) -> str:
        """The resource group's name; empty for what lies outside of one."""
        lower = [part.lower() for part in self._parts[:4]]
        return self._parts[3] if lower[2:3] == ["resourcegroups"] else ""

    @property
    def group_id(self) -> ResourceId:
        """The id of the resource group."""
        return ResourceId(f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}")

    @property
    def type(self) -> str:
        """The full type, such as `Microsoft.MachineLearningServices/workspaces/onlineEndpoints`."""
        lower = [part.lower() for part in self._parts]
        if "providers" not in lower:
            return (
                "Microsoft.Resources/resourceGroups"
                if self.resource_group
                else "Microsoft.Resources/subscriptions"
            )
        start = len(lower) - 1 - lower[::-1].index("providers")
        namespace, *rest = self._parts[start + 1 :]
        return "/".join([namespace, *rest[0::2]])

    @property
    def parent(self) -> ResourceId:
        """The id without its last type and name."""
        return ResourceId("/" + "/".join(self._parts[:-2]))

    def is_under(self, other: ResourceId) -> bool:
        """Whether `other` is this resource's ancestor (not itself)."""
        return self.key.startswith(other.key + "/")

    def moved(self, source: ResourceId, target: ResourceId) -> ResourceId:
        """The same id with the ancestor (or self) `source` replaced by `target`."""
        if self != source and not self.is_under(source):
            raise ValueError(f"{self} is not under {source}")
        return ResourceId(target.text + self.text[len(source.text) :])

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"ResourceId({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResourceId) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __lt__(self, other: ResourceId) -> bool:
        return self.key < other.key

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.no_info_after_validator_function(cls, core_schema.str_schema())
        return core_schema.json_or_python_schema(
            json_schema=text,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), text]),
            serialization=core_schema.plain_serializer_function_ser_schema(str, when_used="always"),
        )


def _begins_as_id(parts: list[str]) -> bool:
    lower = [part.lower() for part in parts]
    return lower[0] == "subscriptions" or (lower[0] == "providers" and "".join(lower[1:2]) in _TENANT_WIDE)
