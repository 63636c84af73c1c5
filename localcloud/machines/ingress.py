"""What a machine lets in: the security groups' rules as a packet filter of its own namespace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Ingress:
    """One allowance: protocol `tcp`, `udp`, `icmp` or `-1` (all), ports both included."""

    protocol: str
    from_port: int | None
    to_port: int | None
    source: str


def render(rules: Sequence[Ingress]) -> str:
    """
    The filter table for iptables-restore: replies and loopback pass, else only the rules.

    Answers of the metadata service end at the machine where they have no hop left.
    """
    lines = [
        "*filter",
        ":INPUT DROP [0:0]",
        ":FORWARD ACCEPT [0:0]",
        ":OUTPUT ACCEPT [0:0]",
        "-A INPUT -i lo -j ACCEPT",
        # The machine's own services stand on such addresses; a neighbour may not route to them.
        "-A INPUT -i eth0 -d 169.254.0.0/16 -j DROP",
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        # What the machine's own pods send to it never crosses a security group.
        "-A INPUT ! -i eth0 -j ACCEPT",
        *(_rule(rule) for rule in sorted(set(rules))),
        # The metadata service limits the hops of an answer. Into a pod's network the machine
        # is the first one; on EC2 it hands the answer on, here it begins there.
        "-A OUTPUT -s 169.254.169.254/32 ! -o lo -m ttl --ttl-lt 2 -j DROP",
        "COMMIT",
    ]
    return "\n".join(lines) + "\n"


def _rule(rule: Ingress) -> str:
    words = ["-A INPUT", "-s", rule.source]
    if rule.protocol != "-1":
        words += ["-p", rule.protocol]
    if rule.protocol in ("tcp", "udp"):
        words += ["--dport", f"{rule.from_port}:{rule.to_port}"]
    return " ".join([*words, "-j ACCEPT"])
