"""The sandbox's own certificate authority: made at start, gone at the end, trusted only by who is told to.

Certificates cover what Azure's cover: one for each fixed host, one wildcard for hosts that carry a resource's
name (`*.blob.core.windows.net`), so that a thousand accounts cost one certificate. Keys never leave the
private folder.
"""

from __future__ import annotations

import os
import ssl
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vnetferry.sandbox.hosts import certificate_name

# Sandboxes live for hours; a week leaves room for one that was left up, and for clocks that are a day apart.
_LIFETIME = timedelta(days=7)
_BACKDATED = timedelta(days=1)


class CertificateAuthority:
    """A CA; its certificate is in `bundle` (PEM, the only one there), for REQUESTS_CA_BUNDLE and its kind."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vnetferry sandbox CA")])
        self._certificate = self._make_root()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self.bundle = folder / "ca.pem"
        _write_private(self.bundle, self._certificate.public_bytes(serialization.Encoding.PEM))

    def context_for(self, host: str) -> ssl.SSLContext:
        """The server side's TLS context for a host; certificates are made at first use and kept."""
        name = certificate_name(host)
        if name not in self._contexts:
            self._contexts[name] = self._make_context(name)
        return self._contexts[name]

    def _make_context(self, name: str) -> ssl.SSLContext:
        file = self._folder / f"{name.replace('*', '_')}.pem"
        key = self._leaf_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write_private(file, key + self._make_leaf(name).public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(file)
        return context

    def _make_root(self) -> x509.Certificate:
        usage = _usage(signs_certificates=True)
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        return builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())

    def _make_leaf(self, name: str) -> x509.Certificate:
        # A common name holds 64 characters at most; clients read the alternative name alone.
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
        server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = self._builder(subject, self._leaf_key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        return builder.add_extension(server, critical=False).sign(self._key, hashes.SHA256())

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        """What root and leaf share. Both key identifiers are there because Python 3.13 verifies strictly."""
        now = datetime.now(timezone.utc)
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATED)
            .not_valid_after(now + _LIFETIME)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(issuer_key, critical=False)
        )


@cache
def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_private(file: Path, data: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
