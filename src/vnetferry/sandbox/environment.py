"""The environment variables that put a client into the sandbox, and those that would lead it past."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vnetferry.sandbox.vantages import FILE

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

# Credentials and clouds that azure-identity or the SDK would prefer to the sandbox's, and proxies that would
# win.
REMOVED = (
    "ALL_PROXY",
    "all_proxy",
    "ARM_CLOUD_METADATA_URL",
    "AZURE_ADDITIONALLY_ALLOWED_TENANTS",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_PASSWORD",
    "AZURE_TOKEN_CREDENTIALS",
    "AZURE_USERNAME",
    "AZUREML_CURRENT_CLOUD",
    "AZUREML_DEV_URL_MFE",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "MSI_ENDPOINT",
    "MSI_SECRET",
)
_LOOPBACK = "localhost,127.0.0.1,::1"


def environment(
    world: World, vantages: Mapping[str, str], dns: Mapping[str, str], vantage: str
) -> dict[str, str]:
    """The variables for a client at one of `vantages` (name -> proxy URL; `dns`: name -> host:port).

    They hold the client's secret.
    """
    proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), vantages[vantage])
    trust = dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"), str(world.ca_file))
    return {
        **proxies,
        **trust,
        "NO_PROXY": _LOOPBACK,
        "no_proxy": _LOOPBACK,
        "AZURE_TENANT_ID": world.identity.tenant_id,
        "AZURE_CLIENT_ID": world.identity.client_id,
        "AZURE_CLIENT_SECRET": world.identity.client_secret,
        "AZURE_SUBSCRIPTION_ID": world.scenario.subscriptions[0],
        # Azure CLI keeps its sign-ins and tokens here: the user's own stay out of the sandbox, and the other way about.
        "AZURE_CONFIG_DIR": str(world.folder / "azure-cli"),
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "VNETFERRY_TIME_SCALE": f"{world.clock.scale:g}",
        **places(vantages, dns),
        "VNETFERRY_VANTAGES_FILE": str(world.folder / FILE),
    }


def places(vantages: Mapping[str, str], dns: Mapping[str, str]) -> dict[str, str]:
    """The variables that say where the vantages are; the file that VNETFERRY_VANTAGES_FILE names says it of now."""
    return {
        "VNETFERRY_VANTAGES": ",".join(f"{name}={url}" for name, url in vantages.items()),
        "VNETFERRY_DNS": ",".join(f"{name}={address}" for name, address in dns.items()),
    }


def inherited(parent: Mapping[str, str], inside: Mapping[str, str]) -> dict[str, str]:
    """A child's whole environment: the parent's without what would lead past the sandbox, and `inside`."""
    return {**{name: value for name, value in parent.items() if name not in REMOVED}, **inside}
