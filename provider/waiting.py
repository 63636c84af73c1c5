"""
Waiting: one deadline, cancellation within a moment, time from a clock that is passed in.

A Wait never blocks longer than a slice: a blocking call (a connection, a request) runs in a thread
of its own, which is abandoned when the wait ends.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

from provider.errors import Cancelled, DeadlineExceeded

T = TypeVar("T")
POLL_SECONDS: Final = 0.5
# A cancellation or a deadline is noticed within this time.
_SLICE_SECONDS: Final = 0.2


class Pending(Exception):  # noqa: N818 - no error: the call of `Wait.until` has no result yet
    """Raised by a call of `Wait.until` to be called again; the text is what was seen instead."""


class Clock(Protocol):
    """A source of time."""

    def monotonic(self) -> float: ...

    def now(self) -> datetime: ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Waits for the event, at most so many seconds; whether it is set."""
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
    """A wait with one deadline. `seen` is the last observation, for the message at its end."""

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

        When the wait ends first, the call continues in its thread until the connection that it uses
        is closed, or until its own time-out, and its result is passed to `discard`.
        """
        self.check()
        future: Future[T] = Future()
        done = threading.Event()

        def work() -> None:
            try:
                future.set_result(call())
            except BaseException as error:  # raised again by future.result()
                future.set_exception(error)
            done.set()

        threading.Thread(target=work, daemon=True).start()
        try:
            while not self._clock.wait(done, _SLICE_SECONDS):
                self.check()
        except (Cancelled, DeadlineExceeded):
            if discard:
                future.add_done_callback(lambda late: late.exception() or discard(late.result()))
            raise
        return future.result()


@contextlib.contextmanager
def explain_deadline(wait: Wait, what: str, where: Callable[[], str]) -> Iterator[None]:
    """Adds to a passed deadline what is missing, after how long, what was seen, where to look."""
    try:
        yield
    except DeadlineExceeded:
        raise DeadlineExceeded(
            f"{what} after {wait.seconds:.0f} s\n    last seen: {wait.seen}\n    {where()}"
        ) from None
