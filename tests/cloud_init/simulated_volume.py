"""
An EBS volume of the simulated machine: the device, what is on it, and the commands for both.

The device is a file, of which only the first bytes are there; what its file system has is a folder
beside the machine's root. A mount makes the mount point a link to that folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

MOUNT = "var-lib-rancher-k3s-server-db.mount"
ID = "vol-0123456789abcdef0"
BY_ID = f"dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{ID.replace('-', '')}"
LINE = "DEVNAME={device}\nLABEL={label}\nUUID=b8a1-77\nTYPE={type}\nUSAGE=filesystem\n"


@dataclass
class SimulatedVolume:
    """One volume of `gib`; `label` and `type` are those of its file system, empty without one."""

    root: Path
    gib: int = 10
    type: str = ""
    label: str = ""
    partition_table: str = ""
    # What the file system has been grown to.
    file_system_gib: int = 0
    check_status: int = 0
    # Whether the kernel grows it while it is mounted.
    grows_mounted: bool = True
    formatted: int = 0
    mounted: list[Path] = field(default_factory=list)
    # The command before which the machine loses its power.
    fails_before: str = ""

    @property
    def content(self) -> Path:
        """What the file system has."""
        return self.root.parent / f"{self.root.name}-{ID}"

    @property
    def place(self) -> Path:
        """Where k3s has its datastore."""
        return self.root / "var/lib/rancher/k3s/server/db"

    def attach(self, name: str = BY_ID, first_bytes: bytes = bytes(4096)) -> None:
        """The device appears."""
        device = self.root / name
        device.parent.mkdir(parents=True, exist_ok=True)
        device.write_bytes(first_bytes)

    def format(self) -> None:
        """As mkfs.ext4 of the boot program does."""
        self.type, self.label, self.file_system_gib = "ext4", "k3s-aws", self.gib
        self.content.mkdir()

    def reboot(self) -> None:
        """Nothing is mounted any more."""
        while self.mounted:
            self._unmount(self.mounted[-1])

    def run(self, words: Sequence[str]) -> tuple[int, str] | None:
        """The result of a command about this volume; None for any other command."""
        command = " ".join(words)
        if self.fails_before and command.startswith(self.fails_before):
            self.fails_before = ""
            raise PowerLossError(command)
        if words[0] == "systemctl":
            return self._systemctl(words[1], words[-1])
        commands = {
            "blkid": self._blkid,
            "mkfs.ext4": self._mkfs,
            "e2fsck": lambda _: (self.check_status, ""),
            "mount": lambda words: (self._mount(Path(words[2])), ""),
            "umount": lambda words: (self._unmount(Path(words[1])), ""),
            "blockdev": lambda _: (0, f"{self.gib << 30}\n"),
            "resize2fs": self._resize,
        }
        return commands[words[0]](words) if words[0] in commands else None

    def _systemctl(self, verb: str, unit: str) -> tuple[int, str] | None:
        if unit != MOUNT:
            return None
        if verb == "stop":
            return self._unmount(self.place), ""
        if verb == "start":
            text = (self.root / "etc/systemd/system" / MOUNT).read_text()
            assert "\nWhere=/var/lib/rancher/k3s/server/db\n" in text
            return self._mount(self.place), ""
        state = "active" if self.place in self.mounted else "inactive"
        return 0, f"LoadState=loaded\nActiveState={state}\nNeedDaemonReload=no\n"

    def _blkid(self, words: Sequence[str]) -> tuple[int, str]:
        assert words[1] == "-p", "its cache may be of another volume"
        if self.partition_table:
            return 0, f"DEVNAME={words[-1]}\nPTTYPE={self.partition_table}\n"
        if not self.type:
            return 2, ""
        return 0, LINE.format(device=words[-1], label=self.label, type=self.type)

    def _mkfs(self, words: Sequence[str]) -> tuple[int, str]:
        self.formatted += 1
        self.format()
        assert self.label == words[words.index("-L") + 1]
        return 0, ""

    def _resize(self, words: Sequence[str]) -> tuple[int, str]:
        if self.mounted and not self.grows_mounted:
            return 1, "on-line resizing required"
        self.file_system_gib = self.gib
        return 0, ""

    def _mount(self, place: Path) -> int:
        # In two places at once, k3s could have it while it is being filled.
        if self.mounted or not self.type:
            return 32
        if place.exists():
            place.rename(self._hidden(place))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(self.content)
        self.mounted.append(place)
        return 0

    def _unmount(self, place: Path) -> int:
        if self.mounted and place == self.root / BY_ID:
            place = self.mounted[-1]
        if place not in self.mounted:
            return 32
        place.unlink()
        if self._hidden(place).exists():
            self._hidden(place).rename(place)
        self.mounted.remove(place)
        return 0

    @staticmethod
    def _hidden(place: Path) -> Path:
        return place.with_name(f".below-{place.name}")

    def replace_machine(self) -> None:
        """The volume stays, and all that was on the root volume is gone."""
        self.reboot()
        shutil.rmtree(self.root)
        self.root.mkdir()


class PowerLossError(BaseException):
    """Not an Exception: the boot program handles none of it."""
