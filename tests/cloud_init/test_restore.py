"""A server that creates the cluster from a snapshot."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cluster import stored_programs
from tests.cloud_init.simulated_machine import SimulatedMachine, mode

PROGRAM = stored_programs.RESTORE.text.encode()
OBJECT = "/the-bucket/programs/1/restore.py"
SNAPSHOT = "/the-bucket/snapshots/demo/20261124T030000Z-demo-servers-9abcdef0"
RESTORE = {
    "source": f"s3:/{OBJECT}",
    "sha256": hashlib.sha256(PROGRAM).hexdigest(),
    "url": f"s3:/{SNAPSHOT}",
}
OWN = "demo-servers-9abcdef0"
DB = "var/lib/rancher/k3s/server/db"


def database(folder: Path) -> bytes:
    file = folder / "snapshot.db"
    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as made:
        made.execute("create table kine (name text)")
        made.execute("insert into kine values ('/registry/namespaces/default')")
        made.commit()
    return file.read_bytes()


def upload(machine: SimulatedMachine, content: bytes, **changes: Any) -> None:
    packed = gzip.compress(content)
    described = {
        "schema": 1,
        "takenAt": "2026-11-24T03:00:00Z",
        "datastore": "sqlite",
        "k3sVersion": "v1.36.3+k3s1",
        "caHash": hashlib.sha256(machine.authority.certificate.encode()).hexdigest(),
        "sha256": hashlib.sha256(packed).hexdigest(),
        **changes,
    }
    machine.objects[f"{SNAPSHOT}.gz"] = packed
    machine.objects[f"{SNAPSHOT}.json"] = json.dumps(described).encode()


@pytest.fixture
def server(machine: SimulatedMachine, tmp_path: Path) -> SimulatedMachine:
    """A new server whose first start restores a snapshot."""
    machine.objects[OBJECT] = PROGRAM
    machine.configure("server", restore=RESTORE)
    (machine.root / "opt/k3s-aws").mkdir(parents=True)
    upload(machine, database(tmp_path))
    machine.systemd.programs["k3s"] = lambda words: (0, json.dumps({"items": []}))
    # It runs k3s with one output.
    machine.systemd.programs["sh"] = lambda words: machine.systemd.programs["k3s"](words[4:])
    return machine


def node(name: str, created: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "creationTimestamp": created}}


def test_k3s_starts_with_the_data_of_the_snapshot(server: SimulatedMachine) -> None:
    assert server.boot() == 0
    data = server.root / DB
    with closing(sqlite3.connect(data / "state.db")) as found:
        assert found.execute("select name from kine").fetchall() == [
            ("/registry/namespaces/default",)
        ]
    assert mode(data / "state.db") == 0o600
    assert sorted(each.name for each in data.glob(".*")) == []
    assert server.systemd.restarts("k3s") == 1


def test_nodes_that_the_snapshot_has_are_removed_and_no_others(server: SimulatedMachine) -> None:
    deleted: list[str] = []

    def k3s(words: Sequence[str]) -> tuple[int, str]:
        if words[1] == "delete":
            deleted.extend(words[words.index("--wait=false") + 1 :])
            return 0, ""
        nodes = [
            node("demo-servers-0", "2026-11-01T00:00:00Z"),
            node("demo-agents-0", "2026-11-24T03:00:00Z"),
            # It joined while the server was not Ready yet.
            node("demo-agents-1", "2026-11-24T03:00:01Z"),
            node(OWN, "2026-11-24T02:59:59Z"),
        ]
        return 0, json.dumps({"items": nodes})

    server.systemd.programs["k3s"] = k3s
    assert server.boot() == 0
    assert deleted == ["demo-servers-0", "demo-agents-0"]
    assert not (server.root / DB / "restored.json").exists()


def test_nodes_are_removed_in_the_next_run_where_the_api_did_not_respond(
    server: SimulatedMachine,
) -> None:
    server.systemd.programs["k3s"] = lambda words: (1, "")
    assert server.boot() == 1
    assert "the nodes of the snapshot were not removed" in server.cause()[1]
    server.systemd.programs["k3s"] = lambda words: (0, json.dumps({"items": []}))
    assert server.boot() == 0
    assert not (server.root / DB / "restored.json").exists()
    assert server.systemd.restarts("k3s") == 1


def test_k3s_restores_a_snapshot_of_etcd_before_it_starts(server: SimulatedMachine) -> None:
    upload(server, b"bolt", datastore="etcd")
    restored: list[bytes] = []

    def k3s(words: Sequence[str]) -> tuple[int, str]:
        if words[0] == "kubectl":
            return 0, json.dumps({"items": []})
        assert words[:2] == ["server", "--cluster-reset"]
        assert server.systemd.restarts("k3s") == 0
        restored.append(Path(words[2].split("=")[1]).read_bytes())
        (server.root / DB / "reset-flag").touch()
        (server.root / DB / "../tls-1").mkdir()
        return 0, "restart without --cluster-reset flag now"

    server.systemd.programs["k3s"] = k3s
    assert server.boot() == 0
    assert restored == [b"bolt"]
    assert not (server.root / DB / "restore-etcd").exists()
    assert not (server.root / DB / "state.db").exists()
    assert not (server.root / DB / "../tls-1").exists()


def test_a_restore_of_etcd_that_fails_is_reported_and_done_again(server: SimulatedMachine) -> None:
    upload(server, b"bolt", datastore="etcd")
    server.systemd.programs["k3s"] = lambda words: (1, "the token is another one")
    assert server.boot() == 1
    assert server.cause() == (
        "start-k3s",
        "k3s did not restore the snapshot, it ended with 1: the token is another one",
    )
    # What it left.
    member = server.root / DB / "etcd/member"
    member.mkdir(parents=True)
    server.systemd.programs["k3s"] = lambda words: (0, "an error that is no status")
    assert server.boot() == 1
    assert not member.exists()
    assert "it ended with 0: an error that is no status" in server.cause()[1]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema": 2}, "is not of a snapshot with the authority of this cluster"),
        ({"caHash": "ab" * 32}, "is not of a snapshot with the authority of this cluster"),
        ({"sha256": "ab" * 32}, "expected abab"),
        ({"k3sVersion": "v1.37.1+k3s1"}, "may not follow v1.37.1+k3s1"),
    ],
)
def test_k3s_does_not_start_with_another_snapshot(
    server: SimulatedMachine, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    upload(server, database(tmp_path), **changes)
    assert server.boot() == 1
    assert reason in server.cause()[1]
    assert server.systemd.restarts("k3s") == 0


def test_a_machine_that_was_replaced_before_its_end_goes_on(server: SimulatedMachine) -> None:
    """The data is on the volume, and the program on the disk of the machine before."""
    server.systemd.programs["k3s"] = lambda words: (1, "")
    assert server.boot() == 1
    (server.root / "opt/k3s-aws/restore.py").unlink()
    server.systemd.programs["k3s"] = lambda words: (0, json.dumps({"items": []}))
    assert server.boot() == 0
    assert not (server.root / DB / "restored.json").exists()


def test_a_reset_that_failed_is_repeated_with_another_version_too(server: SimulatedMachine) -> None:
    upload(server, b"bolt", datastore="etcd", k3sVersion="v1.35.0+k3s1")
    member = server.root / DB / "etcd/member"

    def k3s(words: Sequence[str]) -> tuple[int, str]:
        if words[0] == "kubectl":
            return 0, json.dumps({"items": []})
        assert words[0] == "server"
        member.mkdir(parents=True)
        return 1, "cut off"

    server.systemd.programs["k3s"] = k3s
    for _ in range(2):
        assert server.boot() == 1
        assert server.cause()[1].endswith("it ended with 1: cut off")


def test_what_a_run_that_was_cut_off_has_left_is_not_part_of_the_data(
    server: SimulatedMachine,
) -> None:
    data = server.root / DB
    data.mkdir(parents=True)
    for name in (".restore", ".restore-wal", ".restore-shm"):
        (data / name).write_text("of another snapshot")
    assert server.boot() == 0
    assert sorted(each.name for each in data.glob(".*")) == []


def test_a_damaged_database_is_not_laid_down(server: SimulatedMachine) -> None:
    upload(server, b"SQLite format 3\0" + bytes(8192))
    assert server.boot() == 1
    assert "the snapshot is damaged" in server.cause()[1]
    assert not (server.root / DB / "state.db").exists()


def test_a_server_that_has_its_data_restores_nothing(server: SimulatedMachine) -> None:
    server.boot()
    server.objects.clear()
    server.configure("server", restore=RESTORE, labels={"a": "b"})
    assert server.boot() == 0
    assert server.systemd.restarts("k3s") == 2


def test_a_snapshot_that_does_not_fit_is_not_unpacked(server: SimulatedMachine) -> None:
    server.free_bytes = lambda: 60 << 20
    assert server.boot() == 1
    assert "60 MiB free" in server.cause()[1]
