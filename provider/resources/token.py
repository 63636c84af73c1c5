"""Token (k3s:index:Token): a join token that pins the cluster's authority."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from provider.properties import Fields, Property
from provider.resources.resource import Created, Resource, Task, Values

# As many as k3s itself draws.
_PASSWORD_BYTES: Final = 16


def _sha256(value: str) -> str | None:
    return None if re.fullmatch("[0-9a-f]{64}", value) else "is no SHA-256 in lower-case hex"


class Token(Resource):
    """The full form is what an agent joins with; a server is given the bare password."""

    token = "k3s:index:Token"
    description = "A join token in k3s's secure form, bound to the hash of the server CA."
    inputs: ClassVar[Fields] = {
        "caHash": Property(
            kind="string",
            description="SHA-256 of the server CA's PEM bytes, in hex.",
            fix="use caHash of an Authority",
            test=_sha256,
        ),
        "user": Property(
            kind="string",
            description="`server` for the token servers join with, `node` for the agents' token.",
            fix='"server" or "node"',
            choices=("server", "node"),
        ),
    }
    outputs: ClassVar[Fields] = {
        "password": Property(kind="string", secret=True, description="The token's password."),
        "token": Property(
            kind="string", secret=True, description="`K10<caHash>::<user>:<password>`"
        ),
    }
    replaces = frozenset({"caHash", "user"})

    def create(self, task: Task, inputs: Values) -> Created:
        random_hex = task.surroundings.random_hex
        password = random_hex(_PASSWORD_BYTES)
        token = f"K10{inputs['caHash']}::{inputs['user']}:{password}"
        return Created(
            id=f"{inputs['user']}-{random_hex(4)}", learned={"password": password, "token": token}
        )
