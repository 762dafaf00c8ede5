"""What a body may say about a workspace's managed network and its outbound rules."""

from __future__ import annotations

from vnetferry.sandbox.ml.fields import (
    IDENTIFIERS,
    Field,
    Kind,
    anything,
    chosen_by,
    flag,
    map_of_variants,
    object_of,
    one_of,
    text,
    texts,
    variant,
)

ISOLATION_MODES = ("Disabled", "AllowInternetOutbound", "AllowOnlyApprovedOutbound")
_CODE = "ValidationError"

_CATEGORY = one_of("Required", "Recommended", "UserDefined", "Dependency")
_COMMON = {
    "type": Field(one_of("FQDN", "PrivateEndpoint", "ServiceTag"), required=True),
    "category": Field(_CATEGORY),
    "status": Field(text, read_only=True),
    "errorInformation": Field(text, read_only=True),
    "parentRuleNames": Field(anything, read_only=True),
}
_SERVICE_TAG = Kind(
    "ServiceTagDestination",
    {
        "action": Field(one_of("Allow", "Deny")),
        "addressPrefixes": Field(texts),
        "portRanges": Field(text),
        "protocol": Field(one_of("TCP", "UDP", "ICMP", "*")),
        "serviceTag": Field(text),
    },
)
_PRIVATE_ENDPOINT = Kind(
    "PrivateEndpointDestination",
    {
        "serviceResourceId": Field(text, required=True),
        "sparkEnabled": Field(flag),
        "sparkStatus": Field(text, read_only=True),
        "subresourceTarget": Field(text, required=True),
    },
)
RULES = chosen_by(
    "type",
    {
        "FQDN": Kind("FqdnOutboundRule", {**_COMMON, "destination": Field(text, required=True)}),
        "ServiceTag": Kind(
            "ServiceTagOutboundRule",
            {**_COMMON, "destination": Field(object_of(_SERVICE_TAG), required=True)},
        ),
        "PrivateEndpoint": Kind(
            "PrivateEndpointOutboundRule",
            {
                **_COMMON,
                "destination": Field(object_of(_PRIVATE_ENDPOINT), required=True),
                "fqdns": Field(texts),
            },
        ),
    },
)
RULE_BODY = Kind(
    "OutboundRuleBasicResource",
    {**IDENTIFIERS, "properties": Field(variant(RULES), required=True)},
    _CODE,
    "account",
)

MANAGED_NETWORK = Kind(
    "ManagedNetworkSettings",
    {
        "isolationMode": Field(one_of(*ISOLATION_MODES)),
        "outboundRules": Field(map_of_variants(RULES)),
        "firewallSku": Field(one_of("Standard", "Basic")),
        "managedNetworkKind": Field(one_of("V1", "V2")),
        "enableNetworkMonitor": Field(flag),
        "enableFirewallLog": Field(flag),
        "changeableIsolationModes": Field(anything, read_only=True),
        "firewallPublicIpAddress": Field(text, read_only=True),
        "networkId": Field(text, read_only=True),
        "status": Field(anything, read_only=True),
    },
    _CODE,
    "account",
)

PROVISION_OPTIONS = Kind("ManagedNetworkProvisionOptions", {"includeSpark": Field(flag)}, _CODE, "account")
