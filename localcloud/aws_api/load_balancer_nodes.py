"""The nodes of a network load balancer: a network interface in each of its subnets."""

from __future__ import annotations

import threading
from typing import Any

INTERFACE_TYPE = "network_load_balancer"
BUSY_SECONDS = 1.0
"""How long the interfaces of a deleted load balancer are still there."""


def add(backend: Any, balancer: Any) -> None:
    """A network interface in each subnet that has none yet, as AWS creates them."""
    present = {each.subnet.id for each in balancer.interfaces}
    for subnet in balancer.subnets:
        if subnet.id not in present:
            interface = backend.ec2_backend.create_network_interface(
                subnet,
                None,
                group_ids=balancer.security_groups,
                description=f"ELB {balancer.arn.partition('loadbalancer/')[2]}",
            )
            interface.interface_type, interface.requester_managed = INTERFACE_TYPE, True
            interface.status, interface.public_ip = "in-use", balancer.public_address
            balancer.interfaces.append(interface)
    set_groups(backend, balancer)


def set_groups(backend: Any, balancer: Any) -> None:
    """Makes the interfaces members of the load balancer's security groups."""
    ec2 = backend.ec2_backend
    groups = [ec2.get_security_group_from_id(each) for each in balancer.security_groups or []]
    for interface in balancer.interfaces:
        # moto adds the VPC's default group where none is given.
        interface._group_set = list(groups)


def release_soon(backend: Any, balancer: Any) -> None:
    """Deletes the interfaces of a deleted load balancer, as AWS does in a moment."""
    later = threading.Timer(BUSY_SECONDS, _release, [backend, balancer])
    later.daemon = True
    later.start()


def _release(backend: Any, balancer: Any) -> None:
    for interface in balancer.interfaces:
        if interface.id in backend.ec2_backend.enis:
            interface.delete()
