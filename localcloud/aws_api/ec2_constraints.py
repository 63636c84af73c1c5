"""
What EC2 refuses and moto does not: removing what is in use, starting what cannot be started or
does not fit together, more than the quotas allow. Of volumes: volume_constraints.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcloud.aws_api import shutdown_behavior, volume_constraints
from localcloud.aws_api.quotas import ADDRESSES, RULES_OF_A_GROUP

Arguments = Mapping[str, list[str]]
ApiError = tuple[str, str]
"""The code and the message, in EC2's words."""

OFFERED = re.compile(r"^NetworkInterface\.\d+\.NetworkInterfaceId$")
# One rule for each source of a permission: a range, or a group.
PERMISSION = re.compile(r"^IpPermissions\.(\d+\.(?:IpRanges|Groups|UserIdGroupPairs)\.\d+)\.")
INSTANCE = re.compile(r"^InstanceId(\.\d+)?$")
MAY_START = ("stopped", "pending", "running")
MAY_STOP = ("pending", "running", "stopping", "stopped")
MAY_REBOOT = ("pending", "running")


def violation(ec2: Any, action: str, arguments: Arguments) -> ApiError | None:
    """Why EC2 would not do this, judged by moto's backend; None where it would."""
    check = CHECKS.get(action)
    return check(ec2, arguments) if check else None


def _security_group(ec2: Any, arguments: Arguments) -> ApiError | None:
    group_id = _one(arguments, "GroupId")
    used = any(group_id == group.id for each in _interfaces(ec2) for group in each.group_set)
    named = any(
        (rule.source_group or {}).get("GroupId") == group_id
        for groups in list(ec2.groups.values())
        for group in list(groups.values())
        if group.id != group_id
        for rule in [*group.ingress_rules, *group.egress_rules]
    )
    if used or named:
        return "DependencyViolation", f"resource {group_id} has a dependent object"
    return None


def _subnet(ec2: Any, arguments: Arguments) -> ApiError | None:
    subnet_id = _one(arguments, "SubnetId")
    if any(each.subnet.id == subnet_id for each in _interfaces(ec2)):
        return _has_dependencies("subnet", subnet_id)
    return None


def _vpc(ec2: Any, arguments: Arguments) -> ApiError | None:
    vpc_id = _one(arguments, "VpcId")
    gateways = list(ec2.internet_gateways.values())
    groups = list(ec2.groups.get(vpc_id, {}).values())
    if any(each.vpc and each.vpc.id == vpc_id for each in gateways) or any(
        each.name != "default" for each in groups
    ):
        return _has_dependencies("vpc", vpc_id)
    return None


def _interface(ec2: Any, arguments: Arguments) -> ApiError | None:
    interface = ec2.enis.get(_one(arguments, "NetworkInterfaceId"))
    if interface is not None and (interface.instance is not None or interface.requester_managed):
        message = f"Network interface '{interface.id}' is currently in use."
        return "InvalidParameterValue", message
    return None


def _gateway(ec2: Any, arguments: Arguments) -> ApiError | None:
    vpc_id = _one(arguments, "VpcId")
    mapped = [each.eni for each in list(ec2.addresses) if each.eni]
    # A load balancer's address is no Elastic IP.
    mapped += [each for each in _interfaces(ec2) if each.requester_managed and each.public_ip]
    if any(each.subnet.vpc_id == vpc_id for each in mapped):
        return (
            "DependencyViolation",
            f"Network {vpc_id} has some mapped public address(es). Please unmap those public "
            "address(es) before detaching the gateway.",
        )
    return None


def _elastic_ip(ec2: Any, arguments: Arguments) -> ApiError | None:
    wanted = _one(arguments, "AllocationId")
    for address in list(ec2.addresses):
        if address.allocation_id == wanted and address.association_id:
            return "InvalidIPAddress.InUse", f"Address {address.public_ip} is in use."
    return None


