"""A job of a platform, run by an engine in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Longer than any job takes: it ends what hangs, and judges nothing.
JOB_SECONDS = 900


@dataclass
class Job:
    """One that was started; its log is what the platform would show."""

    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def wait(self) -> int:
        return self.process.wait(JOB_SECONDS)

    def succeeds(self) -> str:
        """The log of a job that is green."""
        assert self.wait() == 0, self.log
        return self.log

    def fails(self) -> str:
        """The log of a job that is red."""
        assert self.wait() != 0, self.log
        return self.log

    def kill(self) -> None:
        """As when the machine of the job is lost: everything at once, nobody can clean up."""
        # Stopped first, so that none starts another while the list is made.
        stopped: list[int] = []
        while new := [each for each in tree(self.process.pid) if each not in stopped]:
            for pid in new:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            stopped += new
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(60)


def start(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], log_file: Path
) -> Job:
    """Starts the engine."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Job(process, log_file)


def tree(root: int) -> list[int]:
    """The process and all that it and its children have started."""
    parents = dict(_parents())
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            yield int(folder.name), int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
