"""MachineTemplate (k3s:index:MachineTemplate): what a machine is made from, remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from provider.operation import Operation, Values
from provider.protocol.differences import Difference
from provider.protocol.properties import Fields, Property, not_blank
from provider.protocol.resource import Created, Resource


class MachineTemplate(Resource):
    """
    Image and user data as they were when `generation` or `networkInterfaceId` last changed.

    While both stay, another image or user data is no change: the outputs are the remembered ones
    (docs/decisions/0004). On another interface the remembered user data names addresses that are
    not the machine's.
    """

    token = "k3s:index:MachineTemplate"
    description = "Image and user data of a machine, kept until generation or interface changes."
    inputs: ClassVar[Fields] = {
        "generation": Property(
            "string",
            "Changes when the machine has to be made anew.",
            fix="any text, for example a hash of what the machine is made of",
            test=not_blank,
        ),
        "networkInterfaceId": Property(
            "string",
            "The network interface whose addresses the user data names.",
            fix='such as "eni-0123"',
            test=not_blank,
        ),
        "imageId": Property("string", "The image.", fix='such as "ami-0123"'),
        "userData": Property("string", "The user data, encoded for EC2."),
    }
    outputs: ClassVar[Fields] = {}

    def filter_diff(self, differences: Sequence[Difference]) -> Sequence[Difference]:
        # One that was not remembered yet is no other one.
        changed = any(
            each.path == ("generation",)
            or (each.path == ("networkInterfaceId",) and each.kind == "UPDATE")
            for each in differences
        )
        return differences if changed else ()

    def create(self, operation: Operation, inputs: Values) -> Created:
        return Created(id=operation.environment.random_hex(8), computed={})
