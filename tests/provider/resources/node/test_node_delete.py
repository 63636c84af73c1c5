"""Deleting a Node: cordon, drain, remove; and never held up by a cluster that does not respond."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.provider.fake_api import FakeApi, node, pod
from tests.provider.fake_machine import FakeMachine, report
from tests.provider.rpc import Failed, Rpc

NODE = "k3s:index:Node"
NAME = "demo-agents-1a2b3c4d"
PATH = f"/api/v1/nodes/{NAME}"
MakeInputs = Callable[..., dict[str, Any]]


def _evictions(api: FakeApi) -> list[str]:
    return [call.split("/")[-2] for call in api.calls if call.startswith("POST")]


def test_a_node_is_cordoned_then_drained_then_removed(
    rpc: Rpc, api: FakeApi, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    machine.will_report(report())
    api.nodes[NAME] = node(NAME)
    api.pods = {"web": pod("web")}

    rpc.delete(NODE, node_inputs())

    assert api.calls == [
        f"PATCH {PATH}",
        "GET /api/v1/pods",
        "POST /api/v1/namespaces/default/pods/web/eviction",
        f"GET {PATH}",
        "GET /api/v1/pods",
        f"DELETE {PATH}",
        f"GET {PATH}",
        f"DELETE {PATH}",
    ]
    assert api.nodes == {}
    assert rpc.reported.warnings == []
    assert rpc.reported.progress_lines == [
        f"{NAME}: cordon",
        f"{NAME}: drain, 1 pods left",
        f"{NAME}: delete the Node object",
        f"{NAME}: stop k3s",
    ]
    assert machine.systemctl_calls == ["stop k3s-agent"]


def test_a_node_that_k3s_registers_again_before_it_is_stopped_is_deleted_again(
    rpc: Rpc, api: FakeApi, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    machine.will_report(report())
    api.nodes[NAME] = node(NAME)
    registered: list[int] = []

    def register(calls: int) -> None:
        if machine.systemctl_calls and not registered:
            api.nodes[NAME] = node(NAME)
            registered.append(calls)

    api.before_answer = register
    rpc.delete(NODE, node_inputs())

    assert len(registered) == 1
    assert api.nodes == {}


def test_k3s_runs_until_its_etcd_member_is_removed(
    rpc: Rpc, api: FakeApi, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    """k3s removes it while the Node that is deleted has a finalizer."""
    machine.will_report(report())
    api.nodes[NAME] = node(NAME)
    api.finalized_after = 3
    stopped: list[bool] = []

    def look(calls: int) -> None:
        stopped.append(bool(machine.systemctl_calls))

    api.before_answer = look
    rpc.delete(NODE, node_inputs(role="server"))

    assert machine.systemctl_calls == ["stop k3s"]
    reads = [call for call in api.calls if call == f"GET {PATH}"]
    assert len(reads) > 3
    assert stopped == [False] * (len(stopped) - 1) + [True]
    assert api.nodes == {}


def test_a_node_whose_finalizers_stay_is_a_warning(
    rpc: Rpc, api: FakeApi, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    machine.will_report(report())
    api.nodes[NAME] = node(NAME)
    api.finalized_after = 1_000_000

    rpc.delete(NODE, node_inputs())

    (warning,) = rpc.reported.warnings
    assert warning.startswith(f'the Node object "{NAME}" is still there after its deletion: ')
    assert machine.systemctl_calls == ["stop k3s-agent"]


def test_k3s_of_the_next_machine_at_the_address_is_not_stopped(
    rpc: Rpc, api: FakeApi, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    """A machine that was terminated is replaced with the same address and host key."""
    machine.will_report(report(instance_id="i-0fedcba9876543210"))
    api.nodes[NAME] = node(NAME)

    rpc.delete(NODE, node_inputs())

    assert api.nodes == {}
    assert machine.systemctl_calls == []


def test_a_machine_that_is_gone_delays_nothing_and_is_no_warning(
    rpc: Rpc, api: FakeApi, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    api.nodes[NAME] = node(NAME)
    inputs = node_inputs()
    with socket.socket() as gone:
        gone.bind(("127.0.0.1", 0))
        rpc.delete(NODE, {**inputs, "ssh": {**inputs["ssh"], "port": gone.getsockname()[1]}})

    assert api.nodes == {}
    assert rpc.reported.warnings == []
    assert machine.connections == 0


def test_a_machine_without_ssh_is_not_connected_to(
    rpc: Rpc, api: FakeApi, machine: FakeMachine, node_inputs: MakeInputs
) -> None:
    api.nodes[NAME] = node(NAME)
    inputs = node_inputs()

    rpc.delete(NODE, {**inputs, "ssh": {**inputs["ssh"], "enabled": False}})

    assert api.nodes == {}
    assert machine.connections == 0


def test_pods_of_daemon_sets_mirror_pods_and_ended_pods_stay(
    rpc: Rpc, api: FakeApi, node_inputs: MakeInputs
) -> None:
    api.nodes[NAME] = node(NAME)
    api.pods = {
        "web": pod("web"),
        "logs": pod("logs", owner="DaemonSet"),
        "etcd": pod("etcd", owner="Mirror"),
        "job": pod("job", phase="Succeeded"),
    }

    rpc.delete(NODE, node_inputs())

    assert _evictions(api) == ["web"]
    assert api.nodes == {}


def test_an_eviction_is_retried_until_the_disruption_budget_allows_it(
    rpc: Rpc, api: FakeApi, node_inputs: MakeInputs
) -> None:
    api.nodes[NAME] = node(NAME)
    api.pods, api.budgets = {"web": pod("web")}, {"web": 2}

    rpc.delete(NODE, node_inputs())

    assert _evictions(api) == ["web", "web", "web"]
    assert api.nodes == {}
    assert rpc.reported.warnings == []


def test_a_disruption_budget_that_never_allows_ends_with_a_warning(
    rpc: Rpc, api: FakeApi, node_inputs: MakeInputs
) -> None:
    api.nodes[NAME] = node(NAME)
    api.pods, api.budgets = {"web": pod("web")}, {"web": 10_000}

    rpc.delete(NODE, node_inputs(drainSeconds=10))

    assert api.nodes == {}
    assert rpc.reported.warnings == [
        f'node "{NAME}" was removed with 1 pods on it after 10 s of draining:\n'
        "    default/web: The disruption budget web needs 1 healthy pods and has 1 currently\n"
        "    raise drainSeconds to give them more time, or change what keeps them"
    ]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (500, "This pod has more than one PodDisruptionBudget, which is not supported."),
        (403, "unable to create new content in namespace default because it is being terminated"),
    ],
)
def test_a_pod_that_can_never_be_evicted_does_not_leave_the_node_behind(
    rpc: Rpc, api: FakeApi, node_inputs: MakeInputs, status: int, message: str
) -> None:
    api.nodes[NAME] = node(NAME)
    api.pods = {"web": pod("web"), "other": pod("other")}
    api.refused["web"] = (status, message)

    rpc.delete(NODE, node_inputs(drainSeconds=10))

    assert api.nodes == {}
    (warning,) = rpc.reported.warnings
    assert f"    default/web: the API responds {status} " in warning
    assert message in warning
    assert "other" not in warning


def test_many_pods_that_stay_are_counted(rpc: Rpc, api: FakeApi, node_inputs: MakeInputs) -> None:
    api.nodes[NAME] = node(NAME)
    api.pods = {f"web-{number}": pod(f"web-{number}") for number in range(7)}
    api.stuck = set(api.pods)

    rpc.delete(NODE, node_inputs(drainSeconds=5))

    (warning,) = rpc.reported.warnings
    assert "with 7 pods on it" in warning
    assert "    default/web-4: evicted, it has not terminated yet\n    and 2 more\n" in warning


def test_pods_on_a_node_that_is_not_ready_are_not_waited_for(
    rpc: Rpc, api: FakeApi, node_inputs: MakeInputs
) -> None:
    api.nodes[NAME] = node(NAME, ready="Unknown", reason="NodeStatusUnknown")
    api.pods, api.stuck = {"web": pod("web")}, {"web"}

    rpc.delete(NODE, node_inputs())

    assert _evictions(api) == ["web"]
    assert api.nodes == {}
    assert rpc.reported.warnings == []


def test_a_pod_that_takes_its_time_is_evicted_once(
    rpc: Rpc, api: FakeApi, node_inputs: MakeInputs
) -> None:
    api.nodes[NAME] = node(NAME)
    api.pods, api.stuck = {"web": pod("web")}, {"web"}

    rpc.delete(NODE, node_inputs(drainSeconds=5))

    assert _evictions(api) == ["web"]
    assert len(rpc.reported.warnings) == 1


def test_a_node_object_that_is_gone_is_fine(
    rpc: Rpc, api: FakeApi, node_inputs: MakeInputs
) -> None:
    rpc.delete(NODE, node_inputs())

    assert api.calls == [f"PATCH {PATH}"]
    assert rpc.reported.warnings == []


def test_an_api_that_is_gone_leaves_a_warning_and_succeeds(
    rpc: Rpc, node_inputs: MakeInputs
) -> None:
    inputs = node_inputs()
    with socket.socket() as gone:
        gone.bind(("127.0.0.1", 0))  # nobody else gets the port, and nobody answers there
        endpoint = f"https://127.0.0.1:{gone.getsockname()[1]}"
        rpc.delete(NODE, {**inputs, "api": {**inputs["api"], "endpoint": endpoint}})

    assert rpc.reported.warnings == [
        f'the Node object "{NAME}" is left behind: the API cannot be reached\n'
        f"    if the cluster still exists: kubectl delete node {NAME}"
    ]


def test_an_api_that_never_responds_leaves_a_warning_and_succeeds(
    rpc: Rpc, node_inputs: MakeInputs
) -> None:
    inputs = node_inputs()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"https://127.0.0.1:{silent.getsockname()[1]}"
        rpc.delete(NODE, {**inputs, "api": {**inputs["api"], "endpoint": endpoint}})

    assert rpc.reported.warnings == [
        f'the Node object "{NAME}" is left behind: the API does not respond in time\n'
        f"    if the cluster still exists: kubectl delete node {NAME}"
    ]


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_an_api_that_refuses_leaves_a_warning_and_succeeds(
    rpc: Rpc, api: FakeApi, node_inputs: MakeInputs, status: int
) -> None:
    api.status_of_everything = status

    rpc.delete(NODE, node_inputs())

    assert f"is left behind: the API responds {status} " in rpc.reported.warnings[0]


def test_the_api_of_another_cluster_is_left_alone(
    rpc: Rpc, api: FakeApi, node_inputs: MakeInputs, other_authority: Mapping[str, Any]
) -> None:
    inputs = node_inputs()
    authority = other_authority["serverCaCertificate"]

    rpc.delete(NODE, {**inputs, "api": {**inputs["api"], "serverCaCertificate": authority}})

    assert "is left behind: the API's certificate is not trusted" in rpc.reported.warnings[0]
    assert api.calls == []


def test_a_cancelled_delete_reports_it_and_removes_nothing(
    rpc: Rpc, api: FakeApi, node_inputs: MakeInputs
) -> None:
    api.nodes[NAME] = node(NAME)
    rpc.cancel()

    with pytest.raises(Failed) as caught:
        rpc.delete(NODE, node_inputs())

    assert caught.value.code == "CANCELLED"
    assert list(api.nodes) == [NAME]
