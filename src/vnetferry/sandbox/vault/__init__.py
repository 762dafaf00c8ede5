"""Azure Key Vault's data plane, as far as secrets go."""

from vnetferry.sandbox.vault.handlers import handle, operations
from vnetferry.sandbox.vault.secrets import keep_secret

__all__ = ["handle", "keep_secret", "operations"]
