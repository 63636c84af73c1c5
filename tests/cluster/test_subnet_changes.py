"""Other zones and subnets: what they do to several machines, or to the load balancer, at once."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Network
from typing import Any

import pytest

from cluster import network
from cluster.changes import Plan, plan_changes
from cluster.errors import Kind
from cluster.record import PlaceRecord, Record
from tests.cluster import records

ZONES, VPC = "cluster.network.availabilityZones", "cluster.network.vpcCidr"
SUBNETS = "cluster.network.subnetIds"
A, B = "subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"
NAMED, BALANCED = {"type": "serverAddress"}, {"type": "loadBalancer"}
NARROW = "10.64.0.0/20"


def zones(letters: str, **ranges: Any) -> dict[str, Any]:
    return {"zones": letters, "network": ranges}


def within(**ranges: Any) -> dict[str, Any]:
    return {"network": ranges}


def recorded(*, zones: str = "", **keys: Any) -> Record:
    """A record with more zones than the account of the tests has."""
    made = records.recorded(**keys)
    if not zones:
        return made
    cidrs = network.subnet_cidrs(IPv4Network(made.node_keys[VPC]), len(zones))
    places = [
        PlaceRecord(zone=f"eu-central-1{zone}", cidr=str(cidr))
        for zone, cidr in zip(zones, cidrs, strict=True)
    ]
    return dataclasses.replace(made, subnets=tuple(places))


def plan(before: Any, after: Any, *, count: int = 1, **keys: Any) -> Plan:
    """From one network to another; everything else stays."""
    return plan_changes(
        recorded(count=count, **keys, **before), recorded(count=count, **keys, **after)
    )


def kinds(found: Plan) -> list[tuple[Kind, str]]:
    return [(each.kind, each.path) for each in found.rejections]


def warnings(found: Plan) -> str:
    return "\n".join(str(each) for each in found.consequences if each.kind == Kind.WARNING)


@pytest.mark.parametrize(
    ("before", "after", "deleted"),
    [("abc", "acb", 2), ("abc", "cab", 3), ("a", "b", 3), ("abc", "abd", 1), ("ab", "cb", 2)],
)
@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("endpoint", [NAMED, BALANCED])
def test_several_servers_keep_the_zones_that_are_there_and_their_order(
    before: str, after: str, deleted: int, allowed: bool, endpoint: dict[str, Any]
) -> None:
    found = plan_changes(
        recorded(count=3, endpoint=endpoint, **zones(before)),
        recorded(count=3, endpoint=endpoint, **zones(after), allowDataLoss=allowed),
    )
    assert kinds(found) == [(Kind.QUORUM, ZONES)]
    assert f"deletes {deleted} of 3 servers before any" in found.rejections[0].what


@pytest.mark.parametrize(("before", "after"), [("ab", "abc"), ("a", "abc"), ("abc", "a")])
def test_zones_are_added_and_given_up_at_the_end_of_the_list(before: str, after: str) -> None:
    assert kinds(plan(zones(before), zones(after), count=3)) == []


def test_a_zone_where_no_server_is_may_become_another_one() -> None:
    found = plan(zones("abcd"), zones("abce"), count=3, pools=[{"name": "agents", "count": 8}])
    assert kinds(found) == []
    assert "deletes 2 machines before any of them is created again" in warnings(found)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("before", "after"), [("a", "ab"), ("ab", "a"), ("ab", "abc")])
def test_a_narrow_vpc_is_not_divided_for_another_number_of_zones(
    before: str, after: str, count: int
) -> None:
    found = plan(
        zones(before, vpcCidr=NARROW), zones(after, vpcCidr=NARROW), count=count, endpoint=NAMED
    )
    assert kinds(found) == [(Kind.LIMIT, ZONES)]
    assert f"for {len(after)} and not for {len(before)}" in found.rejections[0].what


def test_a_narrow_vpc_takes_another_zone_that_it_has_a_range_for() -> None:
    both = zones("abc", vpcCidr=NARROW), zones("abcd", vpcCidr=NARROW)
    assert kinds(plan(*both, count=3)) == []


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [({}, within(vpcCidr="10.65.0.0/16"), VPC), ({}, within(vpcCidr="10.64.0.0/17"), VPC)],
)
def test_the_subnet_of_a_load_balancer_is_not_replaced(
    before: dict[str, Any], after: dict[str, Any], path: str
) -> None:
    assert kinds(plan(before, after, endpoint=BALANCED)) == [(Kind.CONFLICT, path)]
    assert kinds(plan(before, after, endpoint=NAMED)) == []
    switched = plan_changes(
        recorded(endpoint=BALANCED, **before), recorded(endpoint=NAMED, **after)
    )
    assert kinds(switched) == [(Kind.CONFLICT, path)]


def test_permission_to_lose_the_data_does_not_free_the_subnet_of_a_load_balancer() -> None:
    both = zones("a"), zones("b")
    assert kinds(plan(*both, endpoint=BALANCED)) == [
        (Kind.DATA_LOSS, ZONES),
        (Kind.CONFLICT, ZONES),
    ]
    allowed = plan(*both, endpoint=BALANCED, allowDataLoss=True)
    assert kinds(allowed) == [(Kind.CONFLICT, ZONES)]


def test_agents_beside_a_load_balancer_move_at_once_with_a_warning() -> None:
    found = plan(
        zones("ab"), zones("ac"), endpoint=BALANCED, pools=[{"name": "agents", "count": 4}]
    )
    assert kinds(found) == []
    assert "deletes 2 machines" in warnings(found)


def test_another_name_is_another_vpc_whatever_its_zones_are() -> None:
    before = recorded(count=3, **zones("abc"))
    after = recorded(count=3, **zones("cab"), name="other", allowDataLoss=True)
    found = plan_changes(before, after)
    assert (kinds(found), warnings(found)) == ([], "")


@pytest.mark.parametrize(
    ("before", "after", "count", "rejected"),
    [
        ([A], [B], 3, True),
        ([A, B], [B, A], 3, True),
        ([A], [B, A], 3, False),
        ([A], [B], 1, False),
    ],
)
def test_one_of_several_servers_keeps_the_address_where_others_find_it(
    before: list[str], after: list[str], count: int, rejected: bool
) -> None:
    found = plan(within(subnetIds=before), within(subnetIds=after), count=count, allowDataLoss=True)
    assert ((Kind.QUORUM, SUBNETS) in kinds(found)) == rejected


@pytest.mark.parametrize(
    ("before", "after", "counts", "path"),
    [
        (zones("abc"), zones("ab"), (3, 3), ZONES),
        (zones("abcde"), zones("abcde"), (5, 3), "cluster.servers.count"),
        (within(subnetIds=[A, B]), within(subnetIds=[A]), (3, 3), SUBNETS),
        # A subnet is added in place, and what has none of the servers is nothing to it.
        (zones("ab"), zones("abc"), (3, 3), None),
        (zones("abc"), zones("abc"), (5, 3), None),
        (zones("abcd"), zones("abc"), (3, 3), None),
    ],
)
def test_a_load_balancer_that_gives_up_a_subnet_is_another_one(
    before: dict[str, Any], after: dict[str, Any], counts: tuple[int, int], path: str | None
) -> None:
    found = plan_changes(
        recorded(count=counts[0], endpoint=BALANCED, **before),
        recorded(count=counts[1], endpoint=BALANCED, **after),
    )
    text = "replaces the load balancer"
    assert [each.path for each in found.consequences if text in each.what] == [path][: bool(path)]
    assert kinds(found) == []


@pytest.mark.parametrize(
    ("endpoint", "lost"), [(NAMED, "no SSH, and clients have no API"), (BALANCED, "no SSH\n")]
)
def test_public_addresses_that_move_before_their_machines_are_a_warning(
    endpoint: dict[str, Any], lost: str
) -> None:
    found = plan(within(subnetIds=[A]), within(subnetIds=[B]), count=3, endpoint=endpoint)
    assert f"{SUBNETS}: moves the public addresses of 5 machines" in warnings(found)
    assert lost in warnings(found)


def test_machines_without_public_addresses_move_without_a_warning() -> None:
    found = plan(
        within(subnetIds=[A], publicAddresses=False),
        within(subnetIds=[B], publicAddresses=False),
        endpoint=NAMED,
    )
    assert "moves the public" not in warnings(found)


def test_a_single_machine_that_moves_is_no_warning() -> None:
    found = plan(zones("ab"), zones("a"), endpoint=NAMED)
    assert warnings(found) == ""
