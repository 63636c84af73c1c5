"""
X.509 certificates: self-signed P-256 authorities, client certificates, signing requests.

Imported only where one is made or read: `cryptography` is slow to load.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provider.errors import OperationFailed
from provider.keys.validity import Validity


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def certificate_pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """`EC PRIVATE KEY`, the form k3s writes itself."""
        return _key_pem(self.key)


def make_authority(common_name: str, validity: Validity) -> Pair:
    """A self-signed CA that signs leaf certificates."""
    key, name = _make_key(), _name(common_name)
    builder = _builder(name, name, key, key, validity, is_authority=True)
    return Pair(certificate=builder.sign(key, hashes.SHA256()), key=key)


def load_authority(certificate_pem: str, key_pem: str) -> Pair:
    """
    A CA and its key as `Pair` renders them. Raises ValueError where a text is neither, or the key
    is another one's.
    """
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    key = serialization.load_pem_private_key(key_pem.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the key is not one of an elliptic curve")
    if certificate.public_key() != key.public_key():
        raise ValueError("the key is the one of another certificate")
    return Pair(certificate=certificate, key=key)


def make_client(
    authority: Pair, *, common_name: str, organization: str, validity: Validity
) -> Pair:
    """A client certificate; Kubernetes reads the user and the group from its subject."""
    key, name = _make_key(), _name(common_name, organization)
    issuer = authority.certificate.subject
    builder = _builder(name, issuer, key, authority.key, validity, is_authority=False)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = builder.add_extension(usage, critical=False)
    return Pair(certificate=builder.sign(authority.key, hashes.SHA256()), key=key)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request to sign a certificate, and the private key it is for; both PEM."""

    request_pem: str
    key_pem: str = field(repr=False)


def make_request(common_name: str) -> Request:
    """A new P-256 key, and the request for a certificate of that name and of no group."""
    key = _make_key()
    request = x509.CertificateSigningRequestBuilder().subject_name(_name(common_name))
    signed = request.sign(key, hashes.SHA256())
    return Request(
        request_pem=signed.public_bytes(serialization.Encoding.PEM).decode(),
        key_pem=_key_pem(key),
    )


def validity_of(certificate_pem: str) -> Validity:
    """
    The validity of a certificate; of a chain, that of the first.

    Raises OperationFailed: a certificate of a machine or the API may be anything.
    """
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    except ValueError:
        raise OperationFailed(
            "the client certificate that the cluster returned cannot be read\n"
            "    it was not issued by k3s: replace the server"
        ) from None
    return Validity(
        issued=certificate.not_valid_before_utc, expires=certificate.not_valid_after_utc
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def _make_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str, organization: str | None = None) -> x509.Name:
    organizations = [organization] if organization else []
    return x509.Name(
        [
            *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, each) for each in organizations),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    validity: Validity,
    *,
    is_authority: bool,
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.issued)
        .not_valid_after(validity.expires)
        .add_extension(identifier, critical=False)
        .add_extension(authority, critical=False)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(_usage(key_cert_sign=is_authority), critical=True)
    )


def _usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        key_cert_sign=key_cert_sign,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
