"""MachineTemplate (k3s:index:MachineTemplate): the recorded image and user data of a machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from cluster import root_volume
from provider.operation import Names, Operation, Values
from provider.protocol.differences import Difference
from provider.protocol.properties import Fields, Property
from provider.protocol.resource import Created, Resource


class MachineTemplate(Resource):
    """
    Image and user data as they were when `generation` or `networkInterfaceId` last changed.

    While both stay, a new image or user data is no change: the outputs are the recorded ones
    (docs/decisions/0004). With another interface the recorded user data would have the addresses of
    the previous one. Neither changes while the datastore is on the root volume of the machine.
    """

    token = "k3s:index:MachineTemplate"
    description = "Image and user data of a machine, kept until generation or interface changes."
    inputs: ClassVar[Fields] = {
        "generation": Property(
            "string", "Changes when the machine must be replaced.", fix="any string, such as a hash"
        ),
        "networkInterfaceId": Property(
            "string",
            "The interface whose addresses are in the user data.",
            fix='such as "eni-0123"',
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
            each.path == ("generation",)
            or (each.path == ("networkInterfaceId",) and each.kind == "UPDATE")
            for each in differences
        )
        return differences if changed else ()

    def reject_update(self, changed: Names, inputs: Values, state: Values) -> str | None:
        if not changed or not inputs.get("hasDatastore"):
            return None
        return str(root_volume.problem("cluster", "a change of this update replaces the server"))

    def create(self, operation: Operation, inputs: Values) -> Created:
        return Created(id=operation.environment.random_hex(8), computed={})
