"""Converting a workspace in place: its mark, what is deleted and made again, and its network.

The mark says which plan converts the workspace and how far it is. It is the first thing that is written, and the sign
that what is missing from then on was deleted by the plan itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vnetferry.errors import ConfigError, NotFound, PersonNeeded, RollBackRefused
from vnetferry.gateway import api_versions, computes
from vnetferry.gateway.azure import Azure
from vnetferry.gateway.documents import Written, deciding_anew, delete_once, find_settled
from vnetferry.gateway.workspaces import ensure_outbound_rules, isolation_mode
from vnetferry.models.base import Json
from vnetferry.models.ids import ResourceId
from vnetferry.models.run import CONVERSION_TAG, CONVERTED, PLAN_TAG, UNDER_WAY


def claim_workspace(azure: Azure, workspace: ResourceId, tags: Mapping[str, str]) -> Written:
    """Mark the workspace as being converted by a plan; a mark of that plan stays as it is.

    In:      tags: the plan's.
    Raises:  PersonNeeded while another plan converts it.
    Effects: at most one PATCH of its tags.
    """

    def attempt() -> Written:
        before = _settled_workspace(azure, workspace)
        found = before.get("tags") or {}
        if is_claimed(before, tags):
            return Written(False, before, before)
        if found.get(CONVERSION_TAG) == UNDER_WAY:
            raise PersonNeeded(
                f"the workspace is being converted by plan {found.get(PLAN_TAG)}",
                resource=str(workspace),
                remedy="Go on with that plan: 'vnetferry apply' with its file.",
            )
        return _set_tags(azure, workspace, before, {**tags, CONVERSION_TAG: UNDER_WAY})

    return deciding_anew(azure, attempt)


def finish_conversion(azure: Azure, workspace: ResourceId, tags: Mapping[str, str]) -> Written:
    """Mark the workspace as converted. Effects: at most one PATCH of its tags."""

    def attempt() -> Written:
        before = _settled_workspace(azure, workspace)
        if (before.get("tags") or {}).get(CONVERSION_TAG) == CONVERTED:
            return Written(False, before, before)
        return _set_tags(azure, workspace, before, {**tags, CONVERSION_TAG: CONVERTED})

    return deciding_anew(azure, attempt)


def release_workspace(
    azure: Azure, workspace: ResourceId, removed: Sequence[ResourceId], tags: Mapping[str, str]
) -> Written:
    """Take a plan's mark off the workspace, while nothing of `removed` is deleted; no mark is done.

    Raises:  RollBackRefused as `require_nothing_deleted`. A run that saw the mark may delete something at this very
             moment, so it is looked at again afterwards, and the mark put back.
    Effects: at most one PATCH of its tags, and another one before the refusal.
    """

    def attempt() -> Written:
        require_nothing_deleted(azure, workspace, removed, tags)
        before = _settled_workspace(azure, workspace)
        if not is_claimed(before, tags):
            return Written(False, before, before)
        kept = {k: v for k, v in (before.get("tags") or {}).items() if k not in (*tags, CONVERSION_TAG)}
        return _patch(azure, workspace, before, {"tags": kept})

    written = deciding_anew(azure, attempt)
    try:
        require_nothing_deleted(azure, workspace, removed, tags)
    except RollBackRefused:
        claim_workspace(azure, workspace, tags)
        raise
    return written


def require_nothing_deleted(
    azure: Azure, workspace: ResourceId, removed: Sequence[ResourceId], tags: Mapping[str, str]
) -> None:
    """Raise RollBackRefused once a conversion has deleted or enabled anything, or while another plan's is under way.

    In: removed: what the plan with these tags deletes and makes again.
    """
    document = _settled_workspace(azure, workspace)
    found = document.get("tags") or {}
    if found.get(CONVERSION_TAG) == UNDER_WAY and not is_claimed(document, tags):
        raise RollBackRefused(
            f"the workspace is being converted by plan {found.get(PLAN_TAG)}, not by this one",
            resource=str(workspace),
            remedy="Take that plan back, or go on with it.",
        )
    states = ((each, azure.arm.find(each, api_versions.ML)) for each in removed)
    gone = [each.name for each, held in states if held is None or is_made_by(held, tags)]
    if gone or isolation_mode(document) != "Disabled":
        what = f"deleted: {', '.join(gone)}" if gone else "its managed network is enabled"
        raise RollBackRefused(
            f"the conversion of {workspace.name} cannot be taken back: {what}, and nothing undoes that",
            resource=str(workspace),
            remedy="Resume it: run 'vnetferry apply' with this plan until it is done.",
        )


def is_claimed(workspace: Json, tags: Mapping[str, str]) -> bool:
    """Whether a workspace's document bears the mark of the plan with these tags."""
    found = workspace.get("tags") or {}
    return CONVERSION_TAG in found and is_made_by(workspace, tags)


