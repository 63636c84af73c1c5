"""CertificateAuthority (k3s:index:CertificateAuthority): the CAs of a cluster."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import ClassVar, Final

from provider.keys.validity import Validity
from provider.operation import Operation, Values
from provider.protocol.properties import Fields, Property, at_least
from provider.protocol.resource import Created, Resource

# A machine's clock may be behind ours when it first checks a certificate.
_BACKDATED: Final = timedelta(hours=24)
ADMIN: Final = "k3s-aws-admin"


def _short(name: str) -> str | None:
    # A common name holds 64 characters, and ours end in "-server-ca".
    return None if 0 < len(name) <= 48 else "is not 1 to 48 characters long"


class CertificateAuthority(Resource):
    """Two self-signed P-256 CAs, one certificate per file, as k3s accepts them under server/tls."""

    token = "k3s:index:CertificateAuthority"
    description = (
        "The server and client CA of a cluster, and the administrator's certificate. Every "
        "change creates another authority, and so another cluster."
    )
    inputs: ClassVar[Fields] = {
        "name": Property(
            "string", "The cluster's name.", fix="use the cluster's name", test=_short
        ),
        "expiryDays": Property(
            "integer", "How long the certificates are valid.", fix="such as 3650", test=at_least(1)
        ),
    }
    outputs: ClassVar[Fields] = {
        "serverCaCertificate": Property("string", "PEM; signs the certificates of servers."),
        "serverCaKey": Property("string", "PEM, P-256.", secret=True),
        "clientCaCertificate": Property("string", "PEM; signs the certificates of clients."),
        "clientCaKey": Property("string", "PEM, P-256.", secret=True),
        "caHash": Property(
            "string", "SHA-256 of serverCaCertificate's bytes, in hex, for join tokens."
        ),
        "adminCertificate": Property(
            "string", f"PEM; the administrator {ADMIN}, of system:masters."
        ),
        "adminKey": Property("string", "PEM, P-256.", secret=True),
    }
    replaces = frozenset({"name", "expiryDays"})

    def create(self, operation: Operation, inputs: Values) -> Created:
        from provider.keys import certificates

        now = operation.environment.clock.now()
        validity = Validity(
            issued=now - _BACKDATED, expires=now + timedelta(days=inputs["expiryDays"])
        )
        server = certificates.make_authority(f"{inputs['name']}-server-ca", validity)
        client = certificates.make_authority(f"{inputs['name']}-client-ca", validity)
        admin = certificates.make_client(
            client, common_name=ADMIN, organization="system:masters", validity=validity
        )
        ca_hash = hashlib.sha256(server.certificate_pem.encode()).hexdigest()
        computed = {
            "serverCaCertificate": server.certificate_pem,
            "serverCaKey": server.key_pem,
            "clientCaCertificate": client.certificate_pem,
            "clientCaKey": client.key_pem,
            "caHash": ca_hash,
            "adminCertificate": admin.certificate_pem,
            "adminKey": admin.key_pem,
        }
        return Created(id=ca_hash, computed=computed)
