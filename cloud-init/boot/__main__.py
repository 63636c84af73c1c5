"""The phases of a boot, and a run of all of them: `python3 -m boot` in /opt/k3s-aws."""

from __future__ import annotations

import fcntl
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from boot import datastore, drain, k3s, readiness, secrets, ssh, start, tokens
from boot.environment import Environment
from boot.machine import Machine, identify
from boot.report import Report
from boot.waiting import BootError, Retry, Wait

# Of the first boot; enabled until it is done, so that it continues after a restart of the machine.
BOOT_UNIT = "k3s-aws-boot.service"
LOCK_SECONDS = 600


@dataclass(frozen=True)
class Phase:
    """One step of the boot, run on machines for which `applies` is true."""

    name: str
    run: Callable[[Machine], None]
    applies: Callable[[Machine], bool] = lambda machine: True


def _install_secrets(machine: Machine) -> None:
    # The authority is asked for only until k3s has run, and is not kept in secrets.json.
    secrets.load(machine, [key for key in machine.node.parameters if key != "authority"])
    if machine.role == "server":
        secrets.install_authority(machine)
    tokens.install(machine)


ACCESS = (Phase("ssh", ssh.install), Phase("secrets", _install_secrets))
FILES = (
    Phase("manifests", k3s.install_manifests, k3s.has_manifests),
    Phase("configure", k3s.configure),
    Phase("drain", drain.install, lambda machine: machine.role == "agent"),
)
START = (
    Phase("datastore", datastore.require, lambda machine: machine.role == "server"),
    Phase("wait-for-server", readiness.wait_for_server, lambda machine: machine.role == "agent"),
    Phase("start-k3s", start.start),
    Phase("node-ready", readiness.wait_for_node),
)


def run_phases(environment: Environment, started: float, report: Report) -> None:
    """All phases in order; those of the start only when k3s does not run as configured."""
    with report.phase("identity"):
        machine = identify(environment, started, report)
    # The longest of all begins first; its phase is what is left of it.
    end_install = environment.start(lambda: k3s.install(machine))
    download = Phase("download-k3s", lambda _: end_install())
    _run((*ACCESS, download, *FILES), machine)
    if not start.is_current(machine):
        _run(START, machine)


def _run(phases: Sequence[Phase], machine: Machine) -> None:
    for phase in phases:
        if phase.applies(machine):
            with machine.report.phase(phase.name):
                phase.run(machine)


def main(environment: Environment) -> int:
    """Boots the node; returns 0 when its node is Ready, 1 with the cause in the report."""
    report, started = Report(environment), environment.clock.monotonic()
    path = environment.root / "run/k3s-aws.lock"
    path.parent.mkdir(exist_ok=True)
    # Whoever may open the file may hold its lock.
    path.touch(0o600)
    with path.open("w") as file:
        try:
            Wait(environment.clock, started + LOCK_SECONDS).until(
                lambda: _lock(file), "another boot run does not end"
            )
        except BootError as error:
            # The report belongs to the run that holds the lock.
            report.log(str(error))
            return 1
        try:
            run_phases(environment, started, report)
        except Exception as error:
            cause = str(error)
            if not isinstance(error, BootError):
                report.log(traceback.format_exc())
                cause = f"unexpected {type(error).__name__}: {error}"
            report.end(cause)
            return 1
        if (environment.root / "etc/systemd/system/multi-user.target.wants" / BOOT_UNIT).exists():
            environment.run(["systemctl", "disable", "--no-reload", BOOT_UNIT])
        report.end()
        return 0


def _lock(file: Any) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Retry("it holds /run/k3s-aws.lock") from None


if __name__ == "__main__":
    sys.exit(main(Environment()))
