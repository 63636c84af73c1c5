"""Addresses where moto draws any: private ones that are free, public ones that lead here."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable
from typing import Any

# https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
RESERVED_AT_THE_START = 4
RESERVED_AT_THE_END = 1


def install(backend: Callable[[], Any], choose: random.Random) -> None:
    """Makes moto draw the addresses of network interfaces here."""
    from moto.ec2.models import elastic_network_interfaces as interfaces

    drawn_by_moto = interfaces.random_private_ip

    def private(cidr: str | None = None, ipv6: bool = False) -> str:
        if cidr is None or ipv6:
            return str(drawn_by_moto(cidr, ipv6))
        used = {
            item["PrivateIpAddress"]
            for interface in list(backend().enis.values())
            for item in interface.private_ip_addresses
        }
        return free_address(cidr, used, choose)

    interfaces.random_private_ip = private
    interfaces.random_public_ip = lambda: loopback_address(choose)


def free_address(cidr: str, used: set[str], choose: random.Random) -> str:
    """One of the subnet's addresses that nobody has and AWS does not keep for itself."""
    network = ipaddress.ip_network(cidr)
    last = network.num_addresses - RESERVED_AT_THE_END - 1
    while True:
        drawn = str(network[choose.randint(RESERVED_AT_THE_START, last)])
        if drawn not in used:
            return drawn


def loopback_address(choose: random.Random) -> str:
    """
    A public address that leads to this host.

    moto gives Elastic IPs from 127.0.0.0/8 and everything else from a range that belongs to
    somebody; nobody here may ever dial that.
    """
    return f"127.{choose.randint(1, 254)}.{choose.randint(0, 255)}.{choose.randint(1, 254)}"
