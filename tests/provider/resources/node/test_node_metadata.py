"""Labels and taints of a node that stands."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from cluster.machine_files import NodeConfig, Taint
from tests.provider.conftest import NODE_CONFIG
from tests.provider.fake_api import FakeApi, node
from tests.provider.fake_machine import BOOT_PROGRAM, FakeMachine, report
from tests.provider.rpc import FastClock, plugin

NODE = "k3s:index:Node"
NAME = "demo-agents-1a2b3c4d"
COMPUTED = {
    "bootReport": {"state": "done"},
    "kubeletVersion": "v1.36.5+k3s1",
    "architecture": "x86_64",
    "internalIp": "10.64.0.10",
    "readySeconds": 12.5,
}
THEIRS = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}
Inputs = dict[str, Any]
MakeInputs = Callable[..., Inputs]


def config(labels: dict[str, str], *taints: Taint) -> NodeConfig:
    found = copy.deepcopy(NODE_CONFIG)
    found["pool"]["labels"], found["pool"]["taints"] = labels, [*taints]
    return found


def changed(
    machine: FakeMachine,
    api: FakeApi,
    node_inputs: MakeInputs,
    before: NodeConfig,
    after: NodeConfig,
) -> Any:
    old, new = node_inputs(nodeConfig=before), node_inputs(nodeConfig=after)
    machine.will_report_after_boot(report(), report("done", ("start-k3s", 2.0)))
    with plugin(FastClock(), BOOT_PROGRAM) as rpc:
        rpc.update(NODE, {**old, **COMPUTED}, old, new)
    return api.nodes[NAME]


def standing(api: FakeApi, labels: dict[str, str], taints: list[dict[str, str]]) -> None:
    api.nodes[NAME] = node(NAME)
    api.nodes[NAME]["metadata"]["labels"] = labels
    api.nodes[NAME]["spec"]["taints"] = taints


def test_labels_change_and_those_of_others_stay(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    standing(api, {"a": "1", "gone": "x", "theirs": "t"}, [])
    found = changed(
        machine, api, node_inputs, config({"a": "1", "gone": "x"}), config({"a": "2", "b": ""})
    )
    assert found["metadata"]["labels"] == {"a": "2", "b": "", "theirs": "t"}


def test_taints_change_and_those_of_others_stay(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    old = {"key": "only", "value": "x86", "effect": "NoSchedule"}
    standing(api, {}, [old, THEIRS])
    found = changed(
        machine,
        api,
        node_inputs,
        config({}, {"key": "only", "value": "x86", "effect": "NoSchedule"}),
        config({}, {"key": "example.com/only", "value": "arm", "effect": "NoExecute"}),
    )
    assert found["spec"]["taints"] == [
        THEIRS,
        {"key": "example.com/only", "value": "arm", "effect": "NoExecute"},
    ]


def test_a_concurrent_change_of_the_node_is_no_failure(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    standing(api, {}, [])
    refused: list[int] = []

    def refuse_the_first_change(calls: int) -> int | None:
        if api.calls[-1].startswith("PATCH") and not refused:
            refused.append(calls)
            return 409
        return None

    api.before_answer = refuse_the_first_change
    found = changed(machine, api, node_inputs, config({}), config({"a": "1"}))
    assert refused
    assert found["metadata"]["labels"] == {"a": "1"}


def test_the_same_labels_and_taints_change_nothing(
    machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs
) -> None:
    standing(api, {"a": "1"}, [])
    other = config({"a": "1"})
    other["pool"]["config"] = {"max-pods": 70}
    changed(machine, api, node_inputs, config({"a": "1"}), other)
    assert [call for call in api.calls if call.startswith("PATCH")] == []
