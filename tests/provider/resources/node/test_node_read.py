"""Refreshing a Node: only the API is asked, and only what changed for good is a change."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from provider.protocol.values import unwrap_secrets
from tests.provider.fake_api import FakeApi, node
from tests.provider.fake_machine import FakeMachine, report
from tests.provider.rpc import Rpc

NODE = "k3s:index:Node"
NAME = "demo-agents-1a2b3c4d"
MakeInputs = Callable[..., dict[str, Any]]


@pytest.fixture
def known(rpc: Rpc, machine: FakeMachine, api: FakeApi, node_inputs: MakeInputs) -> dict[str, Any]:
    machine.will_report(report())
    api.nodes[NAME] = node(NAME)
    _, outputs = rpc.create(NODE, node_inputs())
    return outputs


def test_a_refresh_after_up_changes_nothing_and_uses_no_ssh(
    rpc: Rpc, machine: FakeMachine, api: FakeApi, known: dict[str, Any], node_inputs: MakeInputs
) -> None:
    connections = machine.connections
    ready = api.nodes[NAME]["status"]["conditions"][1]
    ready["lastHeartbeatTime"] = "2026-11-24T04:00:00Z"

    assert rpc.read(NODE, known, node_inputs()) == known
    assert machine.connections == connections
    assert rpc.reported.warnings == []


def test_a_kubelet_upgraded_by_hand_is_seen(
    rpc: Rpc, api: FakeApi, known: dict[str, Any], node_inputs: MakeInputs
) -> None:
    api.nodes[NAME]["status"]["nodeInfo"]["kubeletVersion"] = "v1.37.0+k3s1"

    assert rpc.read(NODE, known, node_inputs()) == {**known, "kubeletVersion": "v1.37.0+k3s1"}


def test_a_node_that_is_not_ready_is_still_there(
    rpc: Rpc, api: FakeApi, known: dict[str, Any], node_inputs: MakeInputs
) -> None:
    api.nodes[NAME] = node(NAME, ready="False", reason="KubeletNotReady")

    assert rpc.read(NODE, known, node_inputs()) == known


def test_a_deleted_node_object_is_gone(
    rpc: Rpc, api: FakeApi, known: dict[str, Any], node_inputs: MakeInputs
) -> None:
    del api.nodes[NAME]

    assert rpc.read(NODE, known, node_inputs()) is None


def test_an_api_that_does_not_answer_changes_nothing(
    rpc: Rpc, known: dict[str, Any], node_inputs: MakeInputs
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"https://127.0.0.1:{silent.getsockname()[1]}"
        away = {**known, "api": {**unwrap_secrets(known["api"]), "endpoint": endpoint}}
        read = rpc.read(NODE, away, node_inputs())

    assert unwrap_secrets(read) == unwrap_secrets(away)
    assert rpc.reported.warnings == [
        f'node "{NAME}" could not be read, its state stays as it was: no result after 5 s'
    ]
