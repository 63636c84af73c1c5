"""
Text of a machine, a kubelet or an API, made harmless for a terminal, a log and the state.

Such a text may hold escape sequences, which a terminal executes, or commands of a CI system, which
its runner executes when they stand in the output of `pulumi up`:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
https://learn.microsoft.com/en-us/azure/devops/pipelines/scripts/logging-commands
"""

from __future__ import annotations

import re
from typing import Final

LINE_LENGTH: Final = 500
"""The longest line that is kept, in characters."""

_CUT: Final = "..."
_REPLACEMENT: Final = "?"
# `##[group]`, `##vso[...]`, `##teamcity[...]` anywhere in a line; `::set-output name=a::b`; and
# Pulumi's own colors, `<{%reset%}>`: the CLI panics on one that it does not have.
_COMMANDS: Final = (
    (re.compile(r"##(?=\w*\[)"), "# #"),
    (re.compile(r"(?<![\w:])::(?=[A-Za-z][\w-]*(\s|::|$))"), ": :"),
    (re.compile(r"<\{(?=%)"), "< {"),
)


def one_line(text: str, length: int = LINE_LENGTH) -> str:
    """The text without line ends, control characters and CI commands, cut to `length`."""
    return _line(" ".join(text[: 4 * length].split()), length)


def lines(text: str, length: int) -> str:
    """The same of a text whose line ends are kept; `length` is that of the whole."""
    kept = [_line(line.rstrip(), LINE_LENGTH) for line in text[: 4 * length].splitlines()]
    return _cut("\n".join(kept), length)


def printable(text: str) -> str:
    """The text with its own line ends and nothing else that a terminal or a runner executes."""
    return "\n".join(_without_commands(line) for line in text.split("\n"))


def _line(text: str, length: int) -> str:
    return _cut(_without_commands(text), length)


def _without_commands(line: str) -> str:
    # Lone surrogates, which no protocol can carry, are not printable either.
    text = "".join(each if each.isprintable() else _replaced(each) for each in line)
    for command, harmless in _COMMANDS:
        text = command.sub(harmless, text)
    return text


def _replaced(character: str) -> str:
    return " " if character.isspace() else _REPLACEMENT


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - len(_CUT)] + _CUT
