"""Running a long step: its output in a log, a line every few seconds, its last words on failure."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from toolchain.errors import ToolchainError

SAY_EVERY_SECONDS = 5.0
LAST_LINES = 8

Say = Callable[[str], None]


@contextmanager
def ticking(title: str, say: Say, every_seconds: float = SAY_EVERY_SECONDS) -> Iterator[None]:
    """Says every few seconds how long the step has been running."""
    ended, began = Event(), time.monotonic()

    def report() -> None:
        while not ended.wait(every_seconds):
            say(f"{title} ... {time.monotonic() - began:.0f} s")

    reporter = Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join()


def run(
    title: str,
    words: Sequence[str],
    *,
    log: Path,
    say: Say,
    deadline_seconds: float,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    way_out: str = "",
) -> None:
    """
    Runs a command to its end, its output going to `log`.

    Raises ToolchainError with the log's last lines when it fails, cannot be started, or is not
    done in time.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with ticking(title, say), log.open("wb") as output:
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, **environment} if environment else None,
                timeout=deadline_seconds,
                check=False,
            )
        except FileNotFoundError:
            raise ToolchainError(_with(f'{title}: there is no "{words[0]}"', way_out)) from None
        except subprocess.TimeoutExpired:
            text = f"{title} was not done within {deadline_seconds:.0f} s"
            raise ToolchainError(_with(text, f"see {log}")) from None
    if done.returncode != 0:
        raise ToolchainError(failure(title, log, way_out))


def failure(title: str, log: Path, way_out: str = "") -> str:
    """The message of a step that failed, with its last lines."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    if any("no space left on device" in line.lower() for line in lines):
        way_out = "free some disk space, then run it again"
    tail = "".join(f"\n    | {line}" for line in lines[-LAST_LINES:])
    return _with(f"{title} failed{tail}", "; ".join(filter(None, [way_out, f"see {log}"])))


def _with(text: str, way_out: str) -> str:
    return f"{text}\n    {way_out}" if way_out else text
