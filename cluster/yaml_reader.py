"""
YAML as Kubernetes reads it.

This follows what k3s does with a manifest (pkg/deploy/controller.go: NewYAMLReader, ToJSON) and
sigs.k8s.io/yaml below it. The scanner is libyaml, of which Go's is a translation; PyYAML's own is
used where it was built without, and refuses a few tabs more.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from cluster import yaml_scalars

MOST_LEVELS = 250
"""Objects and lists inside each other; Kubernetes' own limit is 10,000."""

_SEPARATOR = "---"
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_MARK = re.compile("[\n\r\x85\u2028\u2029\ufeff]\ufeff")
_TAG = "tag:yaml.org,2002:"
# An escape of YAML 1.2 and of JSON; Go's reader has those of YAML 1.1.
_SLASH = re.compile(r"(?<!\\)(\\\\)*\\/")


_CORRECT = "correct it; kubectl apply --dry-run=client -f shows more"


class InvalidYaml(Exception):  # noqa: N818 - reads as the fact it states
    """What Kubernetes could not read; the message quotes nothing of the text."""

    def __init__(self, reason: str, line: int | None = None, fix: str = _CORRECT) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix
        self.line = line
        """The line in the text, from 1, where it is known."""


class Entries(dict[str, Any]):
    """An object as Kubernetes reads it; of a key that is there twice, the last one counts."""

    def __init__(self) -> None:
        super().__init__()
        self.overridden: list[tuple[str, Any]] = []
        """Entries of the text that have no effect."""
        self.twice: list[str] = []
        """Keys of them that are no defaults of `<<`, which are there to be overridden."""
        self._merged: set[str] = set()

    def add(self, key: str, value: Any, *, merged: bool = False) -> None:
        if key in self:
            self.overridden.append((key, self[key]))
            if key not in self._merged:
                self.twice.append(key)
        if merged and key not in self:
            self._merged.add(key)
        elif not merged:
            self._merged.discard(key)
        self[key] = value


def read_manifest(text: str) -> list[Any]:
    """The content of every document of a manifest that is not empty. Raises InvalidYaml."""
    return [_document(chunk, line) for chunk, line in _chunks(text) if not _is_empty(chunk)]


def read(text: str) -> Any:
    """The content of a file with one document, such as a kubeconfig. Raises InvalidYaml."""
    return _yaml(text, 0)


def _chunks(text: str) -> Iterator[tuple[str, int]]:
    """The documents as k3s takes them apart, each with the number of lines before it."""
    lines: list[str] = []
    first = 0
    for number, line in enumerate(text.split("\n")):
        if not line.startswith(_SEPARATOR):
            lines.append(line.removesuffix("\r"))
            continue
        behind = line.removeprefix(_SEPARATOR).strip()
        if behind and not behind.startswith("#"):
            raise InvalidYaml("has text behind ---", number + 1)
        if lines:
            yield "\n".join(lines), first
            lines, first = [], number + 1
        else:
            lines.append(line)
    yield "\n".join(lines), first


def _is_empty(chunk: str) -> bool:
    lines = (line.strip() for line in chunk.split("\n"))
    return all(line in ("", _SEPARATOR) or line.startswith("#") for line in lines)


def _document(chunk: str, line: int) -> Any:
    # The reader of Kubernetes takes this for JSON; what is YAML only is refused by k3s.
    return _json(chunk, line) if chunk.lstrip().startswith("{") else _yaml(chunk, line)


def _json(text: str, line: int) -> Any:
    try:
        return json.loads(
            text, object_pairs_hook=_entries, parse_constant=_refuse_constant, parse_int=_number
        )
    except json.JSONDecodeError as error:
        fix = "k3s reads what begins with { as JSON: write JSON, or YAML without braces around it"
        raise InvalidYaml("is not valid JSON", line + error.lineno, fix) from None
    except RecursionError:
        raise InvalidYaml(f"is nested deeper than {MOST_LEVELS} levels") from None


def _entries(pairs: list[tuple[str, Any]]) -> Entries:
    entries = Entries()
    for key, value in pairs:
        entries.add(key, value)
    return entries


def _number(digits: str) -> int | float:
    value = yaml_scalars.resolve(digits)
    return value if isinstance(value, int | float) else float("inf")


def _refuse_constant(name: str) -> Any:
    raise InvalidYaml(f"has {name}, which is not valid JSON")


