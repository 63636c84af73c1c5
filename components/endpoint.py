"""Where clients connect to the Kubernetes API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from cluster import endpoint, expiry, network
from cluster.model import Cluster, Node
from components.address import Address
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.machine import Machine
from components.network import Network
from components.rollout import after_change


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """
    Where kubectl and the provider connect.

    Nodes do not use it: they join through the servers' private addresses. `host` is in the
    certificates of every server; `ready` is what has to exist before anybody can connect. Where
    `host` is the address of one server, `others` are those of the others, for the provider alone.
    """

    host: pulumi.Output[str]
    others: Sequence[pulumi.Output[str]] = ()
    ready: Sequence[pulumi.Resource] = ()
    balancer: LoadBalancer | None = None

    @property
    def url(self) -> pulumi.Output[str]:
        return _url(self.host)

    @property
    def other_urls(self) -> list[pulumi.Output[str]]:
        return [_url(each) for each in self.others]

    def add_servers(
        self,
        addresses: Mapping[str, Address],
        servers: Sequence[Machine],
        existing: pulumi.Output[int],
    ) -> None:
        """
        Sends requests to the servers besides the first, by the suffixes of their names.

        In a cluster that exists each comes after its own node: where no target is healthy, such as
        while the only server restarts, a load balancer sends requests to all of them, and the
        certificates of existing servers do not have the name of a new load balancer yet.
        """
        if self.balancer is None:
            return
        for (suffix, address), server in [*zip(addresses.items(), servers, strict=True)][1:]:
            after = after_change(existing, server.node)
            self.balancer.add_server(suffix, address, after)


@dataclass(frozen=True, kw_only=True)
class EndpointArgs:
    """The cluster, its network, and the servers' addresses by the suffixes of their names."""

    cluster: Cluster
    network: Network
    servers: Mapping[str, Address]
    tags: Mapping[str, pulumi.Input[str]]


def create(name: str, args: EndpointArgs, opts: pulumi.ResourceOptions) -> Endpoint:
    """The endpoint of the configured type, with the load balancer or the record it needs."""
    wanted = args.cluster.endpoint
    addresses = [_address(each, internal=wanted.internal) for each in args.servers.values()]
    if wanted.type == "loadBalancer":
        balancer = LoadBalancer(
            f"{name}-api",
            LoadBalancerArgs(
                cluster=args.cluster,
                network=args.network,
                first_server=next(iter(args.servers.items())),
                tags=args.tags,
            ),
            opts,
        )
        return Endpoint(host=balancer.host, ready=balancer.ready, balancer=balancer)
    if wanted.type == "dnsName" and wanted.hostname:
        host = pulumi.Output.from_input(wanted.hostname)
        return Endpoint(host=host, ready=_record(name, wanted.zone_id, host, addresses, opts))
    return Endpoint(host=addresses[0], others=addresses[1:])


def record_tags(cluster: Cluster, node: Node) -> dict[str, pulumi.Input[str]]:
    """
    The record that leads to a server, which has no tags itself, so that it is found by its address
    when the state of an expired cluster is lost.
    """
    wanted = cluster.endpoint
    if cluster.ttl_seconds is None or node.role != "server":
        return {}
    if not wanted.zone_id or not wanted.hostname:
        return {}
    return {expiry.RECORD_TAG: expiry.record_value(wanted.zone_id, wanted.hostname)}


def _url(host: pulumi.Output[str]) -> pulumi.Output[str]:
    return pulumi.Output.format("https://{0}:{1}", host, network.API_PORT)


def _address(address: Address, *, internal: bool) -> pulumi.Output[str]:
    return address.private_ip if internal else address.reached_at


def _record(
    name: str,
    zone_id: str | None,
    host: pulumi.Output[str],
    addresses: Sequence[pulumi.Output[str]],
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """The record of the name with the address of each server, where there is a zone for it."""
    if zone_id is None:
        return []
    record = aws.route53.Record(
        f"{name}-api",
        zone_id=zone_id,
        name=host,
        type="A",
        ttl=endpoint.RECORD_TTL_SECONDS,
        records=list(addresses),
        opts=opts,
    )
    return [record]