def _run(ec2: Any, arguments: Arguments) -> ApiError | None:
    for name, values in arguments.items():
        interface = ec2.enis.get(values[0]) if OFFERED.match(name) else None
        if interface is not None and interface.instance is not None:
            message = f"Interface: [{interface.id}] in use."
            return "InvalidNetworkInterface.InUse", message
    spot = _one(arguments, "InstanceMarketOptions.MarketType") == "spot"
    if refused := shutdown_behavior.violation(arguments, spot=spot):
        return refused
    if refused := volume_constraints.of_machine(ec2, arguments):
        return refused
    return _architecture(ec2, _one(arguments, "InstanceType"), _one(arguments, "ImageId"))


def _architecture(ec2: Any, instance_type: str, image_id: str) -> ApiError | None:
    of_image = [each.architecture for each in list(ec2.amis.values()) if each.id == image_id]
    of_type = [
        each["ProcessorInfo"]["SupportedArchitectures"]
        for each in ec2.instance_types
        if each["InstanceType"] == instance_type
    ]
    if of_image and of_type and of_image[0] not in of_type[0]:
        return (
            "InvalidParameterValue",
            f"The architecture '{','.join(of_type[0])}' of the specified instance type does not "
            f"match the architecture '{of_image[0]}' of the specified AMI.",
        )
    return None


def _attribute(ec2: Any, arguments: Arguments) -> ApiError | None:
    wanted = _one(arguments, "InstanceId")
    spot = any(each.id == wanted and each.lifecycle == "spot" for each in list(ec2.all_instances()))
    return shutdown_behavior.violation(arguments, spot=spot)


def _rules(ec2: Any, arguments: Arguments) -> ApiError | None:
    group = ec2.get_security_group_from_id(_one(arguments, "GroupId"))
    added = {match[1] for name in arguments if (match := PERMISSION.match(name))}
    if group is not None and len(group.ingress_rules) + len(added) > RULES_OF_A_GROUP:
        message = "The maximum number of rules per security group has been reached."
        return "RulesPerSecurityGroupLimitExceeded", message
    return None


def _allocate(ec2: Any, arguments: Arguments) -> ApiError | None:
    if len(list(ec2.addresses)) >= ADDRESSES:
        return "AddressLimitExceeded", "The maximum number of addresses has been reached."
    return None


def _from_state(allowed: tuple[str, ...], verb: str) -> Callable[[Any, Arguments], ApiError | None]:
    def check(ec2: Any, arguments: Arguments) -> ApiError | None:
        named = {values[0] for name, values in arguments.items() if INSTANCE.match(name)}
        for instance in list(ec2.all_instances()):
            if instance.id in named and instance.state not in allowed:
                return (
                    "IncorrectInstanceState",
                    f"The instance '{instance.id}' is not in a state from which it can be {verb}.",
                )
        return None

    return check


def _one(arguments: Arguments, name: str) -> str:
    return arguments.get(name, [""])[0]


def _interfaces(ec2: Any) -> Iterator[Any]:
    yield from list(ec2.enis.values())


def _has_dependencies(kind: str, id_: str) -> ApiError:
    return (
        "DependencyViolation",
        f"The {kind} '{id_}' has dependencies and cannot be deleted.",
    )


CHECKS: dict[str, Callable[[Any, Arguments], ApiError | None]] = {
    "DeleteSecurityGroup": _security_group,
    "DeleteSubnet": _subnet,
    "DeleteVpc": _vpc,
    "DeleteNetworkInterface": _interface,
    "DetachInternetGateway": _gateway,
    "ReleaseAddress": _elastic_ip,
    "AllocateAddress": _allocate,
    "AuthorizeSecurityGroupIngress": _rules,
    "RunInstances": _run,
    "ModifyInstanceAttribute": _attribute,
    "StartInstances": _from_state(MAY_START, "started"),
    "StopInstances": _from_state(MAY_STOP, "stopped"),
    "RebootInstances": _from_state(MAY_REBOOT, "rebooted"),
    **volume_constraints.CHECKS,
}
