"""Waits for what comes to be on a local cloud."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

DEADLINE_SECONDS = 60.0


def until(
    holds: Callable[[], Any],
    what: str | Callable[[], Any],
    *,
    deadline_seconds: float = DEADLINE_SECONDS,
    pause_seconds: float = 0.3,
) -> Any:
    """
    What `holds` returns once it is true.

    `what`: what is wrong while it is not, or finds that out; the message at the deadline.
    """
    deadline = time.monotonic() + deadline_seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(pause_seconds)
    return found
