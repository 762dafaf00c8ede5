"""Where FQDN and service tag rules of a managed network may lead.

Source: workspace managed virtual network isolation (no FQDN rule for storage accounts; FQDN rules are those of an
Azure Firewall), and the service tags that Terraform's documentation of outbound rules lists beside those of
virtual networks. The words of these refusals are assumed.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

from vnetferry.sandbox.arm.regions import DISPLAY_NAMES
from vnetferry.sandbox.errors import AzureError, account_error
from vnetferry.sandbox.wire import Json, read_count

_FQDN = re.compile(r"(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{1,62}")
_CLOUDS = ("core.windows.net", "core.chinacloudapi.cn", "core.usgovcloudapi.net", "storage.azure.net")
# Every account's hosts lie below one of these, with a zone before the service's name where accounts have zones.
_STORAGE = tuple(f"{part}.{c}" for c in _CLOUDS for part in ("blob", "dfs", "file", "queue", "table", "web"))
_SERVICE_TAGS = (
    "ActionGroup ApiManagement AppConfiguration ApplicationInsightsAvailability AppService",
    "AppServiceManagement AutonomousDevelopmentPlatform AzureActiveDirectory",
    "AzureActiveDirectoryDomainServices AzureAdvancedThreatProtection AzureAPIForFHIR",
    "AzureArcInfrastructure AzureAttestation AzureBackup AzureBotService AzureCloud AzureCognitiveSearch",
    "AzureConnectors AzureContainerAppsService AzureContainerRegistry AzureCosmosDB AzureDatabricks",
    "AzureDataExplorerManagement AzureDataLake AzureDevOps AzureDevSpaces AzureDeviceUpdate",
    "AzureDigitalTwins AzureEventGrid AzureFrontDoor.Backend AzureFrontDoor.FirstParty",
    "AzureFrontDoor.Frontend AzureHealthcareAPIs AzureInformationProtection AzureIoTHub AzureKeyVault",
    "AzureLoadBalancer AzureLoadTestingInstanceManagement AzureMachineLearning",
    "AzureMachineLearningInference AzureManagedGrafana AzureMonitor AzureMonitorForSAP AzureOpenDatasets",
    "AzurePlatformDNS AzurePlatformIMDS AzurePlatformLKM AzureResourceManager AzureSecurityCenter",
    "AzureSentinel AzureSignalR AzureSiteRecovery AzureSphere AzureSphereSecureService_Prod",
    "AzureSpringCloud AzureStack AzureTrafficManager AzureUpdateDelivery AzureVideoAnalyzerForMedia",
    "AzureWebPubSub BatchNodeManagement ChaosStudio CognitiveServicesFrontend CognitiveServicesManagement",
    "DataFactory DataFactoryManagement Dynamics365BusinessCentral Dynamics365ForMarketingEmail",
    "EOPExternalPublishedIPs EventHub GatewayManager GuestAndHybridManagement HDInsight Internet",
    "KustoAnalytics LogicApps LogicAppsManagement M365ManagementActivityApi",
    "M365ManagementActivityApiWebhook Marketplace MicrosoftAzureFluidRelay MicrosoftCloudAppSecurity",
    "MicrosoftContainerRegistry MicrosoftDefenderForEndpoint MicrosoftPurviewPolicyDistribution",
    "OneDsCollector PowerBI PowerPlatformInfra PowerPlatformPlex PowerQueryOnline SCCservice Scuba",
    "SecurityCopilot SerialConsole ServiceBus ServiceFabric Sql SqlManagement Storage StorageMover",
    "StorageSyncService TrafficManager VideoIndexer VirtualDesktop VirtualNetwork WindowsAdminCenter",
    "WindowsVirtualDesktop",
)
_KNOWN_TAGS = frozenset(tag.lower() for line in _SERVICE_TAGS for tag in line.split())
# Regions that service tags call otherwise than locations are called.
_TAG_REGIONS = {
    *DISPLAY_NAMES,
    *("brazilse", "centralfrance", "germanyn", "germanywc", "norwaye", "norwayw", "southfrance"),
    *("switzerlandn", "switzerlandw", "uaecentral", "uaen", "usstagec"),
}


def refuse(message: str) -> AzureError:
    """400 in the managed network's own code."""
    return account_error(400, "ValidationError", message)


def fqdns(destination: str) -> list[str]:
    """The names in an FQDN rule's destination, which may hold several separated by commas; lower case."""
    return [name.strip().lower() for name in destination.split(",")]


def require_fqdn(destination: str) -> None:
    """AzureError 400 unless all names are host names, or wildcards of whole domains, none of them of storage."""
    for name in fqdns(destination):
        if not _FQDN.fullmatch(name):
            raise refuse(
                f"FQDN outbound rule destination '{name}' is not a valid fully qualified domain name."
            )
        if _is_storage(name):
            message = (
                f"FQDN outbound rule destination '{name}' is a storage account: use a private endpoint rule."
            )
            raise refuse(message)


def require_service_tag(target: Json) -> None:
    """AzureError 400 unless the destination says whither and through which ports."""
    tag, prefixes = target.get("serviceTag"), target.get("addressPrefixes") or []
    if not tag and not prefixes:
        raise refuse("A ServiceTag outbound rule needs a serviceTag or addressPrefixes.")
    if tag and not _is_service_tag(tag):
        raise refuse(f"Service tag '{tag}' is not a valid service tag.")
    for prefix in prefixes:
        if not _is_prefix(prefix):
            raise refuse(
                f"Address prefix '{prefix}' is invalid. Give an IP address or a range in CIDR notation."
            )
    ports = target.get("portRanges")
    for part in ("*" if ports is None else ports).split(","):
        if not _is_port_range(part.strip()):
            raise refuse(
                f"Port range '{part.strip()}' is invalid. Give ports from 0 to 65535, as in '80,1024-65535'."
            )


def _is_storage(name: str) -> bool:
    """Whether the name is of storage accounts, or a wildcard of which theirs are the most."""
    bare = name.removeprefix("*.")
    return bare in _CLOUDS or any(f".{bare}".endswith(f".{suffix}") for suffix in _STORAGE)


def _is_service_tag(tag: str) -> bool:
    """A tag as it is, or of one region: `Storage.WestEurope`."""
    whole, _, region = tag.lower().rpartition(".")
    return tag.lower() in _KNOWN_TAGS or (whole in _KNOWN_TAGS and region in _TAG_REGIONS)


def _is_prefix(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return _is_address_range(text)
    return True


def _is_address_range(text: str) -> bool:
    first, dash, last = text.partition("-")
    try:
        return bool(dash) and int(ip_address(first)) <= int(ip_address(last))
    except ValueError:
        return False


def _is_port_range(word: str) -> bool:
    if word == "*":
        return True
    ports = [read_count(end) for end in word.split("-")]
    sound = [port for port in ports if port is not None and port <= 65535]
    return len(sound) == len(ports) <= 2 and sound[0] <= sound[-1]