def is_made_by(document: Json, tags: Mapping[str, str]) -> bool:
    """Whether the plan with these tags, and no other, made a resource."""
    return (document.get("tags") or {}).get(PLAN_TAG) == tags[PLAN_TAG]


def remove(azure: Azure, resource: ResourceId, tags: Mapping[str, str], *, kind: str = "delete") -> Written:
    """Delete what was there before the conversion, and never what the plan has made again.

    In:      tags: the plan's.
    Raises:  PersonNeeded when the plan's mark is not on the workspace any more: somebody has taken it back.
    Effects: at most one DELETE for each look that finds what was there before.
    """
    query = computes.WITH_MACHINES if kind == "compute" else None

    def attempt() -> Written:
        before = find_settled(azure, resource, kind)
        if before is None or is_made_by(before, tags):
            return Written(False, before, before or {})
        _require_claim(azure, resource.parent, tags)
        return delete_once(azure, resource, before, kind, query)

    return deciding_anew(azure, attempt)


def enable_network(azure: Azure, workspace: ResourceId, spec: Json) -> Written:
    """Enable the managed network with all its rules in one request; all else of the workspace stays.

    In:      spec: as the plan's `enable_network` step has it.
    Raises:  ConfigError when it is enabled in another mode; Rejected when Azure still finds what must be deleted.
    Effects: at most one PATCH; rules that differ are written one by one when it is enabled already.
    """

    def attempt() -> Written:
        before = _settled_workspace(azure, workspace)
        mode = isolation_mode(before)
        if mode == "Disabled":
            network = {
                "isolationMode": spec["isolation_mode"],
                "firewallSku": spec["firewall_sku"],
                "outboundRules": spec["outbound_rules"],
            }
            return _patch(azure, workspace, before, {"properties": {"managedNetwork": network}})
        if mode.lower() != spec["isolation_mode"].lower():
            raise ConfigError(
                f"the workspace's network is {mode} already, not {spec['isolation_mode']}",
                resource=str(workspace),
                remedy="Somebody else enabled it; isolation only ever gets stricter. Ask them, and set it as planned.",
            )
        changed = ensure_outbound_rules(azure, workspace, spec["outbound_rules"])
        after = azure.arm.get(workspace, api_versions.ML) if changed else before
        return Written(bool(changed), before, after)

    return deciding_anew(azure, attempt)


def _require_claim(azure: Azure, workspace: ResourceId, tags: Mapping[str, str]) -> None:
    if not is_claimed(_settled_workspace(azure, workspace), tags):
        raise PersonNeeded(
            "the workspace is not marked as being converted by this plan any more, so nothing was deleted",
            resource=str(workspace),
            remedy="If nobody is taking the conversion back, run apply again.",
        )


def _settled_workspace(azure: Azure, workspace: ResourceId) -> Json:
    document = find_settled(azure, workspace, "workspace")
    if document is None:
        raise NotFound("the workspace does not exist any more", resource=str(workspace), status=404)
    return document


def _set_tags(azure: Azure, workspace: ResourceId, before: Json, tags: Mapping[str, str]) -> Written:
    """Add tags; a PATCH replaces all of them."""
    return _patch(azure, workspace, before, {"tags": {**(before.get("tags") or {}), **tags}})


def _patch(azure: Azure, workspace: ResourceId, before: Json, body: Json) -> Written:
    answer = azure.arm.patch(workspace, api_versions.ML, body)
    return Written(True, before, azure.arm.wait(answer, "workspace"), answer.request_id)
