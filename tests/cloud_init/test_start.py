"""The start of k3s, and its failures."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.cloud_init.simulated_machine import SimulatedMachine


def test_another_configuration_restarts_k3s_once(machine: SimulatedMachine) -> None:
    machine.configure("server")
    machine.boot()
    machine.configure("server", labels={"a": "b"})
    assert machine.boot() == 0
    assert machine.systemd.restarts("k3s") == 2


def test_a_k3s_that_does_not_start_is_explained_by_its_journal(machine: SimulatedMachine) -> None:
    machine.systemd.starts = False
    machine.systemd.journal = ["level=info starting", "level=fatal cannot bind 6443", "stopped", ""]
    machine.configure("server")
    assert machine.boot() == 1
    expected = "k3s.service does not start; its journal: level=fatal cannot bind 6443"
    assert ("start-k3s", expected) == machine.cause()


def test_restarts_of_an_earlier_start_are_not_counted(
    machine: SimulatedMachine,
) -> None:
    """A wrong key was corrected in the configuration; systemd has tried for hours."""
    machine.configure("server", config={"kubelet-arg": ["nonsense"]})
    machine.systemd.starts = False
    assert machine.boot() == 1
    machine.systemd.starts, machine.systemd.counted = True, 700
    machine.configure("server")
    assert machine.boot() == 0, machine.cause()


def test_a_k3s_that_never_gets_ready_ends_with_the_deadline(machine: SimulatedMachine) -> None:
    machine.systemd.activating_polls = 10_000
    machine.systemd.journal = ["waiting for datastore"]
    machine.configure("server", deadlineSeconds=60)
    assert machine.boot() == 1
    expected = (
        "k3s.service is not up: waited 60 s, last error: k3s.service is activating; "
        "its journal: waiting for datastore"
    )
    assert ("start-k3s", expected) == machine.cause()


def test_a_restarted_server_is_not_taken_for_the_one_that_still_ends(
    machine: SimulatedMachine,
) -> None:
    machine.configure("server")
    assert machine.boot() == 0
    # systemd has the request, and goes on showing the old process, which is active.
    restart = machine.systemd.run

    def slow(words: Sequence[str]) -> tuple[int, str]:
        if words[1] == "restart" and words[-1] == "k3s":
            return 0, ""
        return restart(words)

    machine.configure("server", config={"debug": True}, deadlineSeconds=30)
    machine.systemd.run = slow  # type: ignore[method-assign]
    assert machine.boot() == 1
    # Half of the time is left for the previous configuration.
    assert machine.cause()[1].startswith("k3s.service is not up: waited 15 s")


def test_nothing_updates_the_machine_by_itself(machine: SimulatedMachine) -> None:
    machine.configure("agent")
    machine.boot()
    (masked,) = [words for words in machine.systemd.commands if words[1:2] == ["mask"]]
    assert masked[:4] == ["systemctl", "mask", "--now", "--no-block"]
    assert {"apt-daily-upgrade.timer", "unattended-upgrades.service"} <= set(masked)


@pytest.mark.parametrize("has_snaps", [True, False])
def test_snaps_are_held_where_there_are_some(machine: SimulatedMachine, has_snaps: bool) -> None:
    if has_snaps:
        (machine.root / "usr/bin").mkdir(parents=True, exist_ok=True)
        (machine.root / "usr/bin/snap").touch()
    machine.configure("agent")
    assert machine.boot() == 0
    held = [words for words in machine.systemd.commands if "snap" in words]
    hold = ["systemd-run", "--no-block", "snap", "refresh", "--hold"]
    assert held == ([hold] if has_snaps else [])
