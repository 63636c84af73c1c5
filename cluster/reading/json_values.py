"""
What a free object may hold: what JSON has, so that every program behind this one reads the same.

Pulumi gives the configuration as JSON. Other values come of a stack file that PyYAML read, as
tests and tools do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cluster.errors import Kind
from cluster.reading.faults import Fault, quoted

Path = tuple[str | int, ...]

MOST_LEVELS = 100
"""Objects and lists inside each other."""
# As JSON, which k3s's files are: https://yaml.org/spec/1.2.2/#742-flow-mappings
_LONGEST_KEY = 1024
# Helm reads every number as a float: https://github.com/helm/helm/issues/1707
_MOST_EXACT = 2**53


def faults(content: Any) -> Iterator[tuple[Path, Fault]]:
    """Everything that another program could not read, or would read as something else."""
    waiting: list[tuple[Path, Any]] = [((), content)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, Mapping | list) and len(path) > MOST_LEVELS:
            what = f"is nested deeper than {MOST_LEVELS} levels"
            yield path[:1], Fault(what, "make it flatter", Kind.LIMIT)
            return
        if isinstance(value, Mapping):
            yield from (((*path, *below), fault) for below, fault in key_faults(value))
            waiting += [((*path, str(key)), each) for key, each in reversed(list(value.items()))]
        elif isinstance(value, list):
            waiting += [((*path, at), each) for at, each in reversed(list(enumerate(value)))]
        elif fault := _scalar_fault(value):
            yield path, fault


def key_faults(content: Mapping[Any, Any]) -> Iterator[tuple[Path, Fault]]:
    """What is wrong with the keys of an object alone."""
    yield from (((str(key),), fault) for key in content if (fault := _key_fault(key)))


def _key_fault(key: Any) -> Fault | None:
    if not isinstance(key, str):
        # PyYAML reads `on` as true, Pulumi as a string; in quotes it is the same for both.
        what = f"the key must be a string, found {quoted(key)}"
        return Fault(what, "put the key in quotes", Kind.TYPE)
    length = len(json.dumps(key))
    if length > _LONGEST_KEY:
        what = f"the key has {length} characters as JSON, YAML allows {_LONGEST_KEY}"
        return Fault(what, "choose a shorter one", Kind.LIMIT)
    return None


def _scalar_fault(value: Any) -> Fault | None:
    if value is None or isinstance(value, str | bool):
        return None
    fix = "put the value in quotes"
    if not isinstance(value, int | float) or value - value != 0:
        return Fault(f"{quoted(value)} is not a valid value of JSON", fix, Kind.TYPE)
    if isinstance(value, int) and abs(value) > _MOST_EXACT:
        return Fault(f"{quoted(value)} has more digits than other programs keep", fix, Kind.LIMIT)
    return None
