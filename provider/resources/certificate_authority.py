"""CertificateAuthority (k3s:index:CertificateAuthority): the CAs of a cluster."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Final

from provider.keys.validity import Validity
from provider.operation import Names, Operation, Values
from provider.protocol.properties import Fields, Property, at_least
from provider.protocol.resource import Created, Resource

if TYPE_CHECKING:
    from provider.keys.certificates import Pair

# The names that k3s has for the files below server/tls, and the outputs.
_FILES: Final = {
    "server-ca.crt": "serverCaCertificate",
    "server-ca.key": "serverCaKey",
    "client-ca.crt": "clientCaCertificate",
    "client-ca.key": "clientCaKey",
}
# A machine's clock may be behind ours when it first checks a certificate.
_BACKDATED: Final = timedelta(hours=24)
ADMIN: Final = "k3s-aws-admin"


def _short(name: str) -> str | None:
    # A common name holds 64 characters, and ours end in "-server-ca".
    return None if 0 < len(name) <= 48 else "is not 1 to 48 characters long"


def _is_authority(given: str) -> str | None:
    try:
        _load(given)
    except (ValueError, TypeError, KeyError, RecursionError):
        return "is not the authority of a cluster"
    return None


def _load(given: str) -> tuple[Pair, Pair]:
    from provider.keys import certificates

    server, server_key, client, client_key = _pem_files(given)
    return (
        certificates.load_authority(server, server_key),
        certificates.load_authority(client, client_key),
    )


def _pem_files(given: str) -> tuple[str, ...]:
    content = json.loads(given)
    return tuple(str(content[name]) for name in _FILES)


class CertificateAuthority(Resource):
    """Two self-signed P-256 CAs, one certificate per file, as k3s accepts them under server/tls."""

    token = "k3s:index:CertificateAuthority"
    description = (
        "The server and client CA of a cluster, and the administrator's certificate. Every "
        "change creates another authority, and so another cluster. A given authority is that of a "
        "cluster that is restored."
    )
    inputs: ClassVar[Fields] = {
        "name": Property(
            "string", "The cluster's name.", fix="use the cluster's name", test=_short
        ),
        "expiryDays": Property(
            "integer", "How long the certificates are valid.", fix="such as 3650", test=at_least(1)
        ),
        "given": Property(
            "string",
            "The authority of a snapshot: a JSON object with PEM by the names of k3s's files. "
            "It may be left out later.",
            secret=True,
            optional=True,
            fix="use the credentials beside the snapshot",
            test=_is_authority,
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

    def compared_inputs(self, previous: Values, inputs: Values, state: Values) -> Values:
        given = inputs.get("given")
        # What it was made from is no property of the authority that is there.
        if given is None or _pem_files(given) == tuple(state.get(key) for key in _FILES.values()):
            return {**previous, "given": given}
        return previous

    def reject_update(self, changed: Names, inputs: Values, state: Values) -> str | None:
        if "given" not in changed:
            return None
        return (
            "cluster.restoreFrom: the snapshot is one of another cluster than the one of this "
            "stack\n    create another stack from it, or use a snapshot of this cluster"
        )

    def create(self, operation: Operation, inputs: Values) -> Created:
        from provider.keys import certificates

        now = operation.environment.clock.now()
        validity = Validity(
            issued=now - _BACKDATED, expires=now + timedelta(days=inputs["expiryDays"])
        )
        if given := inputs.get("given"):
            server, client = _load(given)
        else:
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
