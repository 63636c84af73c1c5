"""Another k3s on a running node: what is reported, and the drain around it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.provider.conftest import NODE_CONFIG
from tests.provider.fake_api import FakeApi, node, pod
from tests.provider.fake_machine import BOOT_PROGRAM, FakeMachine, report
from tests.provider.rpc import Failed, FastClock, Rpc, plugin

NODE = "k3s:index:Node"
NAME = "demo-agents-1a2b3c4d"
PATH = f"/api/v1/nodes/{NAME}"
MARK = "k3s-aws/cordoned-for-change"
SERVER = {"node-role.kubernetes.io/control-plane": "true"}
NEWER = copy.deepcopy(NODE_CONFIG)
NEWER["pool"]["k3s"] |= {"version": "v1.36.6+k3s1", "sha256": "cd" * 32}
COMPUTED = {
    "bootReport": {"state": "done"},
    "kubeletVersion": "v1.36.4+k3s1",
    "architecture": "x86_64",
    "internalIp": "10.64.0.10",
    "readySeconds": 12.5,
}
MakeInputs = Callable[..., dict[str, Any]]


def upgrade(rpc: Rpc, make: MakeInputs, **changes: Any) -> None:
    new = {"drainOnUpgrade": True, "nodeConfig": NEWER} | changes
    old = make(**{key: each for key, each in new.items() if key != "nodeConfig"})
    rpc.update(NODE, {**old, **COMPUTED}, old, make(**new))


def at_the_boot(machine: FakeMachine, api: FakeApi) -> list[dict[str, Any]]:
    """The Node as it is each time the boot program begins."""
    seen: list[dict[str, Any]] = []
    machine.on_boot = lambda: seen.append(copy.deepcopy(api.nodes[NAME]))
    return seen


@pytest.fixture
def reporting(machine: FakeMachine, api: FakeApi) -> FakeMachine:
    machine.will_report_after_boot(report(), report("done", ("start-k3s", 2.0)))
    api.nodes[NAME] = node(NAME)
    return machine


def test_an_upgrade_is_reported_with_both_versions(
    reporting: FakeMachine, node_inputs: MakeInputs
) -> None:
    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        upgrade(rpc, node_inputs, drainOnUpgrade=False)
        lines = rpc.reported.progress_lines
    prefix = f"agent {NAME}: upgrading k3s v1.36.5+k3s1 to v1.36.6+k3s1: "
    assert f"{prefix}applying the new node configuration" in lines


def test_a_change_of_the_configuration_alone_is_no_upgrade(
    reporting: FakeMachine, node_inputs: MakeInputs
) -> None:
    other = copy.deepcopy(NODE_CONFIG)
    other["pool"]["config"] = {"max-pods": 50}
    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        upgrade(rpc, node_inputs, nodeConfig=other)
        lines = rpc.reported.progress_lines
    assert f"agent {NAME}: applying the new node configuration" in lines
    assert not [line for line in lines if "upgrading" in line or "cordon" in line]


def test_pods_leave_before_the_change_and_the_node_is_schedulable_afterwards(
    reporting: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    api.pods = {"web": pod("web"), "logs": pod("logs", owner="DaemonSet")}
    seen = at_the_boot(reporting, api)
    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        upgrade(rpc, node_inputs)
        assert rpc.reported.warnings == []
    assert [each["spec"] for each in seen] == [{"unschedulable": True}]
    assert list(api.pods) == ["logs"]
    assert api.nodes[NAME]["spec"] == {}
    assert MARK not in api.nodes[NAME]["metadata"]["annotations"]


def test_nothing_is_drained_unless_it_is_wanted(
    reporting: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    api.pods = {"web": pod("web")}
    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        upgrade(rpc, node_inputs, drainOnUpgrade=False)
    assert list(api.pods) == ["web"]
    assert not [call for call in api.calls if call.startswith(("PATCH", "POST"))]


def test_a_node_that_an_operator_has_cordoned_stays_so(
    reporting: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    api.nodes[NAME]["spec"]["unschedulable"] = True
    api.pods = {"web": pod("web")}
    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        upgrade(rpc, node_inputs)
    assert api.pods == {}
    assert api.nodes[NAME]["spec"] == {"unschedulable": True}


@pytest.mark.parametrize("drain", [True, False])
def test_a_node_that_an_interrupted_change_has_cordoned_is_schedulable_again(
    reporting: FakeMachine, api: FakeApi, node_inputs: MakeInputs, drain: bool
) -> None:
    api.nodes[NAME]["spec"]["unschedulable"] = True
    api.nodes[NAME]["metadata"]["annotations"] = {MARK: "true"}
    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        upgrade(rpc, node_inputs, drainOnUpgrade=drain)
    assert api.nodes[NAME]["spec"] == {}


def test_an_upgrade_that_was_taken_back_names_both_versions_and_the_cause(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    cause = "k3s-agent.service does not start; k3s v1.36.5+k3s1 runs again, as it was configured"
    machine.will_report_after_boot(report(), report("failed", ("start-k3s", 9.0), cause=cause))
    api.nodes[NAME] = node(NAME)
    seen = at_the_boot(machine, api)
    with plugin(FastClock(), BOOT_PROGRAM) as rpc, pytest.raises(Failed) as caught:
        upgrade(rpc, node_inputs)
    assert (
        f'the upgrade of agent "{NAME}" (127.0.0.1) from k3s v1.36.5+k3s1 to v1.36.6+k3s1 failed '
        f"in start-k3s: {cause}\n"
    ) in str(caught.value)
    assert [each["spec"] for each in seen] == [{"unschedulable": True}]
    assert api.nodes[NAME]["spec"] == {}


def test_pods_that_stay_are_named_and_do_not_hold_the_upgrade_up(
    reporting: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    api.pods, api.budgets = {"web": pod("web")}, {"web": 10_000}
    seen = at_the_boot(reporting, api)
    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        upgrade(rpc, node_inputs, drainSeconds=10)
        (warning,) = rpc.reported.warnings
    assert warning.startswith(
        f'node "{NAME}" was changed with 1 pods on it after 10 s of draining:\n'
        "    default/web: The disruption budget web needs 1 healthy pods"
    )
    assert len(seen) == 1


@pytest.mark.parametrize("servers", [1, 3])
def test_a_server_is_drained_unless_it_is_the_only_one(
    reporting: FakeMachine, api: FakeApi, node_inputs: MakeInputs, servers: int
) -> None:
    for number in range(servers):
        name = f"other-{number}" if number else NAME
        api.nodes[name] = node(name)
        api.nodes[name]["metadata"]["labels"] = dict(SERVER)
    api.nodes["agent"] = node("agent")
    api.pods = {"web": pod("web")}
    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        upgrade(rpc, node_inputs, role="server")
        warnings = rpc.reported.warnings
    if servers == 1:
        assert list(api.pods) == ["web"]
        assert warnings[0].startswith(f'node "{NAME}" is not drained: it is the only server, ')
    else:
        assert (dict(api.pods), warnings) == ({}, [])
