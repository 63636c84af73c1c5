"""The Go that builds what cannot be downloaded."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from toolchain.errors import ToolchainError

SECONDS = 120
MISSING = "Go is not installed\n    get 1.26 or newer from https://go.dev/dl/"


# From this one on, Go fetches the version that a module asks for by itself.
OLDEST = (1, 21)


def version() -> str:
    """Such as `go1.26.8`. Raises ToolchainError where there is no Go."""
    return _say(["go", "env", "GOVERSION"], None)


def require() -> None:
    """Raises ToolchainError where there is no Go that can build what is needed."""
    found = version()
    numbers = re.match(r"go(\d+)\.(\d+)", found)
    if numbers and (int(numbers[1]), int(numbers[2])) < OLDEST:
        raise ToolchainError(f"{found} is too old\n    get 1.26 or newer from https://go.dev/dl/")


def module_folder(module: str, project: Path) -> Path:
    """Where the sources of a module lie that the project requires."""
    return Path(_say(["go", "list", "-m", "-f", "{{.Dir}}", module], project))


def _say(words: list[str], folder: Path | None) -> str:
    try:
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except FileNotFoundError:
        raise ToolchainError(MISSING) from None
    except subprocess.TimeoutExpired:
        raise ToolchainError(f'"{" ".join(words)}" was not done within {SECONDS} s') from None
    if done.returncode != 0:
        raise ToolchainError(f'"{" ".join(words)}" failed: {done.stderr.strip()}')
    return done.stdout.strip()
