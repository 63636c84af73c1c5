"""The stages of the demo, each announced and timed, with the time so far and what comes next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from toolchain.preparation import duration
from toolchain.progress import Say

# The time so far is left out before that.
FIRST_SECONDS = 1.0


class Stages:
    """
    Reports the start of each stage, measures it, and gives a summary at the end.

    `names` are all stages in their order; `before`, the seconds that passed before the first one.
    """

    def __init__(
        self,
        say: Say,
        names: Sequence[str] = (),
        *,
        before: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._names, self._before, self._clock = say, list(names), before, clock
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[Say]:
        """The time inside counts for the stage; yields its progress reporter."""
        self._say(f"==> {name}{self._so_far(name)}")
        began = self._clock()
        try:
            yield lambda text: self._say(f"    {text}")
        finally:
            self._seconds[name] = self._clock() - began

    @property
    def summary(self) -> str:
        """Such as `Docker 0.1, Pulumi CLI 0.2; 0.3 in all`."""
        each = ", ".join(f"{name} {seconds:.1f}" for name, seconds in self._seconds.items())
        prepared = f"prepared {duration(self._before)}, " if self._before >= FIRST_SECONDS else ""
        return f"{prepared}{each}; {self._total:.1f} in all"

    @property
    def _total(self) -> float:
        return self._before + sum(self._seconds.values())

    def _so_far(self, name: str) -> str:
        following = self._names[self._names.index(name) + 1 :] if name in self._names else []
        parts = [f"{duration(self._total)} so far"] if self._total >= FIRST_SECONDS else []
        parts += [f"next: {following[0]}"] if following else []
        return f" ({', '.join(parts)})" if parts else ""
