"""Network load balancers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localcloud.aws_plugin.resources.elb import (
    ElbKind,
    faults_in_name,
    read_tags,
    retag_elb,
    tag_request,
)
from localcloud.aws_plugin.resources.kind import (
    Inputs,
    in_order_of,
    names,
    properties,
    renamed,
    selected,
)
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import UNKNOWN, Values
from provider.protocol.differences import Difference

ACTIVE_SECONDS = 600.0
DETACH_SECONDS = 300.0
SETS = ("securityGroups", "subnets")
ATTRIBUTES = {
    "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
    "enableDeletionProtection": "deletion_protection.enabled",
}
"""Inputs that are attributes of a load balancer; all are false by default."""


class LoadBalancer(ElbKind):
    token = "aws:lb/loadBalancer:LoadBalancer"
    inputs = properties(
        "name internal loadBalancerType subnets securityGroups ipAddressType "
        "enableCrossZoneLoadBalancing enableDeletionProtection tags"
    )
    replaces = properties("name internal loadBalancerType")
    computed = properties("internal ipAddressType securityGroups subnets")
    named = "name"
    ARGUMENTS = names("name subnets securityGroups ipAddressType", loadBalancerType="Type")
    OUTPUTS = names(
        "ipAddressType vpcId securityGroups",
        name="LoadBalancerName",
        arn="LoadBalancerArn",
        dnsName="DNSName",
        zoneId="CanonicalHostedZoneId",
        loadBalancerType="Type",
    )

    def faults(self, inputs: Inputs) -> Iterator[tuple[str, str]]:
        yield from faults_in_name(inputs.get("name"))
        if inputs.get("loadBalancerType") not in ("network", UNKNOWN):
            yield "loadBalancerType", "the local cloud has load balancers of type network only"
        if not inputs.get("subnets"):
            yield "subnets", "one of subnetMappings, subnets must be specified"

    def create(self, aws: Session, inputs: Inputs) -> str:
        scheme = {"Scheme": "internal"} if inputs.get("internal") else {}
        made = aws.client("elbv2").create_load_balancer(
            **renamed(inputs, self.ARGUMENTS), **scheme, **tag_request(aws, inputs)
        )
        return str(made["LoadBalancers"][0]["LoadBalancerArn"])

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        self._wait(aws, id_)
        super().finish(aws, id_, inputs)

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        elbv2 = aws.client("elbv2")
        found = elbv2.describe_load_balancers(LoadBalancerArns=[id_])["LoadBalancers"][0]
        listed = elbv2.describe_load_balancer_attributes(LoadBalancerArn=id_)["Attributes"]
        attributes = {each["Key"]: each["Value"] for each in listed}
        subnets = {"subnets": [each["SubnetId"] for each in found["AvailabilityZones"]]}
        outputs = {
            **selected(found, self.OUTPUTS),
            **subnets,
            "arnSuffix": id_.partition(":loadbalancer/")[2],
            "internal": found["Scheme"] == "internal",
            **{key: attributes.get(name) == "true" for key, name in ATTRIBUTES.items()},
            **read_tags(aws, id_),
        }
        return in_order_of(outputs, known, *SETS)

    def compared(self, previous: Inputs, inputs: Inputs, state: Inputs) -> Values:
        return in_order_of(previous, inputs, *SETS)

    def replaced_by_difference(self, difference: Difference, new: Inputs) -> bool:
        """
        Subnets can be added only, and security groups neither be the first nor be the last.

        https://github.com/hashicorp/terraform-provider-aws/blob/v6.0.0/internal/service/elbv2/load_balancer.go
        """
        if super().replaced_by_difference(difference, new):
            return True
        wanted = new.get(difference.top)
        if difference.top not in SETS or wanted is UNKNOWN or UNKNOWN in (wanted or []):
            return False
        if difference.top == "securityGroups":
            return difference.path == ("securityGroups",) and difference.kind != "UPDATE"
        both = isinstance(difference.old, list) and isinstance(difference.new, list)
        return not both or len(difference.new) <= len(difference.old)

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        elbv2 = aws.client("elbv2")
        retag_elb(aws, id_, old, new)
        self.set_attributes(aws, id_, old, new)
        if _differ(old, new, "securityGroups"):
            elbv2.set_security_groups(LoadBalancerArn=id_, SecurityGroups=new["securityGroups"])
        if _differ(old, new, "subnets"):
            elbv2.set_subnets(LoadBalancerArn=id_, Subnets=new["subnets"])
        if _differ(old, new, "ipAddressType"):
            elbv2.set_ip_address_type(LoadBalancerArn=id_, IpAddressType=new["ipAddressType"])
        self._wait(aws, id_)

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("elbv2").delete_load_balancer(LoadBalancerArn=id_)
        named = {"Name": "description", "Values": [f"ELB {id_.partition(':loadbalancer/')[2]}"]}

        def attached() -> str | None:
            found = aws.client("ec2").describe_network_interfaces(Filters=[named])
            return "still attached to its subnets" if found["NetworkInterfaces"] else None

        # They hold its subnets and its security groups; AWS deletes them in a moment.
        aws.wait(f"load balancer {id_}", DETACH_SECONDS, attached)

    def set_attributes(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        changed = [
            {"Key": name, "Value": str(bool(new.get(key))).lower()}
            for key, name in ATTRIBUTES.items()
            if bool(new.get(key)) != bool(old.get(key))
        ]
        if changed:
            aws.client("elbv2").modify_load_balancer_attributes(
                LoadBalancerArn=id_, Attributes=changed
            )

    @staticmethod
    def _wait(aws: Session, id_: str) -> None:
        def state() -> str | None:
            found = aws.client("elbv2").describe_load_balancers(LoadBalancerArns=[id_])
            code = found["LoadBalancers"][0]["State"]["Code"]
            return None if code == "active" else str(code)

        aws.wait(f"load balancer {id_}", ACTIVE_SECONDS, state)


def _differ(old: Inputs, new: Inputs, key: str) -> bool:
    values: list[Any] = [old.get(key), new.get(key)]
    before, after = (set(each) if isinstance(each, list) else each for each in values)
    return bool(after) and before != after
