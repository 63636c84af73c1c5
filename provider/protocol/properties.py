"""
The declaration of a resource's properties: type, secrecy, description, allowed values.

Resources declare their inputs and outputs as Fields; checks and schema both follow from them.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal

from provider.protocol.values import Path, Unknown

Kind = Literal["string", "integer", "number", "boolean", "strings", "any"]
# Returns what is wrong with a value, or None.
Test = Callable[[Any], str | None]

_KINDS: Mapping[Kind, tuple[str, tuple[type, ...]]] = {
    "string": ("a string", (str,)),
    "integer": ("an integer", (int,)),
    "number": ("a number", (int, float)),
    "boolean": ("a boolean", (bool,)),
    "strings": ("a list of strings", (list,)),
    "any": ("any value", (object,)),
}


@dataclass(frozen=True)
class Property:
    """
    One value. `fix` is the instruction that follows when it is missing or wrong.

    A string may not be blank nor have several lines, unless another `test` decides.
    """

    kind: Kind
    description: str
    _: KW_ONLY
    fix: str = ""
    secret: bool = False
    choices: tuple[str, ...] = ()
    test: Test | None = None
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Group:
    """An object of a type of its own (`k3s:index:SshConnection`); always required."""

    type: str
    description: str
    fields: Fields
    optional: ClassVar[bool] = False

    @property
    def fix(self) -> str:
        return self.description


Fields = Mapping[str, Property | Group]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What is wrong with one input, where, and how to put it right."""

    path: str
    reason: str


def failures(fields: Fields, values: Mapping[str, Any], at: str = "") -> Iterator[Failure]:
    """All failures of the inputs, in the order of the declaration; unknown values pass."""
    for key, declared in fields.items():
        path = f"{at}{key}"
        if key not in values or values[key] is None:
            if not declared.optional:
                yield Failure(path=path, reason=_format_reason("is missing", declared.fix))
        elif not isinstance(values[key], Unknown):
            yield from _failures_of(declared, values[key], path)
    for key in values:
        if key not in fields and values[key] is not None:
            near = difflib.get_close_matches(key, list(fields), n=1)
            fix = f'did you mean "{near[0]}"?' if near else f"valid: {', '.join(fields)}"
            yield Failure(path=f"{at}{key}", reason=_format_reason("unknown property", fix))


def required(fields: Fields) -> list[str]:
    """The names of those that may not be left out."""
    return sorted(key for key, declared in fields.items() if not declared.optional)


def secrets_of(fields: Fields, at: Path = ()) -> Iterator[Path]:
    """The paths of all properties declared secret."""
    for key, declared in fields.items():
        if isinstance(declared, Group):
            yield from secrets_of(declared.fields, (*at, key))
        elif declared.secret:
            yield (*at, key)


def _failures_of(declared: Property | Group, value: Any, path: str) -> Iterator[Failure]:
    if isinstance(declared, Group) and isinstance(value, Mapping):
        yield from failures(declared.fields, value, f"{path}.")
    elif wrong := _wrong(declared, value):
        yield Failure(path=path, reason=_format_reason(wrong, declared.fix))


def _wrong(declared: Property | Group, value: Any) -> str | None:
    if isinstance(declared, Group):
        return "expected an object"
    if not _is(declared.kind, value):
        found = "" if declared.secret else f", found {_quoted(value)}"
        return f"expected {_KINDS[declared.kind][0]}{found}"
    if declared.choices and value not in declared.choices:
        return f"must be one of {', '.join(declared.choices)}, found {_quoted(value)}"
    test = declared.test or (_not_blank if declared.kind == "string" else None)
    return test(value) if test else None


def _not_blank(value: str) -> str | None:
    if not value.strip():
        return "is empty"
    return "has more than one line" if "\n" in value else None


def _is(kind: Kind, value: Any) -> bool:
    if kind == "strings" and isinstance(value, list):
        return all(isinstance(each, str | Unknown) for each in value)
    # To Python, a bool is an int.
    if isinstance(value, bool):
        return kind in ("boolean", "any")
    return isinstance(value, _KINDS[kind][1])


def _quoted(value: Any) -> str:
    if isinstance(value, Mapping | list):
        return "an object" if isinstance(value, Mapping) else "a list"
    return json.dumps(value, ensure_ascii=False)


def _format_reason(wrong: str, fix: str) -> str:
    return f"{wrong}\n    {fix}" if fix else wrong


def at_least(minimum: int) -> Test:
    """A test: a number not below `minimum`."""
    return lambda value: None if value >= minimum else f"{value} is less than {minimum}"


def matches(pattern: str, wrong: str) -> Test:
    """A test: a string that begins as `pattern`, a regular expression; else it is `wrong`."""
    return lambda value: None if re.match(pattern, value, re.ASCII) else wrong
