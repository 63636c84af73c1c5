"""NodePool (k3s:aws:NodePool): the agents of one pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.control_plane import ControlPlane
from components.machine import Machine, MachineArgs
from components.rollout import Turn


@dataclass(frozen=True, kw_only=True)
class NodePoolArgs:
    """
    The machines of the pool, by their logical names, and the control plane they join.

    `existing` of them, the first ones, exist already; at most `max_unavailable` of those are
    changed or replaced at a time.
    """

    machines: Mapping[str, MachineArgs]
    control_plane: ControlPlane
    existing: pulumi.Output[int]
    existing_servers: pulumi.Output[int]
    max_unavailable: int


class NodePool(pulumi.ComponentResource):
    """
    The agents of one pool (k3s:aws:NodePool).

    Creates one machine for each. Those of a new cluster boot together with the servers, and their
    nodes come after the servers'. Existing ones are changed after the servers, in turn; new ones of
    an existing cluster are created after the servers, all at once.
    """

    agents: list[Machine]

    def __init__(
        self, name: str, args: NodePoolArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("k3s:aws:NodePool", name, None, opts)
        control_plane = [server.node for server in args.control_plane.servers]
        node_opts = pulumi.ResourceOptions(depends_on=control_plane)
        child = pulumi.ResourceOptions(parent=self)
        self.agents = []
        for machine_name, machine in args.machines.items():
            turn = Turn(
                existing=args.existing,
                max_unavailable=args.max_unavailable,
                pool=[agent.node for agent in self.agents],
                control_plane=control_plane,
                existing_servers=args.existing_servers,
            )
            self.agents.append(
                Machine(machine_name, machine, child, turn=turn, node_opts=node_opts)
            )
        self.register_outputs({"nodeNames": [agent.node.nodeName for agent in self.agents]})
