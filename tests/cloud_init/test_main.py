"""The phases of a boot, and what a second run does."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import re
import threading
from collections.abc import Callable, Sequence

import pytest

from boot.__main__ import main
from boot.environment import start_thread
from cluster import boot_program
from tests.cloud_init.simulated_machine import SimulatedMachine, mode

PREPARED = ["identity", "ssh", "secrets", "download-k3s"]
STARTED = ["start-k3s", "node-ready"]
SERVER_PHASES = [*PREPARED, "datastore", "version", "install-k3s", *STARTED]
AGENT_PHASES = [*PREPARED, "wait-for-server", "install-k3s", "drain", *STARTED]


def test_a_server_goes_through_its_phases(machine: SimulatedMachine) -> None:
    machine.configure("server")
    assert machine.boot() == 0
    assert machine.phases() == SERVER_PHASES
    assert machine.report["state"] == "done"


def test_an_agent_waits_for_its_server_before_it_starts_k3s(machine: SimulatedMachine) -> None:
    machine.configure("agent")
    assert machine.boot() == 0
    assert machine.phases() == AGENT_PHASES


@pytest.mark.parametrize("role", ["server", "agent"])
def test_a_second_run_changes_nothing(machine: SimulatedMachine, role: str) -> None:
    machine.configure(role)
    machine.boot()
    unit = "k3s" if role == "server" else "k3s-agent"
    machine.systemd.commands.clear()
    assert machine.boot() == 0
    assert (machine.systemd.restarts(unit), machine.systemd.restarts("ssh.service")) == (0, 0)
    assert len(machine.downloads["/good/k3s"].ranges) == 1
    assert machine.report["state"] == "done"


def test_a_run_that_was_cut_off_before_the_start_is_completed(machine: SimulatedMachine) -> None:
    machine.systemd.starts = False
    machine.configure("server")
    machine.boot()
    machine.systemd.starts = True
    assert machine.boot() == 0
    assert machine.systemd.restarts("k3s") == 2


def test_a_second_run_leaves_the_report_of_the_first_alone(machine: SimulatedMachine) -> None:
    machine.configure("server")
    lock = machine.root / "run/k3s-aws.lock"
    lock.parent.mkdir()
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert machine.boot() == 1
    assert not (machine.root / "var/lib/k3s-aws/report.json").exists()
    assert "another boot run does not end: waited 600 s" in machine.log_lines[-1]


def test_k3s_is_downloaded_beside_the_phases_before_its_own(machine: SimulatedMachine) -> None:
    machine.configure("server")
    downloaded = threading.Event()

    def start(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            work()
            downloaded.set()

        return start_thread(run)

    # The first command is one of the phase ssh.
    def first(words: Sequence[str]) -> tuple[int, str]:
        assert downloaded.wait(60)
        return machine.systemd.run(words)

    environment = dataclasses.replace(machine.environment(), start=start, run=first)
    assert main(environment) == 0
    assert machine.phases() == SERVER_PHASES


def test_nobody_but_root_can_hold_the_lock(machine: SimulatedMachine) -> None:
    machine.configure("agent")
    before = os.umask(0o022)
    try:
        assert machine.boot() == 0
    finally:
        os.umask(before)
    assert mode(machine.root / "run/k3s-aws.lock") == 0o600


def test_the_unit_of_the_first_boot_is_disabled_when_it_is_done_and_not_before(
    machine: SimulatedMachine,
) -> None:
    """A machine that restarts in the middle goes on with it."""
    link = machine.root / "etc/systemd/system/multi-user.target.wants/k3s-aws-boot.service"
    disable = ["systemctl", "disable", "--no-reload", "k3s-aws-boot.service"]
    link.parent.mkdir(parents=True)
    link.touch()
    machine.systemd.starts = False
    machine.configure("server")
    assert machine.boot() == 1
    assert disable not in machine.systemd.commands
    machine.systemd.starts = True
    assert machine.boot() == 0
    assert machine.systemd.commands.count(disable) == 1
    link.unlink()
    assert machine.boot() == 0
    assert machine.systemd.commands.count(disable) == 1


def test_an_unexpected_error_is_in_the_report(machine: SimulatedMachine) -> None:
    machine.parameters["/demo/authority"] = "not JSON at all"
    machine.configure("server")
    assert machine.boot() == 1
    assert machine.report["state"] == "failed"
    assert machine.cause()[1].startswith("unexpected JSONDecodeError: ")
    (traceback,) = [line for line in machine.log_lines if "Traceback" in line]
    path, number = re.findall(r'File ".*/boot/(\w+\.py)", line (\d+)', traceback)[-1]
    assert path == "server.py"
    # The line that failed, as the machine has it.
    source = boot_program.modules()[path].splitlines()
    assert "json.loads(machine.aws.parameters(" in source[int(number) - 1]
