"""
A scalar of YAML as the reader of Kubernetes and Helm takes it, sigs.k8s.io/yaml.

That is go.yaml.in/yaml/v2 (`resolve.go`), which reads more words as booleans and more digits as
numbers than PyYAML does: `y` is true, `72044e0` is 72044, `0o17` is 15, and a date is a string.
"""

from __future__ import annotations

import re
from typing import TypeAlias

Scalar: TypeAlias = str | bool | int | float | None

_TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_NULL = ("", "~", "null", "Null", "NULL")
_SPECIAL = {".nan": "nan", ".inf": "inf", "+.inf": "inf", "-.inf": "-inf"}
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys(_NULL, None),
    **{
        each: float(value)
        for name, value in _SPECIAL.items()
        for each in (name, name.replace("inf", "Inf").replace("nan", "NaN"), name.upper())
    },
}
# In Go a date is tried before a number, and becomes a string again.
_DATE = re.compile(r"[0-9]{4}-")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGERS = (
    (re.compile(r"([-+]?)0[xX]([0-9a-fA-F]+)"), 16),
    (re.compile(r"([-+]?)0[bB]([01]+)"), 2),
    (re.compile(r"([-+]?)0[oO]?([0-7]+)"), 8),
    (re.compile(r"([-+]?)(0|[1-9][0-9]*)"), 10),
)
_LEAST, _MOST = -(2**63), 2**64 - 1
# What follows is rounded to a float in any case, and Python refuses to read 4,300 digits.
_LONGEST = 400


def resolve(text: str) -> Scalar:
    """The value of a plain scalar without a tag."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] == ".":
        return _float(text)
    if text[0] not in "+-0123456789" or _DATE.match(text):
        return text
    digits = text.replace("_", "")
    integer = _integer(digits)
    if integer is not None:
        return integer
    number = _float(digits)
    return text if isinstance(number, str) else number


def _integer(digits: str) -> int | None:
    for pattern, base in _INTEGERS:
        found = pattern.fullmatch(digits) if len(digits) < _LONGEST else None
        if found:
            value = int(found[1] + found[2], base)
            return value if _LEAST <= value <= _MOST else None
    return None


def _float(digits: str) -> float | str:
    value = float(digits) if _FLOAT.fullmatch(digits) else None
    # Go refuses what is beyond the range, and the text stays one.
    return digits if value is None or abs(value) == float("inf") else value


def is_ambiguous(text: str) -> bool:
    """Whether a reader may take the plain text for something else than a string."""
    return not isinstance(resolve(text), str) or bool(_DATE.match(text))
