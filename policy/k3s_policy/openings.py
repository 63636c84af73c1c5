"""What security groups let in, from whichever resource it is declared in."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from k3s_policy.resource import UNKNOWN, Resource, items

INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
OLDER_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
TYPES = (INGRESS_RULE, OLDER_RULE, GROUP, DEFAULT_GROUP)

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

PRIVATE = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "fc00::/7",
)
"""
Ranges that no packet from the internet comes from: RFC 1918, RFC 6598, loopback, RFC 4193.
https://www.iana.org/assignments/iana-ipv4-special-registry/
"""

_EVERYTHING = (0, 65535)
_NOTHING = (1, 0)
_PROTOCOLS = {"6": "tcp", "17": "udp", "-1": "all"}


@dataclass(frozen=True, kw_only=True)
class Opening:
    """
    One permission: protocol (`tcp`, `udp`, `all`), ports, and from where.

    Sources that are security groups are left out: their members are in the same network. `path` is
    where it stands in its resource, `not_known` what of it a preview does not have.
    """

    path: str
    protocol: str
    first: int
    last: int
    cidrs: Sequence[str]
    prefix_lists: Sequence[str]
    not_known: Sequence[str]

    def has(self, protocol: str, port: int) -> bool:
        """Whether it lets in packets of `tcp` or `udp` to the port."""
        return self.protocol in ("all", protocol) and self.first <= port <= self.last


def of(resource: Resource) -> Iterator[Opening]:
    """The openings of one resource; none of types that have none."""
    if resource.type == INGRESS_RULE:
        yield _opening("", resource.properties, "ipProtocol", ("cidrIpv4", "cidrIpv6"))
    elif resource.type == OLDER_RULE and resource.at("type") == "ingress":
        yield _inline("", resource.properties)
    elif resource.type == OLDER_RULE and resource.at("type") is UNKNOWN:
        yield _inline("type.", UNKNOWN)
    elif resource.type in (GROUP, DEFAULT_GROUP):
        for index, each in enumerate(items(resource.at("ingress"))):
            yield _inline(f"ingress[{index}].", each)


def _inline(path: str, rule: Any) -> Opening:
    return _opening(path, rule, "protocol", ("cidrBlocks", "ipv6CidrBlocks"))


def _opening(path: str, rule: Any, protocol: str, ranges: Sequence[str]) -> Opening:
    if not isinstance(rule, Mapping):
        return Opening(
            path=path.rstrip("."),
            protocol="all",
            first=0,
            last=0,
            cidrs=(),
            prefix_lists=(),
            not_known=[path.rstrip(".")],
        )
    lists = [*items(rule.get("prefixListId")), *items(rule.get("prefixListIds"))]
    cidrs = [each for key in ranges for each in items(rule.get(key))]
    name = str(rule.get(protocol) or "").lower()
    name = _PROTOCOLS.get(name, name)
    first, last = _EVERYTHING if name == "all" else (rule.get("fromPort"), rule.get("toPort"))
    used = {protocol: rule.get(protocol), "fromPort": first, "toPort": last}
    for key in (*ranges, "prefixListId", "prefixListIds"):
        used[key] = UNKNOWN if UNKNOWN in items(rule.get(key)) else None
    if UNKNOWN in (first, last):
        # Which ports is known at the update: before that, the rest may accuse what is in order.
        first, last = _NOTHING
    return Opening(
        path=path.rstrip("."),
        protocol=name,
        first=first if isinstance(first, int | float) else 0,  # type: ignore[arg-type]
        last=last if isinstance(last, int | float) else 65535,  # type: ignore[arg-type]
        cidrs=[str(each) for each in cidrs if each is not UNKNOWN],
        prefix_lists=[str(each) for each in lists if each is not UNKNOWN],
        not_known=[path + key for key, value in used.items() if value is UNKNOWN],
    )


def networks(cidrs: Sequence[str]) -> list[IpNetwork]:
    """The ranges; what cannot be read as one is left out, since AWS refuses it."""
    found = []
    for each in cidrs:
        try:
            found.append(ipaddress.ip_network(each, strict=False))
        except ValueError:
            continue
    return found


def outside(cidrs: Sequence[str], allowed: Sequence[str]) -> list[IpNetwork]:
    """The ranges that are not within one of the allowed ones, joined where they touch."""
    inner = networks(allowed)
    left = [each for each in networks(cidrs) if not any(_is_within(each, one) for one in inner)]
    joined: list[IpNetwork] = []
    for version in (4, 6):
        of_version = [each for each in left if each.version == version]
        joined += ipaddress.collapse_addresses(cast(Any, of_version))
    return joined


def _is_within(one: IpNetwork, other: IpNetwork) -> bool:
    return one.version == other.version and one.subnet_of(cast(Any, other))
