"""A snapshot of the datastore before another version of k3s starts with it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from boot import data_version, datastore, restoring, start
from boot.download import require_free
from boot.machine import Machine

NAME = "before-upgrade"
KEPT = 3


def is_needed(machine: Machine) -> bool:
    """Whether the version changes; one is there when an interrupted change goes on."""
    changes = data_version.of_data(machine) not in ("", machine.node.k3s["version"])
    under_way = start.marker(machine).exists() or restoring.is_under_way(machine)
    return datastore.exists(machine) and changes and not under_way


def save(machine: Machine) -> None:
    """Saves one below `server/db/snapshots`; BootError where it cannot."""
    data = machine.server_data / "db"
    if not (data / "etcd").exists():
        _save_sqlite(machine, data / "state.db")
    else:
        # The provider brings it along with an upgrade; a new server has no member to save.
        from boot import etcd_snapshot

        etcd_snapshot.save(machine, NAME, KEPT)


def copy_sqlite(source: Path, target: Path) -> None:
    """
    A consistent copy of a database that k3s goes on using: https://sqlite.org/backup.html

    Raises sqlite3.Error.
    """
    import sqlite3  # only here: k3s starts without it

    live = sqlite3.connect(f"file:{source}?mode=rw", uri=True)
    with contextlib.closing(live), contextlib.closing(sqlite3.connect(target)) as copy:
        live.backup(copy)


def _save_sqlite(machine: Machine, source: Path) -> None:
    folder = source.with_name("snapshots")
    folder.mkdir(0o700, exist_ok=True)
    sizes = [each.stat().st_size for each in source.parent.glob("state.db*")]
    require_free(machine, folder, sum(sizes))
    part = folder / ".part"
    part.unlink(missing_ok=True)
    part.touch(0o600)
    copy_sqlite(source, part)
    time = int(machine.environment.clock.time())
    part.replace(folder / f"{NAME}-{time}-{data_version.of_data(machine)}.db")
    for old in sorted(folder.glob(f"{NAME}-*.db"))[:-KEPT]:
        old.unlink()
