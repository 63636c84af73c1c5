"""The target of a new connection: healthy ones, near ones, and all where none is healthy."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from localcloud.load_balancers.model import Target
from localcloud.load_balancers.routing import choose
from tests.localcloud.load_balancers.conftest import BALANCER, GROUP, NODES, target

A, B = target("10.1.0.1", "a"), target("10.1.1.1", "b")
OTHER_A = target("10.1.0.2", "a")


def chosen(
    *targets: Target, states: Mapping[str, str] | None = None, crosses: Any = None
) -> set[tuple[str, str]]:
    """The node and the target of many connections; targets are healthy where nothing is given."""
    group, drawn = replace(GROUP, targets=targets, crosses_zones=crosses), random.Random(1)
    found = set()
    for _ in range(60):
        one = choose(BALANCER, group, lambda each: (states or {}).get(each.id, "healthy"), drawn)
        if one:
            found.add((one[0], one[1].id))
    return found


def test_every_healthy_target_gets_connections_from_the_node_of_its_zone() -> None:
    assert chosen(A, OTHER_A, B) == {
        (NODES["a"], A.id),
        (NODES["a"], OTHER_A.id),
        (NODES["b"], B.id),
    }


def test_an_unhealthy_target_gets_none() -> None:
    assert chosen(A, B, states={A.id: "unhealthy"}) == {(NODES["b"], B.id)}
    assert chosen(A, B, states={A.id: "initial"}) == {(NODES["b"], B.id)}


def test_with_no_healthy_target_all_of_them_get_connections() -> None:
    states = {A.id: "unhealthy", B.id: "initial"}
    assert chosen(A, B, states=states) == {(NODES["a"], A.id), (NODES["b"], B.id)}


def test_targets_that_were_never_checked_get_none() -> None:
    assert chosen(A, B, states={A.id: "initial", B.id: "initial"}) == set()
    assert chosen() == set()


def test_across_zones_each_node_forwards_to_every_target() -> None:
    everything = {(node, each.id) for node in NODES.values() for each in (A, B)}
    assert chosen(A, B, crosses=True) == everything
    assert chosen(A, B, crosses=False) == {(NODES["a"], A.id), (NODES["b"], B.id)}


def test_a_target_in_a_zone_that_is_not_enabled_gets_none() -> None:
    assert chosen(A, target("10.1.2.1", "c")) == {(NODES["a"], A.id)}


def test_a_target_outside_the_vpc_is_near_to_every_node() -> None:
    outside = target("192.168.0.1", "all")
    assert chosen(outside) == {(node, outside.id) for node in NODES.values()}


def test_an_instance_that_does_not_run_gets_none() -> None:
    assert chosen(A, target("i-1", "b", address=None)) == {(NODES["a"], A.id)}
