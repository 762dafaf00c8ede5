"""What a fix does, in words that a person can say yes or no to."""

from __future__ import annotations

from vnetferry.models.finding import Fix

_TEXTS = {
    "register_provider": "Register the resource provider {namespace} in {name}",
    "let_services_by": "Let trusted Azure services pass the firewall of key vault {name}",
    "approve_connection": "Approve the private endpoint connection {name}",
    "leave_legacy_mode": "Switch off the v1 legacy mode of workspace {name} (it takes effect within an hour)",
    "assign_role": "Assign {role_name} on {name} to the identity {principal}",
}


def describe_fix(fix: Fix) -> str:
    """One sentence without its end."""
    return _TEXTS[fix.kind].format(name=fix.resource.rpartition("/")[2], **fix.parameters)
