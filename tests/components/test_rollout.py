"""Existing machines are changed in turn, new ones together."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pytest

from components import rollout
from tests.components.recording import CONFIGURATION, Built, Engine, build

INSTANCE, NODE = "aws:ec2/instance:Instance", "k3s:index:Node"
POOL = {"name": "agents", "count": 4, "instanceType": "t4g.small"}
SERVER, *AGENTS = ("demo-servers-0", *(f"demo-agents-{index}" for index in range(4)))


def order_of(
    existing: dict[str, int], max_unavailable: int = 1, pools: Sequence[str] = ("agents",)
) -> list[tuple[str, str]]:
    """Instances and nodes in the order in which the engine got them."""
    made = [{**POOL, "name": each, "maxUnavailable": max_unavailable} for each in pools]
    built = build({**CONFIGURATION, "pools": made}, existing=existing)
    return [(each.type, each.name) for each in built.resources if each.type in (INSTANCE, NODE)]


def test_machines_that_exist_are_changed_one_after_the_other_and_after_the_server() -> None:
    order = order_of({"servers": 1, "agents": 4})
    assert [(kind, name) for name in (SERVER, *AGENTS) for kind in (INSTANCE, NODE)] == order


def test_as_many_as_may_be_unavailable_are_changed_together() -> None:
    order = order_of({"servers": 1, "agents": 4}, max_unavailable=2)
    first, second = AGENTS[:2], AGENTS[2:]
    for before, after in zip(first, second, strict=True):
        assert order.index((NODE, before)) < order.index((INSTANCE, after))
    for name in first:
        assert order.index((INSTANCE, name)) < min(order.index((NODE, each)) for each in first)


def test_each_pool_takes_its_own_turns() -> None:
    """An instance that becomes another type is not touched before the node in front is Ready."""
    existing = {"servers": 1, "agents": 4, "builders": 4}
    order = order_of(existing, pools=("agents", "builders"))
    for pool in ("agents", "builders"):
        own = [each for each in order if f"-{pool}-" in each[1]]
        names = [f"demo-{pool}-{index}" for index in range(4)]
        assert own == [(kind, name) for name in names for kind in (INSTANCE, NODE)]
    # The second pool does not wait for the first one.
    assert order.index((INSTANCE, "demo-builders-0")) < order.index((NODE, "demo-agents-3"))


@pytest.mark.parametrize("existing", [{}, {"servers": 1}, {"agents": 0}])
def test_machines_that_do_not_exist_boot_all_at_once(existing: dict[str, int]) -> None:
    order = order_of(existing)
    first_node = min(order.index((NODE, name)) for name in AGENTS)
    for name in AGENTS:
        assert order.index((INSTANCE, name)) < first_node


def test_only_the_new_machines_of_a_larger_pool_boot_at_once() -> None:
    order = order_of({"servers": 1, "agents": 2})
    for new in AGENTS[2:]:
        assert order.index((INSTANCE, new)) < order.index((NODE, AGENTS[0]))
    assert order.index((NODE, AGENTS[0])) < order.index((INSTANCE, AGENTS[1]))


def test_new_servers_join_all_at_once_after_those_that_exist_have_changed() -> None:
    """k3s lets a server join only others with the same settings."""
    servers = [f"demo-servers-{index}" for index in range(5)]
    configuration = {**CONFIGURATION, "servers": {"count": 5}}
    built = build(configuration, existing={"servers": 3})
    order = [(each.type, each.name) for each in built.resources]
    for new in servers[3:]:
        assert order.index((NODE, servers[2])) < order.index((INSTANCE, new))
    assert order.index((INSTANCE, servers[4])) < order.index((NODE, servers[3]))


def test_new_agents_of_an_existing_cluster_come_after_its_servers() -> None:
    """An agent may not be newer than the servers, which get another k3s in the same update."""
    order = order_of({"servers": 1})
    for name in AGENTS:
        assert order.index((NODE, SERVER)) < order.index((INSTANCE, name))
    order = order_of({})
    for name in AGENTS:
        assert order.index((INSTANCE, name)) < order.index((NODE, SERVER))


def test_the_order_is_not_a_dependency_in_state() -> None:
    def dependencies(built: Built) -> dict[str, frozenset[str]]:
        return {name: each.depends_on for name, each in built.of(INSTANCE).items()}

    configuration = {**CONFIGURATION, "pools": [POOL]}
    in_turn = build(configuration, existing={"servers": 1, "agents": 4})
    assert dependencies(build(configuration)) == dependencies(in_turn)


@pytest.mark.parametrize(
    ("preview", "expected"), [(False, {"servers": 1, "agents": 1}), (True, {})]
)
def test_the_last_outputs_have_the_machines_that_exist_but_not_in_a_preview(
    preview: bool, expected: dict[str, int]
) -> None:
    pulumi.runtime.set_mocks(Engine(), preview=preview)
    outputs = {"nodes": [{"pool": "servers"}, {"pool": "agents"}]}
    found: list[dict[str, int]] = []

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> pulumi.Output[None]:
        return rollout.existing_machines(outputs).apply(found.append)

    run()
    assert found == [expected]
