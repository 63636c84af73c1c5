"""The first process of a machine: whether the signal that shuts the machine down reaches it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

BOOT_SECONDS = 60.0
STEP_SECONDS = 0.1
# What systemd handles from its start on; the kernel drops what a first process does not handle.
SIGPWR = 30
# The kernel ends the first process by SIGINT where that powers off or halts, and by SIGHUP where it
# reboots (reboot_pid_ns in kernel/pid_namespace.c).
POWERED_OFF = 128 + 2
ENTRYPOINT = "entrypoint.sh"


def wait_until_it_listens(
    pid: int, proc: Path = Path("/proc"), sleep: Callable[[float], None] = time.sleep
) -> None:
    """Returns when the process handles signals, has ended, or has taken `BOOT_SECONDS`."""
    end = time.monotonic() + BOOT_SECONDS
    while listens(pid, proc) is False and time.monotonic() < end:
        sleep(STEP_SECONDS)


def listens(pid: int, proc: Path) -> bool | None:
    """Whether it handles systemd's signals, by signalfd or a handler; None where it is gone."""
    try:
        status = (proc / str(pid) / "status").read_text()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in status.splitlines())
    # A shell blocks every signal for a moment whenever it forks.
    if fields["Name"].strip() == ENTRYPOINT:
        return False
    return any(int(fields[mask], 16) >> (SIGPWR - 1) & 1 for mask in ("SigBlk", "SigCgt"))
