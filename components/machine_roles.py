"""The roles of a cluster's machines: one for the servers, one for so many agents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pulumi

from cluster import backup, bucket, network, parameters, policies, restore
from cluster.model import Cluster, Node
from cluster.spec import Role
from cluster.stored_programs import PROGRAMS
from components import plugin
from components.address import Address
from components.backups import Backups
from components.bucket import Bucket
from components.machine_role import MachineRole, MachineRoleArgs


class MachineRoles:
    """
    Creates the roles of all machines, below the component of `opts`.

    `addresses` are those of the machines, by `Node.suffix`. `registry_auth`: whether there are
    passwords of image registries, which machines may read.
    """

    def __init__(
        self,
        name: str,
        cluster: Cluster,
        files: Bucket | None,
        backups: Backups | None,
        addresses: Mapping[str, Address],
        tags: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
        *,
        registry_auth: bool,
    ) -> None:
        self._cluster, self._files, self._opts = cluster, files, opts
        self._backups = backups
        self._addresses = addresses
        self._tags = tags
        self._registry_auth = registry_auth
        self._of_node: dict[str, MachineRole] = {}
        for role in network.ROLES:
            nodes = [node for node in cluster.nodes if node.role == role]
            size = policies.MACHINES_OF_A_ROLE
            for first in range(0, max(len(nodes), 1), size):
                suffix = f"-{first // size + 1}" if first else ""
                mine = nodes[first : first + size]
                created = self._create(f"{name}-{role}{suffix}", role, mine)
                self._of_node |= {node.suffix: created for node in mine}

    def of(self, node: Node) -> MachineRole:
        """The role of one machine."""
        return self._of_node[node.suffix]

    def deny_parameters(self, joined: Iterable[tuple[Node, plugin.Node]]) -> None:
        """Denies the parameters to the machines of these nodes, once they have joined."""
        of_role: dict[MachineRole, list[plugin.Node]] = {}
        for node, resource in joined:
            of_role.setdefault(self.of(node), []).append(resource)
        for role, nodes in of_role.items():
            role.deny_parameters(nodes)

    def _create(self, name: str, role: Role, nodes: Sequence[Node]) -> MachineRole:
        cluster = self._cluster
        readable = parameters.readable_by(cluster, role, registries=self._registry_auth)
        return MachineRole(
            name,
            MachineRoleArgs(
                parameter_arns=list(map(self._parameter_arn, readable)),
                private_ips=[self._addresses[node.suffix].private_ip for node in nodes],
                own_parameter_arn=lambda address: self._parameter_arn(
                    parameters.host_key(cluster, role, address)
                ),
                partition=cluster.partition,
                all_parameters=self._parameter_arn(parameters.everything(cluster)),
                key_arn=cluster.parameter_key_arn,
                object_arns=self._readable_objects(role),
                written_arns=self._written_objects(role),
                written_key_arn=cluster.backup.kms_key_arn if cluster.backup else None,
                tags=self._tags,
            ),
            self._opts,
        )

    def _parameter_arn(self, name: str) -> str:
        cluster = self._cluster
        return parameters.arn(
            name, partition=cluster.partition, region=cluster.region, account_id=cluster.account_id
        )

    def _readable_objects(self, role: Role) -> list[pulumi.Input[str]]:
        cluster = self._cluster
        found: list[pulumi.Input[str]] = []
        if self._files:
            folders = bucket.readable(cluster, role)
            found += [pulumi.Output.concat(self._files.arn, f"/{each}/*") for each in folders]
        if role == "server":
            found += restore.readable(cluster)
        if self._backups and role == "server":
            found.append(pulumi.Output.concat(self._backups.arn, f"/{PROGRAMS}/*"))
        return found

    def _written_objects(self, role: Role) -> list[pulumi.Input[str]]:
        if self._backups is None or role != "server":
            return []
        return [pulumi.Output.concat(self._backups.arn, f"/{backup.folder(self._cluster)}*")]
