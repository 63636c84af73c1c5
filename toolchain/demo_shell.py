"""
What a demo's env.sh sets in a shell, and how a run of anything else removes it.

`. .local/demo/env.sh` points pulumi, Python and kubectl of a shell at the demo. A command that
works on something else, such as `make bench`, must not inherit that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping, Sequence

# Both are exported by env.sh: the names it set, and what it put in front of or behind PATH.
VARIABLES = "K3S_AWS_DEMO_VARIABLES"
PATH_ENTRIES = "K3S_AWS_DEMO_PATH"


def leave(environment: MutableMapping[str, str]) -> None:
    """Removes what env.sh has set; changes nothing where no env.sh was read."""
    for name in environment.pop(VARIABLES, "").split():
        environment.pop(name, None)
    if PATH_ENTRIES in environment:
        added = environment.pop(PATH_ENTRIES).split(os.pathsep)
        environment["PATH"] = _without(environment["PATH"], added)


def lines(variables: Mapping[str, str], first: Sequence[str], last: Sequence[str]) -> Iterator[str]:
    """The lines of an env.sh that sets the variables and adds to PATH; any POSIX shell reads it."""
    from shlex import quote

    path = [quote(os.pathsep.join(first)), '"$PATH"', *map(quote, last)]
    yield f"export PATH={os.pathsep.join(path)}"
    for name, value in variables.items():
        yield f"export {name}={quote(value)}"
    yield f"export {VARIABLES}={quote(' '.join(variables))}"
    # Read twice, or after the env.sh of another checkout, its entries stand on PATH once more.
    entries = quote(os.pathsep.join([*first, *last]))
    yield f'export {PATH_ENTRIES}={entries}"${{{PATH_ENTRIES}:+:${PATH_ENTRIES}}}"'


def _without(path: str, added: Sequence[str]) -> str:
    """Each added entry once: the operator's own PATH may hold the same folder."""
    entries = path.split(os.pathsep)
    for each in added:
        if each in entries:
            entries.remove(each)
    return os.pathsep.join(entries)
