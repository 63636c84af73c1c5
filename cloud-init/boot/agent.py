"""What agents do: they join a server."""

from __future__ import annotations

from boot import drain, k3s, readiness, secrets, start, tokens
from boot.machine import Machine
from boot.phases import Phase


def install_secrets(machine: Machine) -> None:
    secrets.load(machine, list(machine.node.parameters))
    tokens.write(machine)


def start_k3s(machine: Machine) -> None:
    """Starts k3s, and waits until its process runs."""
    start.restart(machine)
    start.record(machine)


FILES = (Phase("configure", k3s.configure), Phase("drain", drain.install))
START = (
    Phase("wait-for-server", readiness.wait_for_server),
    Phase("start-k3s", start_k3s),
    Phase("node-ready", readiness.wait_for_node),
)
