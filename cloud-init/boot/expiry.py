"""
The end of this machine at the time of its configuration: the same units as cluster/expiry.py has.

User data arms the first time; the provider brings this module along with a change.
"""

from __future__ import annotations

import json
from pathlib import Path

from boot import files, systemd
from boot.machine import Machine

TIMER = "k3s-aws-expiry.timer"
SERVICE = "k3s-aws-expiry.service"
UNITS = {
    SERVICE: """\
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/sh -c '[ $(date +%%s) -lt $(date -d{time} +%%s) ]||systemctl poweroff'
""",
    TIMER: """\
[Unit]
DefaultDependencies=no
[Timer]
OnCalendar={day} UTC
OnBootSec=1h
[Install]
WantedBy=timers.target
""",
}


def is_due(machine: Machine) -> bool:
    """Whether there is a time, or was one."""
    return bool(_time(machine)) or _path(machine, TIMER).exists()


def install(machine: Machine) -> None:
    """Arms the timer with the configured time, or removes it."""
    time = _time(machine)
    if not time:
        machine.environment.run(["systemctl", "disable", "--now", TIMER])
        for name in UNITS:
            _path(machine, name).unlink(missing_ok=True)
        systemd.systemctl(machine, "daemon-reload")
        return
    day = time[:-1].replace("T", " ")
    wanted = {name: text.format(time=time, day=day) for name, text in UNITS.items()}
    if any(files.read(_path(machine, name)) != text for name, text in wanted.items()):
        for name, text in wanted.items():
            files.write(_path(machine, name), text, 0o644)
        systemd.systemctl(machine, "daemon-reload")
        systemd.systemctl(machine, "restart", TIMER)
    systemd.systemctl(machine, "enable", TIMER)


def _time(machine: Machine) -> str:
    """RFC 3339 in UTC; empty where the machine does not end by itself."""
    content = json.loads(machine.path("etc/k3s-aws/node.json").read_text())
    return str(content["pool"].get("expiresAt", ""))


def _path(machine: Machine, name: str) -> Path:
    return machine.path("etc/systemd/system/" + name)
