"""A wait: one deadline, one cancellation, and calls that block without blocking it."""

from __future__ import annotations

import threading

import pytest

from provider.errors import Cancelled, DeadlineExceeded
from provider.waiting import Pending, SystemClock, Wait, explain_deadline
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
        released.wait(60)
        return "connection"

    def discard(result: str) -> None:
        assert result == "connection"
        discarded.set()

    with pytest.raises(DeadlineExceeded):
        Wait(1, FastClock(), threading.Event()).run(connect, discard)

    assert not discarded.is_set()
    released.set()
    assert discarded.wait(60)


def test_nothing_goes_on_once_cancelled() -> None:
    cancelled = threading.Event()
    wait = Wait(60, SystemClock(), cancelled)
    cancelled.set()

    with pytest.raises(Cancelled, match="cancelled after 0 s\n    last seen: nothing yet"):
        wait.pause(1)
    with pytest.raises(Cancelled):
        wait.run(threading.Event().set)


def test_a_call_is_repeated_while_it_is_pending_or_its_error_may_be_retried() -> None:
    clock = FastClock()
    wait = Wait(60, clock, threading.Event())
    failures = [OSError("unreachable"), Pending("no file yet")]
    seen: list[str] = []

    def call() -> str:
        if failures:
            raise failures.pop()
        return "content"

    result = wait.until(
        call, retry=lambda error: isinstance(error, OSError), seen=seen.append, every=2
    )

    assert result == "content"
    assert seen == ["no file yet", "unreachable"]
    assert clock.monotonic() == 4


def test_an_error_that_is_not_retried_ends_a_repeated_call() -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        Wait(60, FastClock(), threading.Event()).until(call)
    assert calls == [1]


def test_the_deadline_of_a_repeated_call_reports_what_was_seen_last() -> None:
    wait = Wait(3, FastClock(), threading.Event())

    def call() -> None:
        raise Pending("the file is empty")

    with (
        pytest.raises(DeadlineExceeded) as caught,
        explain_deadline(wait, "no file", lambda: "see the log"),
    ):
        wait.until(call)
    assert str(caught.value) == (
        "no file after 3 s\n    last seen: the file is empty\n    see the log"
    )
