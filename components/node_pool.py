"""NodePool (k3s:aws:NodePool): the agents of one pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.control_plane import ControlPlane
from components.machine import Machine, MachineArgs


@dataclass(frozen=True, kw_only=True)
class NodePoolArgs:
    """The machines of the pool, by their logical names, and the control plane they join."""

    machines: Mapping[str, MachineArgs]
    control_plane: ControlPlane


class NodePool(pulumi.ComponentResource):
    """
    The agents of one pool (k3s:aws:NodePool).

    Creates one machine for each. They boot together with the servers; only their nodes come after
    the servers', so that changes reach servers first.
    """

    agents: list[Machine]

    def __init__(
        self, name: str, args: NodePoolArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("k3s:aws:NodePool", name, None, opts)
        servers = args.control_plane.servers
        node_opts = pulumi.ResourceOptions(
            depends_on=[server.node for server in servers],
            # Where the cluster goes as a whole there is nothing to drain and nobody to ask.
            deleted_with=servers[0].instance,
        )
        self.agents = [
            Machine(machine_name, machine, pulumi.ResourceOptions(parent=self), node_opts=node_opts)
            for machine_name, machine in args.machines.items()
        ]
        self.register_outputs({"nodeNames": [agent.node.nodeName for agent in self.agents]})
