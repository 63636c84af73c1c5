"""Making and reading Ed25519 key pairs in OpenSSH's forms."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def generate() -> tuple[str, str]:
    """A private key in PEM, and its public key as `ssh-ed25519 AAAA...`."""
    key = Ed25519PrivateKey.generate()
    return _private(key), _public(key)


def public_of(private: str) -> str:
    """The public key of a private one in PEM; raises ValueError, which never quotes the key."""
    return _public(_load(private))


def rewritten(private: str) -> str:
    """
    The same private key as this library writes it. Raises ValueError.

    It reads more than paramiko does, such as a key in one line: what was checked here and is
    rewritten here is what paramiko can use.
    """
    return _private(_load(private))


def _load(private: str) -> Ed25519PrivateKey:
    try:
        key = serialization.load_ssh_private_key(private.encode(), password=None)
    except Exception:
        # The library's errors are of many kinds and may quote the content.
        raise ValueError("it cannot be read, or has a passphrase") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("it is not an Ed25519 key")
    return key


def _private(key: Ed25519PrivateKey) -> str:
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    return private.decode()


def _public(key: Ed25519PrivateKey) -> str:
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return public.decode()
