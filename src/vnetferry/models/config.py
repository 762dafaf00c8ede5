"""The value that migration.yaml holds: every key known, every default stated, no secret in it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from vnetferry.models.base import Value
from vnetferry.models.handoff import FileHandoff, HandoffConfig
from vnetferry.models.ids import ResourceId


class SourceConfig(Value):
    """The workspace to leave."""

    subscription_id: str = Field(description="Subscription of the source workspace.")
    resource_group: str = Field(description="Its resource group.")
    workspace: str = Field(description="Its name.")

    @property
    def id(self) -> ResourceId:
        """The workspace's ARM id."""
        return ResourceId.workspace(self.subscription_id, self.resource_group, self.workspace)


def _require_subscription(resource: ResourceId) -> ResourceId:
    if not resource.subscription_id:
        raise ValueError(f"'{resource}' is in no subscription; it starts with /subscriptions/<id>")
    return resource


InSubscription = Annotated[ResourceId, AfterValidator(_require_subscription)]


class BringYourOwn(Value):
    """Associated resources named one by one; what is not named is created."""

    storage_account: InSubscription | None = None
    key_vault: InSubscription | None = None
    container_registry: InSubscription | None = None
    application_insights: InSubscription | None = None


class InboundConfig(Value):
    """The private endpoints for callers: in each network that has one to the source today, and in `subnet_id`.

    In `subnet_id`'s own network it takes the place of the source's subnet. Without a source, it is the only one.
    """

    subnet_id: InSubscription | None = None
    each_network: bool = Field(
        default=True, description="false: no private endpoint but the one in subnet_id."
    )


class TargetConfig(Value):
    """The workspace to move to."""

    workspace: str = Field(description="Name of the new workspace.")
    resource_group: str | None = Field(default=None, description="Default: the source's.")
    location: str | None = Field(default=None, description="Default: the source's.")
    isolation_mode: Literal["allow_only_approved_outbound", "allow_internet_outbound"] = (
        "allow_only_approved_outbound"
    )
    firewall_sku: Literal["basic", "standard"] = "basic"
    associated_resources: Literal["share", "create"] | BringYourOwn = "share"
    image_build_compute: str | None = None
    inbound: InboundConfig | None = Field(
        default=InboundConfig(), description="null: no private endpoint for callers."
    )
    derive_outbound_rules: bool = Field(
        default=True, description="Add rules to what the source's deployments could reach and need."
    )
    outbound_rules: tuple[dict[str, Any], ...] = Field(
        default=(), description="Outbound rules as in the SDK's workspace YAML (name, type, destination)."
    )


class EndpointsConfig(Value):
    """Which endpoints move, and what they are called then."""

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    rename: str = Field(
        default="{name}-v2", description="Names are unique per region, so the new one must differ."
    )
    public_network_access: Literal["disabled", "enabled", "as_is"] = Field(
        default="disabled", description="as_is leaves each endpoint's own; in place it is the default."
    )

    @field_validator("rename")
    @classmethod
    def _names_the_source(cls, value: str) -> str:
        if value.replace("{name}", "").count("{") or "{name}" not in value:
            raise ValueError("must contain {name} and no other placeholder, such as '{name}-v2'")
        return value


class Tolerance(Value):
    """How far numbers in two answers may differ: |a-b| <= max(relative * max(|a|,|b|), absolute)."""

    relative: float = Field(default=1.0e-6, ge=0)
    absolute: float = Field(default=1.0e-9, ge=0)


class ValidationConfig(Value):
    """What proves that a new endpoint serves as the old one did."""

    requests: dict[str, str] = Field(
        default={}, description="Source endpoint -> scoring request file (JSON)."
    )
    tolerance: Tolerance = Tolerance()
    soak_h: float = Field(
        default=24, ge=0, description="Hours without any request before the source may be retired."
    )


class RetireConfig(Value):
    """What `retire` may delete."""

    delete_computes: bool = True
    delete_workspace: bool = False
    delete_resource_group: bool = Field(
        default=False, description="After the workspace, and only if nothing else is in it."
    )
    purge: bool = False

    @model_validator(mode="after")
    def _keeps_the_group_of_what_stays(self) -> RetireConfig:
        if self.delete_resource_group and not self.delete_workspace:
            raise ValueError(
                "delete_resource_group needs delete_workspace: true, or the group is never empty"
            )
        return self


class ConcurrencyConfig(Value):
    """How much is done at once."""

    deployments: int = Field(default=20, ge=1, le=100)


class MigrationConfig(Value):
    """One migration: migration.yaml after parsing. `source` may be left out by `vnetferry secure` alone.

    In place there is one workspace and its endpoints keep their names, so what the file leaves out about the target is
    filled in from the source, and there is nobody to hand anything to.
    """

    mode: Literal["side_by_side", "in_place"] = "side_by_side"
    source: SourceConfig | None = None
    target: TargetConfig
    endpoints: EndpointsConfig = EndpointsConfig()
    validation: ValidationConfig = ValidationConfig()
    handoff: tuple[HandoffConfig, ...] = (FileHandoff(),)
    retire: RetireConfig = RetireConfig()
    concurrency: ConcurrencyConfig = ConcurrencyConfig()

    @field_validator("handoff")
    @classmethod
    def _has_each_place_once(cls, value: tuple[HandoffConfig, ...]) -> tuple[HandoffConfig, ...]:
        places = [handoff.place for handoff in value]
        if twice := next((place for place in places if places.count(place) > 1), ""):
            raise ValueError(f"names {twice} twice")
        return value

    @model_validator(mode="before")
    @classmethod
    def _of_one_workspace(cls, data: Any) -> Any:
        return _in_place(data) if isinstance(data, dict) and data.get("mode") == "in_place" else data

    @property
    def in_place(self) -> bool:
        """Whether the source workspace itself is converted."""
        return self.mode == "in_place"

    @property
    def source_name(self) -> str:
        """The source workspace's name, for people; "no source" when none is named."""
        return self.source.workspace if self.source else "no source"


def _in_place(data: dict[str, Any]) -> dict[str, Any]:
    """The raw configuration of a conversion with what it leaves out."""
    source, target, endpoints = (data.get(key) for key in ("source", "target", "endpoints"))
    filled = {"handoff": (), **data}
    if isinstance(source, dict | None) and (target is None or isinstance(target, dict)):
        own = {key: (source or {}).get(key) or "" for key in ("workspace", "resource_group")}
        filled["target"] = {**own, **(target or {})}
    if endpoints is None or isinstance(endpoints, dict):
        filled["endpoints"] = {"rename": "{name}", "public_network_access": "as_is", **(endpoints or {})}
    return filled
