"""
Types of keys for structures that another program reads, in that program's own shape.

There an entry without content counts as an empty one; `parse` makes it one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.errors import Kind
from cluster.reading import json_values
from cluster.reading.declarations import FreeObject, Key, Path
from cluster.reading.faults import Fault, unknown_key, wrong_type


@dataclass(frozen=True, kw_only=True)
class NestedObject(FreeObject):
    """
    An object with these keys, each of which may be left out or empty. `rejected` gives the message
    for a name people try; `check` is about the object as a whole.
    """

    keys: Mapping[str, Key]
    rejected: Mapping[str, Fault] = field(default_factory=dict)
    check: Callable[[Mapping[str, Any]], Fault | None] | None = None

    def faults(self, value: Any) -> Iterator[tuple[Path, Fault]]:
        if value is None:
            return
        if not isinstance(value, Mapping):
            yield (), wrong_type("an object", value, f"known keys: {', '.join(self.keys)}")
            return
        found = False
        for name, each in value.items():
            for path, fault in self._faults(str(name), each):
                found = True
                yield (str(name), *path), fault
        whole = self.check(value) if self.check and not found else None
        if whole:
            yield (), whole

    def _faults(self, name: str, value: Any) -> Iterator[tuple[Path, Fault]]:
        if name not in self.keys:
            yield (), self.rejected.get(name) or unknown_key(name, self.keys)
        elif value is not None:
            yield from self.keys[name].faults(value)

    def parse(self, value: Any) -> Any:
        given = {name: each for name, each in (value or {}).items() if name in self.keys}
        return {
            name: self.keys[name].parse(each)
            if isinstance(self.keys[name], NestedObject | ObjectsByName)
            else each
            for name, each in given.items()
            if each is not None or isinstance(self.keys[name], NestedObject | ObjectsByName)
        }


@dataclass(frozen=True, kw_only=True)
class ObjectsByName(FreeObject):
    """Objects by free names; `name` gives what is wrong with a name."""

    name: Callable[[str], Fault | None]
    value: NestedObject

    def faults(self, value: Any) -> Iterator[tuple[Path, Fault]]:
        if value is None:
            return
        if not isinstance(value, Mapping):
            yield (), wrong_type("an object", value, "write objects by name")
            return
        yield from json_values.key_faults(value)
        for name, each in value.items():
            if not isinstance(name, str):
                continue
            fault = self.name(name)
            if fault:
                # A path would show the secret too.
                yield () if fault.kind is Kind.SECRET else (name,), fault
                continue
            yield from (((name, *path), below) for path, below in self.value.faults(each))

    def parse(self, value: Any) -> Any:
        return {name: self.value.parse(each) for name, each in (value or {}).items()}
