"""Azure's Blob service: what it keeps (`BlobStore`) and how it answers (`handle`)."""

from vnetferry.sandbox.blob.handlers import handle, operations
from vnetferry.sandbox.blob.store import Blob, BlobStore

__all__ = ["Blob", "BlobStore", "handle", "operations"]
