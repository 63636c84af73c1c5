"""The declared keys by their paths, such as `cluster.pools[].count`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cluster.effect import Effect
from cluster.reading.declarations import Key, Object, Objects
from cluster.reading.keys import TOP
from cluster.reading.section import ROOT


def sections() -> Iterator[tuple[str, Mapping[str, Key]]]:
    """Every path that has keys below it, with those."""
    return _below(TOP.keys, ROOT)


def _below(keys: Mapping[str, Key], path: str) -> Iterator[tuple[str, Mapping[str, Key]]]:
    yield path, keys
    for name, key in keys.items():
        if isinstance(key, Object):
            yield from _below(key.keys, f"{path}.{name}")
        elif isinstance(key, Objects):
            yield from _below(key.keys, f"{path}.{name}[]")


def declared() -> dict[str, Key]:
    """Every key."""
    return {f"{path}.{name}": key for path, below in sections() for name, key in below.items()}


def effects() -> dict[str, Effect]:
    """What a change of each key does to nodes."""
    return {path: key.effect for path, key in declared().items() if key.effect is not None}
