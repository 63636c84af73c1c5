"""
The problems of a configuration while it is read, and the sections they are found in.

Knows types, ranges and unknown keys, as declared.py's classes tell them; what a key means is for
the readers beside this module. A reading function gives None for what it has reported, so a check
of several values is skipped when one is missing.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from cluster.errors import ConfigError, Problem
from cluster.reading.declared import (
    Flag,
    Group,
    Groups,
    Key,
    Number,
    NumberOrPercentage,
    Refusal,
    Table,
    Text,
    Texts,
)

Path = tuple[str | int, ...]
T = TypeVar("T")

ROOT = "cluster"
_PLAIN = re.compile(r"[\w-]+")


class Findings:
    """Collects problems by path and raises them together, in the order of the file."""

    def __init__(self, raw: object) -> None:
        self._raw = raw
        self._found: list[tuple[Path, str, str]] = []
        self._warned: list[tuple[Path, str, str]] = []

    def add(self, path: Path, what: str, fix: str) -> None:
        self._found.append((path, what, fix))

    def warn(self, path: Path, what: str, fix: str) -> None:
        """What is allowed, and may not be meant."""
        self._warned.append((path, what, fix))

    def raise_if_any(self) -> None:
        if self._found:
            raise ConfigError(self._ordered(self._found))

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(self._ordered(self._warned))

    def _ordered(self, found: Sequence[tuple[Path, str, str]]) -> list[Problem]:
        ordered = sorted(found, key=lambda each: self._position(each[0]))
        return [Problem(spell(path), what, fix) for path, what, fix in ordered]

    def _position(self, path: Path) -> list[int]:
        """Where the path stands in the file; a key that is missing stands behind its siblings."""
        position: list[int] = []
        here: Any = self._raw
        for step in path:
            if isinstance(here, Mapping) and step in here:
                position.append(list(here).index(step))
                here = here[step]
            elif isinstance(here, list) and isinstance(step, int) and step < len(here):
                position.append(step)
                here = here[step]
            else:
                position.append(len(here) if isinstance(here, Mapping | list) else 0)
                here = None
        return position


class Section:
    """A mapping of the configuration at its path; unknown keys are reported when it is opened."""

    def __init__(
        self,
        raw: object,
        path: Path,
        findings: Findings,
        keys: Mapping[str, Key],
        refused: Mapping[str, Refusal] | None = None,
    ) -> None:
        self.path = path
        self.findings = findings
        self._keys = keys
        self._content: Mapping[Any, Any] = raw if isinstance(raw, Mapping) else {}
        if not isinstance(raw, Mapping):
            findings.add(
                path, f"expected a mapping, found {shown(raw)}", f"known keys: {', '.join(keys)}"
            )
        for key in self._content:
            if refused and key in refused:
                findings.add((*path, key), *refused[key])
            elif key not in keys:
                findings.add((*path, str(key)), "unknown key", suggestion(str(key), keys))

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def is_empty(self, key: str) -> bool:
        """Whether an empty list is given."""
        return bool(self._content.get(key) == [])

    def declared(self, key: str) -> Text:
        """What is declared of a text."""
        return cast(Text, self._keys[key])

    def report(self, key: str, what: str, fix: str) -> None:
        self.findings.add((*self.path, key), what, fix)

    def warn(self, key: str, what: str, fix: str) -> None:
        self.findings.warn((*self.path, key), what, fix)

    def section(self, key: str) -> Section:
        """A mapping below this one; left out, it is empty."""
        declared = cast(Group, self._keys[key])
        raw = self._content.get(key, {})
        return Section(raw, (*self.path, key), self.findings, declared.keys, declared.refused)

    def sections(self, key: str) -> list[Section]:
        """A list of mappings below this one; left out, it is the declared default."""
        declared = cast(Groups, self._keys[key])
        listed = self._list(key, declared.default, "a list of mappings") or []
        return [
            Section(each, (*self.path, key, index), self.findings, declared.keys)
            for index, each in enumerate(listed)
        ]

    def text(self, key: str, default: str | None = None) -> str | None:
        """A text; `default` stands in where the declaration has none."""
        declared = self.declared(key)
        value = self._content.get(key, declared.default if default is None else default)
        if not isinstance(value, str):
            self._report_no_text(key, value, declared.example)
            return None
        if declared.choices and value not in declared.choices:
            near = difflib.get_close_matches(value, declared.choices, n=1, cutoff=0.5)
            fix = f'did you mean "{near[0]}"?' if near else f"use {' or '.join(declared.choices)}"
            self.report(key, f"{shown(value)} is none of {', '.join(declared.choices)}", fix)
            return None
        return value

    def optional(self, key: str) -> str | None:
        """A text that may be left out without anything in its place."""
        return self.text(key) if key in self._content else None

    def flag(self, key: str) -> bool | None:
        """true or false."""
        declared = cast(Flag, self._keys[key])
        value = self._content.get(key, declared.default)
        if not isinstance(value, bool):
            self.report(key, f"expected true or false, found {shown(value)}", "write true or false")
            return None
        return value

    def whole(self, key: str, fix: str) -> int | None:
        """A whole number."""
        value = self._content.get(key, self._keys[key].default)
        if isinstance(value, bool) or not isinstance(value, int):
            self.report(key, f"expected a whole number, found {shown(value)}", fix)
            return None
        return value

    def number(self, key: str) -> int | None:
        """A whole number from the declared lowest to the highest."""
        declared = cast(Number, self._keys[key])
        fix = f"choose a number from {declared.low} to {declared.high}"
        value = self.whole(key, fix)
        if value is not None and not declared.low <= value <= declared.high:
            self.report(key, f"{value} is out of range", fix)
            return None
        return value

    def number_or_percentage(self, key: str) -> int | str | None:
        """An integer from 1, or a percentage such as "25%"."""
        declared = cast(NumberOrPercentage, self._keys[key])
        value = self._content.get(key, declared.default)
        if isinstance(value, str) and re.fullmatch(declared.pattern, value):
            return value
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if is_number and 1 <= value <= declared.high:
            return cast(int, value)
        self.report(
            key,
            f"{shown(value)} is not a valid number or percentage of machines",
            f'write a number from 1 to {declared.high}, or a percentage such as "25%"',
        )
        return None

    def texts(self, key: str) -> Iterator[tuple[Path, str]]:
        """A list of texts, each with its path."""
        declared = cast(Texts, self._keys[key])
        wanted = f"write a list such as [{shown(declared.example)}]"
        if key not in self._content:
            if declared.required:
                self.report(key, f"is missing: {declared.why}", wanted)
            return
        for index, value in enumerate(self._list(key, None, wanted.removeprefix("write ")) or []):
            path = (*self.path, key, index)
            if isinstance(value, str):
                yield path, value
            else:
                self.findings.add(path, *_no_text(value, declared.example))
        if declared.required and not declared.may_be_empty and self._content[key] == []:
            self.report(key, f"is empty: {declared.why}", wanted)

    def table(self, key: str) -> Mapping[str, str] | None:
        """Texts by free names, in the order of the file."""
        declared = cast(Table, self._keys[key])
        given = self.free(key)
        for name, value in (given or {}).items():
            if not isinstance(value, str):
                what, fix = _no_text(value, declared.example.partition(": ")[2])
                self.findings.add((*self.path, key, name), what, fix)
        if given is None or not all(isinstance(value, str) for value in given.values()):
            return None
        return given

    def free(self, key: str) -> Mapping[str, Any] | None:
        """A mapping with texts as keys and anything as values."""
        given = self._content.get(key, self._keys[key].default)
        if not isinstance(given, Mapping):
            self.report(key, f"expected a mapping, found {shown(given)}", "write keys and values")
            return None
        for name in given:
            if not isinstance(name, str):
                # PyYAML reads `on` as true, Pulumi as a text; in quotes it is the same for both.
                self.findings.add(
                    (*self.path, key, str(name)),
                    f"the key is {shown(name)}, not a text",
                    "put the key in quotes",
                )
        return given if all(isinstance(name, str) for name in given) else None

    def _report_no_text(self, key: str, value: object, example: str) -> None:
        if key not in self._content:
            self.report(key, "is missing", f"write a text such as {shown(example)}")
        else:
            self.report(key, *_no_text(value, example))

    def _list(self, key: str, default: object, expected: str) -> list[Any] | None:
        value = self._content.get(key, default)
        if isinstance(value, list):
            return value
        self.report(key, f"expected a list, found {shown(value)}", f"write {expected}")
        return None


def spell(path: Path) -> str:
    """The path as `pulumi config set --path` takes it: `cluster.pools[1].count`."""
    return ROOT + "".join(map(_step, path))


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _PLAIN.fullmatch(step) else f"[{json.dumps(step, ensure_ascii=False)}]"


def shown(value: object) -> str:
    """A value as a message names it."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return json.dumps(value, ensure_ascii=False, default=str)


def sure(value: T | None) -> T:
    """What was read without a problem; to be called when no problem was found."""
    if value is None:
        raise AssertionError("a value is missing, and no problem was reported")
    return value


def suggestion(key: str, keys: Mapping[str, object] | Sequence[str]) -> str:
    """What to do about a key that is not one of these."""
    near = difflib.get_close_matches(key, list(keys), n=1)
    return f'did you mean "{near[0]}"?' if near else f"known keys: {', '.join(keys)}"


def _no_text(value: object, example: str) -> Refusal:
    if isinstance(value, bool | int | float):
        return f"expected a text, found {shown(value)}", "put the value in quotes"
    return f"expected a text, found {shown(value)}", f"write a text such as {shown(example)}"
