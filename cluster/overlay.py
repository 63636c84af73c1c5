"""
The cluster's configuration laid over a base that several stacks share.

Objects are merged key by key, null removes a key, and every other value replaces that of the base:
the rules of a JSON merge patch (RFC 7396). The lists whose entries have a name in their declaration
(pools, identities, charts, ...) are merged entry by entry, those of the base first. In a chart's
values null is a value: by it Helm removes a default of the chart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from cluster import yaml_reader
from cluster.errors import ConfigError, Kind, Problem, ProblemsError
from cluster.reading.declarations import FreeObject, Key, Object, Objects, Path
from cluster.reading.faults import quoted
from cluster.reading.keys import TOP
from cluster.reading.manifests import ReadFile
from cluster.reading.section import format_path
from cluster.yaml_reader import Entries, InvalidYaml

KEY = "base"
_NAME = "name"
_OTHER_FILE = "name a YAML file that is there, from the project's folder"


def read(file: str, read_file: ReadFile) -> Mapping[str, Any]:
    """
    The base in a file of the project's folder: the keys of `k3s-aws:cluster`, as plain YAML.

    Raises ConfigError.
    """
    try:
        content = yaml_reader.read(read_file(file))
    except InvalidYaml as error:
        line = f", line {error.line}" if error.line else ""
        raise _rejected(f"{quoted(file)}{line}: {error.reason}", "correct it") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise _rejected(f"{quoted(file)} cannot be read: {why}", _OTHER_FILE) from None
    if not isinstance(content, Mapping):
        what = f"{quoted(file)} is not an object"
        raise _rejected(what, "write the keys of k3s-aws:cluster into it", Kind.TYPE)
    if (path := _twice(content, ())) is not None:
        what = f"{quoted(file)} has {format_path(path)} twice"
        raise _rejected(what, "remove one of them", Kind.DUPLICATE)
    if (path := _encrypted(content, ())) is not None:
        what = f"{quoted(file)} has an encrypted value at {format_path(path)}"
        fix = (
            "remove it: each stack encrypts with a key of its own; secrets go into "
            "k3s-aws:registryAuth and k3s-aws:loginKey of the stacks"
        )
        raise _rejected(what, fix, Kind.SECRET)
    plain: dict[str, Any] = _plain(content)
    return plain


def _plain(value: Any) -> Any:
    """The value of dicts and lists alone, which the YAML writer accepts."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [*map(_plain, value)] if isinstance(value, list) else value


def _rejected(what: str, fix: str, kind: Kind = Kind.INVALID) -> ConfigError:
    return ConfigError([Problem(KEY, what, fix, kind)])


def _twice(value: object, path: Path) -> Path | None:
    """The first key that an object has twice: all but the last would be dropped silently."""
    if isinstance(value, Entries) and value.twice:
        return (*path, value.twice[0])
    return _first(_twice, value, path)


def _encrypted(value: object, path: Path) -> Path | None:
    """Where Pulumi's form of a secret stands, `secure: v1:...`."""
    if isinstance(value, Mapping) and set(value) == {"secure"}:
        return path
    return _first(_encrypted, value, path)


def _first(find: Callable[[object, Path], Path | None], value: object, path: Path) -> Path | None:
    """What `find` has first in the entries of an object or a list."""
    below: Iterable[tuple[str | int, object]] = ()
    if isinstance(value, Mapping):
        below = value.items()
    elif isinstance(value, list):
        below = enumerate(value)
    found = (find(each, (*path, key)) for key, each in below)
    return next((each for each in found if each is not None), None)


@dataclass(frozen=True)
class Merged:
    """The configuration laid over a base: `content`, and the paths of what is of the base alone."""

    content: Any
    file: str | None = None
    inherited: frozenset[str] = frozenset()

    @contextmanager
    def named(self) -> Iterator[None]:
        """Problems with values of the base get the name of its file."""
        try:
            yield
        except ProblemsError as error:
            raise type(error)([*map(self.with_file, error.problems)]) from None

    def with_file(self, problem: Problem) -> Problem:
        """The problem, with the file where its value is of the base."""
        place = problem.path
        ends = [at for at, each in enumerate(place) if each in ".["] + [len(place)]
        if not self.inherited.intersection(place[:end] for end in ends):
            return problem
        return replace(problem, what=f"{problem.what} (from {self.file})")


def lay_over(content: Any, base: Any, file: str) -> Merged:
    """The content of a stack laid over that of its base; neither is changed."""
    inherited: set[Path] = set()
    merged = _merge(base, content, TOP, (), inherited)
    return Merged(merged, file, frozenset(map(format_path, inherited)))


def _merge(base: Any, over: Any, declared: Key | None, path: Path, inherited: set[Path]) -> Any:
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return _objects(base, over, declared, path, inherited)
    named = isinstance(declared, Objects) and _NAME in declared.keys
    if named and isinstance(over, list) and base is not None:
        if not _is_named(base):
            # The stack's list in its place would hide the mistake, and every entry of the base.
            inherited.add(path)
            return base
        if _is_named(over):
            return _lists(base, over, declared, path, inherited)
    return _without_nulls(over, declared)


def _objects(
    base: Mapping[str, Any],
    over: Mapping[str, Any],
    declared: Key | None,
    path: Path,
    inherited: set[Path],
) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for key, value in base.items():
        if key not in over:
            merged[key] = value
            inherited.add((*path, key))
        elif over[key] is not None or _has_nulls(declared):
            below = _below(declared, key)
            merged[key] = _merge(value, over[key], below, (*path, key), inherited)
    added: dict[str, Any] = _without_nulls(
        {key: each for key, each in over.items() if key not in base}, declared
    )
    return merged | added


def _lists(
    base: list[Any], over: list[Any], declared: Key | None, path: Path, inherited: set[Path]
) -> list[Any]:
    laid = {each[_NAME]: each for each in over}
    merged: list[Any] = []
    for at, each in enumerate(base):
        place = (*path, at)
        if each[_NAME] not in laid:
            merged.append(each)
            inherited.add(place)
        else:
            merged.append(_objects(each, laid.pop(each[_NAME]), declared, place, inherited))
    return [*merged, *(_without_nulls(each, declared) for each in laid.values())]


def _is_named(value: object) -> bool:
    """Whether the entries of a list have names, all different; else the reader has the problem."""
    if not isinstance(value, list):
        return False
    names = [each.get(_NAME) if isinstance(each, Mapping) else None for each in value]
    return all(isinstance(name, str) for name in names) and len({*names}) == len(names)


def _without_nulls(value: Any, declared: Key | None) -> Any:
    # There is nothing in the base that they could remove.
    if isinstance(value, Mapping):
        return {
            key: _without_nulls(each, _below(declared, key))
            for key, each in value.items()
            if each is not None or _has_nulls(declared)
        }
    return value


def _below(declared: Key | None, key: str) -> Key | None:
    """The declaration of a key of an object; a free one is the declaration of all below it."""
    if isinstance(declared, Object | Objects):
        return declared.keys.get(key)
    return declared if isinstance(declared, FreeObject) else None


def _has_nulls(declared: Key | None) -> bool:
    return isinstance(declared, FreeObject) and declared.has_nulls
