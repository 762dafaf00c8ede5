"""What lists show: of a subscription's or a group's resources, those that the caller may read.

Resource Manager answers such a list to whoever may read anything within the scope, and leaves the rest out; a
list inside a resource is the provider's, which asks for the right on that resource. Source: how `az group list`
and the like behave for clients with rights on single groups; specified nowhere, so assumed.
"""

from __future__ import annotations

from vnetferry.sandbox.arm import authorization
from vnetferry.sandbox.documents import resource_type
from vnetferry.sandbox.routes import Call
from vnetferry.sandbox.wire import Json, Response

_GROUPS = "Microsoft.Resources/subscriptions/resourceGroups/read"


def is_sifted(call: Call, scope: str) -> bool:
    """Whether this is a list of a subscription's or group's resources, of which the caller may see some."""
    parts, principal = scope.strip("/").split("/"), call.request.principal
    listed = call.request.method == "GET" and scope.lower() != call.path.lower() and len(parts) in (2, 4)
    if not listed or principal is None or not _has_resources(call.path, scope):
        return False
    return authorization.has_some_right_below(call.world, principal.object_id, scope)


def sift(call: Call, response: Response) -> Response:
    """The answer without what the caller may not read."""
    principal, body = call.request.principal, response.body
    if principal and isinstance(body, dict) and isinstance(body.get("value"), list):
        body["value"] = [each for each in body["value"] if _may_read(call, principal.object_id, each)]
    return response


def sees_subscription(call: Call, subscription: str) -> bool:
    """Whether the caller has any right on the subscription or within it."""
    scope, principal = f"/subscriptions/{subscription}", call.request.principal
    if principal is None:
        return False
    oid = principal.object_id
    return bool(authorization.permissions(call.world, oid, scope)) or authorization.has_some_right_below(
        call.world, oid, scope
    )


def _has_resources(path: str, scope: str) -> bool:
    rest = path[len(scope) :].strip("/").lower().split("/")
    if rest in (["resourcegroups"], ["resources"]):
        return True
    return len(rest) == 3 and rest[0] == "providers" and rest[1] != "microsoft.authorization"


def _may_read(call: Call, object_id: str, member: Json) -> bool:
    kind = resource_type(member["id"])
    action = _GROUPS if kind == "Microsoft.Resources/resourceGroups" else f"{kind}/read"
    return authorization.allowed(call.world, object_id, action, member["id"])
