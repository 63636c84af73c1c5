"""Several servers: one is removed or changed only while etcd keeps its majority without it."""

from __future__ import annotations

import copy
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.provider.conftest import NODE_CONFIG
from tests.provider.fake_api import FakeApi, node
from tests.provider.fake_machine import BOOT_PROGRAM, FakeMachine, report
from tests.provider.rpc import Failed, FastClock, Rpc, plugin

NODE = "k3s:index:Node"
NAME = "demo-agents-1a2b3c4d"
PATH = f"/api/v1/nodes/{NAME}"
MEMBER = {
    "node-role.kubernetes.io/control-plane": "true",
    "node-role.kubernetes.io/etcd": "true",
}
NEWER = copy.deepcopy(NODE_CONFIG)
NEWER["pool"]["k3s"]["version"] = "v1.36.6+k3s1"
COMPUTED = {
    "bootReport": {"state": "done"},
    "kubeletVersion": "v1.36.5+k3s1",
    "architecture": "x86_64",
    "internalIp": "10.64.0.10",
    "readySeconds": 12.5,
}
MakeInputs = Callable[..., dict[str, Any]]


def add_servers(api: FakeApi, *ready: str) -> None:
    """The server of these tests, and others, whose condition Ready each has."""
    names = [NAME, *(f"other-{number}" for number in range(1, len(ready)))]
    for name, each in zip(names, ready, strict=True):
        api.nodes[name] = node(name, ready=each)
        api.nodes[name]["metadata"]["labels"] = dict(MEMBER)
    api.nodes["agent"] = node("agent", ready="Unknown")


@pytest.mark.parametrize(
    "ready",
    [
        ("True", "True", "Unknown"),
        ("True", "Unknown"),
        ("True", "True", "True", "False", "Unknown"),
        ("True", "True", "Unknown", "Unknown"),
    ],
)
def test_a_server_stays_while_the_others_would_be_no_majority(
    rpc: Rpc, api: FakeApi, machine: FakeMachine, node_inputs: MakeInputs, ready: tuple[str, ...]
) -> None:
    machine.will_report(report())
    add_servers(api, *ready)

    with pytest.raises(Failed) as caught:
        rpc.delete(NODE, node_inputs(role="server"))

    away = ", ".join(f"other-{number}" for number, each in enumerate(ready) if each != "True")
    assert caught.value.code == "FAILED_PRECONDITION"
    assert caught.value.text.startswith(
        f'server "{NAME}" cannot be removed now: not Ready: {away}; '
    )
    assert not [call for call in api.calls if not call.startswith("GET")]
    assert machine.systemctl_calls == []


@pytest.mark.parametrize(
    "ready",
    [
        ("True", "True", "True"),
        ("True", "True", "True", "True", "Unknown"),
        # Lost servers: without them nothing is lost.
        ("Unknown", "True", "True"),
        ("False", "True", "True", "True", "Unknown"),
    ],
)
def test_a_server_is_removed_while_the_others_are_a_majority(
    rpc: Rpc, api: FakeApi, node_inputs: MakeInputs, ready: tuple[str, ...]
) -> None:
    add_servers(api, *ready)

    rpc.delete(NODE, node_inputs(role="server"))

    assert NAME not in api.nodes
    assert rpc.reported.warnings == []


def test_the_only_server_and_an_agent_are_removed_whatever_others_do(
    rpc: Rpc, api: FakeApi, node_inputs: MakeInputs
) -> None:
    add_servers(api, "True")
    rpc.delete(NODE, node_inputs(role="server"))
    assert NAME not in api.nodes

    add_servers(api, "True", "Unknown", "Unknown")
    rpc.delete(NODE, node_inputs(role="agent"))
    assert NAME not in api.nodes


def test_a_server_that_has_just_restarted_is_waited_for(
    rpc: Rpc, api: FakeApi, node_inputs: MakeInputs
) -> None:
    add_servers(api, "True", "True", "False")

    def become_ready(calls: int) -> None:
        if calls > 3:
            api.nodes["other-2"]["status"]["conditions"][1]["status"] = "True"

    api.before_answer = become_ready
    rpc.delete(NODE, node_inputs(role="server"))

    assert NAME not in api.nodes


def test_k3s_runs_on_where_the_member_of_etcd_is_not_removed(
    rpc: Rpc, api: FakeApi, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    machine.will_report(report())
    add_servers(api, "True", "True", "True")
    api.finalized_after = 1_000_000

    with pytest.raises(Failed) as caught:
        rpc.delete(NODE, node_inputs(role="server"))

    assert caught.value.text.startswith(
        f'the Node object "{NAME}" is still there after its deletion: '
    )
    assert machine.systemctl_calls == []


def update(rpc: Rpc, make: MakeInputs) -> None:
    old, new = make(role="server"), make(role="server", nodeConfig=NEWER)
    rpc.update(NODE, {**old, **COMPUTED}, old, new)


def test_a_server_is_not_changed_while_another_one_is_away(
    api: FakeApi, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    add_servers(api, "True", "Unknown", "True")

    with plugin(FastClock(), BOOT_PROGRAM) as rpc, pytest.raises(Failed) as caught:
        update(rpc, node_inputs)

    assert caught.value.text.startswith(
        f'server "{NAME}" cannot be changed now: not Ready: other-1; '
    )
    assert machine.connections == 0


def test_a_server_that_is_away_itself_is_changed_so_that_it_comes_back(
    api: FakeApi, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    add_servers(api, "False", "Unknown", "True")
    machine.will_report_after_boot(report(), report())
    machine.on_boot = lambda: add_servers(api, "True", "Unknown", "True")

    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        update(rpc, node_inputs)

    assert machine.connections == 1


def test_a_lost_server_is_removed_by_another_one_where_the_endpoint_was_its_own(
    rpc: Rpc, api: FakeApi, node_inputs: MakeInputs
) -> None:
    add_servers(api, "Unknown", "True", "True")
    inputs = node_inputs(role="server", otherEndpoints=[api.endpoint])
    with socket.socket() as lost:
        lost.bind(("127.0.0.1", 0))  # nobody responds there
        endpoint = f"https://127.0.0.1:{lost.getsockname()[1]}"
        rpc.delete(NODE, {**inputs, "api": {**inputs["api"], "endpoint": endpoint}})

    assert NAME not in api.nodes
    assert rpc.reported.warnings == []
