"""Files that are replaced as a whole, or left alone."""

from __future__ import annotations

from tests.cloud_init.simulated_machine import SimulatedMachine, mode


def test_a_second_run_leaves_equal_files_untouched(machine: SimulatedMachine) -> None:
    """A unit that was only written again would make systemd ask for a reload."""
    machine.configure("server")
    machine.boot()
    unit = machine.root / "etc/systemd/system/k3s.service"
    before = unit.stat().st_ino
    machine.boot()
    assert unit.stat().st_ino == before


def test_a_secret_with_too_wide_a_mode_is_corrected(machine: SimulatedMachine) -> None:
    machine.configure("server")
    machine.boot()
    token = machine.root / "etc/rancher/k3s/token"
    token.chmod(0o644)
    machine.boot()
    assert mode(token) == 0o600
