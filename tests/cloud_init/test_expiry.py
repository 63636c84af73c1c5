"""The end of a running machine: another time, or none any more."""

from __future__ import annotations

from tests.cloud_init.simulated_machine import SimulatedMachine

UNITS = "etc/systemd/system"
TIMER = "k3s-aws-expiry.timer"
FIRST, LATER = "2026-11-29T22:00:00Z", "2026-11-30T02:00:00Z"


def timer_commands(machine: SimulatedMachine) -> list[list[str]]:
    return [words[1:] for words in machine.systemd.commands if words[-1] == TIMER]


def test_a_later_time_is_armed_without_a_restart_of_k3s(machine: SimulatedMachine) -> None:
    machine.configure("server", expiresAt=FIRST)
    assert machine.boot() == 0
    machine.systemd.commands.clear()
    machine.configure("server", expiresAt=LATER)
    assert machine.boot() == 0
    assert "2026-11-30 02:00:00 UTC" in (machine.root / UNITS / TIMER).read_text()
    assert timer_commands(machine) == [["restart", TIMER], ["enable", TIMER]]
    assert ["systemctl", "daemon-reload"] in machine.systemd.commands
    assert ["systemctl", "restart", "--no-block", "k3s"] not in machine.systemd.commands


def test_the_same_time_leaves_the_timer_alone(machine: SimulatedMachine) -> None:
    machine.configure("server", expiresAt=FIRST)
    machine.boot()
    machine.systemd.commands.clear()
    assert machine.boot() == 0
    assert timer_commands(machine) == [["enable", TIMER]]


def test_without_a_time_the_timer_goes(machine: SimulatedMachine) -> None:
    machine.configure("server", expiresAt=FIRST)
    machine.boot()
    machine.configure("server")
    assert machine.boot() == 0
    assert not list((machine.root / UNITS).glob("k3s-aws-expiry.*"))
    assert ["disable", "--now", TIMER] in timer_commands(machine)


def test_a_machine_that_never_had_one_has_no_phase_for_it(machine: SimulatedMachine) -> None:
    machine.configure("server")
    assert machine.boot() == 0
    assert "expiry" not in machine.phases()
