"""
Snapshots of this server's datastore in the stack's bucket, in /opt/k3s-aws.

User data has no room for it: the boot program receives it from the bucket and calls `install`,
which starts a timer on every server. It runs `backup.py`: of several ready servers the first by
name makes the snapshot.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from boot import data_version, files, systemd, tokens
from boot.backups import PROGRAM
from boot.download import require_free
from boot.environment import Environment
from boot.http_client import fetch
from boot.machine import Machine, identify
from boot.report import Report
from boot.snapshot import copy_sqlite
from boot.waiting import BootError, Retry, Wait

SCHEMA = 1
# From the copy to the end of the upload.
SECONDS = 1800
UNITS = "etc/systemd/system"
WORK = "var/lib/k3s-aws/backup"
NAME = "k3s-aws-backup"
SERVICE = """\
[Unit]
Description=Backup of the k3s datastore

[Service]
Type=oneshot
WorkingDirectory=/opt/k3s-aws
ExecStart=/usr/bin/env python3 -u backup.py
Nice=10
"""
# A few minutes after the start, so that a cluster has a snapshot, and a fault is seen, early.
TIMER = """\
[Timer]
OnActiveSec=5min
OnCalendar=*-*-* 0/{hours}:00:00 UTC
Persistent=true

[Install]
WantedBy=timers.target
"""
SERVERS = "node-role.kubernetes.io/control-plane=true"
FIXED = ("cluster-cidr", "service-cidr", "secrets-encryption")
# What a new cluster needs to read the snapshot: k3s has encrypted with the token.
AUTHORITY = ("server-ca.crt", "server-ca.key", "client-ca.crt", "client-ca.key")


def install(machine: Machine) -> None:
    """
    Starts the timer by node.json; without backups there it and this program are removed.

    At a first boot systemd is neither reloaded nor waited for: it holds jobs of mounts back while
    there are many (https://github.com/systemd/systemd/pull/23558), and 252 forgot them in a reload.
    """
    wanted, units, timer = machine.node.backup, machine.path(UNITS), f"{NAME}.timer"
    if wanted is None:
        machine.environment.run(["systemctl", "disable", "--now", timer])
        for path in (units / timer, units / f"{NAME}.service", machine.path(PROGRAM)):
            path.unlink()
        return
    content = TIMER.format(hours=wanted["everyHours"])
    if files.read(units / timer) == content:
        return
    files.write(units / f"{NAME}.service", SERVICE, 0o644)
    files.write(units / timer, content, 0o644)
    systemd.systemctl(machine, "enable", "--no-reload", timer)
    if systemd.unit_state(machine, timer)["NeedDaemonReload"] == "yes":
        systemd.systemctl(machine, "daemon-reload")
    systemd.systemctl(machine, "restart", "--no-block", timer)


def back_up(machine: Machine) -> str | None:
    """Uploads a snapshot; its URL, or None where another server's turn it is."""
    if first_ready_server(machine) != machine.node_name:
        return None
    with work_folder(machine) as folder:
        require_tokens(machine)
        kind, copy = snapshot(machine, folder)
        require_tokens(machine)
        # After it: no Node of the snapshot is newer.
        now = machine.environment.clock.time()
        taken = datetime.fromtimestamp(now, timezone.utc)  # noqa: UP017
        packed = folder / "packed"
        with copy.open("rb") as plain, gzip.open(packed, "wb", compresslevel=6) as out:
            shutil.copyfileobj(plain, out, 1 << 20)
        name = f"{taken:%Y%m%dT%H%M%SZ}-{machine.node_name}"
        url: str = (machine.node.backup or {})["url"] + name
        upload(machine, f"{url}.gz", packed)
        upload_json(machine, f"{url}.credentials.json", credentials(machine))
        # Last: a snapshot without it is not complete.
        upload_json(machine, f"{url}.json", describe(machine, kind, taken, packed))
    return url


def first_ready_server(machine: Machine) -> str:
    """The first name among the servers that are Ready, by this server's own API."""
    words = [str(machine.path("usr/local/bin/k3s")), "kubectl", "get", "nodes", "-l", SERVERS]

    def attempt() -> str:
        code, output = machine.environment.run([*words, "-o", "json"])
        if code != 0:
            raise Retry(f"kubectl get nodes ended with {code}")
        ready = [node["metadata"]["name"] for node in json.loads(output)["items"] if _ready(node)]
        if not ready:
            raise Retry("no server is Ready")
        return str(min(ready))

    found: str = machine.wait.until(attempt, "the servers are not known", pause=5.0)
    return found


def _ready(node: Any) -> bool:
    conditions = {each["type"]: each["status"] for each in node["status"]["conditions"]}
    return conditions.get("Ready") == "True"


def require_tokens(machine: Machine) -> None:
    """Raises BootError while secrets.json has other tokens than the datastore."""
    if not tokens.are_recorded(machine):
        raise BootError("the tokens are being rotated: the snapshot could not be read with them")


@contextmanager
def work_folder(machine: Machine) -> Iterator[Path]:
    """A folder that only root may read, empty before and gone afterwards."""
    folder = machine.path(WORK)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def snapshot(machine: Machine, folder: Path) -> tuple[str, Path]:
    """The kind of the datastore, and a consistent copy of it."""
    if (machine.server_data / "db/etcd").exists():
        return "etcd", _of_etcd(machine, folder)
    copy = folder / "state.db"
    source = machine.server_data / "db/state.db"
    # And its compressed form.
    require_free(machine, folder, 2 * source.stat().st_size)
    try:
        copy_sqlite(source, copy)
        with closing(sqlite3.connect(copy)) as made:
            (state,) = made.execute("pragma integrity_check").fetchone()
    except sqlite3.Error as error:
        state = str(error)
    if state != "ok":
        raise BootError(f"the copy of {source} is damaged: {state}")
    return "sqlite", copy


def _of_etcd(machine: Machine, folder: Path) -> Path:
    words = [str(machine.path("usr/local/bin/k3s")), "etcd-snapshot", "save", "--dir", str(folder)]
    code, output = machine.environment.run([*words, "--name", "snapshot"])
    found = [each for each in folder.iterdir() if each.name.startswith("snapshot")]
    if code != 0 or len(found) != 1:
        raise BootError(f"k3s etcd-snapshot save ended with {code}: {output[-300:]}")
    return found[0]


def describe(machine: Machine, kind: str, taken: datetime, packed: Path) -> dict[str, Any]:
    """What a restore compares before it touches anything."""
    authority = files.read(machine.server_data / "tls/server-ca.crt")
    return {
        "schema": SCHEMA,
        "cluster": machine.node.name_prefix,
        "node": machine.node_name,
        # As Kubernetes writes times: restore.py compares it with those of nodes.
        "takenAt": f"{taken:%Y-%m-%dT%H:%M:%SZ}",
        "datastore": kind,
        "k3sVersion": data_version.of_data(machine),
        "caHash": hashlib.sha256(authority.encode()).hexdigest(),
        # Whoever lists the snapshots sees by it that they have stopped.
        "everyHours": (machine.node.backup or {})["everyHours"],
        "bytes": packed.stat().st_size,
        "sha256": files.sha256_of(packed).hexdigest(),
        # What k3s fixes in a datastore when it creates it; null is its default.
        "fixed": {key: machine.node.config.get(key) for key in FIXED},
    }


def credentials(machine: Machine) -> dict[str, str]:
    """The authority and the tokens, with which the snapshot can be read."""
    found = json.loads(files.read(machine.path("etc/k3s-aws/secrets.json")))
    folder = machine.server_data / "tls"
    return {
        "token": found["token"],
        "agentToken": found["agentToken"],
        **{name: files.read(folder / name) for name in AUTHORITY},
    }


def upload_json(machine: Machine, source: str, content: dict[str, Any]) -> None:
    path = machine.path(WORK) / "content.json"
    files.write(path, json.dumps(content, indent=1) + "\n", 0o600)
    upload(machine, source, path, "application/json")


def upload(machine: Machine, source: str, path: Path, kind: str = "application/gzip") -> None:
    """Uploads a file; S3 compares its SHA-256 and keeps it with the object."""
    digest = files.sha256_of(path)
    headers = {
        "Content-Type": kind,
        "Content-Length": str(path.stat().st_size),
        "X-Amz-Content-SHA256": digest.hexdigest(),
        "X-Amz-Checksum-SHA256": base64.b64encode(digest.digest()).decode(),
    }

    def attempt() -> None:
        url, signed = machine.aws.locate(source, headers, "PUT")
        with path.open("rb") as body:
            status, received, text = fetch(url, signed, body=body, method="PUT")
        if status == 200:
            return
        machine.aws.correct_clock(received)
        raise Retry(f"S3 returned {status} for {source}: {text[:300]!r}")

    machine.wait.until(attempt, f"{source} was not uploaded", pause=2.0, growth=2.0)


def main(environment: Environment) -> int:
    """Backs up, and records how it ended; returns 1 with the cause in the journal."""
    report, started = Report(environment), environment.clock.monotonic()
    result = {"at": environment.clock.time(), "url": None, "error": None}
    try:
        machine = identify(environment, started, report)
        wait = Wait(environment.clock, started + SECONDS)
        machine.aws.wait = wait
        machine = replace(machine, wait=wait)
        result["url"] = url = back_up(machine)
        report.log(f"uploaded {url}" if url else "another server makes the snapshot")
    except BootError as error:
        result["error"] = report.redact(str(error))
        report.log(f"no snapshot: {error}")
    files.write(environment.root / "var/lib/k3s-aws/backup.json", json.dumps(result) + "\n", 0o644)
    return 1 if result["error"] else 0


if __name__ == "__main__":
    sys.exit(main(Environment()))
