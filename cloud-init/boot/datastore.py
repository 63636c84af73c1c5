"""Whether this server has the data of the cluster, joins others that have it, or creates it."""

from __future__ import annotations

import shutil

from boot import files, readiness
from boot.machine import Machine
from boot.waiting import BootError


def exists(machine: Machine) -> bool:
    """Whether k3s has created or joined a datastore on this machine."""
    database = machine.server_data / "db"
    return any((database / path).exists() for path in ("state.db", "etcd/member"))


def require(machine: Machine) -> None:
    """
    Makes sure that k3s starts with the data of the cluster, or with the others that have it.

    The parameter names what holds the data of the cluster, and is absent before there is any. Data
    on the root volume of another instance went with that instance, so it may be created again. A
    server that may not create the cluster waits for one to join; raises BootError where there is
    none.
    """
    _remove_data_of_removed_member(machine)
    if exists(machine):
        return
    parameter, holder = machine.node.datastore_parameter, ""
    if machine.node.may_create_cluster:
        holder = machine.aws.parameter(parameter) or ""
        created = holder and (not holder.startswith("i-") or holder == machine.instance_id)
        # The record comes a moment after the cluster.
        if not created and not readiness.is_any_ready(machine):
            return
    if machine.node.server_urls:
        readiness.wait_for_server(machine)
    elif holder:
        raise BootError(f"{holder} has the cluster's data by {parameter}, this machine has none")
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
