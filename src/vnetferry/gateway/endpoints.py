"""Online endpoints: their documents, keys and traffic.

Raw REST, because the SDK never sends keys, and leaves mirror traffic and public access out when it sets
traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception,
    retry_if_result,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
)

from vnetferry.errors import ConfigError, NotFound, Rejected, VerificationFailed
from vnetferry.gateway import api_versions
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.difference import differs
from vnetferry.gateway.documents import (
    Written,
    deciding_anew,
    delete,
    ensure,
    find_settled,
    is_stillborn,
    merged,
    require_ours,
)
from vnetferry.gateway.scoring import Credential
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId

AAD_SCOPE = "https://ml.azure.com/.default"
_LOOKS = 8  # at an eventually consistent document, 1, 2, 4 … 30 seconds of Azure's time apart: two minutes
_NAME_HELD_S = 3600.0  # how long a deleted name may be refused; minutes are reported, no limit is known
# What Azure writes alone, or takes only when an endpoint is made.
_READ_ONLY = {"keys", "provisioningState", "scoringUri", "swaggerUri"}
_ENVELOPE = {"id", "name", "type", "etag", "systemData"}
_SERVICE_PROPERTIES = ("azureml.onlineendpointid", "AzureAsyncOperationUri")


@dataclass(frozen=True)
class Keys:
    """The two keys of an endpoint: secrets, which neither repr nor a log shows."""

    primary: str = field(repr=False)
    secondary: str = field(repr=False)


def find_endpoint(azure: Azure, endpoint: ResourceId) -> Json | None:
    """The endpoint's document; None when there is none."""
    return azure.arm.find(endpoint, api_versions.ML)


def create_endpoint(
    azure: Azure, endpoint: ResourceId, body: Json, keys: Keys | None, tags: Mapping[str, str] | None = None
) -> Written:
    """Make the endpoint what `body` says, with these keys; what it does not say, traffic above all, stays as it is.

    Raises:  NotOurs; VerificationFailed when Azure keeps other keys.
    Effects: at most one PUT, and two POSTs where Azure did not take the keys with it; before it a DELETE of one of ours
             that never came up.
    """
    before = find_settled(azure, endpoint, "endpoint")
    if before is not None and tags is not None and is_stillborn(before, "endpoint"):
        require_ours(before, tags, endpoint)
        delete(azure, endpoint)
        return recreate_endpoint(azure, endpoint, body, keys, tags)
    whole = merged(writable(before), body) if before else body  # a PUT resets what it leaves out
    # Azure takes keys when it creates an endpoint, and refuses them ever after.
    new = {"primaryKey": keys.primary, "secondaryKey": keys.secondary} if keys and not before else None
    secrets = {"keys": new} if new else None
    try:
        written = ensure(azure, endpoint, whole, kind="endpoint", tags=tags, secrets=secrets)
    except Rejected:
        if before is not None or find_endpoint(azure, endpoint) is None:
            raise
        return create_endpoint(azure, endpoint, body, keys, tags)  # another run made it since we looked
    changed = ensure_keys(azure, endpoint, keys) if keys else False
    return written._replace(changed=written.changed or changed)


def recreate_endpoint(
    azure: Azure, endpoint: ResourceId, body: Json, keys: Keys | None, tags: Mapping[str, str]
) -> Written:
    """`create_endpoint` under a name that was deleted a moment ago, and that Azure does not give out for a while.

    Raises: what create_endpoint raises; the refusal of the name when it still holds after an hour of Azure's time.
    Source: Azure/azure-cli-extensions#7660, #7107.
    """
    attempts = Retrying(
        sleep=azure.clock.sleep,
        wait=wait_exponential(multiplier=15, max=60),
        stop=stop_after_delay(azure.clock.real_s(_NAME_HELD_S)),
        retry=retry_if_exception(_is_name_held),
        reraise=True,
    )
    try:
        return attempts(create_endpoint, azure, endpoint, body, keys, tags)
    except (NotFound, ConfigError) as err:
        if _is_name_held(err):
            err.remedy = (
                "Run again later. If somebody else in the region has taken the name, only they can free it."
            )
        raise


def _is_name_held(err: BaseException) -> bool:
    taken = isinstance(err, ConfigError) and "already an endpoint with this name" in err.what
    return taken or (isinstance(err, NotFound) and err.retryable)


def read_keys(azure: Azure, endpoint: ResourceId) -> Keys | None:
    """The endpoint's keys, secrets; None when it has none (its authentication is by token)."""
    body = azure.arm.post(f"{endpoint}/listKeys", api_versions.ML).body
    if not body.get("primaryKey"):
        return None
    return Keys(body["primaryKey"], body.get("secondaryKey") or "")


def read_token(azure: Azure, endpoint: ResourceId) -> str:
    """A token for an endpoint whose authMode is AMLToken; a secret."""
    return str(azure.arm.post(f"{endpoint}/token", api_versions.ML).body["accessToken"])


