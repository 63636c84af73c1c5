"""What counts as everyone, as outside, and as one security group."""

from __future__ import annotations

from typing import Any

import pytest

from k3s_policy.resource import UNKNOWN
from k3s_policy.rule import NotKnown
from tests.policy import examined
from tests.policy.examined import ingress
from tests.policy.stack_state import resource, urn
from tests.policy.test_rules import findings, violated

EVERYONE = "api-and-ssh-not-from-everywhere"
TOGETHER = "ranges-of-a-group"
NODES = "node-ports-not-from-outside"
OLDER = "aws:ec2/securityGroupRule:SecurityGroupRule"


def inline(**rule: Any) -> list[dict[str, Any]]:
    """A security group with one rule inside."""
    return [resource(examined.GROUP, "inline", {"ingress": [rule]})]


def single(**inputs: Any) -> list[dict[str, Any]]:
    return [resource(examined.RULE, "single", inputs)]


SSH = {"protocol": "tcp", "fromPort": 22, "toPort": 22}


@pytest.mark.parametrize(
    "described",
    [
        inline(**SSH, cidrBlocks=["0.0.0.0/0"]),
        inline(**SSH, ipv6CidrBlocks=["::/0"]),
        inline(**SSH, cidrBlocks=["0.0.0.0/1", "128.0.0.0/1"]),
        inline(**SSH, cidrBlocks=["203.0.113.7/32", "64.0.0.0/2"]),
        inline(protocol="6", fromPort=0, toPort=65535, cidrBlocks=["0.0.0.0/0"]),
        inline(**SSH, cidrBlocks=["198.51.100.7/32"], prefixListIds=["pl-1"]),
        single(ipProtocol="tcp", fromPort=6000, toPort=7000, cidrIpv4="0.0.0.0/0"),
        single(ipProtocol="tcp", fromPort=22, toPort=22, prefixListId="pl-1"),
        [resource(OLDER, "older", {"type": "ingress", **SSH, "cidrBlocks": ["0.0.0.0/0"]})],
    ],
)
def test_ssh_and_the_api_open_to_everyone_are_reported(described: list[dict[str, Any]]) -> None:
    assert [name for name in violated(described) if name != NODES] == [EVERYONE]


@pytest.mark.parametrize(
    "described",
    [
        inline(**SSH, cidrBlocks=["10.0.0.0/8", "192.168.0.0/16"]),
        inline(**SSH, cidrBlocks=["127.0.0.0/8"]),
        inline(protocol="tcp", fromPort=80, toPort=443, cidrBlocks=["0.0.0.0/0"]),
        inline(protocol="icmp", fromPort=-1, toPort=-1, cidrBlocks=["0.0.0.0/0"]),
        inline(protocol="udp", fromPort=22, toPort=22, cidrBlocks=["0.0.0.0/0"]),
        inline(protocol="-1", fromPort=0, toPort=0, self=True),
        [resource(OLDER, "older", {"type": "egress", **SSH, "cidrBlocks": ["0.0.0.0/0"]})],
    ],
)
def test_what_is_not_everyone_is_not_reported(described: list[dict[str, Any]]) -> None:
    assert violated(described) == []


def test_everything_from_everyone_breaks_both_rules() -> None:
    described = single(ipProtocol="-1", cidrIpv6="::/0")
    assert violated(described) == [EVERYONE, NODES]


def test_a_range_and_a_prefix_list_may_be_allowed() -> None:
    described = inline(**SSH, cidrBlocks=["0.0.0.0/0"], prefixListIds=["pl-1"])
    assert violated(described, allowedCidrs=["0.0.0.0/0"], allowedPrefixLists=["pl-1"]) == []


def test_a_narrower_limit_reports_a_wide_range() -> None:
    described = single(**ingress("203.0.113.0/24", 22))
    assert violated(described) == []
    assert violated(described, widestIpv4Prefix=28) == [EVERYONE]


def parts(count: int, groups: list[str], prefix: int = 8) -> list[dict[str, Any]]:
    made = [resource(examined.GROUP, name, {}) for name in dict.fromkeys(groups)]
    for index in range(count):
        group = urn(examined.GROUP, groups[index % len(groups)])
        cidr = f"{40 + index}.0.0.0/{prefix}"
        made.append(resource(examined.RULE, f"part-{index}", ingress(cidr, 22), group=group))
    return made


def test_parts_of_all_addresses_are_added_up_for_each_group() -> None:
    assert violated(parts(2, ["one"])) == [TOGETHER]
    assert violated(parts(2, ["one", "two"])) == []
    assert violated(parts(2, ["one"], prefix=9)) == []


def test_each_port_is_added_up_by_itself() -> None:
    described = parts(2, ["one"])
    described[-1]["inputs"] |= {"fromPort": 6443, "toPort": 6443}
    described[-1]["outputs"] |= {"fromPort": 6443, "toPort": 6443}
    assert violated(described) == []


def test_rules_of_a_group_that_the_program_does_not_make_are_added_up_by_its_id() -> None:
    described = [
        resource(examined.RULE, f"part-{index}", {**ingress(cidr, 22), "securityGroupId": "sg-1"})
        for index, cidr in enumerate(("40.0.0.0/8", "50.0.0.0/8"))
    ]
    assert violated(described) == [TOGETHER]


@pytest.mark.parametrize(
    ("protocol", "port"),
    [("tcp", 2379), ("tcp", 10250), ("udp", 8472), ("udp", 51820), ("udp", 51821)],
)
def test_a_port_of_nodes_is_not_reached_from_a_single_public_address(
    protocol: str, port: int
) -> None:
    described = single(ipProtocol=protocol, fromPort=port, toPort=port, cidrIpv4="203.0.113.7/32")
    assert violated(described) == [NODES]
    other = "udp" if protocol == "tcp" else "tcp"
    described[0]["inputs"]["ipProtocol"] = other
    assert violated(described) == []


@pytest.mark.parametrize(
    ("type_", "changes", "path"),
    [
        (examined.RULE, {"fromPort": UNKNOWN}, "fromPort"),
        (examined.RULE, {"toPort": UNKNOWN}, "toPort"),
        (examined.RULE, {"fromPort": UNKNOWN, "toPort": UNKNOWN}, "toPort"),
        (OLDER, {"type": UNKNOWN}, "type"),
    ],
)
def test_ports_that_a_preview_does_not_have_are_left_to_the_update(
    type_: str, changes: dict[str, Any], path: str
) -> None:
    everyone = {"cidrIpv4": "0.0.0.0/0", "cidrBlocks": ["0.0.0.0/0"], "protocol": "tcp"}
    inputs = {"type": "ingress", **everyone, **ingress("0.0.0.0/0", 22), **changes}
    found = list(findings([resource(type_, "x", inputs)]))
    assert {name for name, _ in found} == {EVERYONE, NODES}
    paths = [each.path for _, each in found if isinstance(each, NotKnown)]
    assert len(paths) == len(found)
    assert path in paths


def test_messages_name_the_place_of_an_inline_rule_and_its_range() -> None:
    described = [
        resource(
            examined.GROUP,
            "inline",
            {"ingress": [{**SSH, "self": True}, {**SSH, "cidrBlocks": ["0.0.0.0/0"]}]},
        )
    ]
    (found,) = [found for _, found in findings(described)]
    assert "ingress[1]: TCP 22 can be reached from 0.0.0.0/0" in str(found)
