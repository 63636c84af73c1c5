"""K3sCluster (k3s:aws:K3sCluster): the whole cluster, and what its users get of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from cluster import backup, bucket, expiry, network, node_config, parameters, restore
from cluster.machine_files import NodeConfig
from cluster.model import Cluster, Node
from cluster.model import NodePool as PoolPlan
from cluster.node_config import Addresses, NodeContext
from cluster.spec import Architecture
from cluster.stored_programs import RESTORE
from components import (
    backups,
    bom,
    console,
    data_volume,
    endpoint,
    error_hooks,
    parameter,
    plugin,
    retries,
)
from components.address import Address, AddressArgs
from components.bucket import Bucket, BucketArgs
from components.control_plane import ControlPlane, ControlPlaneArgs
from components.credentials import Credentials, CredentialsArgs
from components.datastore import ETCD, Datastore, DatastoreArgs
from components.kubeconfigs import Kubeconfigs
from components.machine import Access, Machine, MachineArgs
from components.machine_roles import MachineRoles
from components.network import Network, NetworkArgs
from components.node_pool import NodePool, NodePoolArgs
from components.parameter import SecretParameters


@dataclass(frozen=True, kw_only=True)
class K3sClusterArgs:
    """The resolved cluster, and the text of the boot program."""

    cluster: Cluster
    boot_program: Mapping[str, str]
    """The modules of the boot program, by their file names."""
    k3s_files: Mapping[Architecture, Path] = field(default_factory=dict)
    """What goes into the bucket where k3s is to come from it."""
    registry_auth: Mapping[str, Any] = field(default_factory=dict)
    """Passwords of image registries; secret."""
    login_key: str | None = None
    """The operator's own SSH key to log in with; secret."""
    restored: restore.Credentials | None = None
    """Those of the snapshot, in the update that restores it; secret."""
    existing_machines: pulumi.Output[dict[str, int]]
    """How many machines of each pool exist already (components/rollout.py)."""
    datastore_on_root_volume: bool = False
    """Whether servers must not be replaced, since their data would be lost with them."""
    via: pulumi.InvokeOptions | None = None
    """The provider of the lookups."""


