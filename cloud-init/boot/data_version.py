"""The k3s version that last ran with the data of a server, recorded beside the data."""

from __future__ import annotations

import re
from pathlib import Path

from boot import datastore, files, k3s
from boot.machine import Machine
from boot.waiting import BootError

FILE = "k3s-version"


def require(machine: Machine) -> None:
    """
    Raises BootError where k3s is older than its data, or more than one minor version newer.

    https://kubernetes.io/releases/version-skew-policy/
    """
    wanted, last = machine.node.k3s["version"], of_data(machine)
    new, old = _numbers(wanted), _numbers(last)
    if old and new and not old <= new < [old[0], old[1] + 2]:
        raise BootError(
            f"k3s {wanted} may not follow {last}, which last ran with the data: "
            "set k3s.version to that one, or to a newer one that skips no minor version"
        )


def of_data(machine: Machine) -> str:
    """The version that last ran with the data; empty where none is known."""
    recorded = files.read(_record(machine))
    if not recorded and datastore.exists(machine):
        # Of a release that recorded none; after a change that failed, it would be a later one.
        recorded = k3s.installed_version(machine)
        if recorded:
            files.write(_record(machine), recorded, 0o600)
    return recorded


def record(machine: Machine) -> None:
    """Records that the configured version runs with the data."""
    if datastore.exists(machine):
        files.write(_record(machine), machine.node.k3s["version"], 0o600)


def _record(machine: Machine) -> Path:
    return machine.server_data / "db" / FILE


def _numbers(version: str) -> list[int]:
    found = re.match(r"v(\d+)\.(\d+)\.(\d+)", version)
    return [int(each) for each in found.groups()] if found else []
