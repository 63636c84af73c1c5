"""The stack whose outputs and resources are read, by the `pulumi` on PATH."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ci.errors import PipelineError
from cluster import untrusted_text

COMMAND_SECONDS = 120
NO_STACK = "no stack named"
"""A part of Pulumi's message where the backend has no such stack."""
_LONGEST_ERROR = 2000
_FOR_SECRETS = (
    "the secrets need the stack's own passphrase in PULUMI_CONFIG_PASSPHRASE or "
    "PULUMI_CONFIG_PASSPHRASE_FILE, or access to its key"
)
# Parts of Pulumi's own messages, with what helps.
_FIXES = (
    ("no stack selected", "name it: --stack NAME; `pulumi stack ls` lists them"),
    (NO_STACK, "`pulumi stack ls` lists the stacks of this backend"),
    ("decrypt", _FOR_SECRETS),
    ("secrets manager", _FOR_SECRETS),
    ("PULUMI_ACCESS_TOKEN", "log in to the backend with the stack: pulumi login URL"),
)


@dataclass(frozen=True)
class Stack:
    """
    One stack of the project in `folder`; no name means the selected one.

    Every method raises PipelineError with the messages of `pulumi` when it fails.
    """

    folder: Path
    name: str | None = None

    def short_name(self) -> str:
        """The stack's name without organization and project."""
        name = self.name or self._pulumi("stack", "--show-name").strip()
        return name.rsplit("/", 1)[-1]

    def outputs(self, *, secrets: bool) -> dict[str, Any]:
        """All outputs, the secret ones decrypted or as "[secret]"; never empty."""
        decrypted = ["--show-secrets"] if secrets else []
        try:
            found = json.loads(self._pulumi("stack", "output", "--json", *decrypted))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise PipelineError(
                "`pulumi stack output --json` prints something else than a JSON object\n"
                "    install the Pulumi CLI, 3.219.0 or newer"
            )
        if not found:
            raise PipelineError(
                f"{self._label} has no outputs: nothing was created yet, or it was destroyed\n"
                "    run `pulumi up` first"
            )
        return found

    def resources(self) -> list[dict[str, Any]]:
        """The resources in its state, secrets encrypted; empty before the first update."""
        try:
            deployment = json.loads(self._pulumi("stack", "export"))["deployment"]
            return list(deployment.get("resources") or ())
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
            raise PipelineError(
                "`pulumi stack export` prints something else than a state\n"
                "    install the Pulumi CLI, 3.219.0 or newer"
            ) from None

    @property
    def _label(self) -> str:
        return f'the stack "{self.name}"' if self.name else "the selected stack"

    def _pulumi(self, *words: str) -> str:
        """What the command prints. No message has its standard output: it may hold secrets."""
        selected = ["--stack", self.name] if self.name else []
        try:
            done = subprocess.run(
                ["pulumi", *words, *selected, "--non-interactive"],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except FileNotFoundError:
            raise PipelineError(
                "there is no `pulumi` on PATH\n    install the Pulumi CLI, 3.219.0 or newer"
            ) from None
        except OSError as error:
            raise PipelineError(
                f"`pulumi` cannot be started: {error.strerror}\n"
                "    install the Pulumi CLI for this machine, 3.219.0 or newer"
            ) from None
        except subprocess.TimeoutExpired:
            raise PipelineError(
                f"`pulumi {' '.join(words[:2])}` did not end within {COMMAND_SECONDS} s\n"
                "    check the connection to the stack's backend"
            ) from None
        if done.returncode != 0:
            raise PipelineError(_failure(words, done.stderr))
        return done.stdout


def _failure(words: tuple[str, ...], stderr: str) -> str:
    message = untrusted_text.lines(stderr.strip(), _LONGEST_ERROR)
    fixes = dict.fromkeys(fix for part, fix in _FIXES if part in stderr)
    return "\n".join(
        [f"`pulumi {' '.join(words[:2])}` failed", message, *(f"    {each}" for each in fixes)]
    )
