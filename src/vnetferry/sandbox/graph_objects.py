"""A directory's objects as Microsoft Graph v1.0 shows them."""

from __future__ import annotations

from vnetferry.sandbox.directory import Member
from vnetferry.sandbox.wire import Json

_SINCE = "2024-01-15T09:00:00Z"


def document(member: Member, tenant_id: str) -> Json:
    """The object with the properties that Graph answers when none are selected."""
    shapes = {"servicePrincipal": _service_principal, "user": _user, "group": _group}
    return shapes[member.kind](member, tenant_id)


def _service_principal(member: Member, tenant_id: str) -> Json:
    is_managed = bool(member.resource_id)
    explicit = f"isExplicit={member.is_explicit}"
    return {
        "id": member.id,
        "deletedDateTime": None,
        "accountEnabled": True,
        "alternativeNames": [explicit, member.resource_id] if is_managed else [],
        "appDisplayName": None if is_managed else member.name,
        "appDescription": None,
        "appId": member.app_id,
        "applicationTemplateId": None,
        "appOwnerOrganizationId": None if is_managed else tenant_id,
        "appRoleAssignmentRequired": False,
        "createdDateTime": _SINCE,
        "description": None,
        "disabledByMicrosoftStatus": None,
        "displayName": member.name,
        "homepage": None,
        "loginUrl": None,
        "logoutUrl": None,
        "notes": None,
        "notificationEmailAddresses": [],
        "preferredSingleSignOnMode": None,
        "preferredTokenSigningKeyThumbprint": None,
        "replyUrls": [],
        "servicePrincipalNames": list(member.names),
        "servicePrincipalType": "ManagedIdentity" if is_managed else "Application",
        "signInAudience": None if is_managed else "AzureADMyOrg",
        "tags": [],
        "tokenEncryptionKeyId": None,
        "samlSingleSignOnSettings": None,
        "addIns": [],
        "appRoles": [],
        "keyCredentials": [],
        "oauth2PermissionScopes": [],
        "passwordCredentials": [],
        "resourceSpecificApplicationPermissions": [],
    }


def _user(member: Member, tenant_id: str) -> Json:  # noqa: ARG001 - shapes share a signature
    unknown = (
        "givenName",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
    )
    return {
        "businessPhones": [],
        "displayName": member.name,
        **dict.fromkeys(unknown),
        "userPrincipalName": member.principal_name,
        "id": member.id,
    }


def _group(member: Member, tenant_id: str) -> Json:  # noqa: ARG001 - shapes share a signature
    return {
        "id": member.id,
        "deletedDateTime": None,
        "createdDateTime": _SINCE,
        "description": None,
        "displayName": member.name,
        "groupTypes": [],
        "mail": None,
        "mailEnabled": False,
        "mailNickname": member.id.partition("-")[0],
        "securityEnabled": True,
    }
