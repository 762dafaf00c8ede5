"""What Azure's error codes and texts mean: our class, whether trying again may help, and what to do next.

Source: "Troubleshooting online endpoint deployment" and "Troubleshoot managed virtual network" on Microsoft
        Learn,
and the public issues that quote the rest. The first rule that fits wins, so the particular ones stand first.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from vnetferry.errors import (
    AzureError,
    ConfigError,
    Conflict,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    Rejected,
    Throttled,
    Unavailable,
    VnetferryError,
)


class Rule(NamedTuple):
    """What an error is. `code` is matched whole, `text` is searched for in messages, both in any case."""

    kind: type[VnetferryError]
    retryable: bool
    remedy: str
    code: str = ""
    text: str = ""

    def fits(self, code: str, message: str) -> bool:
        """Whether one code and its message are this error."""
        right_code = not self.code or re.fullmatch(self.code, code, re.IGNORECASE) is not None
        return right_code and re.search(self.text, message, re.IGNORECASE) is not None


def rule_for(found: list[tuple[str, str]]) -> Rule | None:
    """The first rule that fits any of the (code, message) pairs; None when nothing is known about them."""
    return next((rule for rule in RULES if any(rule.fits(code, message) for code, message in found)), None)


_APPROVER = (
    "Give the workspace's identity and yourself the role"
    " 'Azure AI Enterprise Network Connection Approver' on it."
)
_LOGS = "Read the container's log (az ml online-deployment get-logs), and mend what it names."
_KUBERNETES = (
    "The code belongs to Kubernetes endpoints, which vnetferry does not migrate; check the compute type."
)
_QUOTA = "Free some of it or ask for more (Azure portal, Quotas), and run again; what is done stays done."

RULES: tuple[Rule, ...] = (
    Rule(
        Rejected,
        False,
        "Ask for an exemption (az policy exemption create) or change what the policy denies; 'vnetferry preflight'"
        " names both.",
        code="RequestDisallowedByPolicy",
    ),
    # what the network's isolation causes
    Rule(
        Conflict,
        True,
        "Provision the workspace's managed network first (az ml workspace provision-network).",
        code="WorkspaceManagedNetworkNotReady",
    ),
    Rule(Rejected, False, "Leave egress_public_network_access out.", text="EgressPublicNetworkAccess"),
    Rule(Rejected, False, "Raise the registry's SKU to Premium.", text="premium tier ACR"),
    Rule(
        Rejected,
        False,
        "Leave the isolation mode as it is; it is one-way.",
        text="cannot be disabled once enabled",
    ),
    Rule(PermissionDenied, False, _APPROVER, text=r"privateEndpointConnections\w*/(read|action|write)"),
    Rule(Rejected, False, "Turn v1LegacyMode off, and wait an hour.", text="V1LegacyMode"),
    # names
    Rule(
        ConfigError,
        False,
        "Change endpoints.rename, then plan again.",
        text="already an endpoint with this name",
    ),
    Rule(
        ConfigError,
        False,
        "Purge or recover the deleted workspace, or choose another name.",
        text="Soft-deleted workspace exists",
    ),
    Rule(Conflict, False, "Remove the lock.", code="ScopeLocked"),
    # quotas and capacity
    Rule(
        QuotaExceeded,
        True,
        "Try later, or take another VM size or region.",
        code="OutOfCapacity|AllocationFailed|SkuNotAvailable",
    ),
    Rule(
        QuotaExceeded,
        True,
        "Try later, or take another VM size or region.",
        code="OutOfQuota",
        text="capacity",
    ),
    Rule(QuotaExceeded, False, _QUOTA, code="OutOfQuota|QuotaExceeded|.*QuotaExceeded|.*QuotaReached"),
    # one thing at a time
    Rule(
        Conflict,
        True,
        "Wait until the endpoint is ready, and run again.",
        text=r"it is in \w+ provisioning state",
    ),
    Rule(
        Conflict,
        True,
        "Wait until it has ended, and run again.",
        code="RetryableErrorDueToAnotherOperation|AnotherOperationInProgress",
    ),
    Rule(
        Conflict,
        True,
        "Wait until it has ended, and run again.",
        text="another operation (on|is|in)|already in progress",
    ),
    Rule(AzureError, True, "Run again.", code="OperationCanceled"),
    # images
    Rule(
        Rejected,
        False,
        "Create the compute, then set it as image_build_compute.",
        code="ImageBuildComputeNotValid",
    ),
    Rule(
        AzureError,
        True,
        "Renew the workspace's keys (az ml workspace sync-keys), and run again.",
        code="ImageBuildFailure",
        text="authoriz",
    ),
    Rule(
        Rejected,
        False,
        "Set image_build_compute, or allow the serverless build its way to the registry.",
        code="ImageBuildFailure",
        text="communicate with the workspace's container registry",
    ),
    Rule(
        Rejected,
        False,
        "Build the image elsewhere and use it ready-made.",
        code="ImageBuildFailure",
        text="time.?out",
    ),
    Rule(Rejected, False, "Read the image build's log, and mend the environment.", code="ImageBuildFailure"),
    # what deployments say when their container does not come up
    Rule(
        PermissionDenied,
        False,  # whoever deploys waits until a role that was just given is known (propagation.py)
        "Grant the endpoint's identity AcrPull and Storage Blob Data Reader; it may take an hour.",
        text="does not have pull permission|identity.*(permission|authoriz)|authorization error",
        code="BadArgument",
    ),
    Rule(
        Rejected,
        False,
        "Check the subscription.",
        code="BadArgument",
        text="subscription.*(not (exist|found)|disabled)",
    ),
    Rule(
        Rejected, False, "Read the storage-initializer's log.", code="BadArgument", text="unable to download"
    ),
    Rule(Rejected, False, "Read Azure's reason, and mend the deployment.", code="BadArgument"),
    Rule(Rejected, False, _LOGS, code="ResourceNotReady"),
    Rule(
        Rejected,
        False,
        "Check the reference, and that the endpoint's identity may read the secret; its vault must take roles (RBAC).",
        code="SecretsInjectionError",
    ),
    Rule(
        Rejected,
        False,
        "Delete it and create it again.",
        text="unrecoverable state|has not been created successfully",
    ),
    # access
    Rule(
        PermissionDenied,
        False,
        "Grant the right that it names; it may take an hour to be known everywhere.",
        code="AuthorizationFailed|LinkedAuthorizationFailed|AuthorizationPermissionMismatch|InsufficientAccountPermissions",
    ),
    Rule(
        PermissionDenied,
        False,
        "Grant the right that it names; it may take an hour to be known everywhere.",
        code="InvalidTemplateDeployment",
        text="Authorization failed for template resource",
    ),
    Rule(PermissionDenied, False, "Ask whoever owns the policy.", code="RequestDisallowedByPolicy"),
    Rule(
        PermissionDenied,
        False,
        "Open its firewall to where vnetferry runs, or run vnetferry within the virtual network.",
        code="AuthorizationFailure|PublicAccessNotPermitted|ForbiddenByFirewall|ForbiddenByConnection",
    ),
    Rule(
        PermissionDenied,
        False,
        "Sign in again (az login, or the AZURE_* variables).",
        code="(Invalid|Expired)AuthenticationToken.*|AuthenticationFailed",
    ),
    Rule(
        Rejected,
        False,
        "Register the provider (az provider register --namespace <name>), and run again.",
        code="MissingSubscriptionRegistration|SubscriptionNotRegistered",
    ),
    # what is not there
    Rule(
        NotFound,
        True,
        "Endpoint names stay taken for a while after a deletion: wait, or choose another name.",
        code="InferencingClientCallFailed",
        text='"?title"?: ?"?Not Found',
    ),
    Rule(
        NotFound,
        False,
        "Check the container registry: acrPull, and its private endpoint.",
        code="ResourceNotFound",
        text="container registry",
    ),
    Rule(NotFound, False, "Create the resource group, or mend its name.", code="ResourceGroupNotFound"),
    # throttling and weather
    Rule(
        Throttled,
        True,
        "Wait, and run again; what is done stays done.",
        code="TooManyRequests|SubscriptionRequestsThrottled|OperationNotAllowedDueToThrottling|ServerBusy",
    ),
    Rule(
        Unavailable,
        True,
        "Run again; if it stays so, give the request id to Azure's support.",
        code="InternalServerError|InternalError|TransientError",
    ),
    # codes of Kubernetes endpoints
    Rule(
        Unavailable,
        True,
        _KUBERNETES,
        code="ACRSecretError|TokenRefreshFailed|GetAADTokenFailed|ACRTokenExchangeFailed",
    ),
    Rule(Unavailable, True, _KUBERNETES, code="KubernetesUnaccessible|ScoringFeUnhealthy|PodUnschedulable"),
    Rule(
        Rejected,
        False,
        _KUBERNETES,
        code="ImagePullLoopBackOff|(Deployment|Kubernetes)CrashLoopBackOff|NamespaceNotFound|UserScript\\w+"
        "|ValidateScoringFailed|InvalidDeploymentSpec|PodOutOfMemory|ACRAuthenticationChallengeFailed",
    ),
)