class K3sCluster(pulumi.ComponentResource):
    """
    A k3s cluster on EC2 (k3s:aws:K3sCluster).

    Creates the network, the credentials, a role for servers and one for agents, the addresses, the
    servers' data volumes, the machines, and the kubeconfigs. It is there when every node is Ready.
    """

    api_endpoint: pulumi.Output[str]
    nodes: pulumi.Output[list[dict[str, Any]]]
    boot_report: pulumi.Output[dict[str, Any]]
    bom: pulumi.Output[dict[str, Any]]
    kubeconfigs: Mapping[str, pulumi.Output[str]]
    """By the identity's name, in the order of the configuration."""
    admin_kubeconfig: pulumi.Output[str] | None
    expires_at: pulumi.Output[str] | None
    """When the machines end themselves, in RFC 3339 and UTC."""
    snapshots: pulumi.Output[str] | None
    """The folder of the snapshots, as an S3 URL."""

    def __init__(
        self, name: str, args: K3sClusterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        cluster = args.cluster
        hooks = error_hooks.options({**retries.hooks(name), **console.hooks(name, cluster.network)})
        opts = pulumi.ResourceOptions.merge(opts, hooks)
        # Where everything is, in the state before there is anything: recovery compares it.
        place = {"accountId": cluster.account_id, "region": cluster.region}
        super().__init__("k3s:aws:K3sCluster", name, place, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._name, self._args = name, args
        self.expires_at = self._create_expiry()
        ends = {} if self.expires_at is None else {expiry.TAG: self.expires_at}
        self._tags: dict[str, pulumi.Input[str]] = {**cluster.tags, **ends}
        self._short_tags: dict[str, pulumi.Input[str]] = {**cluster.short_tags, **ends}
        self._network = self._create_network()
        self._parameters = SecretParameters(
            key_arn=cluster.parameter_key_arn,
            tags=self._tags,
            replacement=parameter.replacement(
                name, cluster.parameter_key_arn, args.existing_machines
            ),
        )
        self._credentials = Credentials(
            name,
            CredentialsArgs(
                cluster=cluster,
                registry_auth=args.registry_auth,
                login_key=args.login_key,
                restored=args.restored,
                parameters=self._parameters,
            ),
            self._child,
        )
        self._parameters = self._parameters.of(self._credentials.authority)
        self._bucket = self._create_bucket()
        self._backups = backups.create(name, cluster, self._tags, self._short_tags, self._child)
        self._addresses = {node.suffix: self._create_address(node) for node in cluster.nodes}
        self.snapshots = (
            pulumi.Output.format("s3://{0}/{1}", self._backups.bucket_name, backup.folder(cluster))
            if self._backups
            else None
        )
        self._volumes = {node.suffix: self._create_volume(node) for node in self._servers()}
        self._roles = MachineRoles(
            name,
            cluster,
            self._bucket,
            self._backups,
            self._addresses,
            self._tags,
            self._child,
            registry_auth=bool(args.registry_auth),
        )
        self._endpoint = self._create_endpoint()
        self.api_endpoint = self._endpoint.url
        self._access = self._grant_access()

        machines = self._create_machines()
        self._roles.deny_parameters(
            (node, machine.node) for node, machine in zip(cluster.nodes, machines, strict=True)
        )
        self.nodes = pulumi.Output.all(*[machine.summary for machine in machines])
        self.boot_report = pulumi.Output.all(
            *[machine.node.bootReport for machine in machines]
        ).apply(lambda reports: {report["node"]: report for report in reports})
        self.bom = bom.of(cluster, machines, args.boot_program, self._bucket, args.via)
        kubeconfigs = Kubeconfigs(
            parent=self,
            name=name,
            cluster=cluster,
            api=self._access.api,
            servers=machines[: cluster.servers.count],
            authority=self._credentials.authority,
            datastore=self._datastore,
        )
        self.kubeconfigs = {each.name: kubeconfigs.of_identity(each) for each in cluster.identities}
        self.admin_kubeconfig = kubeconfigs.of_administrator() if cluster.admin_kubeconfig else None
        self.register_outputs(self._registered())

    def _registered(self) -> Mapping[str, Any]:
        """The outputs in state."""
        return {"apiEndpoint": self.api_endpoint, "kubeconfigs": self.kubeconfigs}

    def _create_expiry(self) -> pulumi.Output[str] | None:
        """When the cluster ends; None without an end."""
        seconds = self._args.cluster.ttl_seconds
        if seconds is None:
            return None
        return plugin.Expiry(self._name, {"ttlSeconds": seconds}, self._child).expiresAt

    def _create_network(self) -> Network:
        cluster = self._args.cluster
        return Network(
            self._name,
            NetworkArgs(
                vpc_cidr=str(cluster.network.vpc_cidr),
                vpc_id=cluster.vpc_id,
                subnets=cluster.subnets,
                ingress=network.ingress_rules(cluster),
                tags=self._tags,
            ),
            self._child,
        )

    def _create_bucket(self) -> Bucket | None:
        cluster = self._args.cluster
        if not bucket.needed(cluster):
            return None
        objects: dict[str, str | pulumi.FileAsset] = {
            bucket.manifest_key(each): each.content for each in bucket.stored_manifests(cluster)
        }
        if cluster.restore_from:
            objects[RESTORE.key] = RESTORE.text
        for architecture, path in self._args.k3s_files.items():
            objects[bucket.k3s_key(cluster, architecture)] = pulumi.FileAsset(str(path))
        args = BucketArgs(objects=objects, tags=self._tags, object_tags=self._short_tags)
        return Bucket(f"{self._name}-files", args, self._child)

    def _create_address(self, node: Node) -> Address:
        return Address(
            f"{self._name}-{node.suffix}",
            AddressArgs(
                network=self._network,
                subnet=node.subnet,
                role=node.role,
                public=self._args.cluster.network.public_addresses,
                source_dest_check=network.source_dest_check(self._args.cluster),
                tags={**self._tags, **endpoint.record_tags(self._args.cluster, node)},
            ),
            self._child,
        )

    def _create_volume(self, node: Node) -> aws.ebs.Volume:
        name = f"{self._name}-{node.suffix}"
        cluster = self._args.cluster
        return data_volume.create(name, cluster, node, self._parameters.tags, self._child)

    def _create_endpoint(self) -> endpoint.Endpoint:
        return endpoint.create(
            self._name,
            endpoint.EndpointArgs(
                cluster=self._args.cluster,
                network=self._network,
                servers=self._server_addresses(),
                tags=self._tags,
            ),
            self._child,
        )

    def _servers(self) -> tuple[Node, ...]:
        return self._args.cluster.nodes_of(self._args.cluster.servers)

    def _server_addresses(self) -> dict[str, Address]:
        return {each.suffix: self._addresses[each.suffix] for each in self._servers()}

    def _grant_access(self) -> Access:
        authority = self._credentials.authority
        return Access(
            authority=authority,
            endpoint_ready=self._endpoint.ready,
            login_key=self._credentials.login_key,
            api={
                "endpoint": self.api_endpoint,
                "serverCaCertificate": authority.serverCaCertificate,
                "clientCertificate": authority.adminCertificate,
                "clientKey": authority.adminKey,
            },
            other_endpoints=self._endpoint.other_urls,
        )

    def _create_machines(self) -> list[Machine]:
        cluster = self._args.cluster
        control_plane = ControlPlane(
            f"{self._name}-{cluster.servers.name}",
            ControlPlaneArgs(
                machines=self._plan_machines(cluster.servers, None),
                existing=self._existing(cluster.servers),
            ),
            self._child,
        )
        self._endpoint.add_servers(
            self._server_addresses(), control_plane.servers, self._existing(cluster.servers)
        )
        first = control_plane.servers[0]
        self._datastore = self._record_datastore(first)
        pools = [
            NodePool(
                f"{self._name}-{pool.name}",
                NodePoolArgs(
                    machines=self._plan_machines(pool, self._datastore.id),
                    control_plane=control_plane,
                    existing=self._existing(pool),
                    existing_servers=self._existing(cluster.servers),
                    max_unavailable=pool.max_unavailable,
                ),
                self._child,
            )
            for pool in cluster.pools
        ]
        return [*control_plane.servers, *(agent for pool in pools for agent in pool.agents)]

    def _record_datastore(self, server: Machine) -> Datastore:
        return Datastore(
            self._name,
            DatastoreArgs(
                storage_id=self._storage_id(),
                first_server=server.node,
                record_name=parameters.datastore(self._args.cluster),
                tags=self._parameters.tags,
            ),
            self._child,
        )

    def _storage_id(self) -> pulumi.Input[str]:
        cluster = self._args.cluster
        return ETCD if cluster.has_etcd else self._volumes[cluster.nodes[0].suffix].id

    def _existing(self, pool: PoolPlan) -> pulumi.Output[int]:
        return self._args.existing_machines.apply(lambda counts: counts.get(pool.name, 0))

    def _plan_machines(
        self, pool: PoolPlan, datastore_id: pulumi.Output[str] | None
    ) -> dict[str, MachineArgs]:
        return {
            f"{self._name}-{node.suffix}": MachineArgs(
                cluster=self._args.cluster,
                node=node,
                address=self._addresses[node.suffix],
                profile_name=self._roles.of(node).profile_name,
                image_id=node.pool.image_id,
                has_datastore=pool.role == "server" and self._args.datastore_on_root_volume,
                boot_program=self._args.boot_program,
                node_config=self._node_config(node),
                data_volume=self._volumes.get(node.suffix),
                datastore_id=datastore_id,
                access=self._access,
                secrets=self._credentials.secrets[node.role],
                parameters=self._parameters,
                ready_to_boot=[
                    self._roles.of(node).policy,
                    *self._credentials.parameters[node.role],
                    *(self._bucket.objects if self._bucket else ()),
                    *(self._backups.objects if self._backups else ()),
                ],
                tags=self._tags,
            )
            for node in self._args.cluster.nodes_of(pool)
        }

    def _node_config(self, node: Node) -> pulumi.Output[NodeConfig]:
        address, volume = self._addresses[node.suffix], self._volumes.get(node.suffix)

        def build(known: Mapping[str, Any]) -> NodeConfig:
            context = NodeContext(
                server_private_ips=tuple(known["servers"]),
                endpoint_host=known["host"],
                bucket=known["bucket"],
                backup_bucket=known["backups"],
                registry_auth=bool(self._args.registry_auth),
                expires_at=known["expires"],
            )
            addresses = Addresses(private_ip=known["private"], public_ip=known["public"])
            return node_config.build(self._args.cluster, node, addresses, context, known["volume"])

        return pulumi.Output.all(
            private=address.private_ip,
            public=address.public_ip,
            servers=[self._addresses[each.suffix].private_ip for each in self._servers()],
            host=self._endpoint.host,
            bucket=self._bucket.bucket_name if self._bucket else None,
            backups=self._backups.bucket_name if self._backups else None,
            volume=volume.id if volume else None,
            expires=self.expires_at,
        ).apply(build)
