"""Whether this server has the data of the cluster, or may create the cluster."""

from __future__ import annotations

from boot.machine import Machine
from boot.waiting import BootError


def exists(machine: Machine) -> bool:
    """Whether k3s has created its datastore on this machine."""
    return (machine.server_data / "db").exists()


def require(machine: Machine) -> None:
    """
    Raises BootError on a server without data that would create a second cluster.

    The parameter names what holds the data of the cluster, and is absent before there is any. Data
    on the root volume of another instance went with that instance, so it may be created again.
    """
    if exists(machine):
        return
    if not machine.node.may_create_cluster:
        raise BootError("this server may not create the cluster, and has no other server to join")
    parameter = machine.node.datastore_parameter
    holder = machine.aws.parameter(parameter)
    if holder and (not holder.startswith("i-") or holder == machine.instance_id):
        raise BootError(f"{holder} has the cluster's data by {parameter}, this machine has none")
