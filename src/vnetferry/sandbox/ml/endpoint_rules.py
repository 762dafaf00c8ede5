"""What Azure demands of an online endpoint.

Its name, its traffic, and what cannot be changed once it exists.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vnetferry.sandbox.errors import service_error
from vnetferry.sandbox.ml.online_errors import conflict, recently_deleted, refused
from vnetferry.sandbox.wire import Json

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

BUSY = frozenset({"Creating", "Updating", "Deleting"})
_NAME = re.compile(r"[a-zA-Z](?:-?[a-zA-Z0-9])*")
_TAKEN = (
    "There is already an endpoint with this name, Endpoint name needs to be unique within a region. "
    "Try some other name."
)


def check_not_legacy(workspace: Json) -> None:
    """In v1 legacy mode endpoints and deployments are neither made nor changed.

    Code and text are as users of Azure's samples quote them of an endpoint's creation; that they are the same for the
    rest, and the status, is assumed.
    """
    if workspace["properties"].get("v1LegacyMode"):
        message = (
            "The workspace has been configured by your administrator to disallow this request "
            "(V1LegacyMode == true)."
        )
        raise service_error(400, "UserError", message)


def check_name(name: str, what: str) -> None:
    """3 to 32 letters, digits and single dashes, a letter first and no dash last."""
    if not 3 <= len(name) <= 32 or not _NAME.fullmatch(name):
        raise refused(
            f"{what} name '{name}' is not valid: it must have 3 to 32 characters, begin with a letter, and "
            "hold letters, "
            "digits and single dashes only.",
            field="Name",
        )


def check_name_free(world: World, region: str, name: str) -> None:
    """Names are unique per region; one that was just deleted is not given out yet."""
    owner = world.endpoint_names.owner(region, name)
    if owner and owner in world.documents:
        raise refused(_TAKEN)
    if world.endpoint_names.is_held(region, name, world.clock.elapsed_s()):
        raise recently_deleted()


def check_idle(endpoint: Json, verb: str) -> None:
    """409 while the endpoint is being created, updated or deleted."""
    state = endpoint["properties"]["provisioningState"]
    if state in BUSY:
        raise conflict(
            f"Cannot {verb} endpoint {endpoint['name']} because it is in {state} provisioning state."
        )


def check_created(endpoint: Json) -> None:
    """An endpoint whose creation failed can only be deleted."""
    properties = endpoint["properties"]
    if properties["provisioningState"] == "Failed" and not properties.get("scoringUri"):
        name = endpoint["name"]
        raise refused(
            f"Specified endpoint [{name}] has not been created successfully. Please recreate the endpoint."
        )


def check_kind(properties: Json) -> None:
    """An endpoint that names a compute is a Kubernetes one, which the sandbox does not make."""
    if properties.get("compute"):
        raise refused(
            f"The compute '{properties['compute']}' makes this a Kubernetes online endpoint: the sandbox serves "
            "managed ones only.",
            field="Compute",
        )


def check_immutable(endpoint: Json, body: Json) -> None:
    """The authentication mode, the location and the kind of identity are as they were created."""
    before, wanted = endpoint["properties"], body["properties"]
    if wanted["authMode"] != before["authMode"]:
        raise refused(
            f"AuthMode cannot be changed from {before['authMode']} to {wanted['authMode']}.", field="AuthMode"
        )
    if wanted.get("keys"):
        raise refused(
            "Keys can be set when an endpoint is created; use regenerateKeys to change them.", field="Keys"
        )
    if wanted.get("compute") and wanted["compute"] != before.get("compute"):
        raise refused("The compute of an endpoint cannot be changed after it was created.", field="Compute")
    check_identity_unchanged(endpoint, body)


def check_identity_unchanged(endpoint: Json, body: Json) -> None:
    """An endpoint keeps the identity that it was created with."""
    if body.get("identity") is None:
        return
    before, wanted = _identity(endpoint.get("identity")), _identity(body["identity"])
    if before != wanted:
        raise refused(
            "The identity of an online endpoint cannot be changed after it was created.", field="Identity"
        )


def check_traffic(endpoint: str, deployments: list[Json], properties: Json) -> None:
    """Live traffic sums to 0 or 100.

    One deployment at most is mirrored, to 50 % at most, and gets no live traffic.
    """
    live, mirror = properties.get("traffic") or {}, properties.get("mirrorTraffic") or {}
    known = {deployment["name"].lower(): deployment for deployment in deployments}
    reasons = [*_share_errors(live, mirror), *_mirror_errors(live, mirror)]
    for name in [n for n in {**live, **mirror} if (live.get(n) or mirror.get(n))]:
        reasons += _target_errors(endpoint, name, known.get(name))
    if reasons:
        raise refused(*reasons, field="Traffic")


def _share_errors(live: dict[str, int], mirror: dict[str, int]) -> list[str]:
    found = []
    if any(not 0 <= share <= 100 for share in [*live.values(), *mirror.values()]):
        found.append("Traffic percentages must be from 0 to 100.")
    if sum(live.values()) not in (0, 100):
        found.append(f"The sum of traffic values must be 0 or 100, but is {sum(live.values())}.")
    return found


def _mirror_errors(live: dict[str, int], mirror: dict[str, int]) -> list[str]:
    mirrored = [name for name, share in mirror.items() if share]
    found = []
    if len(mirrored) > 1:
        found.append("Traffic can be mirrored to one deployment only.")
    if sum(mirror.values()) > 50:
        found.append(f"Mirror traffic must not exceed 50 percent, but is {sum(mirror.values())}.")
    found += [
        f"Deployment {name} cannot have both live and mirror traffic." for name in mirrored if live.get(name)
    ]
    return found


def _target_errors(endpoint: str, name: str, deployment: Json | None) -> list[str]:
    if deployment is None:
        return [f"Deployment {name} not found in endpoint {endpoint}."]
    state = deployment["properties"]["provisioningState"]
    if state in ("Succeeded", "Updating"):
        return []
    return [f"Traffic cannot be sent to deployment {name} because it is in {state} provisioning state."]


def _identity(identity: Json | None) -> tuple[str, frozenset[str]]:
    found = identity or {}
    assigned = frozenset(key.lower() for key in found.get("userAssignedIdentities") or {})
    return str(found.get("type") or "None").replace(" ", ""), assigned
