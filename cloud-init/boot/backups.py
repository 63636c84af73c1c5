"""The backups of this server's datastore: their program comes from the stack's bucket."""

from __future__ import annotations

from boot import programs
from boot.machine import Machine

PROGRAM = "opt/k3s-aws/backup.py"


def are_configured(machine: Machine) -> bool:
    """Whether there are backups, or were."""
    return machine.node.backup is not None or machine.path(PROGRAM).exists()


def install(machine: Machine) -> None:
    """Receives the program, which starts its timer, or removes it and itself."""
    wanted, program = machine.node.backup, machine.path(PROGRAM)
    if wanted:
        programs.receive(machine, wanted, program)
    programs.run(machine, program, "install")
