"""Reads `cluster.network.ingress`: the ports that the machines open besides their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from cluster import network
from cluster.errors import Kind
from cluster.reading import ports, reserved
from cluster.reading.section import Section
from cluster.spec import NODES, ClusterSpec, Ingress, Role

_ROLES: dict[str, tuple[Role, ...]] = {
    "agents": ("agent",),
    "servers": ("server",),
    "all": network.ROLES,
}
_WEB = ("80", "443")
# The allow-lists that decide about these ports, so that no other key opens them.
_LISTS = {22: "sshAllowedCidrs", network.API_PORT: "apiAllowedCidrs"}


def read(section: Section, *, agents: bool) -> tuple[Ingress, ...]:
    """The opened ports; `agents`: whether the cluster has pools."""
    owners: dict[str, str] = {}
    for each in section["ingress"]:
        each.require_unique("name", owners, "metrics")
        _check(each)
    default = "agents" if agents else "servers"
    return tuple(
        Ingress(
            name=each["name"],
            roles=_ROLES[each["machines"] or default],
            protocol=each["protocol"],
            ports=_ranges(each),
            sources=each["from"],
        )
        for each in section["ingress"]
        if each.valid()
    )


def _ranges(section: Section) -> tuple[tuple[int, int], ...]:
    return tuple(filter(None, (ports.parse_range(str(each)) for each in section["ports"])))


def _check(section: Section) -> None:
    if not section.valid("ports", "from"):
        return
    outside = [source for source in section["from"] if source != NODES]
    for index, found in enumerate(_ranges(section)):
        for port, key in _LISTS.items():
            if outside and section["protocol"] == "tcp" and found[0] <= port <= found[1]:
                what = f"port {port} is opened by cluster.network.{key}"
                fix = f"add the ranges to {key}, and leave {port} out here"
                section.report("ports", what, fix, Kind.CONFLICT, below=(index,))
    others = [str(each) for each in section["ports"] if str(each) not in _WEB]
    for index, text in enumerate(section["from"]):
        if others and (who := reserved.everybody(text)):
            what = f'"{text}" lets {who} connect to {", ".join(others)}'
            section.warn("from", what, 'name your own ranges, or "caller"', below=(index,))


def check_rules(section: Section, spec: ClusterSpec) -> None:
    """
    Reports rules that EC2 would reject since a group has them, and groups with too many. Warns of
    ports that are open on no machine.
    """
    _check_twice(section, spec)
    _warn_of_no_machine(section, spec)
    for group in (*network.ROLES, network.LOAD_BALANCER):
        _check_number(section, spec, group)


def _check_twice(section: Section, spec: ClusterSpec) -> None:
    seen = {rule.key: "by the program" for rule in network.own_rules(spec)}
    for each in spec.network.ingress:
        place = next(here for here in section["ingress"] if here["name"] == each.name)
        if section.problems.has(place.path):
            continue
        for index, (first, last) in enumerate(each.ports):
            for source in each.sources:
                one = dataclasses.replace(each, ports=((first, last),), sources=(source,))
                rules = {rule.key: f'by "{each.name}"' for rule in network.opened(one)}
                owner = next((seen[key] for key in rules if key in seen), None)
                if owner:
                    what = f"is open from {source} already, {owner}"
                    fix = (
                        "remove it from one of them" if "the program" not in owner else "remove it"
                    )
                    place.report("ports", what, fix, Kind.DUPLICATE, below=(index,))
                seen = rules | seen


def _warn_of_no_machine(section: Section, spec: ClusterSpec) -> None:
    if any(pool.count for pool in spec.pools):
        return
    opened = {each.name for each in spec.network.ingress if each.roles == _ROLES["agents"]}
    for each in section["ingress"]:
        if each["name"] in opened:
            what = "opens its ports on the agents, and there are none: pods run on the servers"
            each.warn("machines", what, 'write "servers" or "all", or give a pool machines')


def _check_number(section: Section, spec: ClusterSpec, group: network.Group) -> None:
    """
    What no account may have; what this one may is in quotas.py.

    https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
    """
    number = sum(rule.group == group for rule in network.rules(spec))
    if number > network.MOST_RULES_OF_A_GROUP:
        what = f"the security group of the {group}s gets {number} rules"
        fact = f"{what}, AWS allows at most {network.MOST_RULES_OF_A_GROUP}"
        section.report(_largest(section, spec), fact, "name wider ranges", Kind.LIMIT)


def _largest(section: Section, spec: ClusterSpec) -> str:
    ranges = spec.network
    lists: dict[str, Sequence[object]] = {
        "apiAllowedCidrs": ranges.api_allowed_cidrs,
        "sshAllowedCidrs": ranges.ssh_allowed_cidrs,
        "ingress": [rule for each in ranges.ingress for rule in network.opened(each)],
    }
    return max(lists, key=lambda each: len(lists[each]))
