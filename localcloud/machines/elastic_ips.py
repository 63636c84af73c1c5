"""Elastic IPs: loopback addresses of this host, each sent on to a machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from localcloud.errors import MachineError
from localcloud.machines.commands import run, write


def chain(cloud_id: str) -> str:
    """The name of this cloud's chains in the host's nat table."""
    return f"K3SAWS-{cloud_id}"


def publish(cloud_id: str, addresses: Mapping[str, str]) -> None:
    """
    Makes exactly these Elastic IPs lead to these private addresses, for every port.

    Changes the host's nat table: a chain of this cloud in OUTPUT, one in POSTROUTING. A machine
    sees such traffic come from its network's gateway, which stands for the outside.
    """
    name = chain(cloud_id)
    lines = ["*nat", f":{name} - [0:0]", f":{name}-SRC - [0:0]"]
    for elastic, private in sorted(addresses.items()):
        lines.append(f"-A {name} -d {elastic}/32 -p tcp -j DNAT --to-destination {private}")
        lines.append(f"-A {name}-SRC -s 127.0.0.0/8 -d {private}/32 -j MASQUERADE")
    run(["iptables-restore", "--noflush", "--wait"], stdin="\n".join([*lines, "COMMIT"]) + "\n")
    for parent, child in (("OUTPUT", name), ("POSTROUTING", f"{name}-SRC")):
        jump = [parent, "-j", child]
        if not _has(jump):
            run(["iptables", "--wait", "-t", "nat", "-I", *jump])


def withdraw(cloud_id: str) -> list[str]:
    """Removes the chains of this cloud; gives what it removed."""
    name = chain(cloud_id)
    removed = []
    for parent, child in (("OUTPUT", name), ("POSTROUTING", f"{name}-SRC")):
        while _has([parent, "-j", child]):
            run(["iptables", "--wait", "-t", "nat", "-D", parent, "-j", child])
        if _chain_exists(child):
            run(["iptables", "--wait", "-t", "nat", "-F", child])
            run(["iptables", "--wait", "-t", "nat", "-X", child])
            removed.append(f"chain {child}")
    return removed


def route_loopback(bridge: str) -> None:
    """Lets packets from 127.0.0.0/8 leave through the bridge; the kernel drops them otherwise."""
    setting = Path(f"/proc/sys/net/ipv4/conf/{bridge}/route_localnet")
    try:
        write(setting, "1")
    except OSError as error:
        raise MachineError(
            f"{setting} cannot be set: {error.strerror}\n    is this Linux?"
        ) from None


def _has(jump: list[str]) -> bool:
    return _succeeds(["iptables", "--wait", "-t", "nat", "-C", *jump])


def _chain_exists(name: str) -> bool:
    return _succeeds(["iptables", "--wait", "-t", "nat", "-n", "-L", name])


def _succeeds(words: list[str]) -> bool:
    try:
        run(words)
    except MachineError:
        return False
    return True
