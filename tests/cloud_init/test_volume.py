"""The data volume of a server: formatting, mounting, growing, and moving the datastore to it."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from boot import volume
from tests.cloud_init import simulated_volume
from tests.cloud_init.simulated_aws import INSTANCE
from tests.cloud_init.simulated_machine import SimulatedMachine
from tests.cloud_init.simulated_volume import BY_ID, ID, MOUNT, PowerLossError, SimulatedVolume

PARAMETER = "/demo/datastore"


def server_with_volume(machine: SimulatedMachine, gib: int = 10) -> SimulatedVolume:
    machine.configure("server")
    return machine.add_data_volume(gib)


def server_of_an_older_release(machine: SimulatedMachine) -> SimulatedVolume:
    """It has its datastore on the root volume, and is configured to have a data volume now."""
    machine.configure("server")
    assert machine.boot() == 0
    create_datastore(machine)
    (database(machine) / "state.db-wal").write_text("the last writes")
    # As kine leaves one, which cannot be copied.
    folder = os.open(database(machine), os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as left:
        # The path of a socket has room for 107 bytes.
        left.bind(f"/proc/self/fd/{folder}/kine.sock")
    os.close(folder)
    machine.parameters[PARAMETER] = INSTANCE
    return machine.add_data_volume()


def database(machine: SimulatedMachine) -> Path:
    return machine.root / "var/lib/rancher/k3s/server/db"


def create_datastore(machine: SimulatedMachine) -> None:
    machine.create_datastore()
    (database(machine) / "state.db").write_text("objects")


def content(machine: SimulatedMachine) -> dict[str, str]:
    """The files of the datastore."""
    files = database(machine).glob("state.db*")
    return {path.name: path.read_text() for path in files}


def unit(machine: SimulatedMachine, name: str) -> str:
    return (machine.root / "etc/systemd/system" / name).read_text()


def test_a_blank_volume_is_formatted_once_and_mounted_before_k3s_starts(
    machine: SimulatedMachine,
) -> None:
    made = server_with_volume(machine)
    assert machine.boot() == 0
    assert (made.formatted, made.mounted) == (1, [database(machine)])
    assert f"What=/{BY_ID}\n" in unit(machine, MOUNT)
    commands = [" ".join(words) for words in machine.systemd.commands]
    assert commands.index(f"systemctl start {MOUNT}") < commands.index(
        "systemctl restart --no-block k3s"
    )
    create_datastore(machine)
    assert machine.boot() == 0
    assert (made.formatted, made.mounted) == (1, [database(machine)])
    assert content(machine) == {"state.db": "objects"}


def test_k3s_of_a_server_never_starts_without_its_volume(machine: SimulatedMachine) -> None:
    assert volume.MOUNT == MOUNT
    machine.configure("server")
    machine.boot()
    assert MOUNT not in unit(machine, "k3s.service")
    machine.add_data_volume()
    machine.boot()
    section = unit(machine, "k3s.service.d/10-data-volume.conf").splitlines()
    assert section == ["[Unit]", f"Requires={MOUNT}", f"After={MOUNT}"]


def test_another_machine_continues_with_the_data_of_the_volume(machine: SimulatedMachine) -> None:
    made = server_with_volume(machine)
    machine.boot()
    create_datastore(machine)
    made.replace_machine()
    machine.parameters[PARAMETER] = ID
    server_with_volume(machine)
    assert machine.boot() == 0
    assert made.formatted == 1
    assert content(machine) == {"state.db": "objects"}
    # The previous machine has had the tokens of the datastore.
    assert machine.rotated_to == [machine.server_password]


def test_it_waits_until_the_volume_is_attached(machine: SimulatedMachine) -> None:
    made = server_with_volume(machine)
    (machine.root / BY_ID).unlink()
    assert machine.boot() == 1
    phase, cause = machine.cause()
    assert phase == "data-volume"
    assert cause.startswith(f"{ID} is not attached: waited ")
    assert f"neither /{BY_ID} nor /dev/xvdf exists" in cause
    made.attach()
    assert machine.boot() == 0


def test_where_ebs_is_not_nvme_the_mount_outlives_another_instance_type(
    machine: SimulatedMachine,
) -> None:
    made = server_with_volume(machine)
    (machine.root / BY_ID).unlink()
    made.attach("dev/xvdf")
    assert machine.boot() == 0
    assert "What=/dev/disk/by-uuid/b8a1-77\n" in unit(machine, MOUNT)


@pytest.mark.parametrize(
    ("found", "what"),
    [
        ({"type": "xfs", "label": "k3s-aws"}, "TYPE=xfs"),
        ({"type": "ext4", "label": "backup"}, "TYPE=ext4"),
        ({"partition_table": "gpt"}, "PTTYPE=gpt"),
    ],
)
def test_what_has_another_content_is_neither_formatted_nor_mounted(
    machine: SimulatedMachine, found: dict[str, str], what: str
) -> None:
    made = server_with_volume(machine)
    for name, value in found.items():
        setattr(made, name, value)
    assert machine.boot() == 1
    phase, cause = machine.cause()
    assert phase == "data-volume"
    assert what in cause
    assert cause.endswith(", not made by this program: it is left alone")
    assert (made.formatted, made.mounted) == (0, [])
    assert machine.systemd.restarts("k3s") == 0


def test_a_device_without_a_known_signature_that_is_not_blank_is_not_formatted(
    machine: SimulatedMachine,
) -> None:
    made = server_with_volume(machine)
    made.attach(first_bytes=bytes(4095) + b"x")
    assert machine.boot() == 1
    assert machine.cause()[1].endswith("is not blank, blkid ended with 2: it is left alone")
    assert made.formatted == 0


def test_a_file_system_with_errors_that_need_a_person_is_not_mounted(
    machine: SimulatedMachine,
) -> None:
    made = server_with_volume(machine)
    made.check_status = 4
    assert machine.boot() == 1
    assert "e2fsck -p " in machine.cause()[1]
    assert made.mounted == []
    made.check_status = 1
    assert machine.boot() == 0


def test_a_volume_that_grew_has_a_larger_file_system_without_a_restart_of_k3s(
    machine: SimulatedMachine,
) -> None:
    made = server_with_volume(machine)
    machine.boot()
    made.gib = 40
    machine.add_data_volume(40)
    assert machine.boot() == 0
    assert made.file_system_gib == 40
    assert machine.systemd.restarts("k3s") == 1


def test_what_the_kernel_does_not_grow_while_it_is_mounted_grows_while_k3s_is_stopped(
    machine: SimulatedMachine,
) -> None:
    made = server_with_volume(machine)
    machine.boot()
    create_datastore(machine)
    made.gib, made.grows_mounted = 40, False
    machine.add_data_volume(40)
    assert machine.boot() == 0
    assert (made.file_system_gib, made.mounted) == (40, [database(machine)])
    assert machine.systemd.restarts("k3s") == 2
    assert content(machine) == {"state.db": "objects"}


def test_the_kernel_may_report_the_new_size_a_moment_later(machine: SimulatedMachine) -> None:
    server_with_volume(machine)
    machine.boot()
    machine.add_data_volume(40)
    assert machine.boot() == 1
    phase, cause = machine.cause()
    assert phase == "data-volume"
    assert cause.startswith(f"{ID} has not grown: waited ")


def test_the_record_of_a_volume_that_is_blank_is_no_reason_to_start_empty(
    machine: SimulatedMachine,
) -> None:
    server_with_volume(machine)
    machine.parameters[PARAMETER] = ID
    assert machine.boot() == 1
    assert machine.cause() == (
        "datastore",
        f"{ID} has the cluster's data by {PARAMETER}, this machine has none",
    )
    assert machine.systemd.restarts("k3s") == 0


@pytest.mark.parametrize("holder", ["vol-0aaaaaaaaaaaaaaaa", "i-0aaaaaaaaaaaaaaaa"])
def test_a_volume_in_the_place_of_another_storage_starts_empty(
    machine: SimulatedMachine, holder: str
) -> None:
    server_with_volume(machine)
    machine.parameters[PARAMETER] = holder
    assert machine.boot() == 0


def test_the_datastore_of_an_older_release_moves_to_the_volume(machine: SimulatedMachine) -> None:
    made = server_of_an_older_release(machine)
    assert machine.boot() == 0
    assert made.mounted == [database(machine)]
    assert content(machine) == {"state.db": "objects", "state.db-wal": "the last writes"}
    commands = [" ".join(words) for words in machine.systemd.commands]
    assert commands.count("systemctl restart --no-block k3s") == 2
    assert "systemctl stop k3s" in commands
    # Kept until k3s was Ready with the moved one.
    assert machine.phases()[-1] == "node-ready"
    assert not [path for path in database(machine).parent.iterdir() if "before" in path.name]


def test_what_was_moved_is_kept_until_k3s_is_ready_with_it(machine: SimulatedMachine) -> None:
    server_of_an_older_release(machine)
    machine.systemd.starts = False
    assert machine.boot() == 1
    kept = database(machine).with_name("db-before-volume")
    assert (kept / "state.db").read_text() == "objects"
    machine.systemd.starts = True
    assert machine.boot() == 0
    assert not kept.exists()


@pytest.mark.parametrize(
    "command",
    ["mkfs.ext4", "e2fsck", "mount", "systemctl stop k3s", "umount /", f"systemctl start {MOUNT}"],
)
def test_a_move_that_was_interrupted_by_a_reboot_is_completed(
    machine: SimulatedMachine, command: str
) -> None:
    made = server_of_an_older_release(machine)
    made.fails_before = command
    # The first of them unmounts what nothing has mounted.
    if command == "umount /":
        made.fails_before = f"umount {machine.root}/run"
    with pytest.raises(PowerLossError):
        machine.boot()
    made.reboot()
    assert machine.boot() == 0
    assert content(machine) == {"state.db": "objects", "state.db-wal": "the last writes"}
    assert made.formatted == 1


@pytest.mark.parametrize("operation", ["copytree", "rename", "sync"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_a_move_that_was_interrupted_between_two_steps_loses_nothing(
    machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch, operation: str, nth: int
) -> None:
    made = server_of_an_older_release(machine)
    cut = Interruption(nth)
    with monkeypatch.context() as patch:
        cut.patch(patch, operation)
        try:
            machine.boot()
        except PowerLossError:
            made.reboot()
    assert machine.boot() == 0
    assert content(machine) == {"state.db": "objects", "state.db-wal": "the last writes"}


class Interruption:
    """The power goes before the nth call of an operation of the move."""

    def __init__(self, nth: int) -> None:
        self.left = nth

    def patch(self, patch: pytest.MonkeyPatch, operation: str) -> None:
        owner = {"copytree": shutil, "sync": os, "rename": Path}[operation]
        original = getattr(owner, operation)

        def interrupted(*args: object, **kwargs: object) -> object:
            of_the_move = operation != "rename" or {"copied", "part", "db"} & {
                *Path(str(args[0])).parts[-2:]
            }
            self.left -= bool(of_the_move)
            if of_the_move and self.left == 0:
                raise PowerLossError(operation)
            return original(*args, **kwargs)

        patch.setattr(owner, operation, interrupted)


def test_a_copy_is_thrown_away_while_the_root_volume_has_the_datastore(
    machine: SimulatedMachine,
) -> None:
    made = server_of_an_older_release(machine)
    made.format()
    for name in ("part", "copied"):
        (made.content / name).mkdir()
        (made.content / name / "state.db").write_text("half")
    assert machine.boot() == 0
    assert content(machine) == {"state.db": "objects", "state.db-wal": "the last writes"}


def test_a_complete_copy_is_the_datastore_on_another_machine(machine: SimulatedMachine) -> None:
    made = server_with_volume(machine)
    made.format()
    (made.content / "copied").mkdir()
    (made.content / "copied/state.db").write_text("objects")
    machine.parameters[PARAMETER] = "i-0aaaaaaaaaaaaaaaa"
    assert machine.boot() == 0
    assert content(machine) == {"state.db": "objects"}


def test_of_two_datastores_neither_is_thrown_away(machine: SimulatedMachine) -> None:
    made = server_of_an_older_release(machine)
    made.format()
    (made.content / "state.db").write_text("other objects")
    assert machine.boot() == 1
    assert f"and {ID} both have a datastore" in machine.cause()[1]
    assert (made.content / "state.db").read_text() == "other objects"
    assert (database(machine) / "state.db").read_text() == "objects"


def test_a_datastore_that_is_larger_than_its_volume_stays_where_it_runs(
    machine: SimulatedMachine,
) -> None:
    server_of_an_older_release(machine)
    machine.free_bytes = lambda: 3
    assert machine.boot() == 1
    assert "raise servers.dataVolumeGib" in machine.cause()[1]
    assert ["systemctl", "stop", "k3s"] not in machine.systemd.commands
    machine.free_bytes = lambda: 1 << 40
    assert machine.boot() == 0
    assert content(machine)["state.db"] == "objects"


def test_an_agent_has_no_data_volume(machine: SimulatedMachine) -> None:
    machine.configure("agent")
    assert machine.boot() == 0
    assert "data-volume" not in machine.phases()
    assert json.loads((machine.root / "etc/k3s-aws/node.json").read_text())["own"].keys() == {
        "privateIp",
        "hostKeyParameter",
        "mayCreateCluster",
    }
    assert simulated_volume.MOUNT not in unit(machine, "k3s-agent.service")
