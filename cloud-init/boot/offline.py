"""
What is done to the data volume while k3s is stopped.

Earlier releases have the datastore on the root volume, from where it is moved. Until its folder is
renamed, that on the root volume is the datastore, and a copy may be thrown away.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from boot import datastore, systemd, volume
from boot.machine import Machine
from boot.waiting import BootError

# What k3s has in its folder `db`: a file with SQLite, a folder with etcd.
NAMES = ("state.db", "etcd")


def move(machine: Machine, device: str) -> None:
    """
    Moves the datastore to the data volume, or continues what was cut off.

    The volume is mounted elsewhere meanwhile: k3s must not start with half of its data.
    """
    place = machine.path("run/k3s-aws-data")
    place.mkdir(parents=True, exist_ok=True)
    volume.run(machine, "mount", device, str(place))
    if datastore.exists(machine):
        _copy(machine, place)
    if (place / "copied").exists():
        complete(place)
    volume.run(machine, "umount", str(place))


def grow(machine: Machine, device: str) -> None:
    """Grows a file system that cannot grow while it is mounted; k3s has to be started again."""
    # With the mount, k3s is stopped.
    systemd.systemctl(machine, "stop", volume.MOUNT)
    volume.check(machine, "-fp", device)
    volume.run(machine, "resize2fs", device)
    systemd.systemctl(machine, "start", volume.MOUNT)


def complete(place: Path) -> None:
    """The complete copy becomes the datastore of the volume."""
    copied = place / "copied"
    # The names by which a datastore is recognized come last.
    for each in sorted(copied.iterdir(), key=lambda path: path.name in NAMES):
        each.rename(place / each.name)
    copied.rmdir()


def _copy(machine: Machine, place: Path) -> None:
    source, part, copied = machine.server_data / "db", place / "part", place / "copied"
    if datastore.has_data(place):
        raise BootError(f"{source} and {machine.node.data_volume} both have a datastore")
    for old in (part, copied):
        shutil.rmtree(old, ignore_errors=True)
    size = sum(path.lstat().st_size for path in source.rglob("*"))
    free = machine.environment.free_bytes(place)
    if size > free:
        raise BootError(
            f"the datastore has {size >> 20} MiB, and its volume room for {free >> 20}: "
            "raise servers.dataVolumeGib"
        )
    systemd.systemctl(machine, "stop", machine.k3s_unit)
    # k3s makes its socket anew.
    shutil.copytree(source, part, symlinks=True, ignore=_sockets)
    os.sync()
    part.rename(copied)
    os.sync()
    source.rename(datastore.previous(machine))


def _sockets(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if Path(folder, name).is_socket()]
