"""Which inputs of a resource changed, down to the property inside an object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One changed input: its path and what happened to it."""

    path: tuple[str, ...]
    kind: Literal["ADD", "DELETE", "UPDATE"]

    @property
    def name(self) -> str:
        return ".".join(self.path)


def between(
    old: Mapping[str, Any], new: Mapping[str, Any], at: tuple[str, ...] = ()
) -> Iterator[Difference]:
    """The differences of two plain mappings. A value that is not yet known counts as another."""
    for key in sorted({*old, *new}):
        path, before, after = (*at, key), old.get(key), new.get(key)
        if before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from between(before, after, path)
        elif before is None:
            yield Difference(path=path, kind="ADD")
        elif after is None:
            yield Difference(path=path, kind="DELETE")
        else:
            yield Difference(path=path, kind="UPDATE")
