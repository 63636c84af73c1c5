"""Datastore (k3s:index:Datastore): the identity of the data of a cluster."""

from __future__ import annotations

from typing import ClassVar

from provider.operation import Operation, Values
from provider.protocol.properties import Fields, Property
from provider.protocol.resource import Created, Resource


class Datastore(Resource):
    """
    An identity that is replaced exactly when the data is other data: agents join again on that,
    and the rights of identities are bound again. It creates nothing outside of the state.

    The data is other data when it is on another storage, since a new one is empty.
    """

    token = "k3s:index:Datastore"
    description = "The identity of a cluster's data, replaced when the data is other data."
    inputs: ClassVar[Fields] = {
        "storageId": Property(
            "string",
            "What holds the data: the instance of a server with it on its root volume.",
            fix="the instance id of the server",
        ),
    }
    outputs: ClassVar[Fields] = {}
    replaces = frozenset({"storageId"})

    def create(self, operation: Operation, inputs: Values) -> Created:
        return Created(id=operation.environment.random_hex(8), computed={})
