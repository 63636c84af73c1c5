"""Targets of TCP target groups: registration, deregistration with its delay, and health."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from typing import Any

from localcloud.aws_api.network_load_balancers import error
from localcloud.aws_api.target_groups import DELAY
from localcloud.aws_api.wrapping import Given, Original, wrap
from localcloud.load_balancers.health import HEALTHY, Reported
from localcloud.load_balancers.model import EVERY_ZONE, TargetKey

# What may be a target outside the VPC:
# https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-target-groups.html
PRIVATE = tuple(
    ipaddress.ip_network(each)
    for each in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
)
NOT_REGISTERED: Reported = (
    "unused",
    "Target.NotRegistered",
    "Target is not registered to the target group",
)
DRAINING: Reported = (
    "draining",
    "Target.DeregistrationInProgress",
    "Target deregistration is in progress",
)
NOT_IN_USE: Reported = (
    "unused",
    "Target.NotInUse",
    "Target group is not configured to receive traffic from the load balancer",
)
OTHER_ZONE: Reported = (
    "unused",
    "Target.NotInUse",
    "Target is in an Availability Zone that is not enabled for the load balancer",
)
STOPPED: Reported = ("unused", "Target.InvalidState", "Target is in the stopped state")
Key = tuple[str, int]

_reported: Callable[[TargetKey], Reported] = lambda _: (HEALTHY, None, None)  # noqa: E731 - a default


def install() -> None:
    """Makes moto's targets of TCP target groups behave as AWS's."""
    from moto.elbv2.models import ELBv2Backend as Backend
    from moto.elbv2.models import FakeTargetGroup as Group

    wrap(Backend, "describe_target_health", _describe)
    wrap(Group, "register", _register)
    wrap(Group, "deregister", _deregister)
    wrap(Group, "deregister_terminated_instances", _deregister_terminated)


def follow(reported: Callable[[TargetKey], Reported]) -> None:
    """Makes the API report the health that the checks have found; without it all are healthy."""
    global _reported  # noqa: PLW0603 - moto's classes are of the process too
    _reported = reported


def draining(group: Any) -> dict[Key, float]:
    """The targets of a group that were deregistered, with the time at which they are drained."""
    found: dict[Key, float] = vars(group).setdefault("_draining", {})
    return found


def _register(original: Original, group: Any, given: Given) -> Any:
    if group.protocol != "TCP":
        return original(group, **given)
    entries = [_entry(group, each) for each in given["targets"]]
    for entry in entries:
        key = (entry["Id"], entry["Port"])
        group.targets[key] = entry
        draining(group).pop(key, None)
    return None


def _entry(group: Any, target: dict[str, Any]) -> dict[str, Any]:
    if group.target_type == "ip":
        zone = _zone_of_address(group, target)
    else:
        zone = _zone_of_instance(group, target["Id"])
    port = int(target.get("Port") or group.port)
    return {"Id": target["Id"], "Port": port, "AvailabilityZone": zone}


def _zone_of_instance(group: Any, instance_id: str) -> str:
    instance = group.ec2_backend.get_instance_by_id(instance_id)
    if instance is None or not instance.nics:
        raise error(
            "InvalidTarget",
            f"The following targets are not valid instances: '{instance_id}'",
        )
    if instance.state != "running":
        raise error(
            "InvalidTarget",
            f"The following targets are not in a running state and cannot be registered: "
            f"'{instance_id}'",
        )
    if instance.nics[0].subnet.vpc_id != group.vpc_id:
        raise _not_in_the_vpc(group, instance_id)
    return str(instance.nics[0].subnet.availability_zone)


def _zone_of_address(group: Any, target: dict[str, Any]) -> str:
    try:
        address = ipaddress.IPv4Address(target["Id"])
    except ValueError:
        raise error(
            "ValidationError", f"The IP address '{target['Id']}' is not a valid IPv4 address"
        ) from None
    zone = target.get("AvailabilityZone")
    for subnet in list(group.ec2_backend.subnets.values()):
        for each in subnet.values():
            if each.vpc_id == group.vpc_id and address in ipaddress.ip_network(each.cidr_block):
                return zone or str(each.availability_zone)
    outside = any(address in each for each in PRIVATE)
    if zone != EVERY_ZONE or not outside:
        raise _not_in_the_vpc(group, target["Id"])
    return EVERY_ZONE


def _not_in_the_vpc(group: Any, target_id: str) -> Exception:
    return error(
        "InvalidTarget",
        f"The following targets are not in the target group VPC '{group.vpc_id}': '{target_id}'; "
        "an address outside it has the Availability Zone 'all' and a private range",
    )


def _deregister(original: Original, group: Any, given: Given) -> Any:
    if group.protocol != "TCP":
        return original(group, **given)
    for target in given["targets"]:
        _drain(group, (target["Id"], int(target.get("Port") or group.port)))
    return None


def _deregister_terminated(original: Original, group: Any, given: Given) -> Any:
    if group.protocol != "TCP":
        return original(group, **given)
    for key in [each for each in group.targets if each[0] in given["instance_ids"]]:
        _drain(group, key)
    return None


def _drain(group: Any, key: Key) -> None:
    # One that does not exist is no error:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeregisterTargets.html
    if group.targets.pop(key, None) is not None and group.load_balancer_arns:
        draining(group)[key] = time.monotonic() + int(group.attributes[DELAY])


def _describe(original: Original, backend: Any, given: Given) -> Any:
    from moto.elbv2.models import FakeHealthStatus

    group = backend.target_groups.get(given["target_group_arn"])
    if group is None or group.protocol != "TCP":
        return original(backend, **given)
    asked = [(each["Id"], int(each.get("Port") or group.port)) for each in given["targets"] or []]
    found = []
    for id_, port in asked or [*group.targets, *_still_draining(group)]:
        checked = group.health_check_port
        checked = str(port) if checked == "traffic-port" else checked
        status = _health(backend, group, (id_, port))
        found.append(FakeHealthStatus(id_, str(port), checked, *status))
    return found


def _still_draining(group: Any) -> list[Key]:
    now = time.monotonic()
    return [key for key, until in list(draining(group).items()) if until > now]


def _health(backend: Any, group: Any, key: Key) -> Reported:
    target = group.targets.get(key)
    if target is None:
        return DRAINING if key in _still_draining(group) else NOT_REGISTERED
    balancers = [backend.load_balancers.get(each) for each in group.load_balancer_arns]
    if not balancers:
        return NOT_IN_USE
    enabled = {zone.zone_name for each in balancers if each for zone in each.availability_zones}
    if target["AvailabilityZone"] not in {*enabled, EVERY_ZONE}:
        return OTHER_ZONE
    if group.target_type == "instance":
        instance = backend.ec2_backend.get_instance_by_id(key[0])
        if instance is None or instance.state != "running":
            return STOPPED
    return _reported((group.arn, *key))
