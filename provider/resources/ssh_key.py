"""SshKey (k3s:index:SshKey): an Ed25519 key pair, for logging in or as a machine's host key."""

from __future__ import annotations

from typing import ClassVar

from provider.keys.fingerprints import fingerprint_of
from provider.keys.host_keys import HostKeys
from provider.operation import Names, Operation, Values
from provider.protocol.properties import Fields, Property, matches
from provider.protocol.resource import Created, Resource
from provider.resources.connections import check_private_key

# A change of these is another key pair.
_PAIR = frozenset({"generation", "privateKey"})


class SshKey(Resource):
    """Kept until `generation` or a given `privateKey` changes; a new comment keeps the key."""

    token = "k3s:index:SshKey"
    description = "An Ed25519 SSH key pair; the private half is secret in state."
    inputs: ClassVar[Fields] = {
        "comment": Property(
            "string",
            "The comment of the public key.",
            fix='one line, such as the name of the machine: "demo-servers-0"',
            test=matches(r"[^\n]*\Z", "has more than one line"),
        ),
        "generation": Property(
            "string", "A change generates another key pair, in place.", fix='any text, such as "1"'
        ),
        "privateKey": Property(
            "string",
            "A given key, instead of a generated one.",
            secret=True,
            optional=True,
            fix="an Ed25519 key in OpenSSH's form, without a passphrase",
            test=check_private_key,
        ),
    }
    outputs: ClassVar[Fields] = {
        "publicKey": Property("string", "`ssh-ed25519 AAAA... comment`"),
        "privateKey": Property("string", "The private key in OpenSSH's PEM form.", secret=True),
        "fingerprint": Property("string", "`SHA256:...`, in the form of OpenSSH."),
        "previousPublicKey": Property("string", "The public key before the last change, or empty."),
        "previousPrivateKey": Property(
            "string", "Its private key: a machine may have missed the change.", secret=True
        ),
    }

    def __init__(self, host_keys: HostKeys) -> None:
        self._host_keys = host_keys

    def observe(self, state: Values) -> None:
        if "publicKey" in state:
            self._host_keys.remember(state.get("previousPublicKey", ""), state["comment"])
            self._host_keys.remember(state["publicKey"], state["comment"])

    def create(self, operation: Operation, inputs: Values) -> Created:
        computed = _pair(inputs)
        return Created(id=computed["fingerprint"], computed=computed)

    def recomputed_outputs(self, changed: Names) -> Names:
        return ("publicKey",) if _PAIR.isdisjoint(changed) else tuple(self.outputs)

    def update(self, operation: Operation, inputs: Values, state: Values, changed: Names) -> Values:
        if not _PAIR.isdisjoint(changed):
            return _pair(inputs, state)
        key = " ".join(state["publicKey"].split()[:2])
        kept = super().update(operation, inputs, state, changed)
        return {**kept, "publicKey": f"{key} {inputs['comment']}".rstrip()}


def _pair(inputs: Values, previous: Values | None = None) -> dict[str, str]:
    from provider.keys import ed25519

    given = inputs.get("privateKey")
    private, line = (given, ed25519.public_of(given)) if given else ed25519.generate()
    return {
        "publicKey": f"{line} {inputs['comment']}".rstrip(),
        "privateKey": private,
        "fingerprint": fingerprint_of(line),
        "previousPublicKey": previous["publicKey"] if previous else "",
        "previousPrivateKey": previous["privateKey"] if previous else "",
    }
