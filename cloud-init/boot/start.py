"""The start of k3s."""

from __future__ import annotations

from pathlib import Path

from boot import files, k3s, readiness, systemd
from boot.machine import Machine
from boot.waiting import Retry

# Units that update packages; a newer image is how a machine gets newer packages.
UNATTENDED = (
    "apt-daily.timer", "apt-daily.service", "apt-daily-upgrade.timer", "apt-daily-upgrade.service",
    "unattended-upgrades.service", "dnf-automatic.timer", "dnf-automatic-install.timer",
)  # fmt: skip


def is_current(machine: Machine) -> bool:
    """Whether k3s runs with exactly this binary and configuration."""
    recorded = files.read(hash_file(machine)) == k3s.configuration(machine).hash(machine)
    return recorded and not marker(machine).exists() and readiness.is_active(machine)


def marker(machine: Machine) -> Path:
    """Exists while a running k3s is changed, until it runs with all of its new files."""
    return machine.path("var/lib/k3s-aws/changing")


def restart(machine: Machine) -> None:
    """Starts k3s, and waits until a server serves the API, or an agent's process runs."""
    unit, run = machine.k3s_unit, machine.environment.run
    previous = systemd.unit_state(machine, unit)
    if previous["NeedDaemonReload"] == "yes":
        systemd.systemctl(machine, "daemon-reload")
    # Resets systemd's count of restarts; fails where the unit never ran.
    run(["systemctl", "reset-failed", unit])
    systemd.systemctl(machine, "restart", "--no-block", unit)
    # While k3s starts.
    systemd.systemctl(machine, "enable", "--no-reload", unit)
    _stop_unattended_updates(machine)
    readiness.wait_for_k3s(
        machine, lambda: _require_process(machine, previous["MainPID"]), f"{unit}.service is not up"
    )


def record(machine: Machine) -> None:
    """Records what k3s was started with; of a change when it has ended."""
    if not marker(machine).exists():
        files.write(hash_file(machine), k3s.configuration(machine).hash(machine), 0o600)


def _require_process(machine: Machine, previous: str) -> None:
    state = readiness.require_start(machine)
    # An agent's unit becomes active minutes after its node was Ready: k3s waits for a heartbeat of
    # the kubelet first (pkg/agent/netpol of k3s).
    inactive = machine.role == "server" and state["ActiveState"] != "active"
    if inactive or state["MainPID"] in ("0", previous):
        raise Retry(f"{machine.k3s_unit}.service is {state['ActiveState']}")


def _stop_unattended_updates(machine: Machine) -> None:
    run = machine.environment.run
    # Units that an image does not have are masked as well.
    run(["systemctl", "mask", "--now", "--no-block", "--no-reload", *UNATTENDED])
    if machine.path("usr/bin/snap").exists():
        # Beside the boot: it waits for snapd, which may still be unpacking what it has.
        run(["systemd-run", "--no-block", "snap", "refresh", "--hold"])


def hash_file(machine: Machine) -> Path:
    """Exists since k3s ran first."""
    return machine.path("var/lib/k3s-aws/running")
