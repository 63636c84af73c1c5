"""The restoring of a new cluster from a snapshot, by a program from the stack's bucket."""

from __future__ import annotations

from pathlib import Path

from boot import programs
from boot.machine import Machine

PROGRAM = "opt/k3s-aws/restore.py"


def begin(machine: Machine) -> None:
    """Lays the data of the snapshot on the disk, where one is configured."""
    if machine.node.restore:
        run(machine, "place")


def is_under_way(machine: Machine) -> bool:
    """Whether a snapshot was laid on the disk, and is not the cluster's data in all yet."""
    return mark(machine).exists()


def mark(machine: Machine) -> Path:
    return machine.server_data / "db/restored.json"


def run(machine: Machine, step: str) -> None:
    """A function of the program, which a machine that was replaced meanwhile does not have."""
    if machine.node.restore:
        programs.receive(machine, machine.node.restore, machine.path(PROGRAM))
    programs.run(machine, machine.path(PROGRAM), step)
