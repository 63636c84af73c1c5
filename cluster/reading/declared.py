"""
What a key of the configuration is: type, default, description, and what changing it does.

The reader (findings.py), the JSON Schema and the tables of docs/configuration.md (reference.py)
follow the same declarations, so none of them can say something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Refusal = tuple[str, str]
"""What is wrong with a key, and the fix."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """
    One key. `what` and `change` are Markdown for docs/configuration.md.

    `default` is what stands in for a key that is left out; `required` has none. `shown` names a
    default that is no value, such as the stack's name.
    """

    what: str
    change: str = ""
    default: Any = None
    required: bool = False
    shown: str = ""


@dataclass(frozen=True, kw_only=True)
class Text(Key):
    """A text: one of `choices`, or of the shape of the regular expression, or any."""

    example: str
    shape: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Number(Key):
    """A whole number from `low` to `high`."""

    low: int
    high: int


@dataclass(frozen=True, kw_only=True)
class NumberOrPercentage(Key):
    """An integer from 1 to `high`, or a string with a percentage from 1% to 100%."""

    high: int
    pattern = r"([1-9][0-9]?|100)%"


@dataclass(frozen=True, kw_only=True)
class Flag(Key):
    """true or false."""


@dataclass(frozen=True, kw_only=True)
class Texts(Key):
    """A list of texts; `why` says why it must be given, and may not be empty unless it `may_be`."""

    example: str
    why: str = ""
    may_be_empty: bool = False


@dataclass(frozen=True, kw_only=True)
class Table(Key):
    """Texts by names that are free, such as labels."""

    example: str


@dataclass(frozen=True, kw_only=True)
class Free(Key):
    """A mapping whose keys another program defines, such as k3s or a Helm chart."""


@dataclass(frozen=True, kw_only=True)
class Group(Key):
    """A mapping with these keys. `refused` are names people try, with their own message."""

    keys: Mapping[str, Key]
    refused: Mapping[str, Refusal] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Groups(Key):
    """A list of mappings with these keys."""

    keys: Mapping[str, Key]
