"""Token (k3s:index:Token): a join token that pins the cluster's authority."""

from __future__ import annotations

from typing import ClassVar, Final

from provider.operation import Names, Operation, Values
from provider.protocol.properties import Fields, Property, matches
from provider.protocol.resource import Created, Resource

# The length that k3s itself generates.
_PASSWORD_BYTES: Final = 16
# A change of these is another password.
_PASSWORD: Final = frozenset({"generation", "given"})


class Token(Resource):
    """Machines that join get the full form; servers get only the password of the agents' token."""

    token = "k3s:index:Token"
    description = (
        "A join token in k3s's secure form, bound to the hash of the server CA. A "
        "change of `generation` generates another password, in place."
    )
    inputs: ClassVar[Fields] = {
        "caHash": Property(
            "string",
            "SHA-256 of the server CA's PEM bytes, in hex.",
            fix="use caHash of the CertificateAuthority",
            test=matches("[0-9a-f]{64}$", "is not a SHA-256 in lower-case hex"),
        ),
        "userName": Property(
            "string",
            "`server` for the token servers join with, `node` for the agents' token.",
            fix='"server" or "node"',
            choices=("server", "node"),
        ),
        "generation": Property(
            "string", "A change generates another password.", fix='any text, such as "1"'
        ),
        "given": Property(
            "string",
            "The password of a cluster that is restored, instead of a generated one. It may be "
            "left out later.",
            secret=True,
            optional=True,
            fix="use the credentials beside the snapshot",
            test=matches("[0-9a-f]{32}$", "is not a password of this program"),
        ),
    }
    outputs: ClassVar[Fields] = {
        "password": Property("string", "The token's password.", secret=True),
        "token": Property("string", "`K10<caHash>::<userName>:<password>`", secret=True),
    }
    replaces = frozenset({"caHash", "userName"})

    def create(self, operation: Operation, inputs: Values) -> Created:
        identity = operation.environment.random_hex(4)
        return Created(id=f"{inputs['userName']}-{identity}", computed=_generate(operation, inputs))

    def compared_inputs(self, previous: Values, inputs: Values, state: Values) -> Values:
        given = inputs.get("given")
        # It is the password that is there, or was where it is left out.
        if given in (None, state.get("password")):
            return {**previous, "given": given}
        return previous

    def recomputed_outputs(self, changed: Names) -> Names:
        return () if _PASSWORD.isdisjoint(changed) else tuple(self.outputs)

    def update(self, operation: Operation, inputs: Values, state: Values, changed: Names) -> Values:
        if not _PASSWORD.isdisjoint(changed):
            return _generate(operation, inputs)
        return super().update(operation, inputs, state, changed)


def _generate(operation: Operation, inputs: Values) -> dict[str, str]:
    password = inputs.get("given") or operation.environment.random_hex(_PASSWORD_BYTES)
    token = f"K10{inputs['caHash']}::{inputs['userName']}:{password}"
    return {"password": password, "token": token}
