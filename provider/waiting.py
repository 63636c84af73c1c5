"""
Waiting: one deadline, cancelled within a moment, the time coming from a clock that is given.

A Wait never blocks longer than a slice: what blocks (a connection, a request) runs beside it and
is left to itself when the wait ends.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, Generic, Protocol, TypeVar

from provider.errors import Cancelled, DeadlineExceeded

T = TypeVar("T")
POLL_SECONDS: Final = 0.5
# A cancellation or a deadline is noticed within this time.
_SLICE_SECONDS: Final = 0.2


class Pending(Exception):  # noqa: N818 - no error: the call of `Wait.until` has no result yet
    """Raised by a call of `Wait.until` to be called again; the text is what was seen instead."""


class Clock(Protocol):
    """Where time comes from."""

    def monotonic(self) -> float: ...

    def now(self) -> datetime: ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Waits for the event, at most so long; whether it is set."""
        ...


class SystemClock:
    """The time of this machine."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)


class Wait:
    """A wait with one deadline. `seen`: what was seen last, for the message at its end."""

    def __init__(self, seconds: float, clock: Clock, cancelled: threading.Event) -> None:
        self.seconds = seconds
        self.seen = "nothing yet"
        self._clock = clock
        self._cancelled = cancelled
        self._start = clock.monotonic()

    @property
    def elapsed(self) -> float:
        return self._clock.monotonic() - self._start

    @property
    def over(self) -> bool:
        return self.elapsed >= self.seconds

    def check(self) -> None:
        """Raises Cancelled or DeadlineExceeded when it is time."""
        if self._cancelled.is_set():
            raise Cancelled(f"cancelled after {self.elapsed:.0f} s\n    last seen: {self.seen}")
        if self.over:
            raise DeadlineExceeded(f"no result after {self.seconds:.0f} s")

    def pause(self, seconds: float) -> None:
        """Lets time pass; ends early, with an error, at the deadline or when cancelled."""
        self.check()
        self._clock.wait(self._cancelled, max(0.0, min(seconds, self.seconds - self.elapsed)))
        self.check()

    def until(
        self,
        call: Callable[[], T],
        *,
        retry: Callable[[Exception], bool] = lambda error: False,
        seen: Callable[[str], Any] = lambda text: None,
        every: float = POLL_SECONDS,
    ) -> T:
        """
        The first result of `call`, which is repeated `every` so many seconds.

        It is repeated when it raises Pending or an error for which `retry` is true; the text of
        that is kept as what was seen last, and passed to `seen`. Other errors are raised.
        """
        while True:
            try:
                return call()
            except Exception as error:
                if not isinstance(error, Pending) and not retry(error):
                    raise
                self.seen = str(error)
            seen(self.seen)
            self.pause(every)

    def run(self, call: Callable[[], T], discard: Callable[[T], Any] | None = None) -> T:
        """
        The result of a call that may block, or its error.

        When the wait ends first, the call goes on by itself until its own time-out, and what it
        gives then is handed to `discard`.
        """
        self.check()
        beside: _Beside[T] = _Beside(call, discard)
        try:
            while not self._clock.wait(beside.done, _SLICE_SECONDS):
                self.check()
        except (Cancelled, DeadlineExceeded):
            beside.abandon()
            raise
        return beside.result()


class _Beside(Generic[T]):
    """A call in a thread of its own."""

    def __init__(self, call: Callable[[], T], discard: Callable[[T], Any] | None) -> None:
        self.done = threading.Event()
        self._call = call
        self._discard = discard
        self._lock = threading.Lock()
        self._abandoned = False
        self._results: list[T] = []
        self._error: BaseException | None = None
        threading.Thread(target=self._work, daemon=True).start()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._results[0]

    def abandon(self) -> None:
        with self._lock:
            self._abandoned = True
            self._discard_results()

    def _work(self) -> None:
        try:
            self._results.append(self._call())
        except BaseException as error:  # raised again where it is waited for
            self._error = error
        with self._lock:
            self.done.set()
            if self._abandoned:
                self._discard_results()

    def _discard_results(self) -> None:
        while self._discard is not None and self._results:
            self._discard(self._results.pop())


@contextlib.contextmanager
def explain_deadline(wait: Wait, what: str, where: Callable[[], str]) -> Iterator[None]:
    """Adds to a passed deadline what is missing, after how long, what was seen, where to look."""
    try:
        yield
    except DeadlineExceeded:
        raise DeadlineExceeded(
            f"{what} after {wait.seconds:.0f} s\n    last seen: {wait.seen}\n    {where()}"
        ) from None