def read_credential(azure: Azure, endpoint: ResourceId) -> Credential:
    """What a caller puts after `Bearer` to score the endpoint, by its authMode; a secret."""
    mode = str(azure.arm.get(endpoint, api_versions.ML)["properties"]["authMode"]).lower()
    if mode == "aadtoken":
        return Credential(azure.token(AAD_SCOPE))
    if mode == "amltoken":
        return Credential(read_token(azure, endpoint))
    keys = read_keys(azure, endpoint)
    if keys is None:
        raise Rejected("the endpoint has no keys", resource=str(endpoint), remedy="Check its authMode.")
    return Credential(keys.primary)


def ensure_keys(azure: Azure, endpoint: ResourceId, keys: Keys) -> bool:
    """Give the endpoint these keys; whether anything was sent.

    Raises: VerificationFailed when it answers other keys afterwards.
    """
    return deciding_anew(azure, lambda: _ensure_keys_once(azure, endpoint, keys))


def _ensure_keys_once(azure: Azure, endpoint: ResourceId, keys: Keys) -> bool:
    if read_keys(azure, endpoint) == keys:
        return False
    for kind, value in (("Primary", keys.primary), ("Secondary", keys.secondary)):
        if value:
            # Not the SDK's method: it sends the current key back, which changes nothing.
            body = {"keyType": kind, "keyValue": value}
            azure.arm.wait(azure.arm.post(f"{endpoint}/regenerateKeys", api_versions.ML, body), "endpoint")
    if not _settles(azure, lambda: read_keys(azure, endpoint) == keys):
        raise VerificationFailed(
            "Azure did not take over the endpoint's keys",
            resource=str(endpoint),
            remedy="Run again; if it stays so, give callers the new keys.",
        )
    return True


def set_traffic(
    azure: Azure, endpoint: ResourceId, traffic: Mapping[str, int], mirror: Mapping[str, int] | None = None
) -> Written:
    """Set the live and mirrored traffic of an endpoint in a single write.

    In:      deployment name -> percent; what is not named gets none.
    Out:     the document as re-read until it shows the traffic.
    Raises:  Rejected when Azure refuses the weights; VerificationFailed when it never shows them.
    Effects: at most one full PUT, because PATCH knows tags and identity only.
    Source:  Safe rollout for online endpoints.
    """
    return deciding_anew(azure, lambda: _set_traffic_once(azure, endpoint, traffic, mirror or {}))


def _set_traffic_once(
    azure: Azure, endpoint: ResourceId, traffic: Mapping[str, int], mirror: Mapping[str, int]
) -> Written:
    before = find_settled(azure, endpoint, "traffic")
    if before is None:
        raise NotFound("the endpoint does not exist", resource=str(endpoint), remedy="Create it first.")
    wanted = {"properties": {"traffic": dict(traffic), "mirrorTraffic": dict(mirror)}}
    if not differs(wanted, before):
        return Written(False, before, before)
    body = writable(before)
    body["properties"].update(
        traffic={name: pct for name, pct in traffic.items() if pct},
        mirrorTraffic={name: pct for name, pct in mirror.items() if pct},
    )
    answer = azure.arm.put(endpoint, api_versions.ML, body)
    azure.arm.wait(answer, "traffic")
    if not _settles(azure, lambda: not differs(wanted, azure.arm.get(endpoint, api_versions.ML))):
        raise VerificationFailed(
            "Azure took the new traffic but does not show it", resource=str(endpoint), remedy="Run again."
        )
    return Written(True, before, azure.arm.get(endpoint, api_versions.ML), answer.request_id)


def delete_endpoint(azure: Azure, endpoint: ResourceId) -> Written:
    """Delete an endpoint with all its deployments; absent is done."""
    return delete(azure, endpoint)


def writable(document: Json) -> Json:
    """The PUT body that leaves an endpoint as its document says: all of it, known or not, but what Azure writes."""
    body = {k: v for k, v in document.items() if k not in _ENVELOPE and v is not None}
    properties = {k: v for k, v in document["properties"].items() if k not in _READ_ONLY and v is not None}
    own = {k: v for k, v in (properties.get("properties") or {}).items() if k not in _SERVICE_PROPERTIES}
    body["properties"] = {**properties, "properties": own}
    if identity := _identity(body.pop("identity", None)):
        body["identity"] = identity
    return body


def _identity(identity: Json | None) -> Json | None:
    if not identity:
        return None
    users: Json = {name: {} for name in identity.get("userAssignedIdentities") or {}}
    return {"type": identity["type"], **({"userAssignedIdentities": users} if users else {})}


def _settles(azure: Azure, holds: Callable[[], bool]) -> bool:
    """Whether a condition comes true while Azure's replicas catch up."""
    looks = Retrying(
        sleep=azure.clock.sleep,
        wait=wait_exponential(multiplier=1, max=30),
        stop=stop_after_attempt(_LOOKS),
        retry=retry_if_result(lambda held: not held),
    )
    try:
        return bool(looks(holds))
    except RetryError:
        return False
