"""
Network load balancers as Elastic Load Balancing has them: what may be changed, and what is refused.

Other types of load balancers stay as moto has them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from typing import Any

from localcloud.aws_api import load_balancer_nodes
from localcloud.aws_api.addresses import loopback_address
from localcloud.aws_api.quotas import NETWORK_LOAD_BALANCERS
from localcloud.aws_api.wrapping import Given, Original, wrap

# https://docs.aws.amazon.com/general/latest/gr/elb.html
HOSTED_ZONE = "Z26RNL4JYFTOTI"
# https://docs.aws.amazon.com/elasticloadbalancing/latest/network/availability-zones.html
FREE_ADDRESSES = 8
NAME = re.compile(r"(?!internal-)(?!-)[A-Za-z0-9-]{1,32}(?<!-)")
ATTRIBUTES = {
    "access_logs.s3.enabled": "false",
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "deletion_protection.enabled": "false",
    "dns_record.client_routing_policy": "any_availability_zone",
    "ipv6.deny_all_igw_traffic": "false",
    "load_balancing.cross_zone.enabled": "false",
    "secondary_ips.auto_assigned.per_subnet": "0",
    "zonal_shift.config.enabled": "false",
}
IN_USE = ("access_logs.s3.enabled", "zonal_shift.config.enabled")
"""Attributes that the local cloud does not have, beyond their defaults."""


def install() -> None:
    """Makes moto's load balancers of type network behave as AWS's."""
    from moto.elbv2.models import ELBv2Backend as Backend

    wrap(Backend, "create_load_balancer", _create)
    wrap(Backend, "delete_load_balancer", _delete)
    wrap(Backend, "set_security_groups", _set_security_groups)
    wrap(Backend, "set_subnets", _set_subnets)
    wrap(Backend, "modify_load_balancer_attributes", _modify_attributes)


def is_network(balancer: Any) -> bool:
    """Whether a load balancer of moto is of type network."""
    return balancer is not None and balancer.type == "network"


def error(code: str, message: str) -> Exception:
    """An error of Elastic Load Balancing."""
    from moto.elbv2.exceptions import ELBClientError

    made: Exception = ELBClientError(code, message)
    return made


def associate(backend: Any) -> None:
    """Makes each target group name the load balancers that use it; moto adds, and never removes."""
    for group in list(backend.target_groups.values()):
        group.load_balancer_arns = [
            balancer.arn
            for balancer in list(backend.load_balancers.values())
            if any(
                group.arn in backend._get_target_group_arns_from(action_data=action.data)
                for listener in balancer.listeners.values()
                for rule in listener.rules.values()
                for action in rule.actions
            )
        ]


def _create(original: Original, backend: Any, given: Given) -> Any:
    if given["loadbalancer_type"] != "network":
        return original(backend, **given)
    scheme = given["scheme"] or "internet-facing"
    _require_name(backend, given["name"])
    if given["subnet_mappings"]:
        raise _refused("The local cloud supports Subnets, not SubnetMappings.")
    _require_subnets(backend, given["subnet_ids"] or [], scheme)
    _require_room(backend, given["subnet_ids"])
    _require_groups(backend, given["security_groups"] or [])
    tags = given.pop("tags")
    balancer = original(backend, **{**given, "scheme": scheme})
    # moto names all of them `app`.
    del backend.load_balancers[balancer.arn]
    balancer.arn = balancer.arn.replace(":loadbalancer/app/", ":loadbalancer/net/")
    backend.load_balancers[balancer.arn] = balancer
    backend.tagging_service.tag_resource(balancer.arn, tags)
    balancer.attrs, balancer.canonical_hosted_zone_id = dict(ATTRIBUTES), HOSTED_ZONE
    if balancer.security_groups:
        balancer.enforce_security_group_inbound_rules_on_private_link_traffic = "on"
    balancer.interfaces = []
    balancer.public_address = _public_address(scheme)
    load_balancer_nodes.add(backend, balancer)
    # There is no DNS here: the load balancer is known by its address.
    balancer.dns_name = balancer.public_address or balancer.interfaces[0].private_ip_address
    return balancer


def _public_address(scheme: str) -> str | None:
    return loopback_address(random.SystemRandom()) if scheme == "internet-facing" else None


def _require_name(backend: Any, name: str) -> None:
    if not NAME.fullmatch(name):
        raise error(
            "ValidationError",
            f"The load balancer name '{name}' must have 1 to 32 characters, letters, digits and "
            "hyphens, and must not begin or end with a hyphen or begin with 'internal-'",
        )
    others = [each for each in list(backend.load_balancers.values()) if is_network(each)]
    if any(each.name == name for each in others):
        raise error(
            "DuplicateLoadBalancerName",
            f"A load balancer with the name '{name}' exists, but with different settings",
        )
    if len(others) >= NETWORK_LOAD_BALANCERS:
        raise error(
            "TooManyLoadBalancers",
            f"The maximum number of load balancers has been reached: {NETWORK_LOAD_BALANCERS}",
        )


def _require_subnets(backend: Any, subnet_ids: list[str], scheme: str) -> None:
    from moto.ec2.exceptions import InvalidSubnetIdError

    try:
        subnets = [backend.ec2_backend.get_subnet(each) for each in subnet_ids]
    except InvalidSubnetIdError:
        raise error("SubnetNotFound", f"The subnets {subnet_ids} are not all found") from None
    zones = [each.availability_zone for each in subnets]
    if not subnets or len(set(zones)) != len(zones):
        raise _refused(
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
        )
    if len({each.vpc_id for each in subnets}) > 1:
        raise _refused("The subnets must belong to the same VPC")
    (vpc,) = {each.vpc_id for each in subnets}
    gateways = list(backend.ec2_backend.internet_gateways.values())
    if scheme == "internet-facing" and not any(
        each.vpc and each.vpc.id == vpc for each in gateways
    ):
        raise error("InvalidSubnet", f"VPC {vpc} has no internet gateway")


def _require_room(backend: Any, subnet_ids: Iterable[str]) -> None:
    for each in subnet_ids:
        if backend.ec2_backend.get_subnet(each).available_ip_address_count < FREE_ADDRESSES:
            raise error(
                "InvalidSubnet",
                f"Not enough IP space available in {each}. ELB requires at least "
                f"{FREE_ADDRESSES} free IP addresses in each subnet.",
            )


def _require_groups(backend: Any, group_ids: list[str]) -> None:
    for each in group_ids:
        if backend.ec2_backend.get_security_group_from_id(each) is None:
            raise error("InvalidSecurityGroup", f"Security group '{each}' does not exist")


def _delete(original: Original, backend: Any, given: Given) -> Any:
    balancer = backend.load_balancers.get(given["arn"])
    if not is_network(balancer):
        return original(backend, **given)
    if balancer.attrs["deletion_protection.enabled"] == "true":
        raise error(
            "OperationNotPermitted",
            f"Load balancer '{balancer.arn}' cannot be deleted because deletion protection is "
            "enabled",
        )
    done = original(backend, **given)
    associate(backend)
    load_balancer_nodes.release_soon(backend, balancer)
    return done


def _set_security_groups(original: Original, backend: Any, given: Given) -> Any:
    balancer = backend.load_balancers.get(given["arn"])
    if not is_network(balancer):
        return original(backend, **given)
    if bool(balancer.security_groups) != bool(given["sec_groups"]):
        raise _refused(
            "Security groups of a Network Load Balancer can be set only if it was created with "
            "at least one, and cannot all be removed"
        )
    _require_groups(backend, given["sec_groups"])
    original(backend, **given)
    load_balancer_nodes.set_groups(backend, balancer)
    return None


def _set_subnets(original: Original, backend: Any, given: Given) -> Any:
    from moto.elbv2.models import AvailabilityZone

    balancer = backend.load_balancers.get(given["arn"])
    if not is_network(balancer):
        return original(backend, **given)
    if not {each.id for each in balancer.subnets} <= set(given["subnets"]):
        raise error(
            "ValidationError",
            "Subnet removal is not supported for Network Load Balancers. You must specify all "
            "existing subnets along with any new ones",
        )
    _require_subnets(backend, given["subnets"], balancer.scheme)
    _require_room(backend, {*given["subnets"]} - {each.id for each in balancer.subnets})
    balancer.subnets = [backend.ec2_backend.get_subnet(each) for each in given["subnets"]]
    load_balancer_nodes.add(backend, balancer)
    return [AvailabilityZone(each) for each in balancer.subnets]


def _modify_attributes(original: Original, backend: Any, given: Given) -> Any:
    balancer = backend.load_balancers.get(given["arn"])
    if is_network(balancer):
        for key, value in given["attrs"].items():
            if key not in ATTRIBUTES:
                raise error(
                    "ValidationError", f"Load balancer attribute key '{key}' is not recognized"
                )
            if key in IN_USE and value != ATTRIBUTES[key]:
                raise _refused(f"The local cloud does not support {key}.")
        balancer.attrs.update(given["attrs"])
        return balancer.attrs
    return original(backend, **given)


def _refused(message: str) -> Exception:
    return error("InvalidConfigurationRequest", message)
