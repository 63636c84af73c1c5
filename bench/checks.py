"""How long `make check` takes, what a developer waits for after every change."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from localcloud.errors import LocalCloudError

GOAL_SECONDS = 20.0


def seconds(root: Path, repeats: int) -> list[float]:
    """
    The seconds of each repetition, with warm caches.

    Raises LocalCloudError with the end of the output when a check fails.
    """
    _run(root)
    return [_run(root) for _ in range(repeats)]


def _run(root: Path) -> float:
    # Not as a part of the make that runs this.
    environment = {key: each for key, each in os.environ.items() if not key.startswith("MAKE")}
    began = time.monotonic()
    done = subprocess.run(
        ["make", "check"], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise LocalCloudError(f"make check failed, so it is not measured\n{end}")
    return time.monotonic() - began
