"""Valid properties of what a workspace is made of, drawn from the SDK's models of the REST API.

The tables say only what a value must be for Azure to have taken it; a field that no table names is drawn by its type.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from azure.ai.ml._restclient.arm_ml_service import models
from hypothesis import strategies as st

from tests.flows.legacy_world import SOURCE
from tests.flows.rest_values import Strategy, maps, properties_of, texts, words

Json = dict[str, Any]
GROUP = str(SOURCE.group_id)
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-ws-legacy-7f3a"
# What no client writes, or what the scenario decides.
_KEPT = None
_SPELLINGS = st.sampled_from(
    [
        str,
        str.lower,
        lambda text: f"azureml:{text}",
        lambda text: text.replace("resourceGroups", "RESOURCEGROUPS"),
    ]
)
_IMAGE = "mcr.microsoft.com/azureml/minimal-py311-inference:20260105.v1"
_MANY = 2**31 - 1


def spelled(reference: str) -> Strategy:
    """A reference to an asset as Azure answers it: an ARM id in any of its spellings, a registry's in its only one."""
    return _SPELLINGS.map(lambda spell: spell(reference)) if reference.startswith("/") else st.just(reference)


def _under(prefix: str, table: Json) -> Json:
    return {f"{prefix}.{name}": value for name, value in table.items()}


# --- The workspace ---------------------------------------------------------------------------------------------

_BROUGHT = {
    "cosmosDbResourceId": f"{GROUP}/providers/Microsoft.DocumentDB/databaseAccounts/cmk-ws-legacy",
    "searchAccountResourceId": f"{GROUP}/providers/Microsoft.Search/searchServices/cmk-ws-legacy",
    "storageAccountResourceId": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stteamdata",
}
_WORKSPACE: Json = {
    **dict.fromkeys(("storageAccount", "keyVault", "applicationInsights", "containerRegistry"), _KEPT),
    **dict.fromkeys(("discoveryUrl", "managedNetwork", "provisionNetworkNow", "associatedWorkspaces"), _KEPT),
    **dict.fromkeys(("hubResourceId", "workspaceHubConfig", "featureStoreSettings"), _KEPT),
    **dict.fromkeys(
        ("primaryUserAssignedIdentity", "publicNetworkAccess", "sharedPrivateLinkResources"), _KEPT
    ),
    "serverlessComputeSettings.serverlessComputeCustomSubnet": _KEPT,
    "systemDatastoresAuthMode": st.sampled_from(["accessKey", "identity"]),
    "imageBuildCompute": st.sampled_from([None, "cpu-cluster", "CPU-Cluster", "one-that-is-gone"]),
}


def workspaces(identities: Iterable[str]) -> Strategy:
    """Properties of a workspace; encrypted with a customer's key or not.

    In: identities: ids of those that may open the key.
    """
    key = st.fixed_dictionaries(
        {
            "keyVaultArmId": st.just(VAULT),
            "keyIdentifier": st.just(f"https://kv-ws-legacy-7f3a.vault.azure.net/keys/cmk/{'0' * 32}"),
        },
        optional={"identityClientId": st.sampled_from([None, "11111111-0000-4000-8000-000000000001"])},
    )
    table = {
        "status": st.just("Enabled"),
        "keyVaultProperties": key,
        "identity.userAssignedIdentity": st.sampled_from([None, *identities]),
        **{name: st.sampled_from([None, brought]) for name, brought in _BROUGHT.items()},
    }
    encryption = st.none() | properties_of(models.EncryptionProperty, table)
    return properties_of(models.WorkspaceProperties, {**_WORKSPACE, "encryption": encryption})


# --- Endpoints and deployments ---------------------------------------------------------------------------------

_ENDPOINT: Json = {
    "authMode": st.sampled_from(["Key", "AMLToken", "AADToken", "key", "aadtoken"]),
    **dict.fromkeys(("compute", "keys", "traffic", "mirrorTraffic"), _KEPT),
}
_PROBE = {"failureThreshold": st.integers(1, _MANY), "successThreshold": st.just(1)}
_DEPLOYMENT: Json = {
    "endpointComputeType": st.sampled_from(["Managed", "managed"]),
    "instanceType": st.sampled_from(["Standard_DS3_v2", "standard_f4s_v2"]),
    "dataCollector": _KEPT,
    "scaleSettings": st.sampled_from([None, {"scaleType": "Default"}]),
    **_under("livenessProbe", _PROBE),
    **_under("readinessProbe", {**_PROBE, "successThreshold": st.integers(1, _MANY)}),
    **_under("startupProbe", _PROBE),
    "requestSettings.maxConcurrentRequestsPerInstance": st.integers(1, _MANY),
    "modelMountPath": st.sampled_from([None, "/var/models", "/模型"]),
}


def endpoints() -> Strategy:
    """Properties of an endpoint without its traffic."""
    return properties_of(models.OnlineEndpointProperties, _ENDPOINT)


def deployments(parts: Json, values: Iterable[str], *, is_private: bool) -> Strategy:
    """Properties of a deployment without a data collector.

    In: parts: codeConfiguration, environmentId and model; values: what its variables may hold besides any text.
    """
    variables = st.dictionaries(
        st.sampled_from(["WORKERS", "größe", "a.b", "API_KEY", "WORKSPACE", "AZUREML_MODEL_DIR"]),
        st.none() | texts | st.sampled_from(list(values)),
        max_size=4,
    )
    egress = st.just("Disabled") if is_private else st.sampled_from(["Enabled", None])
    table = {**_DEPLOYMENT, **parts, "environmentVariables": variables, "egressPublicNetworkAccess": egress}
    return properties_of(models.ManagedOnlineDeployment, table)


