"""Running a host command as root: with a deadline; the error is the last line of its output."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from localcloud.errors import MachineError

COMMAND_SECONDS = 30


def run(words: Sequence[str], *, stdin: str = "", seconds: float = COMMAND_SECONDS) -> str:
    """
    The standard output of a command that needs root, which is borrowed from Docker where needed.

    Raises MachineError when it fails or does not end.
    """
    if is_root():
        return execute(words, stdin=stdin, seconds=seconds)
    from localcloud.machines import root_container

    return root_container.get().run(words, stdin=stdin, seconds=seconds)


def run_here(words: Sequence[str]) -> str:
    """`run` for a command that needs the files and devices this process sees, such as losetup."""
    entering = [] if is_root() else ["nsenter", "-t", str(os.getpid()), "-m", "--"]
    return run([*entering, *words])


def inside(pid: int, words: Sequence[str], *, stdin: str = "") -> str:
    """Runs a host command in the network namespace of a process."""
    return run(["nsenter", "-t", str(pid), "-n", *words], stdin=stdin)


def write(file: Path, text: str) -> None:
    """Writes a setting of the kernel. Raises OSError, or MachineError from Docker's side."""
    if is_root():
        file.write_text(text)
    else:
        run(["sh", "-c", 'printf %s "$1" > "$2"', "sh", text, str(file)])


def is_root() -> bool:
    """Whether this process may change the network of the host and of its machines."""
    return os.geteuid() == 0


def execute(words: Sequence[str], *, stdin: str = "", seconds: float = COMMAND_SECONDS) -> str:
    """Runs a command with the rights of this process. Raises MachineError."""
    try:
        done = subprocess.run(
            words, input=stdin, capture_output=True, text=True, timeout=seconds, check=False
        )
    except FileNotFoundError:
        raise MachineError(
            f'"{words[0]}" is not installed\n    on Debian: apt-get install iproute2 iptables mount'
        ) from None
    except subprocess.TimeoutExpired:
        raise MachineError(f'"{" ".join(words)}" did not end within {seconds:.0f} s') from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise MachineError(f'"{" ".join(words)}" failed: {last}')
    return done.stdout
