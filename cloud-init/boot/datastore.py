"""Whether this server has the data of the cluster, joins others that have it, or may create it."""

from __future__ import annotations

import shutil
from pathlib import Path

from boot import files, readiness, restoring
from boot.machine import Machine
from boot.waiting import BootError


def exists(machine: Machine) -> bool:
    """Whether k3s has created or joined a datastore on this machine."""
    return has_data(machine.server_data / "db")


def has_data(folder: Path) -> bool:
    return (folder / "state.db").exists() or (folder / "etcd/member").exists()


def previous(machine: Machine) -> Path:
    """What a datastore was before it moved from the root volume to a volume of its own."""
    return machine.server_data / "db-before-volume"


def require(machine: Machine) -> None:
    """
    Makes sure that k3s starts with the data of the cluster, or with the others that have it.

    The parameter names what holds the data of the cluster, and is absent before there is any. Data
    on the root volume of another instance, or on a volume in whose place this one is, went with it,
    so it may be created again. A server that may not create the cluster waits for one to join;
    raises BootError where there is none. Data of a member that cannot start again stays until the
    others have shown that they are the cluster without it: after a loss of all it is the cluster.
    """
    node, holder, member = machine.node, "", _lost_member(machine)
    if exists(machine) and not member:
        return
    # The record comes a moment after the cluster, and IAM denies it to a machine that has joined.
    # With data of a member there is a cluster.
    if node.may_create_cluster and not member and not readiness.is_any_ready(machine):
        holder = machine.aws.parameter(node.datastore_parameter) or ""
        replaced = holder.startswith("i-") or (node.data_volume and holder.startswith("vol-"))
        created = holder and (not replaced or holder in (machine.instance_id, node.data_volume))
        if not created:
            restoring.begin(machine)
            return
    if node.server_urls:
        readiness.wait_for_server(machine, member)
        if member:
            machine.report.log(f"removes the data of {member}")
            shutil.rmtree(machine.server_data / "db/etcd")
    elif holder:
        raise BootError(
            f"{holder} has the cluster's data by {node.datastore_parameter}, this machine has none"
        )
    else:
        raise BootError("this server may not create the cluster, and has no other server to join")


def _lost_member(machine: Machine) -> str:
    """
    The name of the etcd member whose data is here and that cannot start again; empty without one.

    It is of the machine that had this volume before, or k3s has left a tombstone. The name of a
    member is that of its node and eight digits (pkg/etcd of k3s).
    """
    folder = machine.server_data / "db/etcd"
    member = files.read(folder / "name").strip()
    has_data = (folder / "member").exists() and not restoring.is_under_way(machine)
    if has_data and not machine.node.server_urls:
        # More servers may have begun to join than the last complete update knows of.
        raise BootError("the datastore is etcd: set servers.count to 3 or 5")
    if member.rsplit("-", 1)[0] == machine.node_name and not (folder / "tombstone").exists():
        return ""
    if member and (not has_data or (folder.parent / "state.db").exists()):
        # It had not begun, or the data is that of SQLite or of a snapshot yet.
        shutil.rmtree(folder)
        return ""
    return member
