"""An object of the configuration, read by its declaration; problems are collected by path."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cluster.errors import ConfigError, Kind, Problem
from cluster.reading import faults
from cluster.reading.declarations import Key, Object, Objects, Path
from cluster.reading.faults import Fault, not_an_object, quoted, unknown_key

ROOT = "cluster"


class Problems:
    """Collects problems by path and raises them together, in the order of the file."""

    def __init__(self, raw: object) -> None:
        self._raw = raw
        self._found: list[tuple[Path, Fault]] = []
        self._warned: list[tuple[Path, Fault]] = []

    def add(self, path: Path, fault: Fault) -> None:
        """Adds the problem; of a secret, which is to be removed anyway, only the last one."""
        secret = [each for each in self._found if each[0] == path and each[1].kind is Kind.SECRET]
        if not secret or fault.kind is Kind.SECRET:
            self._found = [each for each in self._found if each not in secret]
            self._found.append((path, fault))

    def warn(self, path: Path, what: str, fix: str) -> None:
        """What is allowed, and perhaps not intended."""
        self._warned.append((path, Fault(what, fix, Kind.WARNING)))

    def has(self, path: Path) -> bool:
        """Whether a problem was found at the path or below it."""
        return any(found[: len(path)] == path for found, _ in self._found)

    def raise_if_any(self) -> None:
        if self._found:
            raise ConfigError(self._ordered(self._found))

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(self._ordered(self._warned))

    def _ordered(self, found: Sequence[tuple[Path, Fault]]) -> list[Problem]:
        ordered = sorted(found, key=lambda each: self._position(each[0]))
        return [Problem(format_path(path), *fault) for path, fault in ordered]

    def _position(self, path: Path) -> list[int]:
        """Where the path is in the file; a key that is missing comes behind its siblings."""
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
    """
    An object of the configuration at its path. Opening it reports every problem of its keys, and
    of those below them.

    `section[key]` is the value as its declaration parses it, the default where it is left out. A
    wrong value has a right one in its place, so readers go on; what compares several values asks
    `valid` before, and what was read is used only if no problem was found at all.
    """

    def __init__(self, raw: object, path: Path, problems: Problems, declared: Object) -> None:
        self.path = path
        self.problems = problems
        self._content: Mapping[Any, Any] = raw if isinstance(raw, Mapping) else {}
        self._wrong: set[str] = set()
        self._keys = declared.keys
        self._is_object = isinstance(raw, Mapping)
        if not self._is_object:
            problems.add(path, not_an_object(raw, declared.keys))
        for key in self._content:
            if key not in declared.keys:
                fault = declared.rejected.get(key) or unknown_key(str(key), declared.keys)
                self._reject(str(key), fault)
        self._values = {key: self._read(key, each) for key, each in declared.keys.items()}

    def _read(self, key: str, declared: Key) -> Any:
        path = (*self.path, key)
        if isinstance(declared, Object):
            return Section(self._content.get(key, {}), path, self.problems, declared)
        if key not in self._content:
            if declared.required:
                if self._is_object:
                    self._reject(key, declared.missing)
                return declared.fallback
            value = declared.default
        else:
            value = self._content[key]
            for below, fault in declared.faults(value):
                self._reject(key, fault, below)
            if key in self._wrong:
                value = None
        if isinstance(declared, Objects):
            entry = Object(keys=declared.keys)
            listed = enumerate(value or [])
            return [Section(each, (*path, at), self.problems, entry) for at, each in listed]
        return declared.fallback if key in self._wrong else declared.parse(value)

    def _reject(self, key: str, fault: Fault, below: Path = ()) -> None:
        self._wrong.add(key)
        self.problems.add((*self.path, key, *below), fault)

    def __contains__(self, key: str) -> bool:
        return key in self._content

    @property
    def content(self) -> Mapping[Any, Any]:
        """The object as the file has it."""
        return self._content

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def get(self, key: str, inherited: Any) -> Any:
        """The value; where it is left out, one from elsewhere in place of the default."""
        return self._values[key] if key in self._content else inherited

    def given(self, *keys: str) -> list[str]:
        """Those of the keys that are set."""
        return [key for key in keys if key in self]

    def valid(self, *keys: str) -> bool:
        """Whether no problem was found with these keys; with any key where none is named."""
        return self._wrong.isdisjoint(keys) if keys else not self._wrong

    def default(self, key: str) -> Any:
        return self._keys[key].default

    def arguments(self, *, without: Collection[str] = ()) -> dict[str, Any]:
        """The values by their names in the model; not the objects below this one."""
        return {
            re.sub(r"[A-Z]", lambda match: f"_{match[0].lower()}", key): self[key]
            for key, declared in self._keys.items()
            if key not in without and not isinstance(declared, Object | Objects)
        }

    def report(
        self, key: str, what: str, fix: str, kind: Kind = Kind.INVALID, *, below: Path = ()
    ) -> None:
        """Reports what is wrong with a key; nothing where all of this is no object."""
        if self._is_object:
            self.problems.add((*self.path, key, *below), Fault(what, fix, kind))

    def require_unique(self, key: str, owners: dict[str, str], example: str) -> None:
        """Reports a name that is taken; `owners` maps each to what has it, and gets this one."""
        if not self.valid(key):
            return
        name = self[key]
        if name in owners:
            what = f"{quoted(name)} is already the name of {owners[name]}"
            fix = f"choose another name, such as {quoted(example)}"
            self.report(key, what, fix, Kind.DUPLICATE)
        owners.setdefault(name, format_path(self.path))

    def warn(self, key: str, what: str, fix: str, *, below: Path = ()) -> None:
        self.problems.warn((*self.path, key, *below), what, fix)


def format_path(path: Path) -> str:
    """The path as `pulumi config set --path` takes it: `cluster.pools[1].count`."""
    return ROOT + "".join(map(_step, path))


def _step(step: str | int) -> str:
    return f"[{step}]" if isinstance(step, int) else faults.step(step)
