"""What moto's EC2 and IAM hold, as plain values."""

from __future__ import annotations

import datetime
import ipaddress
import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from localcloud.aws_api import volumes
from localcloud.aws_api.instances import Ec2Instance, Role
from localcloud.aws_api.load_balancer_nodes import INTERFACE_TYPE
from localcloud.aws_api.parameter_store import ACCOUNTS_KEY
from localcloud.aws_api.volumes import EbsVolume
from localcloud.machines import Ingress

OUTSIDE = ipaddress.ip_address("127.0.0.1")
"""Who calls through an Elastic IP: on the host a loopback address, in a machine its gateway."""

ALIVE = ("pending", "running", "stopping", "stopped")


class MotoState:
    """The state of one account and region, read from moto's backends in this process."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id, self.region = account_id, region

    def backend(self, service: str, region: str = "aws") -> Any:
        """moto's state of a service; the region of a global one is `aws`."""
        from moto.backends import get_backend

        return get_backend(service)[self.account_id][region]

    @property
    def ec2(self) -> Any:
        return self.backend("ec2", self.region)

    @property
    def ssm(self) -> Any:
        return self.backend("ssm", self.region)

    def buckets(self) -> list[str]:
        """The name of every bucket."""
        return sorted(self.backend("s3").buckets)

    def instances(self, states: Collection[str] = ALIVE) -> list[Ec2Instance]:
        """Every instance that is in one of these states; without them, that is not terminated."""
        return [
            self._describe(each)
            for each in list(self.ec2.all_instances())
            if each.state in states and each.nics
        ]

    def instance(self, instance_id: str) -> Ec2Instance:
        """One instance, as it is now."""
        return self._describe(self.ec2.get_instance(instance_id))

    def volumes(self) -> list[EbsVolume]:
        """Every EBS volume; one that came with its instance is attached to none here."""
        return list(volumes.described(self.ec2))

    def public_addresses(self) -> dict[str, str]:
        """Each public address that leads somewhere, with the private one of its interface."""
        return {
            interface.public_ip: interface.private_ip_address
            for interface in list(self.ec2.enis.values())
            if interface.public_ip and interface.instance is not None
        }

    def ingress(self, instance: Ec2Instance) -> list[Ingress]:
        """What the security groups of the instance admit, with every group as its members."""
        gateway = next(ipaddress.IPv4Network(instance.subnet_cidr).hosts())
        return self.admitted([group_id for group_id, _ in instance.security_groups], gateway)

    def admitted(
        self, group_ids: Sequence[str], gateway: ipaddress.IPv4Address | None
    ) -> list[Ingress]:
        """What security groups admit; with a gateway, as a machine sees the outside behind it."""
        rules: list[Ingress] = []
        for group_id in group_ids:
            group = self.ec2.get_security_group_from_id(group_id)
            for rule in group.ingress_rules if group else ():
                for source in self._sources(rule, gateway):
                    rules.append(Ingress(rule.ip_protocol, rule.from_port, rule.to_port, source))
        return rules

    def role(self, profile: str | None) -> Role | None:
        """The role of an instance profile, given by name or ARN."""
        if profile is None:
            return None
        found = self.backend("iam").get_instance_profile(profile.rsplit("/", 1)[-1])
        if not found.roles:
            return None
        role = found.roles[0]
        documents = [
            *role.policies.values(),
            *(each.document for each in role.managed_policies.values()),
        ]
        return Role(
            name=role.name,
            arn=role.arn,
            profile_arn=found.arn,
            profile_id=found.id,
            statements=tuple(_statements(documents)),
        )

    def assume_role(self, role: Role, session: str, duration: datetime.timedelta) -> Any:
        """STS's temporary credentials for the role."""
        return self.backend("sts").assume_role(
            region_name=self.region,
            role_session_name=session,
            role_arn=role.arn,
            policy="",
            duration=int(duration.total_seconds()),
            external_id="",
        )

    def customer_keys(self, names: Sequence[str], below: str | None) -> list[tuple[str, str]]:
        """
        The SecureString parameters under keys of the customer, each with its key, both by ARN.

        Those among the names and below the path; one under the account's own key has none.
        """
        listed = [self._parameter(name) for name in names]
        if below is not None:
            path = below.rstrip("/") + "/"
            listed += [
                self._parameter(each)
                for each in list(self.ssm._parameters)
                if each.startswith(path)
            ]
        home = f"arn:aws:ssm:{self.region}:{self.account_id}:parameter"
        return [
            (f"{home}/{each.name.lstrip('/')}", self._key(each.keyid))
            for each in listed
            if each is not None
            and each.parameter_type == "SecureString"
            and not each.keyid.endswith(ACCOUNTS_KEY)
        ]

    def _parameter(self, name: str) -> Any:
        from moto.ssm.exceptions import ParameterVersionNotFound

        try:
            return self.ssm.get_parameter(name)
        except ParameterVersionNotFound:
            return None

    def _key(self, named: str) -> str:
        """The ARN of a key given by id, ARN or alias."""
        try:
            return str(self.backend("kms", self.region).describe_key(named).arn)
        except KeyError:
            return f"arn:aws:kms:{self.region}:{self.account_id}:key/{named.rsplit('/', 1)[-1]}"

    def _sources(self, rule: Any, gateway: ipaddress.IPv4Address | None) -> Iterator[str]:
        cidr = (rule.ip_range or {}).get("CidrIp")
        if cidr:
            network = ipaddress.IPv4Network(cidr, strict=False)
            yield from _admitted(network, gateway) if gateway else [str(network)]
        group_id = (rule.source_group or {}).get("GroupId")
        if group_id:
            # While a machine shuts down, its interface is in its groups.
            for other in self.instances((*ALIVE, "shutting-down")):
                if group_id in [member for member, _ in other.security_groups]:
                    yield f"{other.private_ip}/32"
            for interface in list(self.ec2.enis.values()):
                # Load balancers are members too, with an address in each subnet.
                if interface.interface_type == INTERFACE_TYPE and group_id in [
                    member.id for member in interface.group_set
                ]:
                    yield f"{interface.private_ip_address}/32"

    def _describe(self, instance: Any) -> Ec2Instance:
        interface = instance.nics[0]
        subnet, options = interface.subnet, instance.metadata_options
        vpc = self.ec2.get_vpc(subnet.vpc_id)
        profile = instance.iam_instance_profile
        association = self.ec2.iam_instance_profile_associations.get(instance.id)
        if association is not None:
            profile = association.iam_instance_profile.name
        return Ec2Instance(
            instance_id=instance.id,
            state=instance.state,
            image_id=instance.image_id,
            instance_type=instance.instance_type,
            architecture=instance.architecture,
            zone=instance.availability_zone,
            private_ip=interface.private_ip_address,
            mac=interface.mac_address,
            interface_id=interface.id,
            hostname=instance.private_dns_name,
            subnet_id=subnet.id,
            subnet_cidr=subnet.cidr_block,
            vpc_id=subnet.vpc_id,
            vpc_cidr=vpc.cidr_block,
            security_groups=tuple(
                dict.fromkeys((group.id, group.name) for group in interface.group_set)
            ),
            public_ip=interface.public_ip,
            root_device=instance.root_device_name,
            login_key=self._login_key(instance.key_name),
            profile=_profile_name(profile),
            user_data=instance.user_data.as_bytes().decode() if instance.user_data else None,
            tokens_required=options.http_tokens == "required",
            hop_limit=options.http_put_response_hop_limit,
            endpoint_enabled=options.http_endpoint == "enabled",
            spot=instance.lifecycle == "spot",
            interruption=getattr(instance, "interruption", None),
        )

    def _login_key(self, name: str | None) -> tuple[str, str] | None:
        pair = self.ec2.key_pairs.get(name) if name else None
        return (pair.key_name, pair.public_key.strip()) if pair else None


def _admitted(network: ipaddress.IPv4Network, gateway: ipaddress.IPv4Address) -> list[str]:
    """
    The sources a rule's range stands for in a machine.

    The gateway is the outside there: it is in where the range holds the outside, and out of a range
    that merely spans its own address.
    """
    alone = ipaddress.IPv4Network(gateway)
    if OUTSIDE in network:
        return [str(each) for each in ([network] if gateway in network else [network, alone])]
    if gateway in network:
        return [str(each) for each in sorted(network.address_exclude(alone))]
    return [str(network)]


def _profile_name(profile: Any) -> str | None:
    if not profile:
        return None
    if isinstance(profile, dict):
        return str(profile.get("Name") or profile.get("Arn"))
    return str(getattr(profile, "name", profile))


def _statements(documents: Sequence[str]) -> Iterator[dict[str, Any]]:
    for document in documents:
        # Of 2012-10-17 all of them, with variables: moto refuses older ones.
        found = json.loads(document)["Statement"]
        yield from found if isinstance(found, list) else [found]
