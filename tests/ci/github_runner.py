"""
What of a step's output a runner of GitHub Actions prints.

After actions/runner: ActionCommand.cs (what a command is, %25 %0D %0A %3B decoded), AddMask in
ActionCommandManager.cs (not echoed; the value and each of its lines are masked from then on),
FileCommandManager.cs (lines of $GITHUB_ENV: NAME=value, or NAME<<DELIMITER).
"""

from __future__ import annotations

import re

MASK = re.compile(r"^\s*::add-mask(?: [^:]*)?::(.*)$")
_ESCAPES = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))


def printed(output: str) -> str:
    """The log of a step with this output."""
    masks: list[str] = []
    log = []
    for line in output.splitlines():
        if command := MASK.match(line):
            value = command[1]
            for escape, character in _ESCAPES:
                value = value.replace(escape, character)
            masks += [value, *(each.strip() for each in re.split(r"[\r\n]", value))]
            continue
        for each in filter(None, masks):
            line = line.replace(each, "***")  # noqa: PLW2901
        log.append(line)
    return "\n".join(log)


def variables(content: str) -> dict[str, str]:
    """What a file of $GITHUB_ENV or $GITHUB_OUTPUT sets."""
    found = {}
    for line in content.splitlines():
        name, equals, value = line.partition("=")
        if "<<" in name or not equals or not name:
            raise ValueError(f"Invalid format '{line}'")
        found[name] = value
    return found
