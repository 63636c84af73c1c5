"""What the boot program says and does when AWS, the server or k3s itself is not as it should be."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest

from tests.cloud_init.authority import Authority
from tests.cloud_init.world import AGENT_PASSWORD, World


def test_a_role_without_credentials_yet_is_waited_for(world: World) -> None:
    world.role_delay = 5
    world.configure("server")
    assert world.boot() == 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "ThrottlingException"), (500, "InternalServerError"), (400, "AccessDeniedException")],
)
def test_a_refusal_that_passes_is_waited_for(world: World, status: int, kind: str) -> None:
    world.refusals = [(status, kind)] * 4
    world.configure("server")
    assert world.boot() == 0


def test_a_refusal_that_stays_is_the_cause_long_before_the_deadline(world: World) -> None:
    world.refusals = [(400, "AccessDeniedException")] * 100
    world.configure("server")
    began = world.clock.now
    assert world.boot() == 1
    expected = 'SSM answered 400: {"__type": "AccessDeniedException", "message": "no"}'
    assert ("ssh", expected) == world.cause()
    assert 60 <= world.clock.now - began < 75


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_an_hour_off_is_corrected(world: World, hours: int) -> None:
    world.aws_clock_ahead = 3600.0 * hours
    world.configure("server")
    assert world.boot() == 0


def test_a_missing_parameter_is_named(world: World) -> None:
    del world.parameters["/demo/authority"]
    world.configure("server")
    assert world.boot() == 1
    assert world.cause() == ("secrets", "SSM has no parameter /demo/authority")


def test_a_host_key_that_is_none_is_refused(world: World) -> None:
    world.parameters["/demo/host-key"] = "nonsense"
    world.configure("server")
    assert world.boot() == 1
    expected = "SSM parameter /demo/host-key is not an SSH private key"
    assert ("ssh", expected) == world.cause()


def test_a_machine_without_sshd_is_named(world: World) -> None:
    world.systemd.ssh_units = ()
    world.configure("server")
    assert world.boot() == 1
    expected = "this machine has neither ssh.service nor sshd.service"
    assert ("ssh", expected) == world.cause()


def test_a_metadata_service_that_does_not_answer_ends_with_the_deadline(world: World) -> None:
    world.configure("server", deadlineSeconds=20)
    world.close()
    assert world.boot() == 1
    phase, cause = world.cause()
    assert phase == "identity"
    assert cause.startswith("no instance-id from the instance metadata service: waited 20 s")
    assert cause.endswith("[Errno 111] Connection refused")


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"schema": 2}, "ValueError('schema 2 is not known')"),
        ({"deadlineSeconds": "soon"}, "unsupported operand type(s) for +: 'float' and 'str'"),
    ],
)
def test_a_node_configuration_of_another_shape_is_refused(
    world: World, change: dict[str, object], cause: str
) -> None:
    world.configure("server", **change)
    assert world.boot() == 1
    assert world.cause()[0] == "identity"
    assert world.cause()[1].startswith("/etc/k3s-aws/node.json cannot be used: ")
    assert cause in world.cause()[1]


def test_a_missing_node_configuration_is_named(world: World) -> None:
    assert world.boot() == 1
    assert "No such file or directory" in world.cause()[1]


def test_a_server_that_is_late_is_asked_twice_a_second(world: World) -> None:
    world.readiness = [503] * 10
    world.configure("agent")
    assert world.boot() == 0
    waited = next(p for p in world.report["phases"] if p["name"] == "wait-for-server")
    assert waited["seconds"] == 5.0


def test_systemd_has_read_the_unit_when_an_agent_begins_to_wait(world: World) -> None:
    world.readiness = [401] * 200
    world.configure("agent")
    assert world.boot() == 1
    assert ["systemctl", "daemon-reload"] in world.systemd.commands


def test_a_refused_join_token_is_the_cause(world: World) -> None:
    world.readiness = [401] * 200
    world.configure("agent")
    assert world.boot() == 1
    expected = f"the server {world.server_url} refused the join token"
    assert ("wait-for-server", expected) == world.cause()
    assert world.systemd.restarts("k3s-agent") == 0


def test_a_token_refused_only_while_the_server_starts_is_good(world: World) -> None:
    world.readiness = [503, 401, 401, 503, 403, 200]
    world.configure("agent")
    assert world.boot() == 0


def test_a_server_with_another_authority_never_sees_the_token(
    world: World, other_authority: Authority
) -> None:
    world.cacerts = other_authority.certificate
    world.configure("agent")
    assert world.boot() == 1
    expected = f"the server {world.server_url} has another authority than the join token names"
    assert ("wait-for-server", expected) == world.cause()
    assert world.sent_to_server == [("/cacerts", None)]


def test_a_server_that_only_repeats_our_authority_never_sees_the_token(
    world: World, other_authority: Authority
) -> None:
    """An impostor can copy /cacerts, but its certificate does not chain to it."""
    impostor = World(world.root, other_authority)
    impostor.cacerts = world.authority.certificate
    try:
        world.configure("agent", join={"url": impostor.server_url}, deadlineSeconds=30)
        assert world.boot() == 1
    finally:
        impostor.close()
    assert "CERTIFICATE_VERIFY_FAILED" in world.cause()[1]
    assert {("/cacerts", None)} == set(impostor.sent_to_server)


def test_an_agent_proves_itself_as_the_user_node(world: World) -> None:
    world.configure("agent")
    world.boot()
    login = base64.b64encode(f"node:{AGENT_PASSWORD}".encode()).decode()
    assert [("/cacerts", None), ("/v1-k3s/readyz", f"Basic {login}")] == world.sent_to_server


def test_a_k3s_that_does_not_start_is_explained_by_its_journal(world: World) -> None:
    world.systemd.starts = False
    world.systemd.journal = ["level=info starting", "level=fatal cannot bind 6443", "stopped", ""]
    world.configure("server")
    assert world.boot() == 1
    expected = "k3s.service does not start; its journal: level=fatal cannot bind 6443"
    assert ("start-k3s", expected) == world.cause()


def test_what_fell_over_before_is_not_taken_for_the_k3s_that_starts_now(world: World) -> None:
    """A wrong key was corrected in the configuration; systemd has tried for hours."""
    world.configure("server", config={"kubelet-arg": ["nonsense"]})
    world.systemd.starts = False
    assert world.boot() == 1
    world.systemd.starts, world.systemd.counted = True, 700
    world.configure("server")
    assert world.boot() == 0, world.cause()


def test_a_k3s_that_never_gets_ready_ends_with_the_deadline(world: World) -> None:
    world.systemd.activating_polls = 10_000
    world.systemd.journal = ["waiting for datastore"]
    world.configure("server", deadlineSeconds=60)
    assert world.boot() == 1
    expected = (
        "k3s.service is not up: waited 60 s, last answer: k3s.service is activating; "
        "its journal: waiting for datastore"
    )
    assert ("start-k3s", expected) == world.cause()


def test_an_agent_is_done_while_systemd_still_calls_its_unit_activating(world: World) -> None:
    """k3s notifies systemd after a heartbeat of the kubelet, which comes up to 5 minutes later."""
    world.configure("agent")
    assert world.boot() == 0
    assert "k3s-agent" not in world.systemd.active
    assert world.clock.now - 1000 < 5


def test_an_activating_agent_whose_node_is_ready_is_not_started_again(world: World) -> None:
    world.configure("agent")
    assert world.boot() == 0
    assert world.boot() == 0
    assert world.systemd.restarts("k3s-agent") == 1
    world.kubelet.ready = "Unknown"
    world.clock.sleep(60)
    # It ran with this very configuration, but nobody hears of its node any more.
    world.configure("agent", deadlineSeconds=8)
    assert world.boot() == 1
    assert world.systemd.restarts("k3s-agent") == 2


@pytest.mark.parametrize("role", ["server", "agent"])
def test_a_node_that_the_api_does_not_report_ready_is_the_cause(world: World, role: str) -> None:
    world.kubelet.ready, world.kubelet.message = "False", "cni plugin not initialized"
    world.systemd.journal = ["level=info msg=started"]
    world.configure(role, deadlineSeconds=8)
    assert world.boot() == 1
    phase, cause = world.cause()
    name = world.report["node"]
    assert phase == "node-ready"
    assert cause.startswith(f"node {name} is not Ready: waited ")
    assert cause.endswith(
        " s, last answer: cni plugin not initialized; its journal: level=info msg=started"
    )


@pytest.mark.parametrize(
    ("registered", "seen"),
    [(False, "its kubelet has not registered"), (True, "has not reported since its start")],
)
def test_a_ready_node_of_an_earlier_start_is_no_proof_of_this_one(
    world: World, registered: bool, seen: str
) -> None:
    """The Node object stays Ready for a while when its kubelet is gone."""
    world.kubelet.registered = registered
    world.kubelet.heartbeat = world.clock.time() - 2
    world.configure("agent", deadlineSeconds=8)
    assert world.boot() == 1
    assert seen in world.cause()[1]


def test_a_node_that_is_still_ready_between_two_starts_of_its_k3s_is_no_proof(
    world: World,
) -> None:
    """systemd has no time of a start then; seen with a wrong argument of the kubelet."""
    world.kubelet.heartbeat = world.clock.time() - 30
    world.systemd.falls_over = world.systemd.between_starts = True
    world.configure("agent")
    assert world.boot() == 1
    assert world.cause()[1].startswith("k3s-agent.service does not start")


def test_an_agent_that_falls_over_after_its_kubelet_started_is_explained(world: World) -> None:
    """Its network fails, for example: the kubelet is healthy for a moment in each round."""
    world.kubelet.ready, world.systemd.falls_over = "False", True
    world.systemd.journal = ['level=fatal msg="failed to start networking"']
    world.configure("agent")
    assert world.boot() == 1
    phase, cause = world.cause()
    assert phase == "node-ready"
    assert cause.startswith("k3s-agent.service does not start; its journal: level=fatal")


def test_a_restarted_server_is_not_taken_for_the_one_that_still_ends(world: World) -> None:
    world.configure("server")
    assert world.boot() == 0
    # systemd has the request, and goes on showing the old process, which is active.
    restart = world.systemd.run

    def slow(words: Sequence[str]) -> tuple[int, str]:
        if words[1] == "restart" and words[-1] == "k3s":
            return 0, ""
        return restart(words)

    world.configure("server", config={"debug": True}, deadlineSeconds=30)
    world.systemd.run = slow  # type: ignore[method-assign]
    assert world.boot() == 1
    assert world.cause()[1].startswith("k3s.service is not up: waited 30 s")


def test_a_bug_ends_in_the_report_too(world: World) -> None:
    world.parameters["/demo/authority"] = "not JSON at all"
    world.configure("server")
    assert world.boot() == 1
    assert world.report["state"] == "failed"
    assert world.cause()[1].startswith("unexpected JSONDecodeError: ")
    assert any("Traceback" in line for line in world.said)
