"""A run of all phases of a boot: `python3 -m boot` in /opt/k3s-aws."""

from __future__ import annotations

import fcntl
import importlib
import sys
import traceback
from typing import Any

from boot import k3s, phases, ssh, start
from boot.environment import Environment
from boot.machine import identify
from boot.phases import Phase
from boot.report import Report
from boot.waiting import BootError, Retry, Wait

try:
    from boot import change
except ImportError:
    # The provider brings it along with a change; user data has no room for it.
    change = None  # type: ignore[assignment]

# Of the first boot; enabled until it is done, so that it continues after a restart of the machine.
BOOT_UNIT = "k3s-aws-boot.service"
LOCK_SECONDS = 600


def run_phases(environment: Environment, started: float, report: Report) -> None:
    """All phases in order; those of the start only when k3s does not run as configured."""
    with report.phase("identity"):
        machine = identify(environment, started, report)
    # A machine has no module that only the other role needs (cluster/boot_program.py).
    role = importlib.import_module(f"boot.{machine.role}")
    # The longest of all begins first; its phase is what is left of it.
    end_download = environment.start(lambda: k3s.download(machine))
    before = (
        Phase("ssh", ssh.install),
        Phase("secrets", role.install_secrets),
        Phase("download-k3s", lambda _: end_download()),
    )
    phases.run((*before, *role.FILES, *(change.FILES if change else ())), machine)
    if not start.is_current(machine):
        phases.run(role.CHECKS, machine)
        starting = (Phase("install-k3s", k3s.install), *role.START)
        if not (change and change.run(starting, machine)):
            phases.run(starting, machine)
    role.finish(machine)


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
