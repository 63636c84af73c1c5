"""
Quantities as Kubernetes writes them.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from fractions import Fraction

_QUANTITY = re.compile(
    r"\+?([0-9]+\.?[0-9]*|\.[0-9]+)([numkMGTPE]?|[KMGTPE]i|[eE]([+-]?[0-9]{1,3}))"
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = "KMGTPE"


def parse(text: str) -> Fraction | None:
    """The number, such as 1048576 for `1Mi`; None for what is not a quantity."""
    found = _QUANTITY.fullmatch(text.strip())
    if not found:
        return None
    number, suffix, exponent = found.groups()
    digits = Fraction(f"0{number}" if number.startswith(".") else number.rstrip("."))
    if exponent:
        return digits * Fraction(f"1e{exponent}")
    if suffix.endswith("i"):
        return digits * (1 << 10 * (_BINARY.index(suffix[0]) + 1))
    return digits * Fraction(f"1e{_DECIMAL[suffix]}")


def by_name(text: str) -> dict[str, Fraction]:
    """The quantities of a value such as `cpu=100m,memory=200Mi`; the last one of a name counts."""
    pairs = (each.partition("=") for each in text.split(","))
    found = {name.strip(): parse(value) for name, _, value in pairs}
    return {name: value for name, value in found.items() if value is not None}
