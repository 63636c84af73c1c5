"""Snapshots of the datastore, as a server uploads them."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import backup
from tests.cloud_init.simulated_machine import SimulatedMachine, mode
from tests.cloud_init.simulated_supervisor import SERVER_PASSWORD

OWN = "demo-servers-9abcdef0"
FOLDER = "/the-bucket/snapshots/demo/"
NAME = f"{FOLDER}20261124T030000Z-{OWN}"
CONFIGURED = {
    "source": "s3://the-bucket/programs/x/backup.py",
    "sha256": "",
    "url": "s3://the-bucket/snapshots/demo/",
    "everyHours": 6,
}


def servers(*names: str, ready: str = "True") -> str:
    """What kubectl prints of these servers."""
    conditions = [{"type": "Ready", "status": ready}]
    items = [{"metadata": {"name": each}, "status": {"conditions": conditions}} for each in names]
    return json.dumps({"items": items})


@pytest.fixture
def server(machine: SimulatedMachine) -> Iterator[SimulatedMachine]:
    """A server that runs k3s with SQLite, and has an open connection to it."""
    machine.configure("server", backup=CONFIGURED)
    secrets = machine.root / "etc/k3s-aws/secrets.json"
    secrets.write_text(json.dumps({"token": machine.server_token, "agentToken": "agent-pass"}))
    data = machine.root / "var/lib/rancher/k3s/server"
    for name, content in machine.files.items():
        (data / "tls").mkdir(parents=True, exist_ok=True)
        (data / "tls" / name).write_text(content)
    (data / "db").mkdir()
    (data / "db/k3s-version").write_text("v1.36.4+k3s1")
    recorded = hashlib.sha256(f"{machine.server_token}\nagent-pass".encode()).hexdigest()
    (machine.root / "var/lib/k3s-aws").mkdir(parents=True, exist_ok=True)
    (machine.root / "var/lib/k3s-aws/tokens").write_text(recorded)
    machine.systemd.programs["k3s"] = lambda words: (0, servers(OWN))
    with closing(sqlite3.connect(data / "db/state.db")) as live:
        live.execute("pragma journal_mode=wal")
        live.execute("create table kine (name text)")
        live.execute("insert into kine values ('/registry/namespaces/default')")
        live.commit()
        yield machine


def run(machine: SimulatedMachine) -> int:
    code: int = backup.main(machine.environment())
    return code


def result(machine: SimulatedMachine) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((machine.root / "var/lib/k3s-aws/backup.json").read_text())
    return content


def rows(packed: bytes, folder: Path) -> list[str]:
    file = folder / "restored.db"
    file.write_bytes(gzip.decompress(packed))
    with closing(sqlite3.connect(file)) as found:
        return [name for (name,) in found.execute("select name from kine")]


def test_a_snapshot_of_a_datastore_in_use_is_complete(
    server: SimulatedMachine, tmp_path: Path
) -> None:
    assert run(server) == 0
    assert rows(server.objects[f"{NAME}.gz"], tmp_path) == ["/registry/namespaces/default"]
    # The description comes last: a snapshot without one is not complete.
    assert list(server.objects) == [f"{NAME}.gz", f"{NAME}.credentials.json", f"{NAME}.json"]
    packed = server.objects[f"{NAME}.gz"]
    assert json.loads(server.objects[f"{NAME}.json"]) == {
        "schema": 1,
        "cluster": "demo-servers",
        "node": OWN,
        "takenAt": "2026-11-24T03:00:00Z",
        "datastore": "sqlite",
        "k3sVersion": "v1.36.4+k3s1",
        "caHash": hashlib.sha256(server.authority.certificate.encode()).hexdigest(),
        "everyHours": 6,
        "bytes": len(packed),
        "sha256": hashlib.sha256(packed).hexdigest(),
        "fixed": {"cluster-cidr": None, "service-cidr": None, "secrets-encryption": None},
    }
    assert result(server)["url"] == f"s3:/{NAME}"


def test_the_authority_and_the_tokens_go_with_the_snapshot(server: SimulatedMachine) -> None:
    run(server)
    credentials = json.loads(server.objects[f"{NAME}.credentials.json"])
    tokens = {"token": server.server_token, "agentToken": "agent-pass"}
    assert credentials == {**tokens, **server.files}


def test_nothing_is_left_on_the_machine_and_no_secret_in_the_journal(
    server: SimulatedMachine,
) -> None:
    run(server)
    assert not (server.root / "var/lib/k3s-aws/backup").exists()
    assert SERVER_PASSWORD not in "\n".join(server.log_lines)
    assert mode(server.root / "var/lib/k3s-aws/backup.json") == 0o644


def test_of_several_ready_servers_the_first_by_name_makes_it(server: SimulatedMachine) -> None:
    server.systemd.programs["k3s"] = lambda words: (0, servers("demo-servers-1abcdef0", OWN))
    assert run(server) == 0
    assert server.objects == {}
    assert result(server)["url"] is None


def test_it_waits_until_the_api_responds(server: SimulatedMachine) -> None:
    responses = [(1, ""), (0, servers(OWN, ready="False")), (0, servers(OWN))]
    server.systemd.programs["k3s"] = lambda words: responses.pop(0)
    assert run(server) == 0
    assert f"{NAME}.json" not in server.objects  # ten seconds later
    assert any(each.endswith(".json") for each in server.objects)


def test_etcd_makes_its_own_snapshot(server: SimulatedMachine) -> None:
    (server.root / "var/lib/rancher/k3s/server/db/etcd").mkdir()

    def k3s(words: Sequence[str]) -> tuple[int, str]:
        if words[0] == "kubectl":
            return 0, servers(OWN)
        assert words[:2] == ["etcd-snapshot", "save"]
        folder = Path(words[words.index("--dir") + 1])
        (folder / f"snapshot-{OWN}-1").write_bytes(b"bolt")
        return 0, ""

    server.systemd.programs["k3s"] = k3s
    assert run(server) == 0
    assert gzip.decompress(server.objects[f"{NAME}.gz"]) == b"bolt"
    assert json.loads(server.objects[f"{NAME}.json"])["datastore"] == "etcd"


def test_no_snapshot_is_made_while_the_tokens_are_rotated(server: SimulatedMachine) -> None:
    secrets = server.root / "etc/k3s-aws/secrets.json"
    secrets.write_text(json.dumps({"token": server.server_token, "agentToken": "the next one"}))
    assert run(server) == 1
    assert "the tokens are being rotated" in result(server)["error"]
    assert server.objects == {}


def test_the_version_is_the_one_that_ran_with_the_data(server: SimulatedMachine) -> None:
    """A change of k3s that was taken back leaves another one in node.json."""
    (server.root / "var/lib/rancher/k3s/server/db/k3s-version").write_text("v1.36.3+k3s1")
    run(server)
    assert json.loads(server.objects[f"{NAME}.json"])["k3sVersion"] == "v1.36.3+k3s1"


def test_a_rejected_upload_is_tried_again(server: SimulatedMachine) -> None:
    server.rejected_objects = 2
    assert run(server) == 0
    assert f"{NAME}.json" in server.objects


def test_an_upload_that_is_rejected_until_the_deadline_is_an_error(
    server: SimulatedMachine,
) -> None:
    server.rejected_objects = 10_000
    assert run(server) == 1
    assert "S3 returned 403" in result(server)["error"]
    assert not (server.root / "var/lib/k3s-aws/backup").exists()


def test_a_copy_that_does_not_fit_is_not_made(server: SimulatedMachine) -> None:
    server.free_bytes = lambda: 10 << 20
    assert run(server) == 1
    assert "has 10 MiB free" in result(server)["error"]
    assert server.objects == {}


def test_a_damaged_datastore_is_not_uploaded(server: SimulatedMachine) -> None:
    folder = server.root / "var/lib/rancher/k3s/server/db"
    for each in folder.iterdir():
        each.unlink()
    (folder / "state.db").write_bytes(b"SQLite format 3\0" + bytes(8192))
    assert run(server) == 1
    assert server.objects == {}
    assert "state.db is damaged" in result(server)["error"]
