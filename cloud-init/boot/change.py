"""
A change of a running k3s: to its new files, or back to the previous ones when it does not run.

Each file has its previous version beside it meanwhile, and a machine that restarts runs the boot
program instead of k3s: it never runs with files of both. No first boot needs this module.
"""

from __future__ import annotations

import dataclasses
import os
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from boot import expiry, files, k3s, phases, readiness, start, systemd
from boot.machine import Machine
from boot.phases import Phase
from boot.waiting import BootError, Wait

BOOT_UNIT = "k3s-aws-boot.service"
FILES = (Phase("expiry", expiry.install, expiry.is_due),)


def run(starting: Sequence[Phase], machine: Machine) -> bool:
    """
    Installs and starts k3s in half of the time that is left, or else starts the previous one again.

    Raises BootError in the second case; changed tokens stay, since the datastore has them. False,
    and nothing is done, where no k3s runs to which it could go back.
    """
    if not _keep(machine):
        return False
    clock, process = machine.environment.clock, _process(machine)
    half = Wait(clock, (clock.monotonic() + machine.wait.deadline) / 2)
    try:
        phases.run(starting, dataclasses.replace(machine, wait=half))
    except Exception as error:
        machine.report.failed_phase = machine.report.content["phases"][-1]["name"]
        _go_back(starting[1:], machine, process, _cause(error, machine))
    _end(machine)
    start.record(machine)
    return True


def _go_back(starting: Iterable[Phase], machine: Machine, process: str, cause: str) -> NoReturn:
    phases.run([Phase("restore-k3s", _restore)], machine)
    version = machine.report.content["k3s"]["version"]
    try:
        # It may not have been stopped yet.
        if process == "0" or process != _process(machine):
            phases.run(starting, machine)
    except BootError as second:
        text = f"{cause}; nor does the previous k3s {version} start: {second}"
        raise BootError(text) from None
    _end(machine)
    raise BootError(f"{cause}; k3s {version} runs again, as it was configured")


def _cause(error: Exception, machine: Machine) -> str:
    if isinstance(error, BootError):
        return str(error)
    machine.report.log(traceback.format_exc())
    return f"unexpected {type(error).__name__}: {error}"


def _keep(machine: Machine) -> bool:
    """Keeps the files of a k3s that runs; whether there are some to go back to."""
    if start.marker(machine).exists():
        # A change that was interrupted.
        return True
    if not start.hash_file(machine).exists() or not readiness.is_active(machine):
        return False
    # Before the one that runs is stopped.
    k3s.unpack(machine)
    for path in k3s.paths(machine):
        _previous(path).unlink(missing_ok=True)
        if path.exists():
            _link(path, _previous(path))
    start.marker(machine).touch()
    _set_enabled(machine, BOOT_UNIT, machine.k3s_unit)
    # All of it is on disk before the first file is replaced.
    os.sync()
    return True


def _restore(machine: Machine) -> None:
    for path in k3s.paths(machine):
        if _previous(path).exists():
            _link(_previous(path), path)
        else:
            path.unlink(missing_ok=True)
    # The unit has its previous time, by which systemd does not notice the change.
    systemd.systemctl(machine, "daemon-reload")
    sha256 = files.sha256_of(machine.path(k3s.BINARY)).hexdigest()
    machine.report.content["k3s"] = {"version": k3s.installed_version(machine), "sha256": sha256}


def _end(machine: Machine) -> None:
    _set_enabled(machine, machine.k3s_unit, BOOT_UNIT)
    start.marker(machine).unlink()
    for path in k3s.paths(machine):
        _previous(path).unlink(missing_ok=True)


def _set_enabled(machine: Machine, unit: str, other: str) -> None:
    """Which of the two units a restart of the machine starts."""
    systemd.systemctl(machine, "enable", "--no-reload", unit)
    systemd.systemctl(machine, "disable", "--no-reload", other)


def _process(machine: Machine) -> str:
    return systemd.unit_state(machine, machine.k3s_unit)["MainPID"]


def _previous(path: Path) -> Path:
    return path.with_name(f".{path.name}.previous")


def _link(source: Path, target: Path) -> None:
    """Makes the target the same file in one step."""
    link = target.with_name(f".{target.name}.link")
    link.unlink(missing_ok=True)
    os.link(source, link)
    link.replace(target)
    # A replacement leaves both names of one file.
    link.unlink(missing_ok=True)
