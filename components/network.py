"""Network (k3s:aws:Network): where the machines stand and who may reach them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from cluster.model import Subnet
from cluster.network import API_PORT, LOAD_BALANCER, ROLES, Group, IngressRule


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """
    The subnets, and what the machines of each role and the load balancer let in.

    With `vpc_id` the subnets are those of a VPC that exists; else `vpc_cidr` is that of a new one.
    """

    vpc_cidr: str
    vpc_id: str | None
    subnets: Sequence[Subnet]
    ingress: Sequence[IngressRule]
    tags: Mapping[str, pulumi.Input[str]]


class Network(pulumi.ComponentResource):
    """
    A VPC with public subnets, and a security group for each role and for the load balancer, where
    there is one (k3s:aws:Network).

    Creates: VPC, internet gateway, subnets, route table with the default route; in an existing VPC
    none of these. Then the security groups and one rule resource for each rule. A rule changes in
    place; another `vpc_cidr` replaces everything, the machines too.
    """

    vpc_id: pulumi.Output[str]
    subnet_ids: list[pulumi.Input[str]]
    security_group_ids: dict[Group, pulumi.Output[str]]

    def __init__(
        self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("k3s:aws:Network", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._name, self._args = name, args
        if args.vpc_id is None:
            vpc_id: pulumi.Input[str] = self._own_vpc()
        else:
            vpc_id = args.vpc_id
            self.subnet_ids = [subnet.id for subnet in args.subnets if subnet.id]
        self.vpc_id = pulumi.Output.from_input(vpc_id)
        groups = dict.fromkeys((*ROLES, *(rule.group for rule in args.ingress)))
        self.security_group_ids = {each: self._security_group(each, vpc_id).id for each in groups}
        for each in groups:
            self._egress(each)
        for rule in args.ingress:
            self._ingress(rule)
        self.register_outputs({"subnetIds": self.subnet_ids})

    def _tags(self, suffix: str) -> dict[str, pulumi.Input[str]]:
        return {**self._args.tags, "Name": f"{self._name}-{suffix}"}

    def _own_vpc(self) -> pulumi.Output[str]:
        vpc = aws.ec2.Vpc(
            f"{self._name}-vpc",
            cidr_block=self._args.vpc_cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._tags("vpc"),
            opts=self._child,
        )
        gateway = aws.ec2.InternetGateway(
            f"{self._name}-internet-gateway",
            vpc_id=vpc.id,
            tags=self._tags("internet-gateway"),
            opts=self._child,
        )
        table = aws.ec2.RouteTable(
            f"{self._name}-public",
            vpc_id=vpc.id,
            tags=self._tags("public"),
            opts=self._child,
        )
        aws.ec2.Route(
            f"{self._name}-default-route",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=self._child,
        )
        self.subnet_ids = [
            self._public_subnet(subnet, f"public-{index}", vpc, table)
            for index, subnet in enumerate(self._args.subnets)
        ]
        return vpc.id

    def _public_subnet(
        self, wanted: Subnet, suffix: str, vpc: aws.ec2.Vpc, table: aws.ec2.RouteTable
    ) -> pulumi.Output[str]:
        subnet = aws.ec2.Subnet(
            f"{self._name}-{suffix}",
            vpc_id=vpc.id,
            cidr_block=str(wanted.cidr),
            availability_zone=wanted.zone,
            tags=self._tags(suffix),
            # Two subnets of a VPC cannot have the same range beside each other.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        aws.ec2.RouteTableAssociation(
            f"{self._name}-{suffix}",
            route_table_id=table.id,
            subnet_id=subnet.id,
            opts=self._child,
        )
        return subnet.id

    def _security_group(self, group: Group, vpc_id: pulumi.Input[str]) -> aws.ec2.SecurityGroup:
        suffix = group.replace(" ", "-")
        # A description cannot be changed later (it replaces the group), so it has only the name.
        return aws.ec2.SecurityGroup(
            f"{self._name}-{suffix}",
            vpc_id=vpc_id,
            description=f"k3s {group}",
            tags=self._tags(suffix),
            opts=self._child,
        )

    def _egress(self, group: Group) -> None:
        """A machine connects to anything, the load balancer to the API of the servers alone."""
        suffix = f"{group.replace(' ', '-')}-egress"
        to_servers = group == LOAD_BALANCER
        port = API_PORT if to_servers else None
        aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-{suffix}",
            security_group_id=self.security_group_ids[group],
            ip_protocol="tcp" if to_servers else "-1",
            from_port=port,
            to_port=port,
            cidr_ipv4=None if to_servers else "0.0.0.0/0",
            referenced_security_group_id=(
                self.security_group_ids["server"] if to_servers else None
            ),
            tags=self._tags(suffix),
            opts=self._child,
        )

    def _ingress(self, rule: IngressRule) -> None:
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-{rule.name}",
            security_group_id=self.security_group_ids[rule.group],
            ip_protocol=rule.protocol,
            from_port=rule.from_port,
            to_port=rule.to_port,
            cidr_ipv4=rule.cidr,
            referenced_security_group_id=(
                self.security_group_ids[rule.source_group] if rule.source_group else None
            ),
            description=rule.description,
            tags=self._tags(rule.name),
            opts=self._child,
        )
