"""Rules about who may reach the API, SSH and what the nodes use among themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from k3s_policy import openings
from k3s_policy.openings import IpNetwork, Opening
from k3s_policy.resource import Resource, printable
from k3s_policy.rule import (
    Finding,
    NotKnown,
    ResourceRule,
    Setting,
    Settings,
    StackRule,
    Violation,
    integer,
    ports,
    ranges,
    strings,
)

_WIDTH: Mapping[str, Setting] = {
    "ports": ports([22, 6443], "The TCP ports of SSH and the Kubernetes API."),
    "allowedCidrs": ranges(openings.PRIVATE, "Ranges that may be let in however wide they are."),
    "widestIpv4Prefix": integer(
        8, "As many IPv4 addresses as such a range has may be let in.", minimum=0, maximum=32
    ),
    "widestIpv6Prefix": integer(
        32, "As many IPv6 addresses as such a range has may be let in.", minimum=0, maximum=128
    ),
}
_PREFIX_LISTS: Mapping[str, Setting] = {
    "allowedPrefixLists": strings(
        [], "Ids of prefix lists that may be let in; what is in one is not in the program."
    )
}


def _api_and_ssh(resource: Resource, settings: Settings) -> Iterator[Finding]:
    for opening in openings.of(resource):
        yield from map(NotKnown, opening.not_known)
        reached = _reached(opening, settings)
        if not reached:
            continue
        found = openings.outside(opening.cidrs, settings["allowedCidrs"])
        if _is_too_much(found, settings):
            yield Violation(
                message=f"{_where(opening)}TCP {_listed(reached)} can be reached from "
                f"{_ranges(found)}\n"
                "    name the ranges of those who use it: cluster.network.apiAllowedCidrs and "
                "sshAllowedCidrs, or the range of the rule"
            )
        yield from _from_lists(opening, f"TCP {_listed(reached)}", settings)


def _reached(opening: Opening, settings: Settings) -> list[int]:
    return [int(port) for port in settings["ports"] if opening.has("tcp", int(port))]


def _is_too_much(found: Sequence[IpNetwork], settings: Settings) -> bool:
    """Whether there are more addresses than in one range of the widest prefix."""
    return any(
        sum(each.num_addresses for each in found if each.version == version)
        > 2 ** (bits - int(settings[f"widestIpv{version}Prefix"]))
        for version, bits in ((4, 32), (6, 128))
    )


def _from_lists(opening: Opening, what: str, settings: Settings) -> Iterator[Finding]:
    for each in opening.prefix_lists:
        if each not in settings["allowedPrefixLists"]:
            yield Violation(
                message=f"{_where(opening)}{what} can be reached from the prefix list "
                f"{printable(each)}, whose ranges are not in the program\n"
                "    look at them, then add the list to allowedPrefixLists of this rule; create a "
                "list of this program first, its id is not known before"
            )


def _node_ports(resource: Resource, settings: Settings) -> Iterator[Finding]:
    for opening in openings.of(resource):
        yield from map(NotKnown, opening.not_known)
        reached = [
            f"{port}/{protocol}"
            for protocol in ("tcp", "udp")
            for port in map(int, settings[f"{protocol}Ports"])
            if opening.has(protocol, port)
        ]
        if not reached:
            continue
        found = openings.outside(opening.cidrs, settings["allowedCidrs"])
        if found:
            yield Violation(
                message=f"{_where(opening)}{_listed(reached)} can be reached from "
                f"{_ranges(found)}\n"
                "    only nodes use these ports: let in their security group instead of a range"
            )
        yield from _from_lists(opening, _listed(reached), settings)


def _ranges_of_a_group(resources: Sequence[Resource], settings: Settings) -> Iterator[Finding]:
    groups: dict[tuple[str, int], list[tuple[Resource, list[IpNetwork]]]] = {}
    # The engine has them in the order in which they were registered, side by side.
    for resource in sorted(resources, key=lambda each: each.urn):
        for opening in openings.of(resource):
            found = openings.outside(opening.cidrs, settings["allowedCidrs"])
            # One that is too much by itself is reported by the rule about single resources.
            if found and not _is_too_much(found, settings):
                for port in _reached(opening, settings):
                    groups.setdefault((_group(resource), port), []).append((resource, found))
    for (_, port), members in groups.items():
        every = [str(each) for _, found in members for each in found]
        together = openings.outside(every, ())
        if _is_too_much(together, settings):
            names = [printable(each.name) for each, _ in members]
            yield Violation(
                message=f"the {len(names)} rules {_listed(names)} of one security group together "
                f"open TCP {port} to {_ranges(together)}\n"
                "    name the ranges of those who use it",
                urn=members[0][0].urn,
            )


def _group(resource: Resource) -> str:
    """The security group of a rule: its URN where the program made it, else its id."""
    made = resource.related.get("securityGroupId", ())
    if resource.type in (openings.GROUP, openings.DEFAULT_GROUP) or not made:
        known = resource.at("securityGroupId")
        return known if isinstance(known, str) else resource.urn
    return made[0]


def _where(opening: Opening) -> str:
    return f"{opening.path}: " if opening.path else ""


def _ranges(found: Sequence[IpNetwork], most: int = 5) -> str:
    first = _listed([str(each) for each in found[:most]])
    return first if len(found) <= most else f"{first} and {len(found) - most} more ranges"


def _listed(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))


RULES = (
    ResourceRule(
        name="api-and-ssh-not-from-everywhere",
        description="The Kubernetes API and SSH are not open to the world",
        level="mandatory",
        severity="critical",
        why="whoever reaches them can try passwords, keys and the next hole in sshd or the API",
        source="https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html",
        types=openings.TYPES,
        settings={**_WIDTH, **_PREFIX_LISTS},
        check=_api_and_ssh,
    ),
    StackRule(
        name="ranges-of-a-group",
        description="Rules of a security group do not open the API or SSH to the world together",
        level="mandatory",
        severity="critical",
        why="0.0.0.0/0 in parts, such as 0.0.0.0/1 and 128.0.0.0/1, is the world as well",
        source="https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html",
        settings=_WIDTH,
        check=_ranges_of_a_group,
    ),
    ResourceRule(
        name="node-ports-not-from-outside",
        description="Kubelet, etcd and the network between nodes are not reached from outside",
        level="mandatory",
        severity="critical",
        why="a packet into VXLAN is a packet in the network of the pods, without any credential; "
        "the kubelet and etcd have every secret",
        source="https://docs.k3s.io/installation/requirements#networking",
        types=openings.TYPES,
        settings={
            "tcpPorts": ports(
                [2379, 2380, 10250, 10257, 10259],
                "etcd, kubelet, controller manager and scheduler.",
            ),
            "udpPorts": ports([8472, 51820, 51821], "flannel's VXLAN and WireGuard."),
            "allowedCidrs": ranges(openings.PRIVATE, "Ranges that are not outside."),
            **_PREFIX_LISTS,
        },
        check=_node_ports,
    ),
)
