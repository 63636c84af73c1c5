"""SshKey (k3s:index:SshKey): an Ed25519 key pair, for logging in or as a machine's host key."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from typing import ClassVar

from provider.properties import Fields, Property
from provider.resources.resource import Created, Resource, Task, Values


def _one_line(comment: str) -> str | None:
    return "has more than one line" if "\n" in comment else None


class SshKey(Resource):
    """Made once and kept in state; another comment leaves the key as it is."""

    token = "k3s:index:SshKey"
    description = "An Ed25519 SSH key pair; the private half is secret in state."
    inputs: ClassVar[Fields] = {
        "comment": Property(
            kind="string",
            description="What the public key's line says after the key.",
            fix='one line such as the name of what it is for: "demo-servers-0"',
            test=_one_line,
        )
    }
    outputs: ClassVar[Fields] = {
        "publicKey": Property(kind="string", description="`ssh-ed25519 AAAA... comment`"),
        "privateKey": Property(
            kind="string", secret=True, description="The private key in OpenSSH's PEM form."
        ),
        "fingerprint": Property(kind="string", description="`SHA256:...`, as ssh shows it."),
    }

    def create(self, task: Task, inputs: Values) -> Created:
        from provider import ed25519

        private, line = ed25519.generate()
        fingerprint = fingerprint_of(line)
        learned = {
            "publicKey": f"{line} {inputs['comment']}".rstrip(),
            "privateKey": private,
            "fingerprint": fingerprint,
        }
        return Created(id=fingerprint, learned=learned)

    def learned_again(self, changed: Collection[str]) -> Collection[str]:
        return ("publicKey",)

    def update(self, task: Task, inputs: Values, known: Values, changed: Collection[str]) -> Values:
        key = " ".join(known["publicKey"].split()[:2])
        kept = super().update(task, inputs, known, changed)
        return {**kept, "publicKey": f"{key} {inputs['comment']}".rstrip()}


def fingerprint_of(public_key: str) -> str:
    """The fingerprint of a public key's line, as OpenSSH writes it."""
    blob = base64.b64decode(public_key.split()[1])
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode()
    return f"SHA256:{digest.rstrip('=')}"
