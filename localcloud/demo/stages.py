"""The stages of the demo, each announced and timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from toolchain.progress import Say


class Stages:
    """Announces a stage, says how long it took, and sums up at the end."""

    def __init__(self, say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[Say]:
        """The time inside counts for the stage; gives what says something about it."""
        self._say(f"==> {name}")
        began = self._clock()
        try:
            yield lambda text: self._say(f"    {text}")
        finally:
            self._seconds[name] = self._clock() - began

    @property
    def summary(self) -> str:
        """Such as `Docker 0.1, Pulumi CLI 0.2; 0.3 in all`."""
        each = ", ".join(f"{name} {seconds:.1f}" for name, seconds in self._seconds.items())
        return f"{each}; {sum(self._seconds.values()):.1f} in all"
