"""What agents do: they join a server."""

from __future__ import annotations

from boot import drain, readiness, secrets, start, tokens
from boot.machine import Machine
from boot.phases import Phase


def install_secrets(machine: Machine) -> None:
    secrets.load(machine, list(machine.node.parameters))
    tokens.write(machine)


def start_k3s(machine: Machine) -> None:
    """Starts k3s, and waits until its process runs."""
    start.restart(machine)
    start.record(machine)


def finish(machine: Machine) -> None:
    """An agent has nothing to do when its node is Ready."""


def _has_run(machine: Machine) -> bool:
    return start.hash_file(machine).exists()


FILES = (Phase("drain", drain.install, _has_run),)
CHECKS = (Phase("wait-for-server", readiness.wait_for_server),)
START = (
    # Its unit names that of k3s, which a first boot has written just before.
    Phase("drain", drain.install, lambda machine: not _has_run(machine)),
    Phase("start-k3s", start_k3s),
    Phase("node-ready", readiness.wait_for_node),
)
