"""Address (k3s:aws:Address): where a machine will be reached, made before the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from cluster.spec import Role
from components.network import Network


@dataclass(frozen=True, kw_only=True)
class AddressArgs:
    """The network and which of its subnets, the role of the security group, and what else."""

    network: Network
    subnet: int
    role: Role
    public: bool
    source_dest_check: bool
    tags: Mapping[str, pulumi.Input[str]]


class Address(pulumi.ComponentResource):
    """
    A network interface, with an Elastic IP if it is public (k3s:aws:Address).

    Both exist before the instance, so certificates, user data and the API endpoint are known
    before anything boots, and they stay when the instance is replaced (design D1).
    """

    interface_id: pulumi.Output[str]
    private_ip: pulumi.Output[str]
    public_ip: pulumi.Output[str] | None
    reached_at: pulumi.Output[str]
    """Where the program reaches the machine."""
    ready: pulumi.Resource
    """What has to be there before the machine boots."""

    def __init__(
        self, name: str, args: AddressArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("k3s:aws:Address", name, None, opts)
        tags = {**args.tags, "Name": name}
        interface = aws.ec2.NetworkInterface(
            name,
            subnet_id=args.network.subnet_ids[args.subnet],
            security_groups=[args.network.security_group_ids[args.role]],
            # Left out it is on; naming it would be a change of every interface that stands.
            source_dest_check=None if args.source_dest_check else False,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.interface_id = interface.id
        self.private_ip = self.reached_at = interface.private_ip
        self.public_ip = None
        self.ready = interface
        if args.public:
            self._publish(name, interface, args.network, tags)
        self.register_outputs({"privateIp": self.private_ip, "publicIp": self.public_ip})

    def _publish(
        self,
        name: str,
        interface: aws.ec2.NetworkInterface,
        network: Network,
        tags: Mapping[str, pulumi.Input[str]],
    ) -> None:
        elastic_ip = aws.ec2.Eip(
            name,
            domain="vpc",
            network_interface=interface.id,
            tags=dict(tags),
            # AWS attaches an Elastic IP only where the internet gateway is attached already.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[network]),
        )
        self.public_ip = self.reached_at = elastic_ip.public_ip
        self.ready = elastic_ip
