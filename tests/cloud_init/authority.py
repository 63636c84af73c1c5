"""A certificate authority for tests, and a TLS server certificate it signed."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@dataclass(frozen=True)
class Authority:
    """
    The authority's certificate and key in PEM, those of kubelets by node, and a TLS context.

    The context serves 127.0.0.1, asks for a client certificate and takes only the authority's.
    """

    certificate: str
    key: str
    kubelet_certificate: Callable[[str], str]
    kubelet_key: str
    context: ssl.SSLContext


def make(folder: Path, name: str) -> Authority:
    now = datetime.datetime.now(datetime.UTC)
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    ca_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    span = (now - datetime.timedelta(hours=1), now + datetime.timedelta(hours=1))
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    usage = x509.KeyUsage(True, False, True, False, False, True, False, False, False)
    ca = (
        x509.CertificateBuilder(ca_name, ca_name, ca_key.public_key(), 1, *span)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)

    def signed(common_name: str, serial: int, *extensions: x509.ExtensionType) -> bytes:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        public = leaf_key.public_key()
        made = x509.CertificateBuilder(ca_name, subject, public, serial, *span)
        for extension in (issuer, *extensions):
            made = made.add_extension(extension, critical=False)
        return made.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    serving = signed("k3s", 2, loopback)
    chain = folder / f"{name}.pem"
    chain.write_bytes(_pem(leaf_key) + serving)
    certificate = ca.public_bytes(serialization.Encoding.PEM).decode()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    context.load_verify_locations(cadata=certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    return Authority(
        certificate=certificate,
        key=_pem(ca_key).decode(),
        kubelet_certificate=lambda node: signed(f"system:node:{node}", 3).decode(),
        kubelet_key=_pem(leaf_key).decode(),
        context=context,
    )
