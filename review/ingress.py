"""Who may reach the machines afterwards and not before: the rules of the security groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Final

from cluster.network import API_PORT
from review.preview import Preview
from review.property_values import UNKNOWN

RULE: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
SSH_PORT: Final = 22
_PORTS: Final = {SSH_PORT: "SSH", API_PORT: "the API"}
_PROTOCOLS: Final = ("tcp", "udp", "icmp", "icmpv6")
ALL: Final = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, order=True, kw_only=True)
class Opening:
    """Ports and a source. The source is a range, or a group of the cluster's own."""

    what: str
    """The API, SSH, or a protocol with its ports, in words of this program."""
    source: str
    is_inside: bool = False
    """Whether the source is another group of the cluster."""
    group: str = ""
    """The security group's identifier, which is unknown before it exists."""

    def is_in(self, wide: Opening) -> bool:
        """Whether the other one lets all of it in."""
        same_group = self.group == wide.group or UNKNOWN in (self.group, wide.group)
        return same_group and self.what == wide.what and _covers(wide.source, self.source)

    @property
    def is_everyone(self) -> bool:
        return self.source in ALL


def opened(preview: Preview) -> tuple[Opening, ...]:
    """What is open afterwards and was not: a range inside one that was open before is none."""
    before, after = _rules(preview, "old"), _rules(preview, "new")
    found = (each for each in after if not any(each.is_in(old) for old in before))
    return tuple(sorted(found))


def _rules(preview: Preview, side: str) -> set[Opening]:
    """The rules before or after; those of the same ports and source are one."""
    states = (getattr(step, side) for step in preview.steps if step.type == RULE)
    return {_opening(state) for state in states if state is not None}


def _opening(rule: Mapping[str, Any]) -> Opening:
    source = rule.get("cidrIpv4") or rule.get("cidrIpv6") or rule.get("prefixListId")
    # Between the cluster's own groups the description names the source.
    return Opening(
        what=_ports(rule),
        source=str(source or rule.get("description")),
        is_inside=source is None,
        group=str(rule.get("securityGroupId")),
    )


def _ports(rule: Mapping[str, Any]) -> str:
    given, first, last = (rule.get(key) for key in ("ipProtocol", "fromPort", "toPort"))
    if given == "-1":
        return "every port"
    # No string of a stack stands in a sentence.
    protocol = given if given in _PROTOCOLS else "another protocol,"
    if not isinstance(first, int) or not isinstance(last, int):
        return f"{protocol} unknown ports"
    if protocol == "tcp" and first == last and first in _PORTS:
        return _PORTS[first]
    ports = f"port {first}" if first == last else f"ports {first} to {last}"
    return f"{protocol} {ports}"


def _covers(wide: str, narrow: str) -> bool:
    if wide == narrow:
        return True
    try:
        one, other = ip_network(wide), ip_network(narrow)
    except ValueError:
        return False
    # Of different versions none is inside the other.
    return one.version == other.version and other.subnet_of(one)  # type: ignore[arg-type]


def by_ports(found: Sequence[Opening]) -> dict[str, list[str]]:
    """The sources by what is open to them, each once."""
    grouped: dict[str, dict[str, None]] = {}
    for each in found:
        grouped.setdefault(each.what, {})[each.source] = None
    return {what: list(sources) for what, sources in grouped.items()}
