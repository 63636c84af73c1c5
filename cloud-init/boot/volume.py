"""The data volume of a server: its file system, mounted where k3s has its datastore."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from boot import datastore, files, systemd
from boot.machine import Machine
from boot.waiting import BootError, Retry

MOUNT = "var-lib-rancher-k3s-server-db.mount"
LABEL = "k3s-aws"
# In the first bytes of a device is what blkid reports nothing of where it cannot read.
FIRST_BYTES = 4096
# Beside the unit of k3s, which is taken back when a change fails; in it before the data is moved.
# RequiresMountsFor would require nothing without the unit of the mount.
DROP_IN = f"[Unit]\nRequires={MOUNT}\nAfter={MOUNT}\n"
UNIT = """\
[Mount]
What=/{}
Where=/var/lib/rancher/k3s/server/db
Type=ext4
"""


def mount(machine: Machine) -> None:
    """
    Mounts the volume, formatted when it is blank, and grows its file system to its size.

    Raises BootError for a volume with anything else than a file system of this program.
    """
    name = machine.wait.until(lambda: _find(machine), f"{machine.node.data_volume} is not attached")
    device = str(machine.path(name))
    if systemd.unit_state(machine, MOUNT)["ActiveState"] != "active":
        found = _prepare(machine, device)
        drop_in = machine.path("etc/systemd/system/k3s.service.d/10-data-volume.conf")
        files.write(drop_in, DROP_IN, 0o644)
        if datastore.exists(machine) or datastore.previous(machine).exists():
            _offline().move(machine, device)
        # A device that is no NVMe has a name that changes with the type of the instance.
        what = name if "by-id" in name else f"dev/disk/by-uuid/{found['UUID']}"
        files.write(machine.path(f"etc/systemd/system/{MOUNT}"), UNIT.format(what), 0o644)
        if systemd.unit_state(machine, MOUNT)["NeedDaemonReload"] == "yes":
            systemd.systemctl(machine, "daemon-reload")
        systemd.systemctl(machine, "start", MOUNT)
        place = machine.server_data / "db"
        place.chmod(0o700)
        # Of a machine that was lost in the middle of it.
        if (place / "copied").exists():
            _offline().complete(place)
    _grow(machine, device)


def _offline() -> Any:
    """The module that user data has no room for: only a running machine needs it."""
    return importlib.import_module("boot.offline")


def _find(machine: Machine) -> str:
    """The device, below the root of the machine."""
    id_ = machine.node.data_volume.replace("-", "")
    # The second one where EBS is not NVMe; it follows from the name at the attachment, /dev/sdf.
    names = (f"dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{id_}", "dev/xvdf")
    for name in names:
        if machine.path(name).exists():
            return name
    raise Retry(f"neither /{' nor /'.join(names)} exists")


def _prepare(machine: Machine, device: str) -> dict[str, str]:
    """What blkid finds on the volume, which has a sound file system of this program then."""
    # Of a run that was cut off (offline.py).
    machine.environment.run(["umount", device])
    found = _probe(machine, device)
    if not found:
        run(machine, "mkfs.ext4", "-q", "-L", LABEL, device)
        found = _probe(machine, device)
    if (found.get("TYPE"), found.get("LABEL")) != ("ext4", LABEL):
        content = " ".join(f"{key}={found[key]}" for key in sorted(found) if key != "DEVNAME")
        raise BootError(f"{device} has {content}, not made by this program: it is left alone")
    check(machine, "-p", device)
    return found


def check(machine: Machine, how: str, device: str) -> None:
    code, _ = machine.environment.run(["e2fsck", how, device])
    # 1: errors were repaired.
    if code > 1:
        raise BootError(f"the file system has errors, e2fsck {how} {device} ended with {code}")


def _probe(machine: Machine, device: str) -> dict[str, str]:
    """What blkid finds on the device itself; empty for a blank one. Never from its cache."""
    code, text = machine.environment.run(["blkid", "-p", "-o", "export", device])
    if code == 0:
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    # 2 is also what it ends with when it cannot read the device, which raises here.
    with Path(device).open("rb") as file:
        if code == 2 and not any(file.read(FIRST_BYTES)):
            return {}
    raise BootError(f"{device} is not blank, blkid ended with {code}: it is left alone")


def _grow(machine: Machine, device: str) -> None:
    wanted = machine.node.data_volume_gib << 30

    def attempt() -> None:
        size = int(run(machine, "blockdev", "--getsize64", device))
        if size < wanted:
            raise Retry(f"{device} has {size} of {wanted} bytes")

    machine.wait.until(attempt, f"{machine.node.data_volume} has not grown")
    code, _ = machine.environment.run(["resize2fs", device])
    if code != 0:
        # The kernel grows a mounted file system only where it has no errors.
        _offline().grow(machine, device)


def run(machine: Machine, *words: str) -> str:
    code, text = machine.environment.run(words)
    if code != 0:
        raise BootError(f"{' '.join(words)} ended with {code}: {text.strip()[-200:]}")
    return text
