"""
Ranges of IPv4 that have a meaning of their own.

https://www.iana.org/assignments/iana-ipv4-special-registry and
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
"""

from __future__ import annotations

from ipaddress import IPv4Network

from cluster.errors import Kind
from cluster.reading.faults import Fault, quoted
from cluster.spec import CALLER, NODES

_LOOPBACK = IPv4Network("127.0.0.0/8")
_RESERVED = {
    IPv4Network("0.0.0.0/8"): "the address of a machine without one",
    _LOOPBACK: "each machine itself",
    IPv4Network("169.254.0.0/16"): "the metadata service and other services of EC2",
    IPv4Network("224.0.0.0/4"): "multicast",
    IPv4Network("240.0.0.0/4"): "future use",
}
# No registry ever gave a wider range to one owner.
_WIDEST = 8
# What is not routed on the internet: private ranges, shared ones, and those of benchmarks.
PRIVATE = tuple(
    IPv4Network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15")
)


def own(network: IPv4Network, example: str) -> Fault | None:
    """The check of a range whose addresses the cluster gives to machines, pods or services."""
    for taken, use in _RESERVED.items():
        if network.overlaps(taken):
            what = f"{network} overlaps {taken}, which is reserved for {use}"
            return Fault(what, f"choose another range, such as {quoted(example)}", Kind.FORBIDDEN)
    return None


def is_public(network: IPv4Network) -> bool:
    """Whether other people's machines have addresses of the range."""
    return not any(network.subnet_of(each) for each in PRIVATE)


def everybody(text: str) -> str | None:
    """Whom a source lets in that is wider than any range of one owner; None for another one."""
    if text in (CALLER, NODES):
        return None
    network = IPv4Network(text)
    if network.prefixlen < _WIDEST:
        everyone = "everybody on the internet"
        return everyone if not network.prefixlen else f"{network.num_addresses} addresses"
    return None


def source(network: IPv4Network) -> Fault | None:
    """The check of a range that packets come from."""
    for taken, use in _RESERVED.items():
        # A machine that translates addresses may send from its loopback range.
        if taken != _LOOPBACK and network.prefixlen and network.subnet_of(taken):
            what = f"{network} is part of {taken}, which is reserved for {use}"
            return Fault(what, "name the range that the packets come from", Kind.FORBIDDEN)
    return None
