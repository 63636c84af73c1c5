"""LoadBalancer (k3s:aws:LoadBalancer): the Kubernetes API of several servers at one name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from cluster import endpoint
from cluster.model import Cluster
from cluster.network import API_PORT, LOAD_BALANCER
from components.address import Address
from components.network import Network


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """The cluster, its network, and the first server: the suffix of its name, and its address."""

    cluster: Cluster
    network: Network
    first_server: tuple[str, Address]
    tags: Mapping[str, pulumi.Input[str]]


class LoadBalancer(pulumi.ComponentResource):
    """
    A network load balancer in front of the servers' API (k3s:aws:LoadBalancer).

    Creates the load balancer, a target group with the private address of the first server, and the
    listener; `add_server` adds further servers. An address stays with its server, so a replaced
    machine is no change here.
    """

    host: pulumi.Output[str]
    ready: list[pulumi.Resource]
    """What has to exist before anybody can connect."""

    def __init__(
        self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("k3s:aws:LoadBalancer", name, None, opts)
        # The names are chosen, and two of them cannot exist beside each other.
        child = pulumi.ResourceOptions(parent=self, delete_before_replace=True)
        cluster, network = args.cluster, args.network
        tags = {**args.tags, "Name": name}
        balancer = aws.lb.LoadBalancer(
            name,
            name=endpoint.load_balancer_name(cluster),
            load_balancer_type="network",
            internal=cluster.endpoint.internal,
            security_groups=[network.security_group_ids[LOAD_BALANCER]],
            subnets=[network.subnet_ids[each] for each in endpoint.load_balancer_subnets(cluster)],
            enable_cross_zone_load_balancing=True,
            tags=tags,
            # AWS refuses a public one in a VPC whose internet gateway is not attached yet.
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[network])),
        )
        group = self._target_group(name, args, tags, child)
        listener = aws.lb.Listener(
            name,
            load_balancer_arn=balancer.arn,
            port=API_PORT,
            protocol="TCP",
            default_actions=[{"type": "forward", "target_group_arn": group.arn}],
            tags=tags,
            opts=child,
        )
        self._name, self._child, self._group = name, child, group
        self.host = balancer.dns_name
        self.ready = [listener, self.add_server(*args.first_server)]
        self.register_outputs({"host": self.host})

    def add_server(
        self,
        suffix: str,
        address: Address,
        after: pulumi.Input[Sequence[pulumi.Resource]] = (),
    ) -> pulumi.Resource:
        """Sends requests to a server too, `after` the resources; the suffix is of its name."""
        return aws.lb.TargetGroupAttachment(
            f"{self._name}-{suffix}",
            target_group_arn=self._group.arn,
            target_id=address.private_ip,
            port=API_PORT,
            opts=pulumi.ResourceOptions.merge(
                self._child, pulumi.ResourceOptions(depends_on=after)
            ),
        )

    def _target_group(
        self,
        name: str,
        args: LoadBalancerArgs,
        tags: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
    ) -> aws.lb.TargetGroup:
        return aws.lb.TargetGroup(
            name,
            name=endpoint.load_balancer_name(args.cluster),
            port=API_PORT,
            protocol="TCP",
            target_type="ip",
            vpc_id=args.network.vpc_id,
            health_check={
                "protocol": "HTTPS",
                "path": endpoint.HEALTH_PATH,
                "matcher": endpoint.HEALTHY_STATUSES,
                "interval": endpoint.HEALTH_INTERVAL_SECONDS,
                "timeout": endpoint.HEALTH_TIMEOUT_SECONDS,
                "healthy_threshold": endpoint.HEALTH_THRESHOLD,
                "unhealthy_threshold": endpoint.HEALTH_THRESHOLD,
            },
            tags=tags,
            opts=opts,
        )
