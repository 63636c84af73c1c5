"""The one deadline of a boot, and repeating what may succeed later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
                raise BootError(f"{what}: waited {now - began:.0f} s, last error: {last}")
            self.clock.sleep(pause)
            pause = min(pause * growth, 5.0)

    def until_one(
        self, options: Sequence[str], attempt: Callable[[str], Any], what: str, growth: float = 1.0
    ) -> str:
        """
        Repeats the attempt with each option in order, and returns the one it succeeds with.

        An option that raises BootError is not tried again; BootError when none is left.
        """
        failed: dict[str, str] = {}

        def attempt_each() -> str:
            reasons = []
            for option in [each for each in options if each not in failed]:
                try:
                    attempt(option)
                    return option
                except Retry as reason:
                    reasons.append(reason)
                except BootError as error:
                    failed[option] = str(error)
            if reasons:
                # An option that may be good at any time is tried until the deadline.
                limits = [reason.for_seconds for reason in reasons]
                limit = None if None in limits else max(filter(None, limits))
                raise Retry("; ".join([*failed.values(), *map(str, reasons)]), limit)
            raise BootError("; ".join(failed.values()))

        chosen: str = self.until(attempt_each, what, growth=growth)
        return chosen
