"""Microsoft.Network/virtualNetworks, their subnets and their peerings.

Subnets are child documents; a network shows them in its own document, and one written with a list of
subnets makes and removes children to match, unless a private endpoint still lies in what would go.
"""

from __future__ import annotations

from copy import deepcopy
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from vnetferry.sandbox.arm import peerings, tracked
from vnetferry.sandbox.arm.bodies import require_known, require_member, require_object
from vnetferry.sandbox.arm.shapes import reader
from vnetferry.sandbox.errors import AzureError
from vnetferry.sandbox.routes import Call, Operation
from vnetferry.sandbox.wire import Json, Response

if TYPE_CHECKING:
    from vnetferry.sandbox.world import World

TYPE = "Microsoft.Network/virtualNetworks"
SUBNET = f"{TYPE}/subnets"
VERSIONS = frozenset(
    {
        *("2019-09-01", "2019-11-01", "2020-05-01", "2020-06-01", "2020-07-01", "2020-08-01", "2020-11-01"),
        *("2021-02-01", "2021-03-01", "2021-05-01", "2021-08-01", "2022-01-01", "2022-05-01", "2022-07-01"),
        *("2022-09-01", "2022-11-01", "2023-02-01", "2023-04-01", "2023-05-01", "2023-06-01", "2023-09-01"),
        *("2023-11-01", "2024-01-01", "2024-03-01", "2024-05-01", "2024-07-01", "2024-10-01", "2025-01-01"),
        *("2025-03-01", "2025-05-01", "2025-07-01", "2026-01-01"),
    }
)
_SUBNET_PROPERTIES = frozenset(
    {
        *(
            "addressPrefix",
            "addressPrefixes",
            "networkSecurityGroup",
            "routeTable",
            "natGateway",
            "delegations",
        ),
        *(
            "serviceEndpoints",
            "serviceEndpointPolicies",
            "privateEndpointNetworkPolicies",
            "provisioningState",
        ),
        *(
            "privateLinkServiceNetworkPolicies",
            "defaultOutboundAccess",
            "privateEndpoints",
            "ipConfigurations",
            "purpose",
        ),
    }
)


_SUBNET_SHAPE = {
    "name": str,
    "properties": {
        "addressPrefix": str,
        "addressPrefixes": [str],
        "serviceEndpoints": [dict],
        "delegations": [dict],
    },
}
_SHAPE = {
    "addressSpace": {"addressPrefixes": [str]},
    "dhcpOptions": {"dnsServers": [str]},
    "subnets": [_SUBNET_SHAPE],
    "virtualNetworkPeerings": [dict],
}


def operations() -> list[Operation]:
    """Networks, subnets and peerings."""
    one = f"{NETWORK.path}/{{network}}/subnets/{{subnet}}"
    many = f"{NETWORK.path}/{{network}}/subnets"
    return [
        *tracked.operations(NETWORK),
        Operation(
            "Subnets_CreateOrUpdate",
            "PUT",
            one,
            _put_subnet,
            f"{SUBNET}/write",
            VERSIONS,
            read_body=reader(_SUBNET_SHAPE),
        ),
        Operation("Subnets_Get", "GET", one, _get_subnet, f"{SUBNET}/read", VERSIONS),
        Operation("Subnets_Delete", "DELETE", one, _delete_subnet, f"{SUBNET}/delete", VERSIONS),
        Operation("Subnets_List", "GET", many, _list_subnets, f"{SUBNET}/read", VERSIONS),
        *peerings.operations(f"{NETWORK.path}/{{network}}", VERSIONS),
    ]


def adopt(world: World, document: Json) -> None:
    """Register a network of the scenario, and its subnets and peerings as children."""
    world.documents.put(document)
    peerings.adopt(world, document)
    for subnet in (document.get("properties") or {}).pop("subnets", None) or []:
        identifier = f"{document['id']}/subnets/{subnet['name']}"
        world.documents.put({**subnet, "id": identifier, "type": SUBNET})


def endpoints_in(world: World, subnet_id: str) -> list[str]:
    """The ids of the private endpoints in a subnet."""
    subscription = "/".join(subnet_id.split("/")[:3])
    return [
        endpoint["id"]
        for endpoint in world.documents.below(subscription, "Microsoft.Network/privateEndpoints")
        if endpoint["properties"].get("subnet", {}).get("id", "").lower() == subnet_id.lower()
    ]


def _prepare(call: Call, draft: Json, before: Json | None) -> None:
    properties = draft["properties"]
    prefixes = require_object(properties.get("addressSpace"), "properties.addressSpace").get(
        "addressPrefixes"
    )
    if not prefixes:
        message = f"Address space is required for the virtual network {draft['id']}."
        raise AzureError(400, "InvalidRequestFormat", message)
    for prefix in prefixes:
        _require_prefix(prefix, draft["id"])
    tracked.carry(draft, before, "resourceGuid")
    properties.setdefault("resourceGuid", tracked.new_guid())
    properties.setdefault("enableDdosProtection", False)
    given = properties.pop("virtualNetworkPeerings", None)
    planned = peerings.plan_all(call, draft, given or [])
    _write_subnets(call, draft, properties.pop("subnets", None))
    if given is not None:
        peerings.write_all(call.world, draft, planned)


def _write_subnets(call: Call, network: Json, subnets: Any) -> None:
    if subnets is None:
        return
    drafts = [_subnet_draft(call, network, require_member(s, "name", path="subnets"), s) for s in subnets]
    kept = {draft["name"].lower() for draft in drafts}
    for old in call.world.documents.collection(f"{network['id']}/subnets"):
        if old["name"].lower() not in kept:
            _require_unused(call.world, old)
            call.world.documents.remove(old["id"])
    for draft in drafts:
        call.world.documents.put(draft)


