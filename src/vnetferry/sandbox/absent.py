"""What Azure has and the sandbox has not, by service, as Azure's API definitions name it.

Only operations near a migration are listed one by one; whole services that it never touches are not. An
operation that gets implemented leaves this list: a test compares it with the route table.
"""

from __future__ import annotations

from vnetferry.sandbox.errors import AzureError

ABSENT: dict[str, tuple[str, ...]] = {
    "Microsoft.MachineLearningServices": (
        "BatchDeployments_CreateOrUpdate",
        "BatchDeployments_Delete",
        "BatchDeployments_Update",
        "BatchEndpoints_CreateOrUpdate",
        "BatchEndpoints_Delete",
        "BatchEndpoints_ListKeys",
        "BatchEndpoints_Update",
        "CapacityReservationGroups_*",
        "Compute_Resize",
        "Compute_UpdateCustomServices",
        "Compute_UpdateDataMounts",
        "Features_*",
        "FeaturesetContainers_*",
        "FeaturesetVersions_*",
        "FeaturestoreEntityContainers_*",
        "FeaturestoreEntityVersions_*",
        "InferencePools_*",
        "Jobs_Cancel",
        "Jobs_CreateOrUpdate",
        "Jobs_Delete",
        "LabelingJobs_*",
        "ManagedNetworkSettings_CreateOrUpdate",
        "ManagedNetworkSettings_Patch",
        "MarketplaceSubscriptions_*",
        "ModelVersions_Package",
        "Registries_RemoveRegions",
        "RegistryModelVersions_Package",
        "RegistryCodeVersions_CreateOrGetStartPendingUpload",
        "RegistryDataReferences_GetBlobReferenceSAS",
        "RegistryDataVersions_CreateOrGetStartPendingUpload",
        "RegistryModelVersions_CreateOrGetStartPendingUpload",
        "Schedules_CreateOrUpdate",
        "Schedules_Delete",
        "ServerlessEndpoints_*",
        "WorkspaceFeatures_List",
    ),
    "Microsoft.Resources": (
        "Deployments_CreateOrUpdateAtSubscriptionScope",
        "Deployments_CreateOrUpdateAtTenantScope",
        "Deployments_ExportTemplate",
        "Deployments_WhatIf",
        "DeploymentStacks_*",
        "ResourceGroups_ExportTemplate",
        "Resources_MoveResources",
        "Tags_*",
        "TemplateSpecs_*",
    ),
    "Microsoft.Authorization": (
        "DenyAssignments_*",
        "RoleEligibilitySchedules_*",
    ),
    "Microsoft.PolicyInsights": ("Attestations_*", "PolicyEvents_*", "PolicyStates_*", "Remediations_*"),
    "Microsoft.Storage": (
        "FileShares_*",
        "Queue_*",
        "StorageAccounts_Failover",
        "StorageAccounts_ListAccountSAS",
        "StorageAccounts_ListServiceSAS",
        "Table_*",
    ),
    "Microsoft.ContainerRegistry": (
        "Registries_ImportImage",
        "Replications_*",
        "Runs_*",
        "Tasks_*",
        "Webhooks_*",
    ),
    "Microsoft.KeyVault": ("Keys_*", "ManagedHsms_*", "Secrets_*"),
    "Microsoft.Network": (
        "AzureFirewalls_*",
        "LoadBalancers_*",
        "NetworkInterfaces_CreateOrUpdate",
        "NetworkSecurityGroups_*",
        "PublicIPAddresses_*",
        "RouteTables_*",
    ),
    "Microsoft.Insights": ("ActionGroups_*",),
    "Blob service": (
        "AppendBlob_*",
        "Blob_AcquireLease",
        "Blob_CreateSnapshot",
        "Blob_Query",
        "Blob_SetTags",
        "Container_AcquireLease",
        "Container_SetAccessPolicy",
        "PageBlob_*",
    ),
    "Key Vault service": ("BackupSecret", "Certificates", "Keys", "RestoreSecret"),
    "Microsoft Entra ID": (
        "authorization code, device code and on-behalf-of flows",
        "client certificates and federated credentials",
        "managed identity endpoints",
    ),
}


def not_served(where: str) -> AzureError:
    """501 for what Azure has and the sandbox has not."""
    message = (
        f"The vnetferry sandbox does not implement {where}; COVERAGE.md lists what it does. "
        "Azure has it: rehearse without it, or try this part on Azure."
    )
    return AzureError(501, "NotImplemented", message)
