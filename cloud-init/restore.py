"""
Restores the datastore of a new cluster from a snapshot, in /opt/k3s-aws.

User data has no room for it: the boot program of the first server receives it from the bucket, when
there is no data and this server creates the cluster.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from boot import data_version, files, restoring
from boot.download import Download, require_free
from boot.http_client import fetch
from boot.machine import Machine
from boot.waiting import BootError, Retry

SCHEMA = 1
# A restore takes the token from no file; k3s writes errors to where a result does not have them.
RESET = 'K3S_TOKEN=$(cat "$0"); export K3S_TOKEN; exec "$@" 2>&1'


def place(machine: Machine) -> None:
    """
    Lays the data of the snapshot where k3s starts with it; BootError where it is another one than
    its description has, or one of another authority.
    """
    url: str = (machine.node.restore or {})["url"]
    described = describe(machine, f"{url}.json")
    folder = machine.server_data / "db"
    folder.mkdir(0o700, parents=True, exist_ok=True)
    packed, plain = folder / ".restore.gz", folder / ".restore"
    Download(machine, described["sha256"], packed).from_first([f"{url}.gz"], "the snapshot")
    unpack(machine, packed, plain)
    files.write(folder / data_version.FILE, described["k3sVersion"], 0o600)
    files.write(restoring.mark(machine), json.dumps({"takenAt": described["takenAt"]}), 0o600)
    if described["datastore"] == "sqlite":
        require_whole(plain)
        plain.replace(folder / "state.db")
    else:
        plain.replace(etcd_snapshot(machine))
    machine.report.log(f"restores {url}")


def describe(machine: Machine, source: str) -> Any:
    """The description of the snapshot, of this authority."""

    def attempt() -> bytes:
        status, received, text = fetch(*machine.aws.locate(source, {}))
        if status == 200:
            return text
        machine.aws.correct_clock(received)
        raise Retry(f"S3 returned {status} for {source}: {text[:300]!r}")

    content = json.loads(machine.wait.until(attempt, f"{source} was not read", growth=1.5))
    authority = files.read(machine.server_data / "tls/server-ca.crt")
    own = hashlib.sha256(authority.encode()).hexdigest()
    if (content["schema"], content["caHash"]) != (SCHEMA, own):
        raise BootError(f"{source} is not of a snapshot with the authority of this cluster")
    return content


def unpack(machine: Machine, packed: Path, plain: Path) -> None:
    with packed.open("rb") as file:
        # The size modulo 2**32, as gzip has it at its end.
        file.seek(-4, 2)
        require_free(machine, plain.parent, int.from_bytes(file.read(), "little"))
    plain.unlink(missing_ok=True)
    plain.touch(0o600)
    with gzip.open(packed) as source, plain.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    packed.unlink()


def require_whole(database: Path) -> None:
    try:
        with closing(sqlite3.connect(database)) as opened:
            (state,) = opened.execute("pragma integrity_check").fetchone()
    except sqlite3.Error as error:
        state = str(error)
    if state != "ok":
        raise BootError(f"the snapshot is damaged: {state}")


def etcd_snapshot(machine: Machine) -> Path:
    """A snapshot of etcd that k3s has not restored yet."""
    return machine.server_data / "db/restore-etcd"


def reset(machine: Machine) -> None:
    """Lets k3s make one member of the snapshot of etcd, if there is one; before k3s starts."""
    snapshot, data = etcd_snapshot(machine), machine.server_data / "db"
    if not snapshot.exists():
        return
    done = data / "reset-flag"
    # Of a run that was cut off.
    shutil.rmtree(data / "etcd", ignore_errors=True)
    done.unlink(missing_ok=True)
    shell = ["sh", "-c", RESET, str(machine.path("etc/rancher/k3s/token"))]
    k3s = [str(machine.path("usr/local/bin/k3s")), "server", "--cluster-reset"]
    restore = f"--cluster-reset-restore-path={snapshot}"
    code, output = machine.environment.run([*shell, *k3s, restore])
    # k3s may fail late and end with 0.
    if code != 0 or not done.exists():
        raise BootError(f"k3s did not restore the snapshot, it ended with {code}: {output[-500:]}")
    # Copies of the authority as it was before, which is the same.
    for copy in machine.server_data.glob("tls-*"):
        shutil.rmtree(copy)
    snapshot.unlink()


def remove_nodes(machine: Machine) -> None:
    """Removes the Nodes that the snapshot has, whose machines are not of this cluster."""
    taken = json.loads(files.read(restoring.mark(machine)))["takenAt"]
    kubectl = [str(machine.path("usr/local/bin/k3s")), "kubectl"]

    def run(*words: str) -> str:
        code, output = machine.environment.run([*kubectl, *words])
        if code != 0:
            raise Retry(f"kubectl {words[0]} ended with {code}")
        return output

    def attempt() -> None:
        items = json.loads(run("get", "nodes", "-o", "json"))["items"]
        # Both times are in UTC, and in the same form. Who joins has a later one.
        old = [
            each["metadata"]["name"]
            for each in items
            if each["metadata"]["creationTimestamp"] <= taken
        ]
        if gone := [each for each in old if each != machine.node_name]:
            run("delete", "node", "--wait=false", *gone)
            machine.report.log(f"removed {len(gone)} nodes of the snapshot")

    machine.wait.until(attempt, "the nodes of the snapshot were not removed", pause=2.0)
    restoring.mark(machine).unlink()
