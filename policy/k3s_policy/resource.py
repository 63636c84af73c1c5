"""A resource as the rules see it: plain values, and a sign for what is not known yet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final


class Unknown(Enum):
    """The type of UNKNOWN."""

    VALUE = "not known before the update"


UNKNOWN: Final = Unknown.VALUE
"""In the place of a value that a preview does not have."""

Properties = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Resource:
    """
    One resource: its inputs where a rule is about one, its outputs where it is about the stack.

    `related` are the URNs that a property comes from. The engine has removed every secret mark,
    so that any string may be a secret: a message has none but those that a rule has recognized.
    """

    type: str
    name: str
    urn: str
    properties: Properties
    provider: Properties = field(default_factory=dict)
    related: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def at(self, *path: str) -> Any:
        """The value at a path of keys: None where there is none, UNKNOWN where it is not known."""
        return at(self.properties, *path)

    @property
    def parents(self) -> Sequence[str]:
        """The types of its components, outermost first, which are in its URN."""
        parts = self.urn.split("::")
        return parts[2].split("$")[:-1] if len(parts) > 3 else []


def at(value: Any, *path: str) -> Any:
    """The value at a path of keys: None where there is none, UNKNOWN where it is not known."""
    for key in path:
        if value is UNKNOWN:
            return UNKNOWN
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def items(value: Any) -> Iterator[Any]:
    """The elements of a list, a single value, or nothing; UNKNOWN where the list is not known."""
    if value is None:
        return
    if isinstance(value, Sequence) and not isinstance(value, str):
        yield from value
    else:
        yield value


def is_true(value: Any) -> bool:
    """Whether a flag is set; some blocks of the aws provider have it as a string."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def printable(text: str, longest: int = 120) -> str:
    """A name for a message, without control characters, cut where it is long."""
    clean = re.sub(r"[^\x20-\x7e\xa0-\uffff]", "?", text)
    return clean if len(clean) <= longest else f"{clean[:longest]}..."
