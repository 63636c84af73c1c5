"""The one deadline of a boot, and repeating what may succeed later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class BootError(Exception):
    """Ends the boot; its text becomes the cause in the report."""


class Retry(Exception):  # noqa: N818
    """What failed may succeed later; with `for_seconds`, only for so many seconds in a row."""

    def __init__(self, reason: str, for_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.for_seconds = for_seconds


@dataclass(frozen=True)
class Wait:
    """Waiting until the deadline, in seconds of the clock's `monotonic`."""

    clock: Any
    deadline: float

    def until(
        self, attempt: Callable[[], Any], what: str, pause: float = 0.5, growth: float = 1.0
    ) -> Any:
        """Repeats the attempt while it raises Retry; BootError at the deadline."""
        began = limited_since = self.clock.monotonic()
        while True:
            try:
                return attempt()
            except Retry as reason:
                last = reason
            now = self.clock.monotonic()
            if last.for_seconds is None:
                limited_since = now + pause
            elif now - limited_since >= last.for_seconds:
                raise BootError(str(last))
            if now + pause > self.deadline:
                raise BootError(f"{what}: waited {now - began:.0f} s, last answer: {last}")
            self.clock.sleep(pause)
            pause = min(pause * growth, 5.0)
