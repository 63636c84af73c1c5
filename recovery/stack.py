"""The stack that is recovered, read and changed by the `pulumi` on PATH."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recovery.errors import RecoveryError

COMMAND_SECONDS = 120
# Pulumi's error when the `.attrs` beside a state in a folder is empty (fileblob's `getAttrs`).
EMPTY_ATTRS = "failed to load checkpoint: EOF"
EMPTY_ATTRS_FIX = """the run was killed between two writes to a state in a folder: remove the empty
    .json.attrs beside the stack's .json, and end the backend's URL with ?metadata=skip,
    with which Pulumi writes no such file"""


@dataclass(frozen=True)
class Stack:
    """
    One stack of the project in `folder`; no name means the selected one.

    Every method raises RecoveryError with the output of `pulumi` when it fails.
    """

    folder: Path
    name: str | None = None

    def export(self) -> dict[str, Any]:
        """The stack's state, its secrets still encrypted."""
        return self._read("stack", "export")

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs; secret ones are masked."""
        return self._read("stack", "output", "--json")

    def aws_config(self) -> dict[str, Any]:
        """How the stack's own provider reaches AWS: its configuration, without `aws:`."""
        content = self._read("config", "--json", "--show-secrets")
        return {
            key.removeprefix("aws:"): each.get("objectValue", each.get("value"))
            for key, each in content.items()
            if key.startswith("aws:")
        }

    def require_unlocked(self, stack_urn: str) -> None:
        """Takes the stack's lock for a moment: an `up` that still runs must not be recovered."""
        self._refresh(stack_urn, "--skip-pending-creates")

    def clear_creations(self, stack_urn: str) -> None:
        """Removes the interrupted creations from the state."""
        self._refresh(stack_urn, "--clear-pending-creates")

    def _refresh(self, stack_urn: str, pending: str) -> None:
        # Of the stack alone: its resources need not be reachable for this.
        words = ["--target", stack_urn, "--yes", "--skip-preview", "--suppress-outputs"]
        self._pulumi("refresh", pending, *words)

    def _read(self, *words: str) -> dict[str, Any]:
        """The object that a command prints; none of it is in an error, it may hold secrets."""
        try:
            content = json.loads(self._pulumi(*words))
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise RecoveryError(
                f"`pulumi {' '.join(words[:2])}` prints something else than a JSON object\n"
                "    install the Pulumi CLI, 3.150 or newer"
            )
        return content

    def _pulumi(self, *words: str) -> str:
        selected = ["--stack", self.name] if self.name else []
        command = ["pulumi", *words, *selected, "--non-interactive"]
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except FileNotFoundError:
            raise RecoveryError(
                "there is no `pulumi` on PATH\n    install the Pulumi CLI, 3.219.0 or newer"
            ) from None
        except subprocess.TimeoutExpired:
            raise RecoveryError(
                f"`pulumi {' '.join(words[:2])}` did not end within {COMMAND_SECONDS} s"
            ) from None
        if done.returncode != 0:
            output = (done.stderr or done.stdout).strip()
            if EMPTY_ATTRS in output:
                output += f"\n    {EMPTY_ATTRS_FIX}"
            raise RecoveryError(f"`pulumi {' '.join(words[:2])}` failed\n{output}")
        return done.stdout
