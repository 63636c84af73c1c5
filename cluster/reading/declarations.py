"""
The types of configuration keys: what a value must be, its default, and what changing it does.

The reader (section.py), the JSON Schema and the tables of docs/configuration.md (reference.py) and
plan_changes (cluster/changes.py) follow the same declarations, so none of them can differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from cluster.effect import Effect
from cluster.errors import Kind
from cluster.reading import json_values
from cluster.reading.faults import Fault, listed_twice, quoted, suggestion, wrong_type

Path = tuple[str | int, ...]


# `pulumi config set --path` makes a boolean of true and a number of 1, in quotes of the shell too.
_IN_QUOTES = "put the value in quotes; on the command line: pulumi config set --path --type string"


@dataclass(frozen=True)
class Key:
    """
    One key. `description` and `note`, which is about `effect`, are Markdown.

    `default` stands in for a key that is left out; a `required` key has none, for `reason`.
    `default_text` describes a default that is not a value, such as the stack's name.
    """

    description: str = ""
    effect: Effect | None = None
    note: str = ""
    _: KW_ONLY
    default: Any = None
    default_text: str = ""
    required: bool = False
    reason: str = ""

    @property
    def instruction(self) -> str:
        """What to write."""
        raise NotImplementedError

    @property
    def missing(self) -> Fault:
        what = f"is missing: {self.reason}" if self.reason else "is missing"
        return Fault(what, self.instruction, Kind.REQUIRED)

    def faults(self, value: Any) -> Iterator[tuple[Path, Fault]]:
        """Everything wrong with a value, by the path below the key."""
        fault = self.fault(value)
        if fault:
            yield (), fault

    def fault(self, value: Any) -> Fault | None:
        raise NotImplementedError

    def parse(self, value: Any) -> Any:
        """A right value as the model has it."""
        return value

    @property
    def fallback(self) -> Any:
        """A right value in place of a wrong one, so that reading can go on."""
        return self.parse(self.default)


@dataclass(frozen=True, kw_only=True)
class String(Key):
    """
    A string: one of `choices`, or one that matches `pattern` and passes `check`.

    `noun` names in messages what it must be; without one, `check` covers the pattern too. `hint` is
    the instruction, with {} for the example, which is the default unless there is another one.
    """

    example: str = ""
    noun: str = ""
    hint: str = "write a string such as {}"
    pattern: str = ""
    choices: tuple[str, ...] = ()
    check: Callable[[str], Fault | None] | None = None
    parser: Callable[[str], Any] = str

    @property
    def instruction(self) -> str:
        return self.hint.format(quoted(self.example or self.default))

    def fault(self, value: Any) -> Fault | None:
        if not isinstance(value, str):
            scalar = isinstance(value, bool | int | float)
            fix = f"write a string such as {quoted(self.example or self.default)}"
            return wrong_type("a string", value, _IN_QUOTES if scalar else fix)
        if self.choices and value not in self.choices:
            what = f"must be one of {', '.join(self.choices)}, found {quoted(value)}"
            return Fault(what, suggestion(value, self.choices, f"use {' or '.join(self.choices)}"))
        if self.noun and not re.fullmatch(self.pattern, value):
            return Fault(f"{quoted(value)} is not a valid {self.noun}", self.instruction)
        return self.check(value) if self.check else None

    def parse(self, value: Any) -> Any:
        return None if value is None else self.parser(value)

    @property
    def fallback(self) -> Any:
        return self.parse(self.example if self.default is None else self.default)


@dataclass(frozen=True, kw_only=True)
class Integer(Key):
    """An integer from `low` to `high`; with `check`, that decides in place of the range."""

    low: int
    high: int
    check: Callable[[int], Fault | None] | None = None

    @property
    def instruction(self) -> str:
        if self.low == self.high:
            return f"use {self.low}"
        return f"choose a number from {self.low} to {self.high}"

    def fault(self, value: Any) -> Fault | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return wrong_type("an integer", value, self.instruction)
        if self.check:
            return self.check(value)
        if not self.low <= value <= self.high:
            return Fault(f"{quoted(value)} is out of range", self.instruction)
        return None


@dataclass(frozen=True, kw_only=True)
class IntegerOrPercentage(Key):
    """An integer from 1 to `high`, or a string with a percentage from 1% to 100%."""

    high: int
    pattern = r"([1-9][0-9]?|100)%"

    def fault(self, value: Any) -> Fault | None:
        if isinstance(value, str) and re.fullmatch(self.pattern, value):
            return None
        number = isinstance(value, int) and not isinstance(value, bool)
        if number and 1 <= value <= self.high:
            return None
        what = f"{quoted(value)} is not a valid number or percentage of machines"
        fix = f'write a number from 1 to {self.high}, or a percentage such as "25%"'
        return Fault(what, fix)


@dataclass(frozen=True, kw_only=True)
class Boolean(Key):
    """true or false."""

    def fault(self, value: Any) -> Fault | None:
        if isinstance(value, bool):
            return None
        return wrong_type("a boolean", value, "write true or false")


@dataclass(frozen=True, kw_only=True)
class Strings(Key):
    """A list of strings, none of them twice; `empty` is what is wrong with an empty one, if so."""

    item: String
    empty: Fault | None = None
    default: Any = field(default_factory=list)

    @property
    def instruction(self) -> str:
        return f"write a list such as [{quoted(self.item.example)}]"

    def faults(self, value: Any) -> Iterator[tuple[Path, Fault]]:
        if not isinstance(value, list):
            yield (), wrong_type("a list", value, self.instruction)
            return
        for index, each in enumerate(value):
            fault = self.item.fault(each)
            if fault is None and each in value[:index]:
                fault = listed_twice(each)
            if fault:
                yield (index,), fault
        if not value and self.empty:
            yield (), self.empty

    def parse(self, value: Any) -> tuple[str, ...]:
        return tuple(value)


@dataclass(frozen=True, kw_only=True)
class FreeObject(Key):
    """
    An object whose keys another program defines, such as k3s or a Helm chart.

    With `has_nulls` null means something to that program, at any depth.
    """

    default: Any = field(default_factory=dict)
    has_nulls: bool = False

    def faults(self, value: Any) -> Iterator[tuple[Path, Fault]]:
        if not isinstance(value, Mapping):
            yield (), wrong_type("an object", value, "write keys and values")
            return
        yield from json_values.faults(value)


@dataclass(frozen=True, kw_only=True)
class StringMap(FreeObject):
    """Strings by free names, such as labels; `check` gives what is wrong, by name."""

    value: String
    check: Callable[[Mapping[str, str]], Iterator[tuple[Path, Fault]]]

    def faults(self, value: Any) -> Iterator[tuple[Path, Fault]]:
        if not isinstance(value, Mapping):
            yield from super().faults(value)
        else:
            yield from json_values.key_faults(value)
            named = {name: each for name, each in value.items() if isinstance(name, str)}
            found = {name: self.value.fault(each) for name, each in named.items()}
            yield from (((name,), fault) for name, fault in found.items() if fault)
            yield from self.check({name: each for name, each in named.items() if not found[name]})


@dataclass(frozen=True, kw_only=True)
class Object(Key):
    """An object with these keys. `rejected` are names people try, each with its own message."""

    keys: Mapping[str, Key]
    rejected: Mapping[str, Fault] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Objects(Key):
    """A list of objects with these keys."""

    keys: Mapping[str, Key]
    default: Any = field(default_factory=list)

    def fault(self, value: Any) -> Fault | None:
        if isinstance(value, list):
            return None
        return wrong_type("a list", value, "write a list of objects")
