"""
The problems of a configuration while it is read, and the sections they are found in.

Knows types, ranges and unknown keys; what a key means is config.py's business. A reading function
gives None for what it has reported, so a check of several values is skipped when one is missing.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from cluster.errors import ConfigError, Problem

Path = tuple[str | int, ...]
T = TypeVar("T")

ROOT = "cluster"


class Findings:
    """Collects problems by path and raises them together, in the order of the file."""

    def __init__(self, raw: object) -> None:
        self._raw = raw
        self._found: list[tuple[Path, str, str]] = []

    def add(self, path: Path, what: str, fix: str) -> None:
        self._found.append((path, what, fix))

    def raise_if_any(self) -> None:
        if self._found:
            ordered = sorted(self._found, key=lambda found: self._position(found[0]))
            raise ConfigError([Problem(spell(path), what, fix) for path, what, fix in ordered])

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

    def __init__(self, raw: object, path: Path, findings: Findings, keys: Sequence[str]) -> None:
        self.path = path
        self._findings = findings
        self._content: Mapping[Any, Any] = raw if isinstance(raw, Mapping) else {}
        if not isinstance(raw, Mapping):
            findings.add(
                path, f"expected a mapping, found {shown(raw)}", f"known keys: {', '.join(keys)}"
            )
        for key in self._content:
            if key not in keys:
                findings.add((*path, str(key)), "unknown key", _suggestion(str(key), keys))

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def report(self, key: str, what: str, fix: str) -> None:
        self._findings.add((*self.path, key), what, fix)

    def section(self, key: str, keys: Sequence[str]) -> Section:
        """A mapping below this one; left out, it is empty."""
        return Section(self._content.get(key, {}), (*self.path, key), self._findings, keys)

    def sections(self, key: str, keys: Sequence[str]) -> list[Section]:
        """A list of mappings below this one; left out, it is empty."""
        listed = self._list(key, [], "a list of mappings") or []
        return [
            Section(each, (*self.path, key, index), self._findings, keys)
            for index, each in enumerate(listed)
        ]

    def text(self, key: str, default: str | None, example: str) -> str | None:
        """A text; without a default it must be given."""
        value = self._content.get(key, default)
        if isinstance(value, str):
            return value
        what = f"expected a text, found {shown(value)}" if key in self._content else "is missing"
        self.report(key, what, f"write a text such as {shown(example)}")
        return None

    def whole(self, key: str, default: int, fix: str) -> int | None:
        """A whole number."""
        value = self._content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            self.report(key, f"expected a whole number, found {shown(value)}", fix)
            return None
        return value

    def number(self, key: str, default: int, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`."""
        fix = f"choose a number from {low} to {high}"
        value = self.whole(key, default, fix)
        if value is not None and not low <= value <= high:
            self.report(key, f"{value} is out of range", fix)
            return None
        return value

    def texts(self, key: str, why: str, example: str) -> Iterator[tuple[Path, str]]:
        """A list of texts that has no default and may not be empty, each with its path."""
        if key not in self._content:
            self.report(key, f"is missing: {why}", f"write a list such as [{shown(example)}]")
            return
        for index, value in enumerate(
            self._list(key, None, f"a list such as [{shown(example)}]") or []
        ):
            path = (*self.path, key, index)
            if isinstance(value, str):
                yield path, value
            else:
                self._findings.add(
                    path,
                    f"expected a text, found {shown(value)}",
                    f"write a text such as {shown(example)}",
                )
        if self._content[key] == []:
            self.report(key, f"is empty: {why}", f"write a list such as [{shown(example)}]")

    def _list(self, key: str, default: object, expected: str) -> list[Any] | None:
        value = self._content.get(key, default)
        if isinstance(value, list):
            return value
        self.report(key, f"expected a list, found {shown(value)}", f"write {expected}")
        return None


def spell(path: Path) -> str:
    """The path as `pulumi config set --path` takes it: `cluster.pools[1].count`."""
    return ROOT + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


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


def _suggestion(key: str, keys: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, keys, n=1)
    return f'did you mean "{near[0]}"?' if near else f"known keys: {', '.join(keys)}"
