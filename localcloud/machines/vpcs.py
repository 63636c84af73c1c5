"""The subnets of one VPC reach each other: Docker keeps its networks apart, a VPC's router not."""

from __future__ import annotations

from localcloud.errors import MachineError
from localcloud.machines.commands import run

# Where Docker lets others decide first, and where it hides a network behind its bridge's address.
PLACES = (("filter", "DOCKER-USER"), ("nat", "POSTROUTING"))


def chain(cloud_id: str) -> str:
    """The name of this cloud's chain in both tables."""
    return f"K3SAWS-{cloud_id}-VPC"


def join(cloud_id: str, vpc_cidr: str) -> None:
    """
    Lets packets pass between the subnets of a VPC as they are.

    Repeated for each subnet: Docker puts the rule that hides a new network before all others.
    """
    name = chain(cloud_id)
    within = ["-s", vpc_cidr, "-d", vpc_cidr, "-j", "ACCEPT"]
    for table, parent in PLACES:
        if not _succeeds(table, "-n", "-L", name):
            _change(table, "-N", name)
        _succeeds(table, "-D", parent, "-j", name)
        _change(table, "-I", parent, "-j", name)
        if not _succeeds(table, "-C", name, *within):
            _change(table, "-A", name, *within)


def withdraw(cloud_id: str) -> list[str]:
    """Removes the chains of this cloud; gives what it removed."""
    name = chain(cloud_id)
    removed = []
    for table, parent in PLACES:
        while _succeeds(table, "-C", parent, "-j", name):
            _change(table, "-D", parent, "-j", name)
        if _succeeds(table, "-n", "-L", name):
            _change(table, "-F", name)
            _change(table, "-X", name)
            removed.append(f"chain {name} of {table}")
    return removed


def _change(table: str, *words: str) -> None:
    run(["iptables", "--wait", "-t", table, *words])


def _succeeds(table: str, *words: str) -> bool:
    try:
        _change(table, *words)
    except MachineError:
        return False
    return True
