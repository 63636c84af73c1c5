"""Other join tokens than the datastore has."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from tests.cloud_init.authority import Authority
from tests.cloud_init.simulated_machine import AGENT_PASSWORD, SimulatedMachine
from tests.cloud_init.simulated_supervisor import SERVER_PASSWORD

OTHER = "another-password-0123456789"


def test_another_server_token_is_in_the_datastore_before_k3s_starts_with_it(
    machine: SimulatedMachine,
) -> None:
    machine.configure("server")
    machine.boot()
    machine.create_datastore()
    rotated_at_start = machine.systemd.seen_at_starts(lambda: [*machine.rotated_to])
    machine.change_secrets(token=OTHER)
    assert machine.boot() == 0
    assert rotated_at_start == [[OTHER]]
    assert (machine.root / "etc/rancher/k3s/token").read_text() == f"{OTHER}\n"
    assert machine.server_password == OTHER
    assert machine.systemd.restarts("k3s") == 2


def test_of_several_servers_one_stores_the_token_and_the_others_start_again_with_it(
    machine: SimulatedMachine,
) -> None:
    machine.configure("server")
    machine.boot()
    machine.create_datastore()
    rotated_at_start = machine.systemd.seen_at_starts(lambda: [*machine.rotated_to])
    # The other server accepts the new token.
    machine.configure("server", join={"urls": [machine.server_url]})
    machine.change_secrets(token=machine.server_token.replace(SERVER_PASSWORD, OTHER))
    assert machine.boot() == 0
    assert rotated_at_start == [[]]
    assert machine.server_password == OTHER


def test_the_token_is_rotated_again_after_the_start_so_that_k3s_can_restart(
    machine: SimulatedMachine,
) -> None:
    """Another agent token stands in a file that k3s compares with its datastore at each start."""
    machine.configure("server")
    machine.boot()
    machine.create_datastore()
    machine.change_secrets(agentToken=OTHER)
    assert machine.boot() == 0
    assert machine.rotated_to == [SERVER_PASSWORD]
    assert (machine.root / "etc/rancher/k3s/agent-token").read_text() == f"{OTHER}\n"
    assert machine.systemd.restarts("k3s") == 2
    machine.rotated_to.clear()
    assert machine.boot() == 0
    assert (machine.rotated_to, machine.systemd.restarts("k3s")) == ([], 2)


def test_a_change_of_tokens_that_was_cut_off_after_the_start_is_completed(
    machine: SimulatedMachine,
) -> None:
    machine.configure("server")
    machine.boot()
    machine.create_datastore()
    machine.change_secrets(token=OTHER, agentToken=f"agents-{OTHER}")
    machine.boot()
    # As if the power had gone before the second rotation.
    (machine.root / "var/lib/k3s-aws/tokens").unlink()
    (machine.root / "var/lib/k3s-aws/running").unlink()
    machine.rotated_to.clear()
    assert machine.boot() == 0
    assert machine.rotated_to == [OTHER]


def test_a_token_is_rotated_only_when_k3s_can_start_with_it(
    machine: SimulatedMachine,
) -> None:
    """Until its restart k3s takes the old one, which is nowhere else."""
    machine.configure("server")
    machine.boot()
    machine.create_datastore()
    machine.change_secrets(token=OTHER)
    right = json.loads((machine.root / "etc/k3s-aws/node.json").read_text())["pool"]["k3s"]
    machine.configure("server", k3s={**right, "sha256": "ab" * 32})
    assert machine.boot() == 1
    assert machine.cause()[0] == "download-k3s"
    assert machine.rotated_to == []
    machine.configure("server", k3s=right)
    assert machine.boot() == 0, machine.cause()
    assert machine.server_password == OTHER


def test_a_rotation_without_a_start_is_completed(
    machine: SimulatedMachine,
) -> None:
    machine.configure("server")
    machine.boot()
    machine.create_datastore()
    machine.change_secrets(token=OTHER)
    run = machine.systemd.run

    def stop_short(words: Sequence[str]) -> tuple[int, str]:
        return (1, "") if words[1] == "restart" and words[-1] == "k3s" else run(words)

    machine.systemd.run = stop_short  # type: ignore[method-assign]
    assert machine.boot() == 1
    assert machine.rotated_to == [OTHER]
    machine.systemd.run = run  # type: ignore[method-assign]
    assert machine.boot() == 0, machine.cause()
    assert machine.server_password == OTHER


def test_passwords_the_datastore_does_not_have_are_removed_before_k3s_starts(
    machine: SimulatedMachine,
) -> None:
    machine.configure("server")
    machine.boot()
    machine.create_datastore()
    passwords = machine.root / "var/lib/rancher/k3s/server/cred/passwd"
    passwords.parent.mkdir()
    there_at_start: list[bool] = []
    start = machine.systemd.on_k3s_start

    def note_and_start() -> None:
        there_at_start.append(passwords.exists())
        start()
        passwords.touch()

    machine.systemd.on_k3s_start = note_and_start
    machine.change_secrets(agentToken=OTHER)
    passwords.touch()
    assert machine.boot() == 0
    # Another start, for another reason, leaves them where they are.
    machine.configure("server", config={"debug": True})
    assert machine.boot() == 0
    assert there_at_start == [False, True]


def test_a_k3s_that_keeps_ending_is_not_started_while_its_passwords_are_removed(
    machine: SimulatedMachine,
) -> None:
    machine.configure("server")
    machine.boot()
    machine.create_datastore()
    passwords = machine.root / "var/lib/rancher/k3s/server/cred/passwd"
    passwords.parent.mkdir()
    run, there_at_stop = machine.systemd.run, []

    def note(words: Sequence[str]) -> tuple[int, str]:
        if words[1:] == ["stop", "k3s"]:
            there_at_stop.append(passwords.exists())
        return run(words)

    machine.systemd.run = note  # type: ignore[method-assign]
    passwords.touch()
    machine.change_secrets(agentToken=OTHER)
    assert machine.boot() == 0
    # One that runs has them in its memory, and serves until it is started again.
    assert there_at_stop == []
    passwords.touch()
    machine.change_secrets(agentToken="a-third-0123456789")
    machine.systemd.active.clear()
    machine.systemd.activating_polls = 20
    assert machine.boot() == 0
    assert there_at_stop == [True]


def test_a_change_of_tokens_that_was_cut_off_before_the_start_is_completed(
    machine: SimulatedMachine,
) -> None:
    """k3s stored the token and ended: with the old token it does not start any more."""
    machine.configure("server")
    machine.boot()
    machine.create_datastore(OTHER)
    machine.change_secrets(token=OTHER)
    machine.systemd.active.clear()
    machine.systemd.activating_polls = 20
    machine.server_password = "no-response"
    assert machine.boot() == 0, machine.cause()
    assert (machine.root / "etc/rancher/k3s/token").read_text() == f"{OTHER}\n"
    assert machine.rotated_to == [OTHER]


def test_a_token_that_k3s_refuses_to_change_is_the_cause_and_the_old_one_stays(
    machine: SimulatedMachine,
) -> None:
    machine.configure("server")
    machine.boot()
    machine.create_datastore()
    machine.server_password = "changed-by-another-client"
    machine.change_secrets(token=OTHER)
    assert machine.boot() == 1
    phase, cause = machine.cause()
    assert (phase, cause.partition("; ")[0]) == (
        "start-k3s", "k3s refused the token it was started with"
    )  # fmt: skip
    assert machine.systemd.restarts("k3s") == 1
    assert (machine.root / "etc/rancher/k3s/token").read_text() == machine.server_token + "\n"


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (403, "k3s refused the token it was started with"),
        (400, "k3s returned 400 for the server token"),
    ],
)
def test_a_lasting_rejection_of_a_token_is_the_cause_long_before_the_deadline(
    machine: SimulatedMachine, status: int, cause: str
) -> None:
    machine.configure("server")
    machine.boot()
    machine.create_datastore()
    machine.change_secrets(token=OTHER)
    machine.rotation_statuses = [status] * 100
    assert machine.boot() == 1
    phase, found = machine.cause()
    assert (phase, found.partition("; ")[0]) == ("start-k3s", cause)


def test_a_k3s_that_fails_for_a_while_gets_the_token_afterwards(machine: SimulatedMachine) -> None:
    machine.configure("server")
    machine.boot()
    machine.create_datastore()
    machine.change_secrets(token=OTHER)
    # Every half second: longer than REJECTION_SECONDS.
    machine.rotation_statuses = [503] * 30
    assert machine.boot() == 0, machine.cause()
    assert machine.rotated_to == [OTHER, OTHER]


def test_an_impostor_of_k3s_never_receives_a_token(
    machine: SimulatedMachine, other_authority: Authority
) -> None:
    machine.configure("server", deadlineSeconds=5)
    machine.boot()
    machine.create_datastore()
    machine.change_secrets(token=OTHER)
    impostor = SimulatedMachine(machine.root, other_authority)
    machine.server_url = impostor.server_url
    try:
        assert machine.boot() == 1
    finally:
        impostor.close()
    assert impostor.sent_to_server == []
    assert "CERTIFICATE_VERIFY_FAILED" in machine.cause()[1]


def test_a_server_whose_first_start_failed_is_not_waited_for_before_its_second(
    machine: SimulatedMachine,
) -> None:
    machine.systemd.starts = False
    machine.configure("server")
    machine.boot()
    machine.create_datastore()
    # It does not respond until it is started again.
    machine.systemd.starts, machine.systemd.activating_polls = True, 20
    machine.server_password = "no-response"
    assert machine.boot() == 0, machine.cause()


def test_a_new_cluster_needs_no_rotation(machine: SimulatedMachine) -> None:
    machine.configure("server")
    machine.boot()
    machine.change_secrets(token=OTHER)
    assert machine.boot() == 0
    assert machine.rotated_to == []


def test_an_agent_takes_another_token_without_a_restart(machine: SimulatedMachine) -> None:
    machine.configure("agent")
    machine.boot()
    other = machine.agent_token.replace(AGENT_PASSWORD, "another-password-0123456789")
    machine.change_secrets(token=other)
    assert machine.boot() == 0
    assert (machine.root / "etc/rancher/k3s/token").read_text() == other + "\n"
    assert machine.systemd.restarts("k3s-agent") == 1
