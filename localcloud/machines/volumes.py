"""
EBS volumes on this host: a sparse file each, and a loop device while a machine has it.

Loop devices are shared by everything on this host: only those whose file is in this cloud's folder
are touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from localcloud.errors import MachineError
from localcloud.machines import commands

GIB = 1024**3
BLOCK_DEVICES = Path("/sys/block")
# https://www.kernel.org/doc/Documentation/admin-guide/devices.txt
LOOP_MAJOR = 7
# The kernel takes the mounts of a machine apart a moment after its last process has ended.
RELEASE_SECONDS = 2.0
# When all machines end at once, what they have written goes to the disk first.
LAST_RELEASE_SECONDS = 30.0
POLL_SECONDS = 0.05
# As udev names it on a Nitro instance, whose device names are in the order of attaching:
# https://docs.aws.amazon.com/ebs/latest/userguide/nvme-ebs-volumes.html
BY_ID = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{}"
SHOW = f"""
set -eu
link=$1 minor=$2
[ "$(stat -Lc %t:%T "$link" 2>/dev/null)" = {LOOP_MAJOR:x}:$(printf %x "$minor") ] && exit
[ ! -L "$link" ] || rm -f "$(readlink -f "$link")" "$link"
number=1
while [ -e "/dev/nvme${{number}}n1" ]; do number=$((number + 1)); done
mkdir -p "$(dirname "$link")"
mknod -m 660 "/dev/nvme${{number}}n1" b {LOOP_MAJOR} "$minor"
chgrp disk "/dev/nvme${{number}}n1"
ln -s "../../nvme${{number}}n1" "$link"
"""
HIDE = '[ ! -L "$1" ] || rm -f "$(readlink -f "$1")" "$1"'

Execute = Callable[[str, Sequence[str]], str]


class Volumes:
    """
    The volumes of one local cloud; `execute` runs a command in a machine.

    Every call may be repeated. Raises MachineError.
    """

    def __init__(self, folder: Path, execute: Execute) -> None:
        # As the kernel names a file, from whichever folder it was asked.
        self._folder, self._execute = folder.resolve(), execute

    def attach(self, instance_id: str, volume_id: str, gib: int) -> None:
        """Gives the volume to a running machine, or shows there that it has grown."""
        device = self._connect(volume_id, gib)
        words = ["sh", "-c", SHOW, "sh", by_id(volume_id), device.removeprefix("loop")]
        self._execute(instance_id, words)

    def detach(self, volume_id: str, instance_id: str | None) -> bool:
        """
        Takes the volume from its machine; gives whether it has it no longer.

        A device that is in use goes with its last use, such as a mount: until then the machine
        keeps it. Without an instance the machine does not run.
        """
        if not self._disconnect(volume_id, RELEASE_SECONDS):
            return False
        if instance_id is not None:
            self._execute(instance_id, ["sh", "-c", HIDE, "sh", by_id(volume_id)])
        return True

    def delete(self, volume_id: str) -> None:
        """Deletes the data of a volume that no machine has."""
        self._file(volume_id).unlink(missing_ok=True)

    def all(self) -> set[str]:
        """The id of each volume that has a file."""
        return {each.name for each in self._folder.glob("vol-*")}

    def remove_everything(self) -> list[str]:
        """Removes every volume of this cloud, once no machine is left; gives their names."""
        removed = []
        for volume_id in sorted(self.all() | self._devices().keys()):
            if not self._disconnect(volume_id, LAST_RELEASE_SECONDS):
                raise MachineError(
                    f"the data of {volume_id} is still in use as /dev/{self._device(volume_id)}\n"
                    "    unmount it, then stop the local cloud again"
                )
            self.delete(volume_id)
            removed.append(f"volume {volume_id}")
        with suppress(FileNotFoundError):
            self._folder.rmdir()
        return removed

    def _connect(self, volume_id: str, gib: int) -> str:
        """The loop device of the volume, at its size; `loop3`."""
        file = self._file(volume_id)
        file.parent.mkdir(exist_ok=True)
        with file.open("ab") as opened:
            if opened.tell() < gib * GIB:
                opened.truncate(gib * GIB)
        device = self._device(volume_id)
        if device:
            commands.run_here(["losetup", "--set-capacity", f"/dev/{device}"])
        else:
            # Two devices on one file would not see each other's writes.
            words = ["losetup", "--nooverlap", "--find", "--show", str(file)]
            device = Path(commands.run_here(words).strip()).name
        return device

    def _disconnect(self, volume_id: str, seconds: float) -> bool:
        """Whether its loop device is gone, at the latest after these seconds."""
        if device := self._device(volume_id):
            commands.run_here(["losetup", "--detach", f"/dev/{device}"])
        deadline = time.monotonic() + seconds
        while self._device(volume_id):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _file(self, volume_id: str) -> Path:
        return self._folder / volume_id

    def _device(self, volume_id: str) -> str | None:
        return self._devices().get(volume_id)

    def _devices(self) -> dict[str, str]:
        """The loop devices on files of this cloud, by volume id."""
        found = {}
        for each in BLOCK_DEVICES.glob("loop*/loop/backing_file"):
            with suppress(OSError):
                # Of a file that is gone the kernel says so behind its name.
                file = Path(each.read_text().strip().removesuffix(" (deleted)"))
                if file.parent == self._folder:
                    found[file.name] = each.parent.parent.name
        return found


def by_id(volume_id: str) -> str:
    """The path under which a machine finds the volume."""
    return BY_ID.format(volume_id.replace("-", ""))
