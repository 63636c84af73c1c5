"""An agent's server, and the node in the API."""

from __future__ import annotations

import base64
import json

import pytest

from tests.cloud_init.authority import Authority
from tests.cloud_init.simulated_machine import AGENT_PASSWORD, SimulatedMachine


def test_a_server_that_is_late_is_polled_twice_a_second(machine: SimulatedMachine) -> None:
    machine.readiness = [503] * 10
    machine.configure("agent")
    assert machine.boot() == 0
    waited = next(p for p in machine.report["phases"] if p["name"] == "wait-for-server")
    assert waited["seconds"] == 5.0


def test_a_rejected_join_token_is_the_cause(machine: SimulatedMachine) -> None:
    machine.readiness = [401] * 200
    machine.configure("agent")
    assert machine.boot() == 1
    expected = f"the server {machine.server_url} refused the join token"
    assert ("wait-for-server", expected) == machine.cause()
    assert machine.systemd.restarts("k3s-agent") == 0


def test_a_token_rejected_only_while_the_server_starts_is_valid(machine: SimulatedMachine) -> None:
    machine.readiness = [503, 401, 401, 503, 403, 200]
    machine.configure("agent")
    assert machine.boot() == 0


def test_a_server_with_another_authority_never_receives_the_token(
    machine: SimulatedMachine, other_authority: Authority
) -> None:
    machine.cacerts = other_authority.certificate
    machine.configure("agent")
    assert machine.boot() == 1
    expected = f"the server {machine.server_url} has another authority than the join token names"
    assert ("wait-for-server", expected) == machine.cause()
    assert machine.sent_to_server == [("/cacerts", None)]


def test_a_server_that_only_repeats_our_authority_never_receives_the_token(
    machine: SimulatedMachine, other_authority: Authority
) -> None:
    """An impostor can copy /cacerts, but its certificate does not chain to it."""
    impostor = SimulatedMachine(machine.root, other_authority)
    impostor.cacerts = machine.authority.certificate
    try:
        machine.configure("agent", join={"urls": [impostor.server_url]}, deadlineSeconds=30)
        assert machine.boot() == 1
    finally:
        impostor.close()
    assert "CERTIFICATE_VERIFY_FAILED" in machine.cause()[1]
    assert {("/cacerts", None)} == set(impostor.sent_to_server)


def test_an_agent_joins_the_first_server_that_is_ready_and_has_our_authority(
    machine: SimulatedMachine, other_authority: Authority
) -> None:
    """One has no process, and one has another authority."""
    untrusted = SimulatedMachine(machine.root, other_authority)
    missing = SimulatedMachine(machine.root, other_authority)
    missing.close()
    try:
        urls = [missing.server_url, untrusted.server_url, machine.server_url]
        machine.configure("agent", join={"urls": urls})
        assert machine.boot() == 0
    finally:
        untrusted.close()
    path = machine.root / "etc/rancher/k3s/config.yaml.d/10-server.yaml"
    assert json.loads(path.read_text()) == {"server": machine.server_url}
    assert untrusted.sent_to_server == [("/cacerts", None)]


def test_another_list_of_servers_does_not_restart_an_agent_that_runs(
    machine: SimulatedMachine,
) -> None:
    machine.configure("agent")
    machine.boot()
    machine.configure("agent", join={"urls": [machine.server_url, "https://127.0.0.1:1"]})
    assert machine.boot() == 0
    assert machine.systemd.restarts("k3s-agent") == 1


def test_an_agent_authenticates_as_the_user_node(machine: SimulatedMachine) -> None:
    machine.configure("agent")
    machine.boot()
    login = base64.b64encode(f"node:{AGENT_PASSWORD}".encode()).decode()
    assert [("/cacerts", None), ("/v1-k3s/readyz", f"Basic {login}")] == machine.sent_to_server


def test_an_agent_is_done_while_systemd_still_calls_its_unit_activating(
    machine: SimulatedMachine,
) -> None:
    """k3s notifies systemd after a heartbeat of the kubelet, which comes up to 5 minutes later."""
    machine.configure("agent")
    assert machine.boot() == 0
    assert "k3s-agent" not in machine.systemd.active
    assert machine.clock.now - 1000 < 5


def test_an_activating_agent_whose_node_is_ready_is_not_started_again(
    machine: SimulatedMachine,
) -> None:
    machine.configure("agent")
    assert machine.boot() == 0
    assert machine.boot() == 0
    assert machine.systemd.restarts("k3s-agent") == 1
    machine.kubelet.ready = "Unknown"
    machine.clock.sleep(60)
    # It ran with exactly this configuration, but its node no longer reports to the API.
    machine.configure("agent", deadlineSeconds=8)
    assert machine.boot() == 1
    assert machine.systemd.restarts("k3s-agent") == 2


@pytest.mark.parametrize("role", ["server", "agent"])
def test_a_node_that_the_api_does_not_report_ready_is_the_cause(
    machine: SimulatedMachine, role: str
) -> None:
    machine.kubelet.ready, machine.kubelet.message = "False", "cni plugin not initialized"
    machine.systemd.journal = ["level=info msg=started"]
    machine.configure(role, deadlineSeconds=8)
    assert machine.boot() == 1
    phase, cause = machine.cause()
    name = machine.report["node"]
    assert phase == "node-ready"
    assert cause.startswith(f"node {name} is not Ready: waited ")
    assert cause.endswith(
        " s, last error: cni plugin not initialized; its journal: level=info msg=started"
    )


@pytest.mark.parametrize(
    ("registered", "seen"),
    [(False, "its kubelet has not registered"), (True, "has not reported since its start")],
)
def test_a_node_that_was_ready_before_this_start_does_not_count(
    machine: SimulatedMachine, registered: bool, seen: str
) -> None:
    """The Node object stays Ready for a while when its kubelet is gone."""
    machine.kubelet.registered = registered
    machine.kubelet.heartbeat = machine.clock.time() - 2
    machine.configure("agent", deadlineSeconds=8)
    assert machine.boot() == 1
    assert seen in machine.cause()[1]


def test_a_node_that_is_still_ready_between_two_starts_of_its_k3s_does_not_count(
    machine: SimulatedMachine,
) -> None:
    """systemd has no time of a start then; seen with a wrong argument of the kubelet."""
    machine.kubelet.heartbeat = machine.clock.time() - 30
    machine.systemd.falls_over = machine.systemd.between_starts = True
    machine.configure("agent")
    assert machine.boot() == 1
    assert machine.cause()[1].startswith("k3s-agent.service does not start")


def test_an_agent_that_ends_after_its_kubelet_started_is_explained(
    machine: SimulatedMachine,
) -> None:
    """Its network fails, for example: the kubelet is healthy for a moment in each round."""
    machine.kubelet.ready, machine.systemd.falls_over = "False", True
    machine.systemd.journal = ['level=fatal msg="failed to start networking"']
    machine.configure("agent")
    assert machine.boot() == 1
    phase, cause = machine.cause()
    assert phase == "node-ready"
    assert cause.startswith("k3s-agent.service does not start; its journal: level=fatal")
