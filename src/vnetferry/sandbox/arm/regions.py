"""Azure's public regions by short and display name, and the refusal of any other."""

from __future__ import annotations

from vnetferry.sandbox.errors import AzureError

DISPLAY_NAMES = {
    "australiaeast": "Australia East",
    "australiasoutheast": "Australia Southeast",
    "brazilsouth": "Brazil South",
    "canadacentral": "Canada Central",
    "canadaeast": "Canada East",
    "centralindia": "Central India",
    "centralus": "Central US",
    "eastasia": "East Asia",
    "eastus": "East US",
    "eastus2": "East US 2",
    "francecentral": "France Central",
    "germanywestcentral": "Germany West Central",
    "italynorth": "Italy North",
    "japaneast": "Japan East",
    "japanwest": "Japan West",
    "koreacentral": "Korea Central",
    "northcentralus": "North Central US",
    "northeurope": "North Europe",
    "norwayeast": "Norway East",
    "polandcentral": "Poland Central",
    "qatarcentral": "Qatar Central",
    "southafricanorth": "South Africa North",
    "southcentralus": "South Central US",
    "southeastasia": "Southeast Asia",
    "southindia": "South India",
    "spaincentral": "Spain Central",
    "swedencentral": "Sweden Central",
    "switzerlandnorth": "Switzerland North",
    "switzerlandwest": "Switzerland West",
    "uaenorth": "UAE North",
    "uksouth": "UK South",
    "ukwest": "UK West",
    "westcentralus": "West Central US",
    "westeurope": "West Europe",
    "westus": "West US",
    "westus2": "West US 2",
    "westus3": "West US 3",
}


def require_region(location: object, kind: str) -> str:
    """The region's short name; "West Europe" is accepted too. `kind` is the resource type for the message."""
    if not isinstance(location, str) or not location:
        raise AzureError(400, "LocationRequired", "The location property is required for this definition.")
    name = location.replace(" ", "").lower()
    if name not in DISPLAY_NAMES:
        raise unavailable(location, kind, tuple(DISPLAY_NAMES))
    return name


def require_global(location: object, kind: str) -> str:
    """The location of types that have no region: `global`."""
    if not isinstance(location, str) or not location:
        raise AzureError(400, "LocationRequired", "The location property is required for this definition.")
    if location.lower() != "global":
        raise unavailable(location, kind, ("global",))
    return "global"


def unavailable(location: str, kind: str, available: tuple[str, ...]) -> AzureError:
    """Azure's refusal of a location."""
    message = (
        f"The provided location '{location}' is not available for resource type '{kind}'. "
        f"List of available regions for the resource type is '{','.join(available)}'."
    )
    return AzureError(400, "LocationNotAvailableForResourceType", message)
