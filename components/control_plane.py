"""ControlPlane (k3s:aws:ControlPlane): the servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.machine import Machine, MachineArgs
from components.rollout import Turn


@dataclass(frozen=True, kw_only=True)
class ControlPlaneArgs:
    """The machines of the servers by their logical names, and how many servers exist already."""

    machines: Mapping[str, MachineArgs]
    existing: pulumi.Output[int]


class ControlPlane(pulumi.ComponentResource):
    """
    The servers (k3s:aws:ControlPlane).

    Creates one machine for each. Those of a new cluster boot together; existing ones are changed
    one by one, and then new ones join them together. A replaced server continues with its data
    volume.
    """

    servers: list[Machine]

    def __init__(
        self, name: str, args: ControlPlaneArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("k3s:aws:ControlPlane", name, None, opts)
        self.servers = []
        for machine_name, machine in args.machines.items():
            turn = Turn(
                existing=args.existing,
                max_unavailable=1,
                pool=[server.node for server in self.servers],
                joins=True,
            )
            self.servers.append(
                Machine(machine_name, machine, pulumi.ResourceOptions(parent=self), turn=turn)
            )
        self.register_outputs({"nodeNames": [server.node.nodeName for server in self.servers]})
