"""Fingerprints of SSH public keys."""

from __future__ import annotations

import base64
import hashlib


def fingerprint_of(public_key: str) -> str:
    """The fingerprint of a public key's line in OpenSSH's form: `SHA256:...`."""
    blob = base64.b64decode(public_key.split()[1])
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode()
    return f"SHA256:{digest.rstrip('=')}"
