"""Which inputs of a resource changed, down to the property inside an object."""

from __future__ import annotations

import re
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
        """The path as Pulumi writes it: `spec.labels["example.com/a"]`."""
        return "".join(map(_part, self.path)).lstrip(".")


def parse(name: str) -> tuple[str, ...]:
    """The path of a name."""
    parts = re.findall(r'\["((?:[^"\\]|\\.)*)"\]|([^.\[]+)', name)
    return tuple(quoted.replace('\\"', '"') if quoted else plain for quoted, plain in parts)


def _part(key: str) -> str:
    # https://www.pulumi.com/docs/iac/concepts/resources/options/ignorechanges/
    quoted = key.replace('"', '\\"')
    return f".{key}" if key and not re.search(r'[.\["\]]', key) else f'["{quoted}"]'


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
