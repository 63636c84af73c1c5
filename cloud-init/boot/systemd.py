"""systemd's units and their journal."""

from __future__ import annotations

from boot.machine import Machine
from boot.waiting import BootError

# The properties of a unit that the program reads, and their values where systemd has none.
PROPERTIES = {
    "LoadState": "", "ActiveState": "", "NRestarts": "0", "MainPID": "0",
    "ExecMainStartTimestampMonotonic": "0", "NeedDaemonReload": "no",
}  # fmt: skip
# What marks a line of the journal that has a cause.
ERRORS = ("level=fatal", "level=error", "fatal", "panic:", "Error:")


def systemctl(machine: Machine, *words: str) -> None:
    code, _ = machine.environment.run(["systemctl", *words])
    if code != 0:
        raise BootError(f"systemctl {' '.join(words)} ended with {code}")


def unit_state(machine: Machine, unit: str) -> dict[str, str]:
    """The PROPERTIES of a unit."""
    words = ["systemctl", "show", "-p", ",".join(PROPERTIES), unit]
    lines = machine.environment.run(words)[1].splitlines()
    return {**PROPERTIES, **dict(line.split("=", 1) for line in lines if "=" in line)}


def last_error(machine: Machine, unit: str, since: float) -> str:
    """The unit's last journal line with an error since then, or else its last line."""
    words = ["journalctl", "-u", unit, "-o", "cat", "-n", "200", "--no-pager"]
    lines = machine.environment.run([*words, f"--since=@{int(since)}"])[1].split("\n")
    lines = [line.strip() for line in lines if line.strip()] or ["(empty)"]
    errors = [line for line in lines if any(sign in line for sign in ERRORS)]
    return machine.report.redact((errors or lines)[-1])[:400]
