"""
The time at which a cluster with `cluster.ttl` ends: its tag, its units on a machine, its refusal.

The time is an output of the resource Expiry (provider/resources/expiry.py) and stays in the state.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cluster.errors import Kind, Problem
from cluster.machine_files import EXPIRY_SERVICE, EXPIRY_TIMER
from cluster.spec import TAG_PREFIX

OUTPUT: Final = "expiresAt"
TAG: Final = f"{TAG_PREFIX}expires"
RECORD_TAG: Final = f"{TAG_PREFIX}record"
"""On addresses: the hosted zone and the name of the record that leads to them, `<zone>/<name>`."""
MOST_RECORD_CHARACTERS: Final = 256
"""Of the value of a tag: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html"""
KEY: Final = "cluster.ttl"
LONGEST: Final = "2026-01-01T00:00:00Z"
"""As long as every time."""

_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
# At the time, and an hour after each start: a machine that is recreated has the time of its first
# user data, and the provider brings a later one in that hour.
_UNITS: Mapping[str, str] = {
    EXPIRY_SERVICE: """\
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/sh -c '[ $(date +%%s) -lt $(date -d{time} +%%s) ]||systemctl poweroff'
""",
    EXPIRY_TIMER: """\
[Unit]
DefaultDependencies=no
[Timer]
OnCalendar={day} UTC
OnBootSec=1h
[Install]
WantedBy=timers.target
""",
}


def parse(text: object) -> datetime | None:
    """A time in RFC 3339 and UTC, to the second; None for anything else."""
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text):
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def render(time: datetime) -> str:
    """The time in RFC 3339 and UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def record_value(zone_id: str, hostname: str) -> str:
    """The value of RECORD_TAG."""
    return f"{zone_id}/{hostname}"


def units(time: str) -> dict[str, str]:
    """The units that end a machine, by path; boot/expiry.py has the same for a change."""
    day = time.removesuffix("Z").replace("T", " ")
    return {path: text.format(time=time, day=day) for path, text in _UNITS.items()}


def is_over(text: object, now: datetime) -> bool:
    """Whether it is a time that has come."""
    time = parse(text)
    return time is not None and time <= now


def warnings(
    ttl_seconds: int | None, outputs: Mapping[str, Any], now: datetime
) -> tuple[Problem, ...]:
    """
    Where the key was removed, that machines of the last update may have ended by it.

    With a ttl the resource Expiry decides by its own state: the outputs are those of the last
    update that succeeded, and another end may have reached machines since.
    """
    if ttl_seconds is not None or not is_over(outputs.get(OUTPUT), now):
        return ()
    return (
        Problem(
            KEY,
            f"the last successful update had an end at {outputs[OUTPUT]}",
            "machines that ended themselves come again with pulumi up --refresh",
            Kind.WARNING,
        ),
    )


def problem(time: str) -> Problem:
    """The problem of an update after the end."""
    return Problem(
        KEY,
        f"the cluster expired at {time}, and its machines have ended themselves",
        "remove the rest with pulumi destroy; the next pulumi up creates another cluster. "
        "In a program of your own remove the cluster from it, pulumi up, and add it again",
    )
