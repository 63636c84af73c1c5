"""Whether this server has the data of the cluster, or may create the cluster."""

from __future__ import annotations

import shutil
from pathlib import Path

from boot.machine import Machine
from boot.waiting import BootError

# What k3s has in its folder `db`: a file with SQLite, a folder with etcd.
NAMES = ("state.db", "etcd")


def exists(machine: Machine) -> bool:
    """Whether k3s has created its datastore on this machine."""
    return has_data(machine.server_data / "db")


def has_data(folder: Path) -> bool:
    return any((folder / name).exists() for name in NAMES)


def previous(machine: Machine) -> Path:
    """What a datastore was before it moved from the root volume to a volume of its own."""
    return machine.server_data / "db-before-volume"


def has_previous(machine: Machine) -> bool:
    return previous(machine).exists()


def remove_previous(machine: Machine) -> None:
    shutil.rmtree(previous(machine))


def require(machine: Machine) -> None:
    """
    Raises BootError on a server without data that would create a second cluster.

    The parameter names what holds the data of the cluster, and is absent before there is any. Data
    on the root volume of another instance, or on a volume in whose place this one is, went with
    it, so it may be created again.
    """
    if exists(machine):
        return
    node = machine.node
    if not node.may_create_cluster:
        raise BootError("this server may not create the cluster, and has no other server to join")
    holder = machine.aws.parameter(node.datastore_parameter) or "i-"
    replaced = holder.startswith("i-") or (node.data_volume and holder.startswith("vol-"))
    if not replaced or holder in (machine.instance_id, node.data_volume):
        raise BootError(
            f"{holder} has the cluster's data by {node.datastore_parameter}, this machine has none"
            if holder != node.data_volume
            else f"{holder} is empty, and has the cluster's data by {node.datastore_parameter}"
        )
