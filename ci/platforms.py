"""
How a path to a kubeconfig reaches the next command: a shell, GitHub Actions, GitLab CI.

Pure: what is to be printed, and what is to be appended to which file.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

from ci.errors import PipelineError

VARIABLE: Final = "KUBECONFIG"
OUTPUT: Final = "kubeconfig"
ENDPOINT: Final = "K3S_API_ENDPOINT"
FAILED: Final = "false"
"""What a shell evaluates after an error: `eval` of an empty text succeeds, and a script goes on."""


def shell(path: str) -> str:
    """The line for `eval`."""
    return f"export {VARIABLE}={shlex.quote(path)}"


def masks(secrets: Sequence[str]) -> list[str]:
    """
    The commands with which a runner of GitHub hides the strings in everything it prints afterwards.

    The runner reads them from standard output and does not print them: `AddMaskCommandExtension`
    has `OmitEcho` (actions/runner, src/Runner.Worker/ActionCommandManager.cs). It decodes %25, %0D
    and %0A in them (src/Runner.Common/ActionCommand.cs). Only a whole line is masked, so each
    string has to be one.
    """
    return [f"::add-mask::{_escaped(each)}" for each in secrets]


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def assignment(name: str, value: str) -> str:
    """
    A line of GitHub's $GITHUB_ENV and $GITHUB_OUTPUT, and of a dotenv report of GitLab.

    All three take the value as it stands up to the end of the line, without quotes. Raises
    PipelineError where it would be two lines: the second would set another variable.
    """
    if not value.isprintable():
        raise PipelineError(
            f"the value of {name} has a line end or a control character\n"
            "    choose another file: --kubeconfig PATH"
        )
    return f"{name}={value}\n"