def collectors(targets: dict[str, str]) -> Strategy:
    """A data collector with these collections; "" for one that names no data version."""
    table = {
        "collections": st.fixed_dictionaries(
            {
                name: properties_of(models.Collection, {"dataId": spelled(target) if target else _KEPT})
                for name, target in targets.items()
            }
        ),
        "requestLogging.captureHeaders": st.lists(st.sampled_from(["x-one", "X-Two"]), max_size=2),
    }
    return properties_of(models.DataCollector, table)


# --- Assets ----------------------------------------------------------------------------------------------------

_ROUTE = {"path": st.sampled_from(["/", "/live", "/模型"]), "port": st.sampled_from([1, 5001, 65535])}
_ENVIRONMENT: Json = {
    "osType": st.just("Linux"),
    **{
        f"inferenceConfig.{route}Route.{name}": value
        for route in ("liveness", "readiness", "scoring", "startup")
        for name, value in _ROUTE.items()
    },
}
_CONDA = '{"name": "größe", "channels": ["conda-forge"], "dependencies": ["python=3.11"]}'
_FLAVORS = st.dictionaries(
    st.sampled_from(["python_function", "sklearn"]), st.fixed_dictionaries({"data": maps}), max_size=2
)


def environments(context: str) -> Strategy:
    """Properties of an environment: an image, perhaps with a conda file, or what is built from the files at a URI."""
    if context:
        build = st.fixed_dictionaries(
            {"contextUri": st.just(context), "dockerfilePath": st.sampled_from(["Dockerfile", "in/größe"])}
        )
        table = {**_ENVIRONMENT, "image": _KEPT, "condaFile": _KEPT, "build": build}
    else:
        conda = st.sampled_from([None, _CONDA])
        table = {**_ENVIRONMENT, "image": st.just(_IMAGE), "condaFile": conda, "build": _KEPT}
    return properties_of(models.EnvironmentVersionProperties, table)


def models_at(uri: str, kinds: Iterable[str]) -> Strategy:
    """Properties of a model of one of these formats, whose files are at a URI."""
    table = {"modelType": st.sampled_from(list(kinds)), "modelUri": st.just(uri), "flavors": _FLAVORS}
    return properties_of(models.ModelVersionProperties, table)


def codes_at(uri: str) -> Strategy:
    """Properties of a code version, whose files are at a URI."""
    return properties_of(models.CodeVersionProperties, {"codeUri": st.just(uri)})


def folders_at(uri: str) -> Strategy:
    """Properties of a data version that is the folder at a URI."""
    return properties_of(models.UriFolderDataVersion, {"dataUri": st.just(uri)})


def containers() -> Strategy:
    """Properties of what holds the versions of an asset."""
    return properties_of(models.ModelContainerProperties, {})


# --- Datastores and connections --------------------------------------------------------------------------------

_SECRETS: Json = {
    "AccountKey": {"key": st.just("bWFkZS11cA==")},
    "Sas": {"sasToken": st.just("sv=2021-06-08&sp=rl&sig=bWFkZSB1cA%3D%3D")},
    "ServicePrincipal": {"clientSecret": words},
    "Certificate": {"certificate": st.just("bWFkZSB1cCBjZXJ0aWZpY2F0ZQ==")},
}
_PRINCIPAL = {
    "ServicePrincipal": ("clientId", "tenantId"),
    "Certificate": ("clientId", "tenantId", "thumbprint"),
}
_places = st.sampled_from(["training", "a-1"])
_STORE: Json = {
    "subscriptionId": st.just(SOURCE.subscription_id),
    "resourceGroup": st.sampled_from([SOURCE.resource_group, "RG-Elsewhere"]),
    "endpoint": st.just("core.windows.net"),
    "protocol": st.just("https"),
    "artifact": st.fixed_dictionaries({"artifactType": st.just("LakeHouse"), "artifactName": words}),
    "oneLakeWorkspaceName": words,
    "storeName": words,
    "accountName": st.just("stteamdata"),
    **dict.fromkeys(("containerName", "fileShareName", "filesystem"), _places),
}


def _credentials(kind: str) -> Strategy:
    secrets = st.fixed_dictionaries({"secretsType": st.just(kind), **_SECRETS[kind]})
    table = {"secrets": secrets, **dict.fromkeys(_PRINCIPAL.get(kind, ()), words)}
    return properties_of(getattr(models, f"{kind}DatastoreCredentials"), table)


def datastores() -> Strategy:
    """Properties of a datastore of any kind, with credentials of any kind."""
    credentials = st.one_of(st.just({"credentialsType": "None"}), *map(_credentials, _SECRETS))
    table = {**_STORE, "credentials": credentials}
    kinds = sorted(models.DatastoreProperties.__subclasses__(), key=lambda kind: kind.__name__)
    return st.one_of(*(properties_of(kind, table) for kind in kinds))


def connections() -> Strategy:
    """Properties of a connection of any category, with authentication of any type."""
    table = {
        "category": st.sampled_from([category.value for category in models.ConnectionCategory]),
        "target": st.sampled_from(["https://features.contoso.com", "größe", str(SOURCE)]),
        "peStatus": _KEPT,
    }
    kinds = models.WorkspaceConnectionPropertiesV2.__subclasses__()
    return st.one_of(*(properties_of(kind, table) for kind in sorted(kinds, key=lambda kind: kind.__name__)))
