"""The inputs `ssh` and `api` of the resources that connect to a machine and its cluster."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from cluster import kubeconfig
from provider.operation import Values
from provider.protocol.properties import Group, Property, Test, at_least, matches

_host_key = matches(
    r"\s*ssh-ed25519\s+([\w+/]{4})*([\w+/]{2}==|[\w+/]{3}=)?(\s|$)",
    "is not an ssh-ed25519 public key",
)
_private_key = matches(
    "-----BEGIN OPENSSH PRIVATE KEY-----", "is not a private key in OpenSSH's form"
)
_certificate = matches("-----BEGIN CERTIFICATE-----", "is not a PEM certificate")
_key = matches("-----BEGIN .*PRIVATE KEY-----", "is not a PEM private key")


def _port(value: int) -> str | None:
    return None if 0 < value < 65536 else f"{value} is not a valid port"


def check_private_key(value: str) -> str | None:
    """A test: an Ed25519 key in OpenSSH's form, without a passphrase."""
    from provider.keys import ed25519

    try:
        if wrong := _private_key(value):
            return wrong
        ed25519.public_of(value)
    except ValueError as error:
        return f"cannot be used: {error}"
    return None


def _if_any(test: Test) -> Test:
    return lambda value: test(value) if value else None


def _endpoint(value: str) -> str | None:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname:
        return f"{json.dumps(value)} is not an https URL"
    return None


SSH = Group(
    type="k3s:index:SshConnection",
    description="Address, login and host key of a machine.",
    fields={
        "enabled": Property(
            "boolean",
            "Whether the machine is reachable over SSH. If not, no connection is tried, and "
            "the keys on the machine stay in the state.",
            fix="true or false",
        ),
        "host": Property("string", "Address or name.", fix="an address"),
        "port": Property("integer", "TCP port.", fix="usually 22", test=_port),
        "user": Property(
            "string",
            "Login user; may use sudo without a password.",
            fix='such as "admin" on Debian',
        ),
        "privateKey": Property(
            "string",
            "Login key, Ed25519 in OpenSSH's form.",
            secret=True,
            fix="use privateKey of an SshKey",
            test=_private_key,
        ),
        "hostKey": Property(
            "string",
            "The only host key accepted, as a public key's line.",
            fix="use publicKey of the SshKey that the machine was given",
            test=_host_key,
        ),
        "previousPrivateKey": Property(
            "string",
            "The previous login key; tried until a change of keys is complete.",
            secret=True,
            optional=True,
            fix="use previousPrivateKey of the login's SshKey",
            test=_if_any(_private_key),
        ),
        "previousHostKey": Property(
            "string",
            "The previous host key; accepted until a change of keys is complete.",
            optional=True,
            fix="use previousPublicKey of the machine's SshKey",
            test=_if_any(_host_key),
        ),
    },
)


def api_of(inputs: Values) -> kubeconfig.Parts:
    """The input `api`, as an Api takes it."""
    api = inputs["api"]
    return kubeconfig.Parts(
        server=api["endpoint"],
        certificate_authority=api["serverCaCertificate"],
        client_certificate=api["clientCertificate"],
        client_key=api["clientKey"],
    )


def ssh_enabled(inputs: Values) -> bool:
    """Whether the machine of these inputs is reachable over SSH."""
    enabled: bool = inputs["ssh"]["enabled"]
    return enabled


API = Group(
    type="k3s:index:ApiConnection",
    description="Endpoint of the Kubernetes API and the client certificate for it.",
    fields={
        "endpoint": Property(
            "string",
            "The URL that kubectl connects to.",
            fix='such as "https://203.0.113.10:6443"',
            test=_endpoint,
        ),
        "serverCaCertificate": Property(
            "string",
            "The only authority accepted, PEM.",
            fix="use serverCaCertificate of the CertificateAuthority",
            test=_certificate,
        ),
        "clientCertificate": Property(
            "string",
            "Client certificate, PEM.",
            fix="use adminCertificate of the CertificateAuthority",
            test=_certificate,
        ),
        "clientKey": Property(
            "string",
            "Its private key, PEM.",
            secret=True,
            fix="use adminKey of the CertificateAuthority",
            test=_key,
        ),
    },
)

INSTANCE_ID = Property("string", "The EC2 instance.", fix='such as "i-0123456789abcdef0"')

DEADLINE = Property(
    "integer", "The deadline of the whole operation.", fix="such as 600", test=at_least(1)
)
