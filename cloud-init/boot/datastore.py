"""Whether this server has the data of the cluster, joins others that have it, or may create it."""

from __future__ import annotations

import shutil
from pathlib import Path

from boot import files, readiness, restoring
from boot.machine import Machine
from boot.waiting import BootError

# What k3s has in its folder `db`: a file with SQLite, a folder with etcd.
NAMES = ("state.db", "etcd")


def exists(machine: Machine) -> bool:
    """Whether k3s has created or joined a datastore on this machine."""
    return has_data(machine.server_data / "db")


def has_data(folder: Path) -> bool:
    return any((folder / path).exists() for path in ("state.db", "etcd/member"))


def previous(machine: Machine) -> Path:
    """What a datastore was before it moved from the root volume to a volume of its own."""
    return machine.server_data / "db-before-volume"


def has_previous(machine: Machine) -> bool:
    return previous(machine).exists()


def remove_previous(machine: Machine) -> None:
    shutil.rmtree(previous(machine))


def require(machine: Machine) -> None:
    """
    Makes sure that k3s starts with the data of the cluster, or with the others that have it.

    The parameter names what holds the data of the cluster, and is absent before there is any. Data
    on the root volume of another instance, or on a volume in whose place this one is, went with it,
    so it may be created again. A server that may not create the cluster waits for one to join;
    raises BootError where there is none.
    """
    _remove_data_of_removed_member(machine)
    if exists(machine):
        return
    node, holder = machine.node, ""
    # The record comes a moment after the cluster, and IAM denies it to a machine that has joined.
    if node.may_create_cluster and not readiness.is_any_ready(machine):
        holder = machine.aws.parameter(node.datastore_parameter) or ""
        replaced = holder.startswith("i-") or (node.data_volume and holder.startswith("vol-"))
        created = holder and (not replaced or holder in (machine.instance_id, node.data_volume))
        if not created:
            restoring.begin(machine)
            return
    if node.server_urls:
        readiness.wait_for_server(machine)
    elif holder:
        raise BootError(
            f"{holder} has the cluster's data by {node.datastore_parameter}, this machine has none"
        )
    else:
        raise BootError("this server may not create the cluster, and has no other server to join")


def _remove_data_of_removed_member(machine: Machine) -> None:
    """
    Removes etcd's data of a member that was removed with its Node, and cannot start again.

    It is of the machine that had this volume before, or k3s has left a tombstone. The name of a
    member is that of its node and eight digits (pkg/etcd of k3s).
    """
    folder = machine.server_data / "db/etcd"
    member = files.read(folder / "name").strip()
    removed = (folder / "tombstone").exists()
    if member and (removed or member.rsplit("-", 1)[0] != machine.node_name):
        machine.report.log(f"removes the data of the etcd member {member}")
        shutil.rmtree(folder)