def _yaml(text: str, line: int) -> Any:
    # Two files in one; Go makes it a part of the first key behind it.
    if mark := _MARK.search(text):
        reason = "has a byte order mark inside a document"
        raise InvalidYaml(reason, line + text.count("\n", 0, mark.end()) + 1)
    try:
        return _Composer(text).document()
    except InvalidYaml as error:
        raise InvalidYaml(error.reason, error.line and error.line + line) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        # At the end of the text it is behind the last line.
        where = mark and line + min(mark.line, text.rstrip("\n").count("\n")) + 1
        raise InvalidYaml("is not valid YAML", where) from None
    except ValueError:
        raise InvalidYaml("is not valid YAML") from None


class _Composer:
    """The value of a document, made of the parser's events."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._events = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, Any] = {}
        self._open: set[str] = set()

    def document(self) -> Any:
        value = event = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if event.version and event.version != (1, 1):
                    raise InvalidYaml("asks for another YAML than 1.1", _line(event))
                value = self._value(next(self._events), 0)
            elif isinstance(event, yaml.DocumentEndEvent):
                break
        self._require_end(_line(event))
        return value

    def _require_end(self, line: int) -> None:
        """Kubernetes would ignore what comes behind the end of a document."""
        try:
            ended = not any(isinstance(each, yaml.DocumentStartEvent) for each in self._events)
        except yaml.YAMLError:
            ended = False
        if not ended:
            raise InvalidYaml("has something behind the end of a document", line)

    def _value(self, event: Any, level: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in self._open or event.anchor not in self._anchors:
                raise InvalidYaml("has an alias without an anchor before it", _line(event))
            return self._anchors[event.anchor]
        if level > MOST_LEVELS:
            raise InvalidYaml(f"is nested deeper than {MOST_LEVELS} levels", _line(event))
        self._open.add(event.anchor)
        value = self._content(event, level)
        self._open.discard(event.anchor)
        self._anchors[event.anchor] = value
        return value

    def _content(self, event: Any, level: int) -> Any:
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._value(each, level + 1) for each in self._until(yaml.SequenceEndEvent)]
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(level)
        marks: Any = (event.start_mark, event.end_mark)
        written = self._text[marks[0].index : marks[1].index]
        if event.style == '"' and _SLASH.search(written):
            raise InvalidYaml("has the escape \\/, which Kubernetes refuses", _line(event))
        return _scalar(event)

    def _mapping(self, level: int) -> Entries:
        entries = Entries()
        for event in self._until(yaml.MappingEndEvent):
            key = self._value(event, level + 1)
            value = self._value(next(self._events), level + 1)
            if _is_merge(event):
                _merge(entries, value, _line(event))
            elif isinstance(key, Mapping | list) or key is None:
                raise InvalidYaml("has a key that is not a string", _line(event))
            else:
                entries.add(_key(key), value)
        return entries

    def _until(self, end: type[Any]) -> Iterator[Any]:
        while not isinstance(event := next(self._events), end):
            yield event


def _is_merge(event: Any) -> bool:
    if not isinstance(event, yaml.ScalarEvent) or event.value != "<<":
        return False
    return bool(event.implicit[0]) or event.tag == f"{_TAG}merge"


def _merge(entries: Entries, value: Any, line: int) -> None:
    """Adds the entries of `<<`; of several objects the first comes before the others."""
    merged = list(reversed(value)) if isinstance(value, list) else [value]
    for each in merged:
        if not isinstance(each, Mapping):
            raise InvalidYaml("has << with something else than an object", line)
        for key, content in each.items():
            entries.add(key, content, merged=True)


def _key(key: Any) -> str:
    return {True: "true", False: "false"}[key] if isinstance(key, bool) else str(key)


def _scalar(event: Any) -> yaml_scalars.Scalar:
    text: str = event.value
    if event.tag in (None, "!"):
        return yaml_scalars.resolve(text) if event.implicit[0] and event.tag is None else text
    if event.tag == f"{_TAG}binary":
        try:
            return base64.b64decode(text, validate=True).decode("utf-8", "replace")
        except ValueError:
            raise InvalidYaml("has !!binary that is not base64", _line(event)) from None
    wanted = _TYPES.get(event.tag)
    if wanted is None:
        return text
    value = yaml_scalars.resolve(text)
    if wanted is float and type(value) is int and value < 2**63:
        return float(value)
    if type(value) is not wanted:
        raise InvalidYaml("has a value that is not of the type of its tag", _line(event))
    return value


_TYPES: Mapping[str, type] = {
    f"{_TAG}int": int,
    f"{_TAG}float": float,
    f"{_TAG}bool": bool,
    f"{_TAG}null": type(None),
}


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1
