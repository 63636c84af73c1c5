"""What this host does for a volume, and which loop devices it leaves alone."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from localcloud.errors import MachineError
from localcloud.machines import commands, volumes
from localcloud.machines.volumes import GIB, Volumes, by_id

VOLUME = "vol-0123456789abcdef0"
LINK = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0"


class Kernel:
    """The loop devices of a host, with what sysfs and losetup say and do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.in_use: set[str] = set()
        self.calls: list[list[str]] = []

    def add(self, file: str) -> str:
        name = f"loop{len(list(self.folder.glob('loop*')))}"
        (self.folder / name / "loop").mkdir(parents=True)
        (self.folder / name / "loop" / "backing_file").write_text(f"{file}\n")
        return name

    def files(self) -> list[str]:
        found = self.folder.glob("loop*/loop/backing_file")
        return sorted(each.read_text().strip() for each in found)

    def losetup(self, words: Sequence[str]) -> str:
        self.calls.append(list(words))
        name = Path(words[-1]).name
        if words[1] == "--nooverlap":
            return f"/dev/{self.add(words[-1])}\n"
        if words[1] == "--detach" and name not in self.in_use:
            (self.folder / name / "loop" / "backing_file").unlink()
        return ""


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel(tmp_path / "sys")
    monkeypatch.setattr(volumes, "BLOCK_DEVICES", made.folder)
    for name in ("RELEASE_SECONDS", "LAST_RELEASE_SECONDS"):
        monkeypatch.setattr(volumes, name, 0.0)
    monkeypatch.setattr(commands, "run_here", made.losetup)
    return made


@pytest.fixture
def executed() -> list[tuple[str, list[str]]]:
    """What was run in the machines."""
    return []


@pytest.fixture
def host(tmp_path: Path, executed: list[tuple[str, list[str]]], kernel: Kernel) -> Volumes:
    def execute(instance_id: str, words: Sequence[str]) -> str:
        executed.append((instance_id, list(words)))
        return ""

    return Volumes(tmp_path / "home", execute)


def test_a_volume_is_a_sparse_file_that_a_machine_has_by_its_id(
    host: Volumes, kernel: Kernel, tmp_path: Path, executed: list[tuple[str, list[str]]]
) -> None:
    host.attach("i-1", VOLUME, 8)
    stat = (tmp_path / "home" / VOLUME).stat()
    assert (stat.st_size, stat.st_blocks) == (8 * GIB, 0)
    assert kernel.files() == [str(tmp_path / "home" / VOLUME)]
    ((instance_id, words),) = executed
    assert (instance_id, words[-2:]) == ("i-1", [LINK, "0"])
    assert by_id(VOLUME) == LINK


def test_attached_again_it_is_the_same_device_and_may_have_grown(
    host: Volumes, kernel: Kernel, tmp_path: Path
) -> None:
    host.attach("i-1", VOLUME, 8)
    file = tmp_path / "home" / VOLUME
    with file.open("r+b") as opened:
        opened.write(b"data")
    host.attach("i-1", VOLUME, 9)
    assert file.stat().st_size == 9 * GIB
    with file.open("rb") as opened:
        assert opened.read(4) == b"data"
    assert kernel.calls[-1] == ["losetup", "--set-capacity", "/dev/loop0"]
    assert len(kernel.files()) == 1


def test_a_device_in_use_stays_in_its_machine(
    host: Volumes, kernel: Kernel, executed: list[tuple[str, list[str]]]
) -> None:
    host.attach("i-1", VOLUME, 1)
    kernel.in_use.add("loop0")
    executed.clear()
    assert not host.detach(VOLUME, "i-1")
    assert executed == []
    kernel.in_use.clear()
    assert host.detach(VOLUME, "i-1")
    assert [(each, words[-1]) for each, words in executed] == [("i-1", LINK)]
    assert host.detach(VOLUME, None)
    assert host.all() == {VOLUME}
    host.delete(VOLUME)
    host.delete(VOLUME)
    assert host.all() == set()


def test_everything_of_this_cloud_is_removed_and_nothing_of_another(
    host: Volumes, kernel: Kernel, tmp_path: Path
) -> None:
    others = [f"/srv/{VOLUME}", str(tmp_path / "home-of-another" / VOLUME), "/srv/image (deleted)"]
    for file in others:
        kernel.add(file)
    host.attach("i-1", VOLUME, 1)
    host.attach("i-1", "vol-2", 1)
    # Removed by somebody while the machine had it.
    gone = tmp_path / "home" / "vol-3"
    kernel.add(f"{gone} (deleted)")
    assert host.remove_everything() == [
        "volume vol-0123456789abcdef0",
        "volume vol-2",
        "volume vol-3",
    ]
    assert kernel.files() == sorted(others)
    assert not (tmp_path / "home").exists()
    assert host.remove_everything() == []


def test_a_volume_in_use_is_not_removed_and_named(host: Volumes, kernel: Kernel) -> None:
    host.attach("i-1", VOLUME, 1)
    kernel.in_use.add("loop0")
    with pytest.raises(MachineError) as refused:
        host.remove_everything()
    assert str(refused.value) == (
        f"the data of {VOLUME} is still in use as /dev/loop0\n"
        "    unmount it, then stop the local cloud again"
    )
    assert host.all() == {VOLUME}


FAKES = """
make_node() { echo "$2 $3 $4" >"$1"; }
stat() { printf '7:%x' "$(sed 's/.* //' "$3")"; }
chgrp() { :; }
"""


def run(script: str, folder: Path, *arguments: str) -> None:
    """Runs a machine's script with its devices in the folder, which are plain files there."""
    replaced = script.replace("/dev/nvme", f"{folder}/nvme").replace("mknod -m 660", "make_node")
    subprocess.run(["sh", "-c", FAKES + replaced, "sh", *arguments], check=True)


def test_a_machine_numbers_its_devices_in_the_order_of_attaching(tmp_path: Path) -> None:
    first, second = (tmp_path / "disk" / "by-id" / name for name in ("one", "two"))
    for minor, link in ((5, first), (16, second), (16, second)):
        run(volumes.SHOW, tmp_path, str(link), str(minor))
    links = [each.readlink() for each in (first, second)]
    assert links == [Path("../../nvme1n1"), Path("../../nvme2n1")]
    assert (tmp_path / "nvme2n1").read_text() == "b 7 16\n"
    run(volumes.HIDE, tmp_path, str(first))
    run(volumes.HIDE, tmp_path, str(first))
    left = sorted(each.name for each in tmp_path.rglob("*"))
    assert left == ["by-id", "disk", "nvme2n1", "two"]


def test_a_machine_has_another_loop_device_under_the_same_name(tmp_path: Path) -> None:
    link = tmp_path / "disk" / "by-id" / "one"
    for minor in ("5", "9"):
        run(volumes.SHOW, tmp_path, str(link), minor)
    assert link.read_text() == "b 7 9\n"
    assert [each.name for each in tmp_path.glob("nvme*")] == ["nvme1n1"]
