"""The disk, network, commands and clock that the program uses: all that tests replace."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def run_command(words: Sequence[str]) -> tuple[int, str]:
    """The exit code and the output of a command; 126 and the reason where it does not run."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 126, str(error)
    return done.returncode, done.stdout


def start_thread(work: Callable[[], None]) -> Callable[[], None]:
    """Begins the work; the result waits for its end and raises its error."""
    errors = []

    def run() -> None:
        try:
            work()
        except Exception as error:
            errors.append(error)

    # A boot that fails meanwhile does not wait for it.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def end() -> None:
        thread.join()
        for error in errors:
            raise error

    return end


@dataclass(frozen=True)
class Environment:
    """Where the program runs; `supervisor_url` is that of a server's own k3s."""

    root: Path = Path("/")
    metadata_url: str = "http://169.254.169.254"
    ssm_url: str = "https://ssm.{region}.{domain}/"
    s3_url: str = "https://{bucket}.s3.{region}.{domain}/"
    supervisor_url: str = "https://127.0.0.1:6443"
    run: Callable[[Sequence[str]], tuple[int, str]] = run_command
    start: Callable[[Callable[[], None]], Callable[[], None]] = start_thread
    clock: Any = time
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    print_line: Callable[[str], None] = lambda line: print(line, flush=True)
