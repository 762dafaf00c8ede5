"""The value that migration.yaml holds: every key known, every default stated, no secret in it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from vnetferry.models.base import Value
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


class BringYourOwn(Value):
    """Associated resources named one by one; what is not named is created."""

    storage_account: ResourceId | None = None
    key_vault: ResourceId | None = None
    container_registry: ResourceId | None = None
    application_insights: ResourceId | None = None


class InboundConfig(Value):
    """The private endpoint for callers."""

    subnet_id: ResourceId


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
    inbound: InboundConfig | None = None
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
    public_network_access: Literal["disabled", "enabled"] = "disabled"

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


class HandoffConfig(Value):
    """Where callers find old URI -> new URI."""

    kind: Literal["file"] = "file"
    path: str = "handoff.json"


class RetireConfig(Value):
    """What `retire` may delete."""

    delete_computes: bool = True
    delete_workspace: bool = False
    purge: bool = False


class ConcurrencyConfig(Value):
    """How much is done at once."""

    deployments: int = Field(default=20, ge=1, le=100)


class MigrationConfig(Value):
    """One migration: migration.yaml after parsing. `source` may be left out by `vnetferry secure` alone."""

    source: SourceConfig | None = None
    target: TargetConfig
    endpoints: EndpointsConfig = EndpointsConfig()
    validation: ValidationConfig = ValidationConfig()
    handoff: tuple[HandoffConfig, ...] = (HandoffConfig(),)
    retire: RetireConfig = RetireConfig()
    concurrency: ConcurrencyConfig = ConcurrencyConfig()

    @property
    def source_name(self) -> str:
        """The source workspace's name, for people; "no source" when none is named."""
        return self.source.workspace if self.source else "no source"
