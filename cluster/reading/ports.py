"""Ports: how the configuration writes them, and which of them the machines use themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cluster.reading.declarations import String
from cluster.reading.faults import Fault, quoted

_RANGE = re.compile(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?")
_SIZED = re.compile(r"([1-9][0-9]{0,4})\+([0-9]{1,5})")
_FIX = 'write a port such as 443, or a range such as "30000-32767"'

# https://docs.k3s.io/installation/requirements#inbound-rules-for-k3s-nodes, and what Kubernetes'
# components listen on by themselves.
USED = {
    22: "SSH",
    2379: "etcd",
    2380: "etcd",
    2381: "etcd",
    2382: "etcd",
    5001: "the embedded registry",
    6443: "the API",
    6444: "k3s's own load balancer",
    8472: "flannel",
    10010: "containerd",
    10248: "the kubelet",
    10249: "kube-proxy",
    10250: "the kubelet",
    10255: "the kubelet",
    10256: "kube-proxy",
    10257: "the controller manager",
    10258: "the cloud controller manager",
    10259: "the scheduler",
    51820: "flannel",
}


def parse_range(text: str) -> tuple[int, int] | None:
    """The first and the last port; None where the text is not a port or a range of ports."""
    match = _RANGE.fullmatch(text)
    if not match:
        return None
    first = int(match[1])
    last = int(match[2] or first)
    return (first, last) if 1 <= first <= last <= 65535 else None


@dataclass(frozen=True, kw_only=True)
class PortRange(String):
    """A port as an integer or a string, or a range of ports as a string."""

    def fault(self, value: Any) -> Fault | None:
        number = isinstance(value, int) and not isinstance(value, bool)
        if not (number or isinstance(value, str)) or parse_range(str(value)) is None:
            return Fault(f"{quoted(value)} is not a valid port or range of ports", _FIX)
        return None


def node_port_range(text: str) -> tuple[int, int] | None:
    """The range of k3s's `service-node-port-range`, where `+` counts from the first port."""
    if match := _SIZED.fullmatch(text):
        text = f"{match[1]}-{int(match[1]) + int(match[2])}"
    return parse_range(text)


def used_in(first: int, last: int) -> dict[int, str]:
    """The ports from the first to the last that the machines use themselves, with by what."""
    return {port: use for port, use in USED.items() if first <= port <= last}
