"""
Prepares what a plan lists: steps that need nothing of each other side by side.

Each step is a command. Its last line is shown every few seconds, with the time since the start and
the steps to come; the error of one ends the others.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from toolchain.errors import ToolchainError
from toolchain.plan import Step
from toolchain.progress import Say

SAY_EVERY_SECONDS = 10.0
END_SECONDS = 5.0
ERROR = "error: "

Clock = Callable[[], float]


@dataclass
class Running:
    """A step whose command runs, and its output so far."""

    step: Step
    process: subprocess.Popen[str]
    began: float
    output: list[str] = field(default_factory=list)

    @property
    def last(self) -> str:
        """What it does now."""
        return self.output[-1] if self.output else "started"

    @property
    def error(self) -> str:
        """Its error message, else its last line."""
        text = "\n".join(self.output)
        return text.partition(ERROR)[2] or self.last


class Preparation:
    """
    One run of all steps.

    `say` gets a line for each step that begins or ends, and one every few seconds.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        folder: Path,
        say: Say,
        clock: Clock = time.monotonic,
        every_seconds: float = SAY_EVERY_SECONDS,
    ) -> None:
        self._waiting, self._folder, self._say = list(steps), folder, say
        self._clock, self._every = clock, every_seconds
        self._began = clock()
        self._running: dict[str, Running] = {}
        self._events: SimpleQueue[tuple[str, str | None]] = SimpleQueue()

    def run(self) -> None:
        """Runs every step. Raises ToolchainError with the message of the first that fails."""
        with self._all_ended():
            reported = self._clock()
            while self._waiting or self._running:
                self._start_what_can()
                with suppress(Empty):
                    wait = max(0.0, reported + self._every - self._clock())
                    self._received(*self._events.get(timeout=wait))
                if self._clock() >= reported + self._every:
                    reported = self._clock()
                    self._say(self._now())

    def _start_what_can(self) -> None:
        undone = {*self._running, *(step.name for step in self._waiting)}
        for step in [each for each in self._waiting if not undone & set(each.after)]:
            self._waiting.remove(step)
            self._running[step.name] = self._started(step)
            self._say(f"{self._elapsed()} {step.name}: {step.how}")

    def _started(self, step: Step) -> Running:
        process = subprocess.Popen(
            step.words,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            # Ended as a whole, with the compiler that it started.
            start_new_session=True,
        )

        def listen() -> None:
            assert process.stderr is not None  # noqa: S101 - it was asked for above
            with process.stderr as output:
                for line in output:
                    self._events.put((step.name, line.rstrip("\n")))
            self._events.put((step.name, None))

        Thread(target=listen, daemon=True).start()
        return Running(step, process, self._clock())

    def _received(self, name: str, line: str | None) -> None:
        running = self._running[name]
        if line is not None:
            running.output.append(line)
            return
        status = running.process.wait()
        if status != 0:
            raise ToolchainError(f"{name}: {running.error}")
        del self._running[name]
        took = duration(self._clock() - running.began)
        self._say(f"{self._elapsed()} {name}: done in {took}")

    def _now(self) -> str:
        doing = "; ".join(f"{name}: {each.last}" for name, each in self._running.items())
        following = ", ".join(step.name for step in self._waiting)
        return f"{self._elapsed()} {doing}" + (f"; next: {following}" if following else "")

    def _elapsed(self) -> str:
        return f"[{duration(self._clock() - self._began)}]"

    @contextmanager
    def _all_ended(self) -> Iterator[None]:
        """Nothing of it goes on after an error or an interruption."""
        try:
            yield
        finally:
            left = [each.process for each in self._running.values()]
            for number in (signal.SIGTERM, signal.SIGKILL):
                for process in left:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, number)
                deadline = time.monotonic() + END_SECONDS
                for process in left:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(max(0.0, deadline - time.monotonic()))


def duration(seconds: float) -> str:
    """Such as `0:07` or `12:30`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
