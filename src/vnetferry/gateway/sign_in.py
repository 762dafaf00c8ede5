"""What went wrong with signing in, in one sentence.

azure-identity answers a page about every credential that it tried. What a person needs of it is whether Entra refused
the one that is set up, whether Entra could not be reached, or whether none is set up at all.
"""

from __future__ import annotations

import re

from vnetferry.errors import PermissionDenied, Unavailable, VnetferryError

# What follows is for Microsoft's support, or a link to a page about credentials in general.
_TAIL = re.compile(
    r"\s*(?:Trace ID:|To mitigate this issue|Visit https:|Authority would typically).*", re.DOTALL
)
_REFUSED = re.compile(r"(?:\w+Credential: )?Authentication failed: (.+)|(AADSTS\d+.*)", re.DOTALL)
_UNREACHED = re.compile(
    r"Unable to connect to proxy|Failed to establish|Max retries exceeded|Connection aborted|"
    r"Name or service not known|CERTIFICATE_VERIFY_FAILED|TLS CA certificate bundle|timed out",
    re.IGNORECASE,
)


def sign_in_error(message: str) -> VnetferryError:
    """Our error for what azure-identity says when it cannot get a token."""
    found = _REFUSED.search(message)
    if found is None:
        return PermissionDenied(
            "nobody is signed in to Azure",
            remedy="Sign in with 'az login', or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET.",
        )
    reason = " ".join(_TAIL.sub("", found[1] or found[2]).split())
    if _UNREACHED.search(reason):
        return Unavailable(
            "signing in failed: login.microsoftonline.com could not be reached",
            remedy="Check the network, the proxy and its certificate (HTTPS_PROXY, REQUESTS_CA_BUNDLE).",
            retryable=True,
        )
    return PermissionDenied(
        f"Azure refused the sign-in: {reason[:300]}",
        remedy="Check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or sign in again with 'az login'.",
    )
