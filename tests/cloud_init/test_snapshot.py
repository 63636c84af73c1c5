"""The snapshot before another version of k3s starts with a datastore."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.cloud_init.simulated_aws import K3S
from tests.cloud_init.simulated_machine import SimulatedMachine, mode

OTHER = K3S + b"other"


@pytest.fixture
def data(machine: SimulatedMachine) -> Path:
    """The datastore's folder of a server whose k3s runs."""
    machine.configure("server")
    assert machine.boot() == 0
    machine.create_datastore()
    return machine.root / "var/lib/rancher/k3s/server/db"


@contextlib.contextmanager
def k3s_writing(data: Path) -> Iterator[sqlite3.Connection]:
    """The database as k3s keeps it open: what was written last stands in the log beside it."""
    with contextlib.closing(sqlite3.connect(data / "state.db")) as live:
        live.execute("PRAGMA journal_mode=WAL")
        live.execute("CREATE TABLE IF NOT EXISTS kine (name TEXT)")
        live.execute("INSERT INTO kine VALUES ('a')")
        live.commit()
        yield live


def upgrade(machine: SimulatedMachine, version: str) -> int:
    machine.configure("server", k3s=machine.offer_k3s(OTHER + version.encode(), version))
    return machine.boot()


def snapshots(data: Path) -> list[Path]:
    return sorted((data / "snapshots").iterdir())


def test_an_open_sqlite_database_is_copied_before_an_upgrade(
    machine: SimulatedMachine, data: Path
) -> None:
    with k3s_writing(data) as live:
        # Not yet committed.
        live.execute("INSERT INTO kine VALUES ('b')")
        assert upgrade(machine, "v1.36.5+k3s1") == 0, machine.cause()
        (made,) = snapshots(data)
        live.commit()
    seconds = int(machine.clock.time())
    assert made.name.startswith("before-upgrade-")
    assert made.name.endswith("-v1.36.4+k3s1.db")
    assert abs(int(made.name.split("-")[2]) - seconds) < 60
    assert mode(made) == 0o600
    with contextlib.closing(sqlite3.connect(made)) as copy:
        assert copy.execute("SELECT name FROM kine").fetchall() == [("a",)]
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_last_three_are_kept(machine: SimulatedMachine, data: Path) -> None:
    with k3s_writing(data):
        for patch in range(5, 10):
            machine.clock.sleep(60)
            assert upgrade(machine, f"v1.36.{patch}+k3s1") == 0, machine.cause()
    found = [path.name.rpartition("-")[2] for path in snapshots(data)]
    assert found == ["v1.36.6+k3s1.db", "v1.36.7+k3s1.db", "v1.36.8+k3s1.db"]


def test_another_configuration_of_the_same_version_needs_none(
    machine: SimulatedMachine, data: Path
) -> None:
    with k3s_writing(data):
        machine.configure("server", config={"debug": True})
        assert machine.boot() == 0
    assert not (data / "snapshots").exists()


@pytest.mark.parametrize("fault", ["full", "broken"])
def test_an_upgrade_is_refused_where_none_can_be_made(
    machine: SimulatedMachine, data: Path, fault: str
) -> None:
    if fault == "broken":
        (data / "state.db").write_bytes(b"no database" * 1000)
        assert upgrade(machine, "v1.36.5+k3s1") == 1
        expected = "unexpected DatabaseError: file is not a database"
    else:
        with k3s_writing(data):
            newer = machine.offer_k3s(OTHER, "v1.36.5+k3s1")
            machine.configure("server", k3s=newer)
            free = iter([1 << 40])
            machine.free_bytes = lambda: next(free, 1 << 20)
            assert machine.boot() == 1
        expected = f"{data}/snapshots has 1 MiB free, 0 MiB are needed"
    assert machine.cause() == ("snapshot", expected)
    assert (machine.root / "usr/local/bin/k3s").read_bytes() == K3S
    assert machine.systemd.restarts("k3s") == 1
    assert not list(data.rglob("before-upgrade*"))


def test_etcd_is_saved_by_the_k3s_that_runs(machine: SimulatedMachine, data: Path) -> None:
    (data / "etcd").mkdir()
    assert upgrade(machine, "v1.36.5+k3s1") == 0, machine.cause()
    binary = str(machine.root / "usr/local/bin/k3s")
    commands = machine.systemd.commands
    made = [words[4:] for words in commands if "etcd-snapshot" in words]
    named = ["--name", "before-upgrade"]
    save, prune = ["save", *named], ["prune", *named, "--snapshot-retention", "3"]
    assert made == [[binary, "etcd-snapshot", *words] for words in (save, prune)]
    restart = ["systemctl", "restart", "--no-block", "k3s"]
    last = len(commands) - commands[::-1].index(restart)
    assert all("etcd-snapshot" not in words for words in commands[last:])


def test_an_upgrade_is_refused_where_etcd_is_not_saved(
    machine: SimulatedMachine, data: Path
) -> None:
    (data / "etcd").mkdir()
    run = machine.systemd.run

    def fail(words: Sequence[str]) -> tuple[int, str]:
        return (1, "level=fatal no server\n") if "save" in words else run(words)

    machine.systemd.run = fail  # type: ignore[method-assign]
    assert upgrade(machine, "v1.36.5+k3s1") == 1
    expected = "k3s made no snapshot of etcd, it ended with 1: level=fatal no server"
    assert machine.cause() == ("snapshot", expected)
    assert machine.systemd.restarts("k3s") == 1