def _subnet_draft(call: Call, network: Json, name: str, body: Json) -> Json:
    require_known(body, {"id", "name", "type", "etag", "properties"}, "Subnet", "subnet")
    properties = deepcopy(require_object(body.get("properties"), "subnet.properties"))
    require_known(properties, _SUBNET_PROPERTIES, "SubnetPropertiesFormat", "subnet.properties")
    identifier = f"{network['id']}/subnets/{name}"
    prefixes = properties.get("addressPrefixes") or [properties.get("addressPrefix")]
    for prefix in prefixes:
        _require_inside(prefix, network, identifier)
    properties.pop("privateEndpoints", None)
    properties.setdefault("privateEndpointNetworkPolicies", "Disabled")
    properties.setdefault("privateLinkServiceNetworkPolicies", "Enabled")
    properties.setdefault("delegations", [])
    properties["provisioningState"] = "Succeeded"
    _require_apart(call.world, network, identifier, prefixes)
    return {"id": identifier, "name": name, "type": SUBNET, "properties": properties}


def _require_prefix(prefix: Any, owner: str) -> Any:
    try:
        return ip_network(prefix)
    except ValueError as err:
        message = (
            f"The address prefix {prefix} of resource {owner} is not formatted correctly. It should follow "
            "CIDR notation."
        )
        raise AzureError(400, "InvalidAddressPrefixFormat", message) from err


def _require_inside(prefix: Any, network: Json, subnet_id: str) -> None:
    inner = _require_prefix(prefix, subnet_id)
    spaces = [ip_network(p) for p in network["properties"]["addressSpace"]["addressPrefixes"]]
    if not any(space.version == inner.version and inner.subnet_of(space) for space in spaces):
        name = subnet_id.rpartition("/")[2]
        message = (
            f"Subnet '{name}' is not valid because its IP address range is outside the IP address range of "
            f"virtual network '{network['name']}'."
        )
        raise AzureError(400, "NetcfgSubnetRangeOutsideVnet", message)


def _require_apart(world: World, network: Json, subnet_id: str, prefixes: list[Any]) -> None:
    for other in world.documents.collection(f"{network['id']}/subnets"):
        if other["id"].lower() == subnet_id.lower():
            continue
        taken = other["properties"].get("addressPrefixes") or [other["properties"]["addressPrefix"]]
        if any(ip_network(a).overlaps(ip_network(b)) for a in prefixes for b in taken):
            name = subnet_id.rpartition("/")[2]
            message = (
                f"Subnet '{name}' is not valid because its IP address range overlaps with that of an "
                f"existing subnet in virtual network '{network['name']}'."
            )
            raise AzureError(400, "NetcfgSubnetRangesOverlap", message)


def _require_unused(world: World, subnet: Json) -> None:
    if used := endpoints_in(world, subnet["id"]):
        message = (
            f"Subnet {subnet['name']} is in use by {used[0]} and cannot be deleted. In order to delete the "
            "subnet, delete "
            "all the resources within the subnet. See aka.ms/deletesubnet."
        )
        raise AzureError(400, "InUseSubnetCannotBeDeleted", message)


def _require_network_unused(call: Call, network: Json) -> None:
    for subnet in call.world.documents.collection(f"{network['id']}/subnets"):
        _require_unused(call.world, subnet)


def _show_subnet(world: World, subnet: Json) -> Json:
    shown = deepcopy(subnet)
    if used := endpoints_in(world, subnet["id"]):
        shown["properties"]["privateEndpoints"] = [{"id": identifier} for identifier in used]
    return shown


def _show(world: World, network: Json) -> Json:
    children = world.documents.collection(f"{network['id']}/subnets")
    network["properties"]["subnets"] = [_show_subnet(world, child) for child in children]
    network["properties"]["virtualNetworkPeerings"] = peerings.shown_in(world, network["id"])
    return network


async def _put_subnet(call: Call) -> Response:
    network = call.world.documents.require(call.path.rpartition("/subnets/")[0])
    tracked.require_lasting(call, call.path)
    existed = call.path in call.world.documents
    draft = _subnet_draft(call, network, call.params["subnet"], call.json())
    call.world.documents.put(draft)
    return Response(200 if existed else 201, _show_subnet(call.world, draft))


async def _get_subnet(call: Call) -> Response:
    return Response(200, _show_subnet(call.world, call.world.documents.require(call.path)))


async def _delete_subnet(call: Call) -> Response:
    subnet = call.world.documents.get(call.path)
    if subnet is None:
        return Response(204)
    _require_unused(call.world, subnet)
    call.world.documents.remove(call.path)
    return Response(200)


async def _list_subnets(call: Call) -> Response:
    call.world.documents.require(call.path.rpartition("/")[0])
    return tracked.paged(
        call, [_show_subnet(call.world, s) for s in call.world.documents.collection(call.path)]
    )


NETWORK = tracked.TrackedType(
    TYPE,
    "VirtualNetworks",
    VERSIONS,
    fields=frozenset({"extendedLocation"}),
    properties=frozenset(
        {
            *(
                "addressSpace",
                "dhcpOptions",
                "subnets",
                "virtualNetworkPeerings",
                "resourceGuid",
                "encryption",
            ),
            *(
                "enableDdosProtection",
                "ddosProtectionPlan",
                "enableVmProtection",
                "flowTimeoutInMinutes",
                "bgpCommunities",
            ),
            *("ipAllocations", "privateEndpointVNetPolicies"),
        }
    ),
    name=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}[A-Za-z0-9_]$",
    shape=_SHAPE,
    prepare=_prepare,
    show=_show,
    removing=_require_network_unused,
    removed=peerings.cut_all,
    create_s=4,
    delete_s=10,
)
