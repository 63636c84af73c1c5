"""Network (k3s:aws:Network): where the machines stand and who may reach them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from cluster.network import IngressRule


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """The ranges, and for each role (`server`, `agent`) what its machines let in."""

    vpc_cidr: str
    subnet_cidr: str
    availability_zone: pulumi.Input[str]
    ingress: Sequence[IngressRule]
    tags: Mapping[str, str]


class Network(pulumi.ComponentResource):
    """
    A VPC with one public subnet, and a security group for each role (k3s:aws:Network).

    Creates: VPC, internet gateway, subnet, route table with the default route, two security groups
    and one rule resource for each rule. A rule changes in place; another `vpc_cidr` replaces
    everything, the machines too.
    """

    subnet_id: pulumi.Output[str]
    security_group_ids: dict[str, pulumi.Output[str]]

    def __init__(
        self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("k3s:aws:Network", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._name, self._args = name, args
        vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=args.vpc_cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._tags("vpc"),
            opts=self._child,
        )
        self.subnet_id = self._public_subnet(vpc)
        groups = {role: self._security_group(role, vpc) for role in ("server", "agent")}
        self.security_group_ids = {role: group.id for role, group in groups.items()}
        for rule in args.ingress:
            self._ingress(rule)
        self.register_outputs({"subnetId": self.subnet_id})

    def _tags(self, suffix: str) -> dict[str, str]:
        return {**self._args.tags, "Name": f"{self._name}-{suffix}"}

    def _public_subnet(self, vpc: aws.ec2.Vpc) -> pulumi.Output[str]:
        gateway = aws.ec2.InternetGateway(
            f"{self._name}-gateway",
            vpc_id=vpc.id,
            tags=self._tags("gateway"),
            opts=self._child,
        )
        subnet = aws.ec2.Subnet(
            f"{self._name}-public",
            vpc_id=vpc.id,
            cidr_block=self._args.subnet_cidr,
            availability_zone=self._args.availability_zone,
            tags=self._tags("public"),
            opts=self._child,
        )
        table = aws.ec2.RouteTable(
            f"{self._name}-public",
            vpc_id=vpc.id,
            tags=self._tags("public"),
            opts=self._child,
        )
        aws.ec2.Route(
            f"{self._name}-outward",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=self._child,
        )
        aws.ec2.RouteTableAssociation(
            f"{self._name}-public",
            route_table_id=table.id,
            subnet_id=subnet.id,
            opts=self._child,
        )
        return subnet.id

    def _security_group(self, role: str, vpc: aws.ec2.Vpc) -> aws.ec2.SecurityGroup:
        # A description cannot be changed later (it replaces the group), so it says only the role.
        group = aws.ec2.SecurityGroup(
            f"{self._name}-{role}",
            vpc_id=vpc.id,
            description=f"k3s {role}",
            tags=self._tags(role),
            opts=self._child,
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-{role}-outward",
            security_group_id=group.id,
            ip_protocol="-1",
            cidr_ipv4="0.0.0.0/0",
            tags=self._tags(f"{role}-outward"),
            opts=self._child,
        )
        return group

    def _ingress(self, rule: IngressRule) -> None:
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-{rule.name}",
            security_group_id=self.security_group_ids[rule.role],
            ip_protocol=rule.protocol,
            from_port=rule.from_port,
            to_port=rule.to_port,
            cidr_ipv4=rule.cidr,
            referenced_security_group_id=(
                self.security_group_ids[rule.source_role] if rule.source_role else None
            ),
            description=rule.description,
            tags=self._tags(rule.name),
            opts=self._child,
        )
