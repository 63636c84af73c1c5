"""Running a host command: always with an end, its own last words as the error."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from localcloud.errors import MachineError

COMMAND_SECONDS = 30


def run(words: Sequence[str], *, stdin: str = "", seconds: float = COMMAND_SECONDS) -> str:
    """The command's standard output. Raises MachineError when it fails or does not end."""
    try:
        done = subprocess.run(
            words, input=stdin, capture_output=True, text=True, timeout=seconds, check=False
        )
    except FileNotFoundError:
        raise MachineError(
            f'"{words[0]}" is not installed\n    on Debian: apt-get install iproute2 iptables'
        ) from None
    except subprocess.TimeoutExpired:
        raise MachineError(f'"{" ".join(words)}" did not end within {seconds:.0f} s') from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise MachineError(f'"{" ".join(words)}" failed: {last}')
    return done.stdout


def inside(pid: int, words: Sequence[str], *, stdin: str = "") -> str:
    """Runs a host command in the network namespace of a process."""
    return run(["nsenter", "-t", str(pid), "-n", *words], stdin=stdin)
