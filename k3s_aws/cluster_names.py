"""The names of the clusters in one run of a program: each has hooks of its own in the engine."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import pulumi
from pulumi.runtime.settings import get_monitor

_in_program: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


def take(name: str) -> None:
    """Notes a cluster of the program that runs. Raises RunError where it has one of this name."""
    # Each run has a connection of its own: a process may run several programs.
    add(_in_program.setdefault(get_monitor(), set()), name)


def add(taken: set[str], name: str) -> None:
    """Adds the name. Raises RunError where it is taken."""
    if name in taken:
        # The engine would refuse the second one's hooks, with a stack trace.
        raise pulumi.RunError(
            f"the program has several clusters with the name {name}\n"
            "    give each a name of its own, below different parents too"
        )
    taken.add(name)
