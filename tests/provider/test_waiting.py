"""A wait: one deadline, one cancellation, and calls that block without blocking it."""

from __future__ import annotations

import threading

import pytest

from provider.errors import Cancelled, DeadlineExceeded
from provider.waiting import SystemClock, Wait
from tests.provider.rpc import FastClock


def test_a_call_gives_its_result_or_its_error() -> None:
    wait = Wait(60, FastClock(), threading.Event())

    def fail() -> None:
        raise ValueError("seen")

    assert wait.run(lambda: 3) == 3
    with pytest.raises(ValueError, match="seen"):
        wait.run(fail)


def test_pauses_end_at_the_deadline() -> None:
    clock = FastClock()
    wait = Wait(5, clock, threading.Event())

    wait.pause(2)
    wait.pause(2)
    with pytest.raises(DeadlineExceeded):
        wait.pause(2)

    assert clock.monotonic() == 5


def test_a_call_that_blocks_is_left_at_the_deadline_and_its_late_result_discarded() -> None:
    released, discarded = threading.Event(), threading.Event()

    def connect() -> str:
        released.wait(5)
        return "connection"

    def discard(result: str) -> None:
        assert result == "connection"
        discarded.set()

    with pytest.raises(DeadlineExceeded):
        Wait(1, FastClock(), threading.Event()).run(connect, discard)

    assert not discarded.is_set()
    released.set()
    assert discarded.wait(5)


def test_nothing_goes_on_once_cancelled() -> None:
    cancelled = threading.Event()
    wait = Wait(60, SystemClock(), cancelled)
    cancelled.set()

    with pytest.raises(Cancelled, match="cancelled after 0 s\n    last seen: nothing yet"):
        wait.pause(1)
    with pytest.raises(Cancelled):
        wait.run(threading.Event().set)
