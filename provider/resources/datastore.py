"""Datastore (k3s:index:Datastore): the identity of the data of a cluster."""

from __future__ import annotations

from typing import Any, ClassVar

from provider.operation import Operation, Values
from provider.protocol.differences import Difference
from provider.protocol.properties import Fields, Property
from provider.protocol.resource import Created, Resource
from provider.protocol.values import UNKNOWN


class Datastore(Resource):
    """
    An identity that is replaced exactly when the data is other data: agents join again on that,
    and the rights of identities are bound again. It creates nothing outside of the state.

    The data is other data when it is on another storage, since a new one is empty; but it moves
    from the root volume of an instance to a volume of its own, and from SQLite to etcd.
    """

    token = "k3s:index:Datastore"
    description = "The identity of a cluster's data, replaced when the data is other data."
    inputs: ClassVar[Fields] = {
        "storageId": Property(
            "string",
            "What holds the data: the volume of the one server, the instance with it on its root "
            "volume, or `etcd`.",
            fix='the id of the volume, or "etcd"',
        ),
    }
    outputs: ClassVar[Fields] = {}
    replaces = frozenset({"storageId"})

    def compared_inputs(self, previous: Values, inputs: Values, state: Values) -> Values:
        # What moves is recorded under another name, which is no difference of the old one.
        if _moves(previous.get("storageId"), inputs["storageId"]):
            return {key: each for key, each in previous.items() if key != "storageId"}
        return previous

    def is_replaced_by(self, difference: Difference, inputs: Values) -> bool:
        return difference.kind != "ADD"

    def create(self, operation: Operation, inputs: Values) -> Created:
        return Created(id=operation.environment.random_hex(8), computed={})


def _moves(previous: Any, storage: Any) -> bool:
    """Whether the data goes on in the storage; one that is not known yet is a new volume."""
    moved = {"i": ("vol", "etcd"), "vol": ("etcd",)}.get(_kind(previous), ())
    return _kind(storage) in moved


def _kind(storage: Any) -> str:
    return "vol" if storage == UNKNOWN else str(storage).partition("-")[0]
