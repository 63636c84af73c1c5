"""The timer of the backups on a server."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from boot import systemd
from cluster import stored_programs
from tests.cloud_init.simulated_machine import SimulatedMachine

PROGRAM = stored_programs.BACKUP.text.encode()
OBJECT = "/the-bucket/programs/1/backup.py"
UNITS = "etc/systemd/system"
TIMER = "k3s-aws-backup.timer"


def configured(**changes: Any) -> dict[str, Any]:
    return {
        "source": f"s3:/{OBJECT}",
        "sha256": hashlib.sha256(PROGRAM).hexdigest(),
        "url": "s3://the-bucket/snapshots/demo/",
        "everyHours": 6,
        **changes,
    }


@pytest.fixture
def server(machine: SimulatedMachine) -> SimulatedMachine:
    machine.objects[OBJECT] = PROGRAM
    machine.configure("server", backup=configured())
    (machine.root / "opt/k3s-aws").mkdir(parents=True)
    return machine


def timer_commands(machine: SimulatedMachine) -> list[list[str]]:
    return [words[1:] for words in machine.systemd.commands if words[-1] == TIMER]


def test_a_server_gets_the_program_and_its_timer(server: SimulatedMachine) -> None:
    assert server.boot() == 0
    program = server.root / "opt/k3s-aws/backup.py"
    assert program.read_bytes() == PROGRAM
    assert "OnCalendar=*-*-* 0/6:00:00 UTC" in (server.root / UNITS / TIMER).read_text()
    # systemd is busy with the boot.
    assert timer_commands(server) == [
        ["enable", "--no-reload", TIMER],
        ["show", "-p", ",".join(systemd.PROPERTIES), TIMER],
        ["restart", "--no-block", TIMER],
    ]
    assert ["systemctl", "daemon-reload"] not in server.systemd.commands
    assert "backups" in server.phases()


def test_nothing_is_done_again_where_nothing_changed(server: SimulatedMachine) -> None:
    server.boot()
    before = timer_commands(server)
    server.objects.clear()
    assert server.boot() == 0
    assert timer_commands(server) == before


def test_other_hours_restart_the_timer_and_not_k3s(server: SimulatedMachine) -> None:
    server.boot()
    starts = server.systemd.restarts("k3s")
    server.create_datastore()
    server.configure("server", backup=configured(everyHours=12))
    assert server.boot() == 0
    assert "0/12:00:00" in (server.root / UNITS / TIMER).read_text()
    assert timer_commands(server)[-1] == ["restart", "--no-block", TIMER]
    assert server.systemd.restarts("k3s") == starts


def test_a_changed_program_is_received(server: SimulatedMachine) -> None:
    server.boot()
    server.objects[OBJECT] = PROGRAM + b"# other"
    sha256 = hashlib.sha256(server.objects[OBJECT]).hexdigest()
    server.create_datastore()
    server.configure("server", backup=configured(sha256=sha256))
    assert server.boot() == 0
    assert (server.root / "opt/k3s-aws/backup.py").read_bytes() == server.objects[OBJECT]


def test_without_backups_the_timer_goes(server: SimulatedMachine) -> None:
    server.boot()
    server.create_datastore()
    server.configure("server")
    assert server.boot() == 0
    assert timer_commands(server)[-1] == ["disable", "--now", TIMER]
    assert [each.name for each in (server.root / UNITS).glob("k3s-aws-backup.*")] == []
    assert not (server.root / "opt/k3s-aws/backup.py").exists()
    server.boot()
    assert server.phases().count("backups") == 0


def test_another_program_than_the_pinned_one_is_not_installed(
    server: SimulatedMachine, tmp_path: Path
) -> None:
    server.objects[OBJECT] = b"print('another')\n"
    assert server.boot() == 1
    assert server.cause()[0] == "backups"
    assert "SHA-256" in server.cause()[1]
    assert not (tmp_path / "opt/k3s-aws/backup.py").exists()


def test_an_agent_has_no_backups(machine: SimulatedMachine) -> None:
    machine.configure("agent")
    machine.boot()
    assert "backups" not in machine.phases()
