"""MachineTemplate (k3s:index:MachineTemplate): the recorded image and user data of a machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from cluster import root_volume
from provider.operation import Names, Operation, Values
from provider.protocol.differences import Difference
from provider.protocol.properties import Fields, Property
from provider.protocol.resource import Created, Resource

_IN_USER_DATA = (("networkInterfaceId",), ("dataVolumeId",))


class MachineTemplate(Resource):
    """
    Image and user data as they were when `generation`, `networkInterfaceId` or `dataVolumeId` last
    changed.

    While they stay, a new image or user data is no change: the outputs are the recorded ones
    (docs/decisions/0004). With another interface the recorded user data would have the addresses of
    the previous one, and with another data volume the machine would wait for the previous one. None
    changes while the datastore is on the root volume of the machine.
    """

    token = "k3s:index:MachineTemplate"
    description = "Image and user data of a machine, kept until what is in them for good changes."
    inputs: ClassVar[Fields] = {
        "generation": Property(
            "string", "Changes when the machine must be replaced.", fix="any string, such as a hash"
        ),
        "networkInterfaceId": Property(
            "string",
            "The interface whose addresses are in the user data.",
            fix='such as "eni-0123"',
        ),
        "dataVolumeId": Property(
            "string",
            "The volume with the datastore that the user data has the machine wait for.",
            fix='such as "vol-0123"',
            optional=True,
        ),
        "imageId": Property("string", "The image.", fix='such as "ami-0123"'),
        "userData": Property("string", "The user data, encoded for EC2."),
        "hasDatastore": Property(
            "boolean",
            "Whether the datastore is on the root volume, so that a replacement is rejected.",
            fix="true or false",
            optional=True,
        ),
    }
    outputs: ClassVar[Fields] = {}

    def filter_diff(self, differences: Sequence[Difference]) -> Sequence[Difference]:
        # A value that is not in the state yet is no change.
        changed = any(
            each.path == ("generation",) or (each.path in _IN_USER_DATA and each.kind == "UPDATE")
            for each in differences
        )
        return differences if changed else ()

    def reject_update(self, changed: Names, inputs: Values, state: Values) -> str | None:
        if not changed or not inputs.get("hasDatastore"):
            return None
        return str(root_volume.problem("cluster", "a change of this update replaces the server"))

    def create(self, operation: Operation, inputs: Values) -> Created:
        return Created(id=operation.environment.random_hex(8), computed={})
