"""Address (k3s:aws:Address): where a machine will be reached, made before the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.network import Network


@dataclass(frozen=True, kw_only=True)
class AddressArgs:
    """The network, and the role that names the security group."""

    network: Network
    role: str
    tags: Mapping[str, str]


class Address(pulumi.ComponentResource):
    """
    A network interface with an Elastic IP (k3s:aws:Address).

    Both exist before the instance, so certificates, user data and the API endpoint are known
    before anything boots, and they stay when the instance is replaced (design D1).
    """

    interface_id: pulumi.Output[str]
    private_ip: pulumi.Output[str]
    public_ip: pulumi.Output[str]
    association: pulumi.Resource

    def __init__(
        self, name: str, args: AddressArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("k3s:aws:Address", name, None, opts)
        tags = {**args.tags, "Name": name}
        interface = aws.ec2.NetworkInterface(
            name,
            subnet_id=args.network.subnet_id,
            security_groups=[args.network.security_group_ids[args.role]],
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        elastic_ip = aws.ec2.Eip(
            name,
            domain="vpc",
            network_interface=interface.id,
            tags=tags,
            # AWS attaches an Elastic IP only where the internet gateway is attached already.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.network]),
        )
        self.interface_id = interface.id
        self.private_ip = interface.private_ip
        self.public_ip = elastic_ip.public_ip
        self.association = elastic_ip
        self.register_outputs({"privateIp": self.private_ip, "publicIp": self.public_ip})
