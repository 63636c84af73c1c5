"""The backups of this server's datastore: their program comes from the stack's bucket."""

from __future__ import annotations

from boot import files
from boot.download import Download
from boot.machine import Machine
from boot.waiting import BootError

PROGRAM = "opt/k3s-aws/backup.py"


def are_configured(machine: Machine) -> bool:
    """Whether there are backups, or were."""
    return machine.node.backup is not None or machine.path(PROGRAM).exists()


def install(machine: Machine) -> None:
    """Receives the program, which starts its timer, or removes it and itself."""
    wanted, program = machine.node.backup, machine.path(PROGRAM)
    if wanted and not (
        program.exists() and files.sha256_of(program).hexdigest() == wanted["sha256"]
    ):
        part = program.with_name(".backup.part")
        Download(machine, wanted["sha256"], part).from_first([wanted["source"]], "backup.py")
        part.replace(program)
    code, _ = machine.environment.run(["python3", str(program), "install"])
    if code != 0:
        raise BootError(f"{PROGRAM} install ended with {code}")
